// DepthwiseQuadsU8 for AVX-512 VNNI with VBMI2.
//
// A quad is a register of 16 channels times 4 pixels, and vpdpbusd multiplies four taps of a row of the window by it at once. A
// half is a register that begins at an even pixel: a quad, or the end of one and the beginning of the next, which is one
// vpshrdd. An output that begins at the first of a half's pixels takes the weights w0 w1 w2 0, one that begins at the second 0
// w0 w1 w2; so at stride 1 a half serves two outputs.
//
// Vector operations for an output of 16 channels:
//                       dot products  shifts  requantisation
//   3x3, stride 1        3             0.75    5
//   3x3, stride 2        3             1.5     5
//   5x5, stride 1       10             1.25    5
//   5x5, stride 2       10             2.5     5
// Nine taps in three vectors across rows, or 25 in seven, would need vectors that serve no second output.
#include "ops/conv/requant_avx512.h"
#include "ops/depthwise/quads.h"
#include "ops/quads_avx512.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// What stays the same for all outputs of a panel.
struct Panel {
  const uint8_t* const* rows;  // of the window: the quads that the first output of a row begins in
  size_t kernel_h;
  const int8_t* weights;  // [kernel_h][even, odd][vectors] registers
  size_t vectors;
  const int32_t* bias;
  const float* multiplier;
  size_t width, y_stride;
  uint64_t live;  // a bit for each channel that exists
};

// The rows of the windows of one output row after the other.
class WindowRows {
 public:
  // x: place 0 of the ring, where the first output of a row begins. padding: the same of a row that holds nothing else.
  [[gnu::always_inline]] WindowRows(const DepthwiseQuadsU8Args& args, const uint8_t* x, const uint8_t* padding,
                                    const uint8_t** rows)
      : x_(x),
        padding_(padding),
        rows_(rows),
        row_bytes_(args.x_row_stride),
        top_(int64_t{args.row_begin} * args.window.stride_h - args.window.pad_top),
        in_h_(args.in_h),
        ring_(args.x_rows),
        stride_(args.window.stride_h),
        dilation_(args.window.dilation_h),
        height_(args.window.kernel_h) {
    if (top_ > 0) lap_ = top_ / ring_ * ring_;
  }

  [[gnu::always_inline]] void Next() {
    while (top_ - lap_ >= ring_) lap_ += ring_;
    int64_t row = top_, place = top_ - lap_;
    for (int64_t r = 0; r < height_; ++r, row += dilation_, place += dilation_) {
      while (place >= ring_) place -= ring_;
      rows_[r] = row >= 0 && row < in_h_ ? x_ + static_cast<size_t>(place) * row_bytes_ : padding_;
    }
    top_ += stride_;
  }

 private:
  const uint8_t* x_;
  const uint8_t* padding_;
  const uint8_t** rows_;
  size_t row_bytes_;
  int64_t top_, in_h_, ring_, stride_, dilation_, height_;
  int64_t lap_ = 0;  // the input row that last came to place 0
};

CUTIS_INLINE __m512i Load(const void* from) { return _mm512_load_si512(from); }

// Half number `index` from `quads` on.
CUTIS_INLINE __m512i Half(const uint8_t* quads, size_t index) {
  const uint8_t* at = quads + index / 2 * kQuadBytes;
  return index % 2 == 0 ? Load(at) : _mm512_shrdi_epi32(Load(at), Load(at + kQuadBytes), 16);
}

