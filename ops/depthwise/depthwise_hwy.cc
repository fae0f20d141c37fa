// DepthwiseU8 for every instruction set that Highway knows.
//
// A block of channels (one vector of 16-bit lanes) at a time: its input rows are padded, widened to 16 bits and interleaved in
// pairs of rows, once each, into a ring of as many pairs as one output row touches, so that every output is an interior one. A
// vector of 32-bit lanes then holds two pixels, one below the other, of half the block, and is multiplied in pairs into 32 bits
// (pmaddwd, smlal), which cannot overflow. An output whose first row is the second of a pair has weights of its own, shifted
// down by a row.
#include "ops/depthwise/depthwise.h"
#include "ops/hwy_kernel.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::CappedTag<int16_t, 16> d16;
const hn::RepartitionToWide<decltype(d16)> d32;
const hn::RebindToFloat<decltype(d32)> df;
const hn::Rebind<uint8_t, decltype(d16)> d8;
using Words = hn::Vec<decltype(d16)>;
using Sums = hn::Vec<decltype(d32)>;
constexpr size_t kBlock = hn::MaxLanes(hn::CappedTag<int16_t, 16>());  // channels: a panel or half of one
constexpr size_t kHalf = kBlock / 2;

// What stays the same for all outputs of a block. Interleaving two vectors of words leaves the channels in an order of the
// instruction set's own: half 0 and half 1 are what InterleaveLower and InterleaveUpper make of them.
struct Block {
  const int16_t* weights[2];  // by the parity of an output's first row: [pairs][kernel_w][2 halves][kBlock]
  size_t pairs[2];            // of rows that it touches
  size_t columns;             // kernel_w
  size_t dilation;            // from a column of taps to the next, in words
  size_t step;                // from an output to the next, in words of input
  size_t width;               // outputs of a row
  size_t y_stride;
  Sums bias[2];
  hn::Vec<decltype(df)> multiplier[2];
  hn::Vec<decltype(df)> lo, hi;
  Sums rounded_zero;  // the bits of 1.5 * 2^23, less the zero point
  size_t live;        // channels that exist, kBlock at most
};
constexpr size_t kPixel = 2 * kBlock;  // words of a pixel of a pair of rows

HWY_INLINE Words LoadChannels(const uint8_t* from, size_t live) {
  if (live >= kBlock) return hn::PromoteTo(d16, hn::LoadU(d8, from));
  // A pixel is padded to a multiple of 4 bytes; more must not be read.
  alignas(16) uint8_t copy[kBlock] = {};
  for (size_t i = 0; i < live; i += 4) __builtin_memcpy(copy + i, from + i, 4);
  return hn::PromoteTo(d16, hn::LoadU(d8, copy));
}

HWY_INLINE void StoreChannels(Words words, uint8_t* to, size_t live) {
  const auto bytes = hn::DemoteTo(d8, words);
  if (live >= kBlock) {
    hn::StoreU(bytes, d8, to);
    return;
  }
  alignas(16) uint8_t copy[kBlock];
  hn::StoreU(bytes, d8, copy);
  for (size_t i = 0; i < live; ++i) to[i] = copy[i];
}

// Adding 1.5 * 2^23 rounds to an integer, to nearest even, and leaves it in the low bits (see RoundToEven in ops/requant.h).
HWY_INLINE Sums Requantize(Sums sums, size_t half, const Block& block) {
  const auto scaled = hn::Mul(hn::ConvertTo(df, sums), block.multiplier[half]);
  const auto clamped = hn::Min(hn::Max(scaled, block.lo), block.hi);
  return hn::Sub(hn::BitCast(d32, hn::Add(clamped, hn::Set(df, 12582912.0f))), block.rounded_zero);
}

