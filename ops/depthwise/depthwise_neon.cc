// DepthwiseU8 for AArch64 without dot products.
//
// smull and smlal multiply 8 signed bytes into 16 bits: pixels are x ^ 0x80, at least -128, weights lie in [-127, 127], so two
// products sum to 2 * 128 * 127 = 32512 at most, and 16 bits hold two taps exactly, which saddw adds to 32-bit sums
// (panel_smlal.h has the same proof). Highway's way, pairs of words into 32 bits, takes 48 multiplications for 16 outputs of
// 3x3 where this takes 18, and 20 additions.
//
// A block is 16 channels. Its input rows are padded and their signs shifted, once each, into a ring of as many rows as the
// window has, so that every output is an interior one.
#include "ops/conv/requant_neon.h"
#include "ops/depthwise/depthwise.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

constexpr size_t kBlock = 16;

// What stays the same for all outputs of a block.
struct Block {
  const int8_t* weights;  // [kernel_h][kernel_w][kBlock]
  int32_t bias[kBlock];   // with 128 sum w
  const float* multiplier;
  size_t kernel_h, kernel_w;
  size_t dilation;  // from a column of taps to the next, in bytes
  size_t step;      // from an output to the next, in bytes of input
  size_t width;     // outputs of a row
  size_t y_stride;
  size_t live;  // channels that exist, kBlock at most
  Output out;
};

struct Sums {
  int32x4_t of[4];
};

CUTIS_INLINE Sums FirstSums(const Block& block) {
  Sums sums;
  Unroll<4>([&](auto i) CUTIS_UNROLLED { sums.of[i] = vld1q_s32(block.bias + 4 * i); });
  return sums;
}

CUTIS_INLINE void AddProducts(Sums& sums, int16x8_t low, int16x8_t high) {
  sums.of[0] = vaddw_s16(sums.of[0], vget_low_s16(low));
  sums.of[1] = vaddw_high_s16(sums.of[1], low);
  sums.of[2] = vaddw_s16(sums.of[2], vget_low_s16(high));
  sums.of[3] = vaddw_high_s16(sums.of[3], high);
}

CUTIS_INLINE uint8x16_t Requantize(const Sums& sums, const Block& block) {
  return Requantize16(sums.of[0], sums.of[1], sums.of[2], sums.of[3], block.multiplier, block.out);
}

// kOutputs neighbouring outputs of a window of kSize x kSize without gaps; `rows` are the rows that it touches, from its first
// column on. Neighbours share what they load.
template <size_t kOutputs, size_t kSize, size_t kStride>
CUTIS_INLINE void Outputs(const Block& block, const int8_t* const (&rows)[kSize], size_t x, uint8_t* y) {
  constexpr size_t kTaps = kSize * kSize;
  Sums sums[kOutputs];
  Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED { sums[o] = FirstSums(block); });
  Unroll<(kTaps + 1) / 2>([&](auto pair) CUTIS_UNROLLED {
    constexpr size_t kFirst = 2 * pair.kIndex, kSecond = kFirst + 1;
    const auto pixel = [&](auto tap, auto o)
                           CUTIS_UNROLLED { return vld1q_s8(rows[tap / kSize] + x + (tap % kSize + o * kStride) * kBlock); };
    const int8x16_t first = vld1q_s8(block.weights + kFirst * kBlock);
    Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED {
      const int8x16_t a = pixel(UnrolledIndex<kFirst>(), o);
      int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(first)), high = vmull_high_s8(a, first);
      if constexpr (kSecond < kTaps) {
        const int8x16_t second = vld1q_s8(block.weights + kSecond * kBlock), b = pixel(UnrolledIndex<kSecond>(), o);
        low = vmlal_s8(low, vget_low_s8(b), vget_low_s8(second));
        high = vmlal_high_s8(high, b, second);
      }
      AddProducts(sums[o], low, high);
    });
  });
  TileRows<kOutputs, kBlock> to(y, block.y_stride, block.live);
  Unroll<kOutputs>([&](auto o) CUTIS_UNROLLED { to.Store(o, Requantize(sums[o], block)); });
  to.Finish();
}

