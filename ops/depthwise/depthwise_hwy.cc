// DepthwiseU8 for every instruction set that Highway knows.
//
// A block of channels (one vector of 16-bit lanes) at a time: the input rows that some output rows need are padded and widened
// to 16 bits once, so that every output is an interior one and each pixel is widened once, not once for each tap. Then two taps
// are interleaved and multiplied in pairs into 32 bits (pmaddwd, smlal), which cannot overflow.
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
  const int16_t* weights;  // [pairs of taps][2 halves][kBlock]
  const int64_t* offsets;  // [pairs of taps][2] from an output's first tap, in words
  size_t pairs;
  Sums bias[2];
  hn::Vec<decltype(df)> multiplier[2];
  hn::Vec<decltype(df)> lo, hi;
  Sums rounded_zero;  // the bits of 1.5 * 2^23, less the zero point
  size_t live;        // channels that exist, kBlock at most
};

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

// `kOutputs` neighbouring outputs, `step` words of input and `y_stride` bytes of output apart.
template <size_t kOutputs>
HWY_INLINE void Outputs(const Block& block, const int16_t* x, size_t step, uint8_t* y, size_t y_stride) {
  Sums sums[kOutputs][2], more[kOutputs][2];  // `more`: where the instruction set sums halves apart
  Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED {
    Unroll<2>([&](auto half) CUTIS_UNROLLED { sums[o][half] = more[o][half] = hn::Zero(d32); });
  });
  const int16_t* weights = block.weights;
  const int64_t* offsets = block.offsets;
  for (size_t pair = 0; pair < block.pairs; ++pair, weights += 2 * kBlock, offsets += 2) {
    const Words w0 = hn::Load(d16, weights), w1 = hn::Load(d16, weights + kBlock);
    const int16_t *first = x + offsets[0], *second = x + offsets[1];
    Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED {
      const Words a = hn::Load(d16, first + o * step), b = hn::Load(d16, second + o * step);
      sums[o][0] = hn::ReorderWidenMulAccumulate(d32, hn::InterleaveLower(d16, a, b), w0, sums[o][0], more[o][0]);
      sums[o][1] = hn::ReorderWidenMulAccumulate(d32, hn::InterleaveUpper(d16, a, b), w1, sums[o][1], more[o][1]);
    });
  }
  Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED {
    const Sums total0 = hn::Add(hn::RearrangeToOddPlusEven(sums[o][0], more[o][0]), block.bias[0]);
    const Sums total1 = hn::Add(hn::RearrangeToOddPlusEven(sums[o][1], more[o][1]), block.bias[1]);
    // Undoes the interleaving: the same 128-bit lanes, lower half before upper half.
    const Words words = hn::ReorderDemote2To(d16, Requantize(total0, 0, block), Requantize(total1, 1, block));
    StoreChannels(words, y + o * y_stride, block.live);
  });
}