// `kOutputs` neighbouring outputs. `rows`: the pairs of rows that they touch, `x` words in. kPairs and kColumns: those of the
// window, or 0 where they are not known beforehand.
template <size_t kOutputs, size_t kPairs, size_t kColumns>
HWY_INLINE void Outputs(const Block& block, size_t parity, const int16_t* const* rows, size_t x, uint8_t* y) {
  const size_t pairs = kPairs != 0 ? kPairs : block.pairs[parity], columns = kColumns != 0 ? kColumns : block.columns;
  Sums totals[kOutputs][2];
  Unroll<2>([&](auto half) CUTIS_UNROLLED {
    Sums sums[kOutputs], more[kOutputs];  // `more`: where the instruction set sums halves apart
    Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED { sums[o] = more[o] = hn::Zero(d32); });
    const int16_t* weights = block.weights[parity] + half * kBlock;
    const auto column = [&](const int16_t* from) CUTIS_UNROLLED {
      const Words w = hn::Load(d16, weights);
      weights += kPixel;
      Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED {
        sums[o] = hn::ReorderWidenMulAccumulate(d32, hn::Load(d16, from + o * block.step), w, sums[o], more[o]);
      });
    };
    for (size_t p = 0; p < pairs; ++p) {
      const int16_t* from = rows[p] + x + half * kBlock;
      if constexpr (kColumns != 0) {
        Unroll<kColumns>([&](auto kx) CUTIS_UNROLLED { column(from + kx * block.dilation); });
      } else {
        for (size_t kx = 0; kx < columns; ++kx, from += block.dilation) column(from);
      }
    }
    Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED {
      totals[o][half] = Requantize(hn::Add(hn::RearrangeToOddPlusEven(sums[o], more[o]), block.bias[half]), half, block);
    });
  });
  Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED {
    // Undoes the interleaving: the same 128-bit lanes, lower half before upper half.
    StoreChannels(DemoteHalves(d16, totals[o][0], totals[o][1]), y + o * block.y_stride, block.live);
  });
}

// A row of outputs. The last four overlap those before them: their bytes are written twice, to the same values.
template <size_t kPairs, size_t kColumns>
HWY_NOINLINE void OutputRow(const Block& block, size_t parity, const int16_t* const* rows, uint8_t* y) {
  const size_t width = block.width;
  if (width < 4) {
    for (size_t ox = 0; ox < width; ++ox) {
      Outputs<1, kPairs, kColumns>(block, parity, rows, ox * block.step, y + ox * block.y_stride);
    }
    return;
  }
  for (size_t ox = 0; ox < width; ox += 4) {
    const size_t at = ox + 4 <= width ? ox : width - 4;
    Outputs<4, kPairs, kColumns>(block, parity, rows, at * block.step, y + at * block.y_stride);
  }
}

// Byte `tap` % 4 of the 32-bit lanes of those four taps, of half the block, sign-extended.
HWY_INLINE Sums TapOf(const int8_t* panel, size_t tap, size_t half) {
  const int32_t* from = reinterpret_cast<const int32_t*>(panel + tap / 4 * 64);
  Sums lanes = hn::LoadU(d32, from + half * kHalf);
  if constexpr (kBlock == 16) {  // the order that interleaving gives: both 128-bit lanes hold four neighbours
    const Sums low = hn::LoadU(d32, from), high = hn::LoadU(d32, from + kHalf);
    lanes = half == 0 ? hn::ConcatLowerLower(d32, high, low) : hn::ConcatUpperUpper(d32, high, low);
  }
  return hn::ShiftRight<24>(hn::ShiftLeftSame(lanes, static_cast<int>(24 - tap % 4 * 8)));
}

