// DepthwiseU8 for AVX-512 VNNI with VBMI.
//
// Rows of a block of 16 channels are padded and brought into a form that all outputs share: for each two pixels a vector of
// four neighbours (x .. x+3, x even), a 32-bit lane a channel, made by one vpermb of [x][16] bytes. vpdpbusd then multiplies
// four taps of a row at once. At stride 1 a vector serves two outputs, with weights w0 w1 w2 0 and 0 w0 w1 w2.
//
// Vector operations for an output of 16 channels, of which two can start in a cycle:
//                       dot products  permutes  requantisation
//   3x3, stride 1        3             0.5       5                 8.5
//   3x3, stride 2        3             2         5                10
//   5x5, stride 1       10             0.5       5                15.5
//   5x5, stride 2       10             2         5                17
// Fours of rows instead (a column of four rows in a lane) take as many dot products, since five rows are two fours wherever
// they begin, but a column has two permutes or unpacks, and at stride 2 an output needs two new columns. Nine taps in three
// vectors, or 25 in seven, would save up to three dot products of a 5x5 window; the vectors across rows serve no second output,
// and cost as much. Loads and stores (1.5 stores for each input pixel) have ports of their own and are fewer.
#include "ops/conv/requant_avx512.h"
#include "ops/depthwise/depthwise.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

constexpr size_t kVector = 64;

// Which byte of [4 pixels][16 channels] comes to [16 channels][4 pixels].
struct TransposeTable {
  alignas(64) uint8_t at[64] = {};
  constexpr TransposeTable() {
    for (size_t i = 0; i < 64; ++i) at[i] = static_cast<uint8_t>(i % 4 * 16 + i / 4);
  }
};
constexpr TransposeTable kTranspose;

// What stays the same for all outputs of a block.
struct Block {
  const uint8_t* const* rows;  // of the window
  size_t kernel_h;
  const int8_t*
      weights;  // [kernel_h][parities][vectors] registers; parity 1: of outputs that begin at the second of two pixels
  size_t parities, vectors;
  const int32_t* bias;
  const float* multiplier;
  size_t width, y_stride;
  uint64_t live;  // a bit for each channel that exists
};

CUTIS_INLINE __m512i Load(const void* from) { return _mm512_load_si512(from); }

// `count` of kOutputs neighbouring outputs, of which the first begins `at` bytes behind the start of the rows. kStride 1: `at`
// is that of an even pixel. kRows: the window's, or 0 where it is not known beforehand.
template <size_t kOutputs, size_t kStride, size_t kVectors, size_t kRows>
CUTIS_INLINE void Tile(const Block& block, const Output& out, size_t at, uint8_t* y, size_t count) {
  constexpr size_t kParities = kStride == 1 ? 2 : 1, kPlaces = kOutputs / kParities;
  __m512i sums[kOutputs];
  const __m512i bias = _mm512_loadu_si512(block.bias);
  Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED { sums[o] = bias; });
  const auto row = [&](const uint8_t* from, const int8_t* weights) CUTIS_UNROLLED {
    Unroll<kVectors>([&](auto v) CUTIS_UNROLLED {
      const __m512i first = Load(weights + v * kVector);
      const __m512i second = kParities == 2 ? Load(weights + (kVectors + v) * kVector) : first;
      Unroll<kPlaces>([&](auto i) CUTIS_UNROLLED {
        const __m512i pixels = Load(from + (i + 2 * v) * kVector);
        if constexpr (kParities == 2) {
          sums[2 * i] = _mm512_dpbusd_epi32(sums[2 * i], pixels, first);
          sums[2 * i + 1] = _mm512_dpbusd_epi32(sums[2 * i + 1], pixels, second);
        } else {
          sums[i] = _mm512_dpbusd_epi32(sums[i], pixels, first);
        }
      });
    });
  };
  constexpr size_t kRowWeights = kParities * kVectors * kVector;
  if constexpr (kRows != 0) {
    Unroll<kRows>([&](auto r) CUTIS_UNROLLED { row(block.rows[r] + at, block.weights + r * kRowWeights); });
  } else {
    // Tested at its end: see Tile() in ops/conv/conv_avx512vnni.cc.
    const int8_t* weights = block.weights;
    const uint8_t* const* next = block.rows;
    const uint8_t* const* const end = next + block.kernel_h;
    do {
      row(*next + at, weights);
      weights += kRowWeights;
    } while (++next != end);
  }
  Unroll<kOutputs / 4>([&](auto q) CUTIS_UNROLLED {
    const __m512i bytes =
        InRows(Requantize4<1>(sums[4 * q], sums[4 * q + 1], sums[4 * q + 2], sums[4 * q + 3], block.multiplier, out));
    StoreRows16(bytes, y + 4 * q * block.y_stride, block.y_stride, count - 4 * q, block.live);
  });
}