// `count` of kOutputs neighbouring outputs, of which the first begins at pixel kPhase of the quad that lies `at` bytes behind
// the pointers to the rows.
template <size_t kOutputs, size_t kStride, size_t kPhase, size_t kVectors>
CUTIS_INLINE void Tile(const Panel& panel, const Output& out, size_t at, uint8_t* y, size_t count) {
  constexpr size_t kOdd = kPhase % 2, kFirst = kPhase / 2;
  constexpr size_t kEach = kStride == 1 ? (kOdd + kOutputs - 1) / 2 + 1 : kOutputs;  // halves that outputs begin in
  __m512i sums[kOutputs];
  const __m512i bias = _mm512_loadu_si512(panel.bias);
  Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED { sums[o] = bias; });
  // Tested at its end: see Tile() in ops/conv/conv_avx512vnni.cc.
  const int8_t* weights = panel.weights;
  const uint8_t* const* next = panel.rows;
  const uint8_t* const* const end = next + panel.kernel_h;
  do {
    const uint8_t* from = *next + at;
    Unroll<kVectors>([&](auto v) CUTIS_UNROLLED {
      const __m512i even = Load(weights + v * kQuadBytes), odd = Load(weights + (kVectors + v) * kQuadBytes);
      Unroll<kEach>([&](auto h) CUTIS_UNROLLED {
        const __m512i pixels = Half(from, kFirst + h + 2 * v);
        if constexpr (kStride == 1) {
          constexpr size_t kSecond = 2 * decltype(h)::kIndex + 1 - kOdd;  // the output that begins at the odd pixel
          if constexpr (kSecond >= 1 && kSecond - 1 < kOutputs) {
            sums[kSecond - 1] = _mm512_dpbusd_epi32(sums[kSecond - 1], pixels, even);
          }
          if constexpr (kSecond < kOutputs) sums[kSecond] = _mm512_dpbusd_epi32(sums[kSecond], pixels, odd);
        } else {
          sums[h] = _mm512_dpbusd_epi32(sums[h], pixels, kOdd == 0 ? even : odd);
        }
      });
    });
    weights += 2 * kVectors * kQuadBytes;
  } while (++next != end);
  Unroll<kOutputs / 4>([&](auto q) CUTIS_UNROLLED {
    const __m512i packed =
        Requantize4<1>(sums[4 * q], sums[4 * q + 1], sums[4 * q + 2], sums[4 * q + 3], panel.multiplier, out);
    StoreRows16(InRows(packed), y + 4 * q * panel.y_stride, panel.y_stride, count - 4 * q, panel.live);
  });
}

// `count` rows of outputs, each 8 and at its end 4 at a time. The last ones may not exist.
template <size_t kStride, size_t kPhase, size_t kVectors>
[[gnu::noinline]] void OutputRows(const Panel& shared, const Output& shared_out, WindowRows& rows, size_t count, uint8_t* y) {
  const Panel panel = shared;  // copies: stores of bytes might change the others
  const Output out = shared_out;
  constexpr size_t kStep = kStride * kQuadBytes / 4;  // from an output to the next, four at a time
  for (; count > 0; --count) {
    rows.Next();
    size_t at = 0, left = panel.width;
    for (; left > 4; left -= left < 8 ? left : 8, at += 8 * kStep, y += 8 * panel.y_stride) {
      Tile<8, kStride, kPhase, kVectors>(panel, out, at, y, left < 8 ? left : 8);
      if (left < 8) y -= (8 - left) * panel.y_stride;
    }
    if (left > 0) Tile<4, kStride, kPhase, kVectors>(panel, out, at, y, left);
    y += left * panel.y_stride;
  }
}

// Any width and stride, an output at a time. `phase` is the first output's.
[[gnu::noinline]] static void AnyRows(const Panel& panel, const Output& out, size_t stride, size_t phase, WindowRows& rows,
                                      size_t count, uint8_t* y) {
  for (; count > 0; --count) {
    rows.Next();
    for (size_t ox = 0; ox < panel.width; ++ox, y += panel.y_stride) {
      const size_t begin = ox * stride + phase;
      const int8_t* weights = panel.weights + begin % 2 * panel.vectors * kQuadBytes;
      __m512i sum = _mm512_loadu_si512(panel.bias);
      for (size_t r = 0; r < panel.kernel_h; ++r, weights += 2 * panel.vectors * kQuadBytes) {
        for (size_t v = 0; v < panel.vectors; ++v) {
          sum = _mm512_dpbusd_epi32(sum, Half(panel.rows[r], begin / 2 + 2 * v), Load(weights + v * kQuadBytes));
        }
      }
      StoreRows16(InRows(Requantize4<1>(sum, sum, sum, sum, panel.multiplier, out)), y, panel.y_stride, 1, panel.live);
    }
  }
}

template <size_t kStride, size_t kVectors>
CUTIS_INLINE void PhaseRows(const Panel& panel, const Output& out, size_t phase, WindowRows& rows, size_t count, uint8_t* y) {
  switch (phase) {
    case 0:
      return OutputRows<kStride, 0, kVectors>(panel, out, rows, count, y);
    case 1:
      return OutputRows<kStride, 1, kVectors>(panel, out, rows, count, y);
    case 2:
      return OutputRows<kStride, 2, kVectors>(panel, out, rows, count, y);
    default:
      return OutputRows<kStride, 3, kVectors>(panel, out, rows, count, y);
  }
}