// The taps of the block from channel `c` on, for both parities; where a pair has only one row of taps the other's are zero.
HWY_INLINE void PrepareTaps(const DepthwiseU8Args& args, size_t c, int16_t* to, Block* block) {
  const size_t rows = static_cast<size_t>(args.window.kernel_h), columns = block->columns;
  const int8_t* panel = args.w + c / 16 * DepthwiseU8PanelBytes(args.window) + c % 16 * 4;
  const size_t parities = args.window.stride_h % 2 == 0 || args.window.dilation_h != 1 ? 1 : 2;
  for (size_t parity = 0; parity < parities; ++parity) {
    block->weights[parity] = to;
    block->pairs[parity] = (parity + rows + 1) / 2;
    for (size_t p = 0; p < block->pairs[parity]; ++p) {
      for (size_t kx = 0; kx < columns; ++kx, to += kPixel) {
        const size_t first = 2 * p - parity, second = first + 1;  // `first` wraps round for the row before tap 0
        for (size_t half = 0; half < 2; ++half) {
          const Sums a = first < rows ? TapOf(panel, first * columns + kx, half) : hn::Zero(d32);
          const Sums b = second < rows ? TapOf(panel, second * columns + kx, half) : hn::Zero(d32);
          const Sums pair = hn::Or(hn::And(a, hn::Set(d32, 0xffff)), hn::ShiftLeft<16>(b));
          hn::Store(hn::BitCast(d16, pair), d16, to + half * kBlock);
        }
      }
    }
  }
}

// Biases and multipliers in the order of the two halves.
HWY_INLINE void PrepareChannels(const DepthwiseU8Args& args, size_t c, Block* block) {
  const Words channel = hn::Iota(d16, 0), zero = hn::Zero(d16);
  for (size_t half = 0; half < 2; ++half) {
    alignas(32) int32_t order[kHalf], bias[kHalf];
    alignas(32) float multiplier[kHalf];
    hn::Store(hn::BitCast(d32, half == 0 ? hn::InterleaveLower(d16, channel, zero) : hn::InterleaveUpper(d16, channel, zero)),
              d32, order);
    for (size_t i = 0; i < kHalf; ++i) {
      bias[i] = args.bias[c + static_cast<size_t>(order[i])];
      multiplier[i] = args.multiplier[c + static_cast<size_t>(order[i])];
    }
    block->bias[half] = hn::Load(d32, bias);
    block->multiplier[half] = hn::Load(df, multiplier);
  }
}

// Two rows of the block's channels, interleaved: padding, the image's pixels, padding. A row that is null lies outside the
// image.
HWY_INLINE void FillPair(const DepthwiseU8Args& args, const uint8_t* row0, const uint8_t* row1, size_t c, size_t live,
                         int64_t columns, int16_t* to) {
  const Words padding = LoadChannels(args.padding + c, live);
  const auto store = [&](Words a, Words b) CUTIS_UNROLLED {
    hn::Store(hn::InterleaveLower(d16, a, b), d16, to);
    hn::Store(hn::InterleaveUpper(d16, a, b), d16, to + kBlock);
    to += kPixel;
  };
  const int64_t left = args.window.pad_left < columns ? args.window.pad_left : columns;
  int64_t inside = columns - left < args.in_w ? columns - left : args.in_w;
  if (row0 == nullptr && row1 == nullptr) inside = 0;
  int64_t x = 0;
  for (; x < left; ++x) store(padding, padding);
  if (inside > 0) {
    const int64_t end = left + inside;
    if (row0 == nullptr) {
      for (row1 += c; x < end; ++x, row1 += args.x_stride) store(padding, LoadChannels(row1, live));
    } else if (row1 == nullptr) {
      for (row0 += c; x < end; ++x, row0 += args.x_stride) store(LoadChannels(row0, live), padding);
    } else if (live < kBlock) {
      row0 += c;
      row1 += c;
      for (; x < end; ++x, row0 += args.x_stride, row1 += args.x_stride)
        store(LoadChannels(row0, live), LoadChannels(row1, live));
    } else {
      row0 += c;
      row1 += c;
      for (; x < end; ++x, row0 += args.x_stride, row1 += args.x_stride) {
        store(LoadChannels(row0, kBlock), LoadChannels(row1, kBlock));
      }
    }
  }
  for (; x < columns; ++x) store(padding, padding);
}