// A row of outputs, 8 and at its end 4 at a time. The last ones may not exist.
template <size_t kStride, size_t kVectors, size_t kRows>
[[gnu::noinline]] void OutputRow(const Block& shared, const Output& shared_out, uint8_t* y) {
  const Block block = shared;  // copies: stores of bytes might change the others
  const Output out = shared_out;
  constexpr size_t kStep = kStride == 1 ? kVector / 2 : kVector;  // from an output to the next, two at a time at stride 1
  for (size_t ox = 0; ox < block.width;) {
    const size_t left = block.width - ox;
    uint8_t* to = y + ox * block.y_stride;
    if (left > 4) {
      Tile<8, kStride, kVectors, kRows>(block, out, ox * kStep, to, left < 8 ? left : 8);
      ox += 8;
    } else {
      Tile<4, kStride, kVectors, kRows>(block, out, ox * kStep, to, left);
      ox += 4;
    }
  }
}

// Any width, stride and dilation, an output at a time.
[[gnu::noinline]] static void AnyRow(const Block& block, const Output& out, const Window& window, const DepthwiseU8Bytes& plan,
                                     uint8_t* y) {
  for (size_t ox = 0; ox < block.width; ++ox) {
    const int64_t column = static_cast<int64_t>(ox) * window.stride_w, place = column / plan.phases;
    const size_t at = static_cast<size_t>((column % plan.phases * plan.pixels + place) / 2) * kVector;
    const int8_t* weights = block.weights + static_cast<size_t>(place % 2) * block.vectors * kVector;
    __m512i sum = _mm512_loadu_si512(block.bias);
    for (size_t r = 0; r < block.kernel_h; ++r, weights += block.parities * block.vectors * kVector) {
      for (size_t v = 0; v < block.vectors; ++v) {
        // The vectors of a width that does not need the last one for this parity end with weights of zero: their pixels may lie
        // behind the row, but not behind the buffer.
        sum = _mm512_dpbusd_epi32(sum, Load(block.rows[r] + at + 2 * v * kVector), Load(weights + v * kVector));
      }
    }
    const __m512i bytes = InRows(Requantize4<1>(sum, sum, sum, sum, block.multiplier, out));
    StoreRows16(bytes, y + ox * block.y_stride, block.y_stride, 1, block.live);
  }
}

// Taps first .. first + 3 of 16 channels, a channel a lane; those before the first tap and behind the last are zero.
CUTIS_INLINE __m512i FourTaps(const int8_t* panel, int64_t first, int64_t vectors) {
  const int64_t at = (first + 4) / 4 - 1;  // rounded down
  const int shift = static_cast<int>(first - at * 4) * 8;
  const __m512i low = at >= 0 && at < vectors ? Load(panel + at * 64) : _mm512_setzero_si512();
  const __m512i high = at + 1 < vectors ? Load(panel + (at + 1) * 64) : _mm512_setzero_si512();
  return _mm512_or_si512(_mm512_srl_epi32(low, _mm_cvtsi32_si128(shift)),
                         _mm512_sll_epi32(high, _mm_cvtsi32_si128(32 - shift)));
}

CUTIS_INLINE void PrepareTaps(const DepthwiseU8Args& args, size_t c, const Block& block, int8_t* to) {
  const size_t panel_bytes = DepthwiseU8PanelBytes(args.window);
  const int8_t* panel = args.w + c / 16 * panel_bytes;
  const int64_t width = args.window.kernel_w, vectors = static_cast<int64_t>(panel_bytes / 64);
  for (int64_t ky = 0; ky < args.window.kernel_h; ++ky) {
    for (int64_t parity = 0; parity < static_cast<int64_t>(block.parities); ++parity) {
      for (int64_t v = 0; v < static_cast<int64_t>(block.vectors); ++v, to += kVector) {
        // Byte i of a lane is tap kx = 4*v - parity + i of the row, if there is one.
        const int64_t kx = 4 * v - parity;
        uint32_t inside = 0;
        for (int64_t i = 0; i < 4; ++i) inside |= kx + i >= 0 && kx + i < width ? 0xffu << (8 * i) : 0u;
        const __m512i taps = inside == 0 ? _mm512_setzero_si512() : FourTaps(panel, ky * width + kx, vectors);
        _mm512_store_si512(to, _mm512_and_si512(taps, _mm512_set1_epi32(static_cast<int32_t>(inside))));
      }
    }
  }
}

// The rows that output rows need, one after the other: rows of bytes, then vectors of four pixels.
struct Rows {
  const DepthwiseU8Args& args;
  const DepthwiseU8Bytes plan;
  int64_t row_begin;  // first output row
  bool shared;        // by neighbouring output rows; otherwise each has its own
  uint8_t* plain[2];
  uint8_t* vectors;  // kernel_h rows and one of padding
  size_t c;
  uint64_t live;
};