// Fills the weights and offsets of the taps, in the order (ky, kx) and padded to an even number by a tap of weight zero.
HWY_INLINE void PrepareTaps(const DepthwiseU8Args& args, size_t c, size_t row_words, int16_t* weights, int64_t* offsets) {
  const Window& window = args.window;
  const size_t columns = static_cast<size_t>(window.kernel_w), quads = (columns + 3) / 4;
  const size_t taps = static_cast<size_t>(window.kernel_h) * columns;
  const int8_t* panel = args.w + c / 16 * static_cast<size_t>(window.kernel_h) * quads * 64 + c % 16 * 4;
  alignas(32) int16_t tap[2][kBlock];
  for (size_t t = 0; t < taps; ++t) {
    const size_t ky = t / columns, kx = t % columns;
    const int8_t* from = panel + (ky * quads + kx / 4) * 64 + kx % 4;
    for (size_t i = 0; i < kBlock; ++i) {
      tap[1][i] = 0;  // stays for a last tap without a partner
      tap[t % 2][i] = from[i * 4];
    }
    offsets[t] = static_cast<int64_t>(ky * row_words + kx * static_cast<size_t>(window.dilation_w) * kBlock);
    if (t % 2 == 1 || t + 1 == taps) {
      const Words a = hn::Load(d16, tap[0]), b = hn::Load(d16, tap[1]);
      hn::Store(hn::InterleaveLower(d16, a, b), d16, weights + t / 2 * 2 * kBlock);
      hn::Store(hn::InterleaveUpper(d16, a, b), d16, weights + t / 2 * 2 * kBlock + kBlock);
    }
  }
  if (taps % 2 == 1) offsets[taps] = offsets[taps - 1];
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

// One row of the block's channels: padding, the image's pixels, padding. `row` is null outside the image.
HWY_INLINE void FillRow(const DepthwiseU8Args& args, const uint8_t* row, size_t c, size_t live, int64_t columns, int16_t* to) {
  const Words padding = LoadChannels(args.padding + c, live);
  const int64_t left = args.window.pad_left < columns ? args.window.pad_left : columns;
  int64_t inside = columns - left < args.in_w ? columns - left : args.in_w;
  if (row == nullptr) inside = 0;
  int64_t x = 0;
  for (; x < left; ++x, to += kBlock) hn::Store(padding, d16, to);
  if (inside > 0) row += c;
  if (live >= kBlock) {
    for (; x < left + inside; ++x, to += kBlock, row += args.x_stride) hn::Store(LoadChannels(row, kBlock), d16, to);
  } else {
    for (; x < left + inside; ++x, to += kBlock, row += args.x_stride) hn::Store(LoadChannels(row, live), d16, to);
  }
  for (; x < columns; ++x, to += kBlock) hn::Store(padding, d16, to);
}

// Output rows [begin, end) of a block, at most rows.out_rows of them.
HWY_INLINE void RunRows(const DepthwiseU8Args& args, const DepthwiseU8Rows& rows, const Block& block, size_t c, int64_t begin,
                        int64_t end, int16_t* buffer) {
  const Window& window = args.window;
  const size_t row_words = static_cast<size_t>(rows.columns) * kBlock;
  const int64_t needed = (end - begin - 1) * window.stride_h + rows.kernel_rows;
  const int64_t top = begin * window.stride_h - window.pad_top;
  for (int64_t r = 0; r < needed; ++r) {
    const int64_t y = top + r * window.dilation_h;  // several output rows only without dilation
    const bool inside = y >= 0 && y < args.in_h;
    FillRow(args, inside ? args.x + static_cast<size_t>(y * args.in_w) * args.x_stride : nullptr, c, block.live, rows.columns,
            buffer + static_cast<size_t>(r) * row_words);
  }
  const size_t step = static_cast<size_t>(window.stride_w) * kBlock, width = static_cast<size_t>(args.out_w);
  for (int64_t oy = begin; oy < end; ++oy) {
    const int16_t* x = buffer + static_cast<size_t>((oy - begin) * window.stride_h) * row_words;
    uint8_t* y = args.y + static_cast<size_t>(oy * args.out_w) * args.y_stride + c;
    size_t ox = 0;
    for (; ox + 2 <= width; ox += 2) Outputs<2>(block, x + ox * step, step, y + ox * args.y_stride, args.y_stride);
    if (ox < width) Outputs<1>(block, x + ox * step, step, y + ox * args.y_stride, args.y_stride);
  }
}

}  // namespace

void CUTIS_HWY_NAME(DepthwiseU8)(const DepthwiseU8Args& args) {
  const DepthwiseU8Rows rows = PlanDepthwiseU8Rows(args.window, args.out_w, args.out_h);
  const size_t taps = static_cast<size_t>(args.window.kernel_h) * static_cast<size_t>(args.window.kernel_w);
  const size_t channels = static_cast<size_t>(args.channels);
  Block block;
  block.pairs = (taps + 1) / 2;
  int16_t* weights = reinterpret_cast<int16_t*>(args.scratch);
  int64_t* offsets = reinterpret_cast<int64_t*>(args.scratch + block.pairs * 2 * 16 * sizeof(int16_t));
  int16_t* buffer = reinterpret_cast<int16_t*>(args.scratch + (DepthwiseU8TapBytes(args.window) + 63) / 64 * 64);
  block.weights = weights;
  block.offsets = offsets;
  block.lo = hn::Set(df, static_cast<float>(args.out.lo - args.out.zero_point));
  block.hi = hn::Set(df, static_cast<float>(args.out.hi - args.out.zero_point));
  block.rounded_zero = hn::Set(d32, 0x4B400000 - args.out.zero_point);
  for (int64_t begin = args.row_begin; begin < args.row_end; begin += rows.out_rows) {
    const int64_t end = begin + rows.out_rows < args.row_end ? begin + rows.out_rows : int64_t{args.row_end};
    for (size_t c = 0; c < channels; c += kBlock) {
      block.live = channels - c < kBlock ? channels - c : kBlock;
      PrepareTaps(args, c, static_cast<size_t>(rows.columns) * kBlock, weights, offsets);
      PrepareChannels(args, c, &block);
      RunRows(args, rows, block, c, begin, end, buffer);
    }
  }
}

}  // namespace cutis