// A row of outputs, at least kOutputs. The last ones overlap those before them: their bytes are written twice, to the same
// values.
template <size_t kOutputs, size_t kSize, size_t kStride>
[[gnu::noinline]] void OutputRow(const Block& shared, const int8_t* const* all, uint8_t* y) {
  const Block block = shared;
  const int8_t* rows[kSize];
  Unroll<kSize>([&](auto ky) CUTIS_UNROLLED { rows[ky] = all[ky]; });
  for (size_t ox = 0; ox < block.width; ox += kOutputs) {
    const size_t at = ox + kOutputs <= block.width ? ox : block.width - kOutputs;
    Outputs<kOutputs, kSize, kStride>(block, rows, at * kStride * kBlock, y + at * block.y_stride);
  }
}

// The same for any window, one output at a time.
[[gnu::noinline]] void AnyOutputRow(const Block& block, const int8_t* const* rows, uint8_t* y) {
  for (size_t ox = 0; ox < block.width; ++ox, y += block.y_stride) {
    Sums sums = FirstSums(block);
    const int8_t* weights = block.weights;
    for (size_t ky = 0; ky < block.kernel_h; ++ky) {
      const int8_t* from = rows[ky] + ox * block.step;
      for (size_t kx = 0; kx < block.kernel_w; ++kx, from += block.dilation, weights += kBlock) {
        const int8x16_t pixel = vld1q_s8(from), w = vld1q_s8(weights);
        AddProducts(sums, vmull_s8(vget_low_s8(pixel), vget_low_s8(w)), vmull_high_s8(pixel, w));
      }
    }
    TileRows<1, kBlock> to(y, block.y_stride, block.live);
    to.Store(0, Requantize(sums, block));
    to.Finish();
  }
}

using RowFunction = void (*)(const Block& block, const int8_t* const* rows, uint8_t* y);

RowFunction ChooseRow(const Window& window, size_t width) {
  constexpr size_t kOutputs = 2;
  if (window.kernel_h == window.kernel_w && window.dilation_w == 1 && width >= kOutputs) {
    if (window.kernel_w == 3 && window.stride_w == 1) return OutputRow<kOutputs, 3, 1>;
    if (window.kernel_w == 3 && window.stride_w == 2) return OutputRow<kOutputs, 3, 2>;
    if (window.kernel_w == 5 && window.stride_w == 1) return OutputRow<kOutputs, 5, 1>;
    if (window.kernel_w == 5 && window.stride_w == 2) return OutputRow<kOutputs, 5, 2>;
  }
  return AnyOutputRow;
}

// The weights of the block from channel `c` on, tap by tap, and its biases.
void PrepareChannels(const DepthwiseU8Args& args, size_t c, int8_t* to, Block* block) {
  const int8_t* panel = args.w + c / 16 * DepthwiseU8PanelBytes(args.window);
  const size_t taps = block->kernel_h * block->kernel_w;
  int32x4_t sums[4] = {};
  block->weights = to;
  for (size_t tap = 0; tap < taps; tap += 4, panel += 64) {
    const int8x16x4_t four = vld4q_s8(panel);
    for (size_t i = 0; i < 4 && tap + i < taps; ++i, to += kBlock) {
      const int16x8_t low = vmovl_s8(vget_low_s8(four.val[i])), high = vmovl_high_s8(four.val[i]);
      vst1q_s8(to, four.val[i]);
      sums[0] = vaddw_s16(sums[0], vget_low_s16(low));
      sums[1] = vaddw_high_s16(sums[1], low);
      sums[2] = vaddw_s16(sums[2], vget_low_s16(high));
      sums[3] = vaddw_high_s16(sums[3], high);
    }
  }
  for (size_t i = 0; i < 4; ++i) {
    vst1q_s32(block->bias + 4 * i, vaddq_s32(vld1q_s32(args.bias + c + 4 * i), vshlq_n_s32(sums[i], 7)));
  }
  block->multiplier = args.multiplier + c;
}

CUTIS_INLINE int8x16_t Shifted(uint8x16_t bytes) { return vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(0x80))); }

// 16 channels of a pixel, of which only `readable` bytes, a multiple of 4, may be read.
CUTIS_INLINE int8x16_t LoadChannels(const uint8_t* from, size_t readable) {
  if (readable >= kBlock) return Shifted(vld1q_u8(from));
  alignas(16) uint8_t copy[kBlock] = {};
  for (size_t i = 0; i < readable; i += 4) __builtin_memcpy(copy + i, from + i, 4);
  return Shifted(vld1q_u8(copy));
}