CUTIS_INLINE __m128i LoadPixel(const uint8_t* from, uint64_t live) {
  if (live == 0xffff) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm_maskz_loadu_epi8(static_cast<__mmask16>(live), from);
}

// Input row number n in the order of use, or null where it lies outside the image.
CUTIS_INLINE const uint8_t* InputRow(const Rows& rows, int64_t n) {
  const Window& window = rows.args.window;
  int64_t y = rows.row_begin * window.stride_h - window.pad_top;
  y += rows.shared ? n : n / window.kernel_h * window.stride_h + n % window.kernel_h * window.dilation_h;
  if (y < 0 || y >= rows.args.in_h) return nullptr;
  return rows.args.x + static_cast<size_t>(y % rows.args.x_rows * rows.args.in_w) * rows.args.x_stride + rows.c;
}

CUTIS_INLINE uint8_t* PixelOf(const Rows& rows, uint8_t* plain, int64_t column) {
  const int64_t phases = rows.plan.phases;
  return plain + (phases == 1 ? column : column % phases * rows.plan.pixels + column / phases) * 16;
}

// Columns of the padded row that are pixels of the image.
struct Inside {
  int64_t begin, end;
};
CUTIS_INLINE Inside InsideOf(const Rows& rows) {
  const int64_t left = rows.args.window.pad_left, columns = rows.plan.columns, begin = left < columns ? left : columns;
  return {begin, columns - begin < rows.args.in_w ? columns : begin + rows.args.in_w};
}

// Copies an input row to its bytes; the padding around it is there already.
CUTIS_INLINE void CopyRow(const Rows& rows, const uint8_t* from, uint8_t* plain) {
  const Inside inside = InsideOf(rows);
  const size_t x_stride = rows.args.x_stride;
  const auto store = [&](uint8_t* to, __m128i pixel) CUTIS_UNROLLED { _mm_store_si128(reinterpret_cast<__m128i*>(to), pixel); };
  if (rows.plan.phases == 1 && rows.live == 0xffff) {
    uint8_t* to = plain + inside.begin * 16;
    for (int64_t x = inside.begin; x < inside.end; ++x, from += x_stride, to += 16) store(to, LoadPixel(from, 0xffff));
    return;
  }
  for (int64_t x = inside.begin; x < inside.end; ++x, from += x_stride) {
    store(PixelOf(rows, plain, x), LoadPixel(from, rows.live));
  }
}

CUTIS_INLINE void InterleaveRow(const Rows& rows, const uint8_t* plain, uint8_t* to) {
  const __m512i order = Load(kTranspose.at);
  const int64_t bytes = rows.plan.RowBytes();
  for (int64_t at = 0; at < bytes; at += 64) {
    _mm512_store_si512(to + at, _mm512_permutexvar_epi8(order, _mm512_loadu_si512(plain + at / 2)));
  }
}

// Padding on all sides: the row that lies outside the image, and whatever is not inside of the two plain rows.
CUTIS_INLINE void PreparePadding(const Rows& rows) {
  const __m128i pixel = LoadPixel(rows.args.padding + rows.c, rows.live);
  for (uint8_t* plain : rows.plain) {
    for (int64_t at = 0; at < rows.plan.PlainBytes(); at += 16) _mm_store_si128(reinterpret_cast<__m128i*>(plain + at), pixel);
  }
  InterleaveRow(rows, rows.plain[0], rows.vectors + static_cast<size_t>(rows.args.window.kernel_h * rows.plan.RowBytes()));
}

CUTIS_INLINE void RunRow(const Rows& rows, const Block& block, const Output& out, uint8_t* y) {
  const Window& window = rows.args.window;
  const bool dense = rows.plan.phases == 1;
  if (dense && window.stride_w == 1 && block.vectors == 1) {
    return window.kernel_h == 3 ? OutputRow<1, 1, 3>(block, out, y) : OutputRow<1, 1, 0>(block, out, y);
  }
  if (dense && window.stride_w == 1 && block.vectors == 2) return OutputRow<1, 2, 0>(block, out, y);
  if (dense && window.stride_w == 2 && block.vectors == 1) {
    return window.kernel_h == 3 ? OutputRow<2, 1, 3>(block, out, y) : OutputRow<2, 1, 0>(block, out, y);
  }
  if (dense && window.stride_w == 2 && block.vectors == 2) return OutputRow<2, 2, 0>(block, out, y);
  AnyRow(block, out, window, rows.plan, y);
}