// Output rows [row_begin, row_end) of a block.
HWY_INLINE void RunRows(const DepthwiseU8Args& args, const DepthwiseU8Ring& ring, const Block& block, size_t c,
                        int64_t row_begin, int64_t row_end, const int16_t** rows, int16_t* buffer) {
  const Window& window = args.window;
  const size_t row_words = static_cast<size_t>(ring.columns) * kPixel;
  const bool shared = window.dilation_h == 1;  // otherwise an output row takes only the rows it needs, and shares none
  const int64_t top = row_begin * window.stride_h - window.pad_top;
  int64_t ready = 0, slot = 0;  // pairs of rows that have been made, and the place of the next
  const auto next = [&](int64_t at) { return at + 1 == ring.pairs ? 0 : at + 1; };
  for (int64_t oy = row_begin; oy < row_end; ++oy) {
    const int64_t first = shared ? (oy - row_begin) * window.stride_h : 0;
    const size_t parity = static_cast<size_t>(first % 2);
    const int64_t begin = first / 2, end = begin + static_cast<int64_t>(block.pairs[parity]);
    const int64_t start = shared ? top : oy * window.stride_h - window.pad_top;
    if (!shared || ready < begin) ready = begin;
    for (; ready < end; ++ready, slot = next(slot)) {
      const auto row_of = [&](int64_t r) -> const uint8_t* {
        const int64_t y = start + r * window.dilation_h;
        return y >= 0 && y < args.in_h ? args.x + static_cast<size_t>(y % args.x_rows * args.in_w) * args.x_stride : nullptr;
      };
      FillPair(args, row_of(2 * ready), row_of(2 * ready + 1), c, block.live, ring.columns,
               buffer + static_cast<size_t>(slot) * row_words);
    }
    // The last of them lies before `slot`.
    int64_t at = slot - (end - begin);
    if (at < 0) at += ring.pairs;
    for (int64_t p = begin; p < end; ++p, at = next(at)) rows[p - begin] = buffer + static_cast<size_t>(at) * row_words;
    uint8_t* y = args.y + static_cast<size_t>((oy - args.row_begin) * args.out_w) * args.y_stride + c;
    if (window.kernel_h == 3 && window.kernel_w == 3) {
      OutputRow<2, 3>(block, parity, rows, y);
    } else if (window.kernel_h == 5 && window.kernel_w == 5) {
      OutputRow<3, 5>(block, parity, rows, y);
    } else {
      OutputRow<0, 0>(block, parity, rows, y);
    }
  }
}

}  // namespace

void CUTIS_HWY_NAME(DepthwiseU8)(const DepthwiseU8Args& args) {
  const DepthwiseU8Ring ring = PlanDepthwiseU8Ring(args.window, args.out_w);
  const size_t channels = static_cast<size_t>(args.channels);
  Block block;
  int16_t* weights = reinterpret_cast<int16_t*>(args.scratch);
  std::byte* behind = args.scratch + (DepthwiseU8TapBytes(args.window) + 63) / 64 * 64;
  const int16_t** rows = reinterpret_cast<const int16_t**>(behind);
  int16_t* buffer = reinterpret_cast<int16_t*>(behind + (DepthwiseU8PointerBytes(args.window) + 63) / 64 * 64);
  block.columns = static_cast<size_t>(args.window.kernel_w);
  block.dilation = static_cast<size_t>(args.window.dilation_w) * kPixel;
  block.step = static_cast<size_t>(args.window.stride_w) * kPixel;
  block.width = static_cast<size_t>(args.out_w);
  block.y_stride = args.y_stride;
  block.lo = hn::Set(df, static_cast<float>(args.out.lo - args.out.zero_point));
  block.hi = hn::Set(df, static_cast<float>(args.out.hi - args.out.zero_point));
  block.rounded_zero = hn::Set(d32, 0x4B400000 - args.out.zero_point);
  const int64_t chunk = DepthwiseU8RowsAtATime(args);
  for (int64_t begin = args.row_begin; begin < args.row_end; begin += chunk) {
    const int64_t end = begin + chunk < args.row_end ? begin + chunk : int64_t{args.row_end};
    for (size_t c = 0; c < channels; c += kBlock) {
      block.live = channels - c < kBlock ? channels - c : kBlock;
      PrepareTaps(args, c, weights, &block);
      PrepareChannels(args, c, &block);
      RunRows(args, ring, block, c, begin, end, rows, buffer);
    }
  }
}

}  // namespace cutis