CUTIS_INLINE void RunRows(const Panel& panel, const Output& out, size_t stride, size_t phase, WindowRows& rows, size_t count,
                          uint8_t* y) {
  if (stride == 1 && panel.vectors == 1) return PhaseRows<1, 1>(panel, out, phase, rows, count, y);
  if (stride == 1 && panel.vectors == 2) return PhaseRows<1, 2>(panel, out, phase, rows, count, y);
  if (stride == 2 && panel.vectors == 1) return PhaseRows<2, 1>(panel, out, phase, rows, count, y);
  if (stride == 2 && panel.vectors == 2) return PhaseRows<2, 2>(panel, out, phase, rows, count, y);
  AnyRows(panel, out, stride, phase, rows, count, y);
}

// Taps first .. first + 3 of 16 channels, a channel a lane, of `count` vectors of taps.
CUTIS_INLINE __m512i FourTaps(const int8_t* taps, size_t first, size_t count) {
  const size_t at = first / 4;
  const int shift = static_cast<int>(first % 4) * 8;
  const __m512i low = Load(taps + at * 64), high = at + 1 < count ? Load(taps + (at + 1) * 64) : _mm512_setzero_si512();
  return _mm512_or_si512(_mm512_srl_epi32(low, _mm_cvtsi32_si128(shift)),
                         _mm512_sll_epi32(high, _mm_cvtsi32_si128(32 - shift)));
}

// The taps of each row of the window in fours, from the first on and one later.
CUTIS_INLINE void PrepareTaps(const int8_t* taps, const Window& window, int8_t* to) {
  const size_t width = static_cast<size_t>(window.kernel_w), vectors = QuadTapVectors(window);
  const size_t count = DepthwiseU8PanelBytes(window) / 64;
  for (size_t ky = 0; ky < static_cast<size_t>(window.kernel_h); ++ky, to += 2 * vectors * kQuadBytes) {
    __m512i before = _mm512_setzero_si512();
    for (size_t v = 0; v < vectors; ++v) {
      const size_t left = width > 4 * v ? width - 4 * v : 0;
      const uint32_t inside = left >= 4 ? ~uint32_t{0} : (uint32_t{1} << (8 * left)) - 1;
      __m512i now = _mm512_setzero_si512();
      if (left > 0) {
        now = _mm512_and_si512(FourTaps(taps, ky * width + 4 * v, count), _mm512_set1_epi32(static_cast<int32_t>(inside)));
      }
      _mm512_store_si512(to + v * kQuadBytes, now);
      _mm512_store_si512(to + (vectors + v) * kQuadBytes, _mm512_shrdi_epi32(before, now, 24));
      before = now;
    }
  }
}

}  // namespace

void DepthwiseQuadsU8_8x16k4_avx512vnni(const DepthwiseQuadsU8Args& args) {
  const Window& window = args.window;
  const size_t channels = static_cast<size_t>(args.channels), padding_bytes = QuadPaddingBytes(window, args.in_w, args.out_w);
  const Output out = MakeOutput(args.out, args.multiplier, channels);
  int8_t* weights = reinterpret_cast<int8_t*>(args.scratch);
  const uint8_t** rows = reinterpret_cast<const uint8_t**>(args.scratch + QuadTapBytes(window));
  uint8_t* padding = reinterpret_cast<uint8_t*>(args.scratch + QuadTapBytes(window) + QuadPointerBytes(window));
  // The pixel that the first output of a row begins at is -pad_left: `phase` of a quad so many before the first.
  const size_t before = (static_cast<size_t>(window.pad_left) + 3) / 4,
               phase = before * 4 - static_cast<size_t>(window.pad_left);
  Panel panel = {};
  panel.rows = rows;
  panel.kernel_h = static_cast<size_t>(window.kernel_h);
  panel.weights = weights;
  panel.vectors = QuadTapVectors(window);
  panel.width = static_cast<size_t>(args.out_w);
  panel.y_stride = args.y_stride;
  const uint8_t* x = args.x - before * kQuadBytes;
  for (size_t c = 0; c < channels; c += 16, x += args.x_panel_stride) {
    panel.live = FirstBits(channels - c < 16 ? channels - c : 16);
    panel.bias = args.bias + c;
    panel.multiplier = args.multiplier + c;
    PrepareTaps(args.w + c / 16 * DepthwiseU8PanelBytes(window), window, weights);
    const __m512i quad = PaddingQuad(args.padding + c);
    for (size_t at = 0; at < padding_bytes; at += kQuadBytes) _mm512_store_si512(padding + at, quad);
    WindowRows window_rows(args, x, padding, rows);
    RunRows(panel, out, static_cast<size_t>(window.stride_w), phase, window_rows,
            static_cast<size_t>(args.row_end - args.row_begin), args.y + c);
  }
}

}  // namespace cutis