// Output rows [rows.row_begin, row_end) of a block. `slots` holds a pointer to each row of the ring, `ordered` those of an
// output row from top to bottom. A row's bytes are copied one row before they are interleaved: a load of 64 bytes right behind
// the four stores that wrote them would wait until they reach the cache.
CUTIS_INLINE void RunRows(const Rows& rows, const Block& block, const Output& out, int64_t row_end, const uint8_t** slots,
                          const uint8_t** ordered) {
  const DepthwiseU8Args& args = rows.args;
  const int64_t height = args.window.kernel_h, row_bytes = rows.plan.RowBytes();
  const int64_t step = rows.shared ? args.window.stride_h : height, total = (row_end - rows.row_begin - 1) * step + height;
  int64_t ready = 0, slot = 0;
  if (const uint8_t* from = InputRow(rows, 0); from != nullptr) CopyRow(rows, from, rows.plain[0]);
  for (int64_t oy = rows.row_begin; oy < row_end; ++oy) {
    for (const int64_t end = (oy - rows.row_begin) * step + height; ready < end; ++ready) {
      if (ready + 1 < total) {
        if (const uint8_t* from = InputRow(rows, ready + 1); from != nullptr) CopyRow(rows, from, rows.plain[(ready + 1) % 2]);
      }
      if (InputRow(rows, ready) != nullptr) {
        uint8_t* to = rows.vectors + slot * row_bytes;
        InterleaveRow(rows, rows.plain[ready % 2], to);
        slots[slot] = to;
      } else {
        slots[slot] = rows.vectors + height * row_bytes;
      }
      slot = slot + 1 == height ? 0 : slot + 1;
    }
    // The ring is full: the oldest row is the one that would be replaced next.
    for (int64_t r = 0, at = slot; r < height; ++r, at = at + 1 == height ? 0 : at + 1) ordered[r] = slots[at];
    RunRow(rows, block, out, args.y + static_cast<size_t>((oy - args.row_begin) * args.out_w) * args.y_stride + rows.c);
  }
}

// A block takes a part of each cache line of the input, so the rows that all blocks go over should stay in a second-level
// cache.
CUTIS_INLINE int64_t RowsAtATime(const DepthwiseU8Args& args) {
  constexpr int64_t kInputBytes = 128 * 1024, kFewest = 4;
  const Window& window = args.window;
  const int64_t most = kInputBytes / (int64_t{args.in_w} * static_cast<int64_t>(args.x_stride));
  const int64_t rows = most > window.kernel_h ? (most - window.kernel_h) / window.stride_h + 1 : 1;
  return rows > kFewest ? rows : kFewest;
}

}  // namespace

void DepthwiseU8_8x16k4_avx512vnni(const DepthwiseU8Args& args) {
  const Window& window = args.window;
  const size_t channels = static_cast<size_t>(args.channels);
  const Output out = MakeOutput(args.out, args.multiplier, channels);
  const DepthwiseU8Bytes plan = PlanDepthwiseU8Bytes(window, args.out_w);
  int8_t* weights = reinterpret_cast<int8_t*>(args.scratch);
  std::byte* behind = args.scratch + (DepthwiseU8TapBytes(window) + 63) / 64 * 64;
  const uint8_t** slots = reinterpret_cast<const uint8_t**>(behind);
  const uint8_t** ordered = slots + window.kernel_h;
  uint8_t* buffer = reinterpret_cast<uint8_t*>(behind + (DepthwiseU8PointerBytes(window) + 63) / 64 * 64);
  uint8_t* vectors = buffer + 2 * plan.PlainBytes();
  const bool even = plan.phases == 1 && window.stride_w % 2 == 0;
  Block block = {};
  block.rows = ordered;
  block.kernel_h = static_cast<size_t>(window.kernel_h);
  block.weights = weights;
  block.parities = even ? 1 : 2;
  block.vectors = (static_cast<size_t>(window.kernel_w) + block.parities - 1 + 3) / 4;
  block.width = static_cast<size_t>(args.out_w);
  block.y_stride = args.y_stride;
  const bool shared = window.dilation_h == 1 && window.stride_h < window.kernel_h;
  const int64_t chunk = RowsAtATime(args);
  for (int64_t begin = args.row_begin; begin < args.row_end; begin += chunk) {
    const int64_t end = begin + chunk < args.row_end ? begin + chunk : int64_t{args.row_end};
    for (size_t c = 0; c < channels; c += 16) {
      block.live = FirstBits(channels - c < 16 ? channels - c : 16);
      block.bias = args.bias + c;
      block.multiplier = args.multiplier + c;
      const Rows rows = {args, plan, begin, shared, {buffer, buffer + plan.PlainBytes()}, vectors, c, block.live};
      PrepareTaps(args, c, block, weights);
      PreparePadding(rows);
      RunRows(rows, block, out, end, slots, ordered);
    }
  }
}

}  // namespace cutis