// A row of the block's channels: padding, the image's pixels, padding. A row that is null lies outside the image.
void FillRow(const DepthwiseU8Args& args, const uint8_t* row, size_t c, int64_t columns, int8_t* to) {
  const size_t readable = args.x_stride - c, x_stride = args.x_stride;
  const int8x16_t padding = LoadChannels(args.padding + c, readable);
  const int64_t left = args.window.pad_left < columns ? args.window.pad_left : columns;
  int64_t inside = columns - left < args.in_w ? columns - left : args.in_w;
  if (row == nullptr) inside = 0;
  const int64_t right = columns - left - inside;
  for (int64_t x = 0; x < left; ++x, to += kBlock) vst1q_s8(to, padding);
  if (inside > 0) {
    const uint8_t* from = row + c;
    if (readable >= kBlock) {
      for (; inside >= 4; inside -= 4, from += 4 * x_stride, to += 4 * kBlock) {
        Unroll<4>([&](auto i) CUTIS_UNROLLED { vst1q_s8(to + i * kBlock, Shifted(vld1q_u8(from + i * x_stride))); });
      }
    }
    for (; inside > 0; --inside, from += x_stride, to += kBlock) vst1q_s8(to, LoadChannels(from, readable));
  }
  for (int64_t x = 0; x < right; ++x, to += kBlock) vst1q_s8(to, padding);
}

// Output rows [row_begin, row_end) of a block.
void RunRows(const DepthwiseU8Args& args, const Block& block, size_t c, int64_t row_begin, int64_t row_end, const int8_t** rows,
             int8_t* buffer) {
  const Window& window = args.window;
  const int64_t columns = PlanDepthwiseU8Ring(window, args.out_w).columns, height = window.kernel_h;
  const bool shared = window.dilation_h == 1;  // otherwise an output row takes only the rows it needs, and shares none
  const RowFunction run = ChooseRow(window, block.width);
  int64_t ready = 0, slot = 0;  // rows below row_begin's first that have been made, and the place of the next
  for (int64_t oy = row_begin; oy < row_end; ++oy) {
    const int64_t first = shared ? (oy - row_begin) * window.stride_h : 0;
    const int64_t top = (shared ? row_begin : oy) * window.stride_h - window.pad_top;
    if (!shared || ready < first) ready = first;
    for (; ready < first + height; ++ready, slot = slot + 1 == height ? 0 : slot + 1) {
      const int64_t y = top + ready * window.dilation_h;
      const uint8_t* row =
          y >= 0 && y < args.in_h ? args.x + static_cast<size_t>(y % args.x_rows * args.in_w) * args.x_stride : nullptr;
      FillRow(args, row, c, columns, buffer + static_cast<size_t>(slot * columns) * kBlock);
    }
    for (int64_t ky = 0, at = slot; ky < height; ++ky, at = at + 1 == height ? 0 : at + 1) {  // the oldest lies at `slot`
      rows[ky] = buffer + static_cast<size_t>(at * columns) * kBlock;
    }
    run(block, rows, args.y + static_cast<size_t>((oy - args.row_begin) * args.out_w) * args.y_stride + c);
  }
}

}  // namespace

void DepthwiseU8_2x16_neon(const DepthwiseU8Args& args) {
  const size_t channels = static_cast<size_t>(args.channels);
  int8_t* weights = reinterpret_cast<int8_t*>(args.scratch);
  std::byte* behind = args.scratch + (DepthwiseU8TapBytes(args.window) + 63) / 64 * 64;
  const int8_t** rows = reinterpret_cast<const int8_t**>(behind);
  int8_t* buffer = reinterpret_cast<int8_t*>(behind + (DepthwiseU8PointerBytes(args.window) + 63) / 64 * 64);
  Block block;
  block.kernel_h = static_cast<size_t>(args.window.kernel_h);
  block.kernel_w = static_cast<size_t>(args.window.kernel_w);
  block.dilation = static_cast<size_t>(args.window.dilation_w) * kBlock;
  block.step = static_cast<size_t>(args.window.stride_w) * kBlock;
  block.width = static_cast<size_t>(args.out_w);
  block.y_stride = args.y_stride;
  block.out = MakeOutput(args.out);
  const int64_t chunk = DepthwiseU8RowsAtATime(args);
  for (int64_t begin = args.row_begin; begin < args.row_end; begin += chunk) {
    const int64_t end = begin + chunk < args.row_end ? begin + chunk : int64_t{args.row_end};
    for (size_t c = 0; c < channels; c += kBlock) {
      block.live = channels - c < kBlock ? channels - c : kBlock;
      PrepareChannels(args, c, weights, &block);
      RunRows(args, block, c, begin, end, rows, buffer);
    }
  }
}

}  // namespace cutis
