// Depthwise convolution (one filter a channel): what its kernels get.
#ifndef CUTIS_OPS_DEPTHWISE_DEPTHWISE_H_
#define CUTIS_OPS_DEPTHWISE_DEPTHWISE_H_

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {

// y[oy][ox][c] = requantize(bias[c] + sum over ky, kx of x[oy*stride_h - pad_top + ky*dilation_h][...][c] * w[c][ky][kx]) for
// the output rows [row_begin, row_end) of one image; what lies outside the image is the pixel `padding`.
//   x       [in_h][in_w] pixels of `channels` bytes, x_stride bytes apart (a multiple of 4, at least `channels`); of the in_h
//           rows only some need be in memory: row r lies in place r % x_rows
//   padding x_stride bytes
//   w       [ceil(c/16)][ceil(taps/4)][16 c][4 taps], taps over (ky, kx), 64-byte aligned; bias, multiplier [ceil16(c)]
//   y       [row_end - row_begin][out_w] pixels of `channels` bytes, y_stride bytes apart: row_begin is the first
//   scratch DepthwiseU8TapBytes, DepthwiseU8PointerBytes and DepthwiseU8RowBytes, each rounded up to 64 bytes; 64-byte aligned
// A kernel reads nothing outside the pixels (x_stride bytes each) and writes exactly the `channels` bytes of each output.
struct DepthwiseU8Args {
  const uint8_t* x;
  size_t x_stride;
  int32_t in_h, in_w;
  int32_t x_rows;
  const uint8_t* padding;
  const int8_t* w;
  const int32_t* bias;
  const float* multiplier;
  uint8_t* y;
  size_t y_stride;
  int32_t out_h, out_w;
  int32_t row_begin, row_end;
  int32_t channels;
  Window window;
  OutputU8 out;
  std::byte* scratch;
};

// Bytes of the weights of 16 channels.
[[gnu::always_inline]] static inline size_t DepthwiseU8PanelBytes(const Window& window) {
  return (static_cast<size_t>(window.kernel_h) * static_cast<size_t>(window.kernel_w) + 3) / 4 * 64;
}

// The working memory of the depthwise kernels, for a block of up to 16 channels: input rows, padded, as many as an output row
// can touch, in one of three forms; beside them the block's weights in the order of that form, and pointers to rows. The third,
// plain bytes and weights tap by tap, takes half as much as the first.
//   pairs of rows, widened to 16 bits and interleaved; weights in pairs of rows of taps, once for a first row that begins a
//   pair and once for one that ends it
//   bytes: 4 neighbouring pixels of 16 channels for each two pixels, in DepthwiseU8Bytes; weights in fours of a row's taps,
//   once for an output that begins at the first of two pixels and once for the second
struct DepthwiseU8Ring {
  int64_t columns;  // of a padded row
  int64_t pairs;

  [[gnu::always_inline]] int64_t Bytes() const { return pairs * columns * (2 * 16 * 2); }
};

[[gnu::always_inline]] static inline DepthwiseU8Ring PlanDepthwiseU8Ring(const Window& window, int32_t out_w) {
  return {(int64_t{out_w} - 1) * window.stride_w + int64_t{window.dilation_w} * (window.kernel_w - 1) + 1,
          int64_t{window.kernel_h} / 2 + 1};
}

// Columns that lie dilation_w apart are neighbours, so a row is cut into that many phases. There is one row more than the
// window has, all padding; two input rows as they are, 16 bytes a pixel, wait to be interleaved.
struct DepthwiseU8Bytes {
  int64_t columns;  // of a padded row
  int64_t phases;
  int64_t pixels;  // of a phase, an even number
  int64_t rows;

  [[gnu::always_inline]] int64_t RowBytes() const { return phases * pixels / 2 * 64; }
  // The last four pixels overhang by 2.
  [[gnu::always_inline]] int64_t PlainBytes() const { return (phases * pixels + 2 + 3) / 4 * 64; }
  // A kernel may read outputs that do not exist, up to 3 vectors behind a row.
  [[gnu::always_inline]] int64_t Bytes() const { return rows * RowBytes() + 3 * 64 + 2 * PlainBytes(); }
};

[[gnu::always_inline]] static inline DepthwiseU8Bytes PlanDepthwiseU8Bytes(const Window& window, int32_t out_w) {
  const int64_t columns = PlanDepthwiseU8Ring(window, out_w).columns;
  const int64_t phases = window.kernel_w > 1 ? int64_t{window.dilation_w} : 1;  // fewer than columns, or 1
  return {columns, phases, ((columns + phases - 1) / phases + 1) / 2 * 2, int64_t{window.kernel_h} + 1};
}

// Vectors of weights for each row of taps: the second of two pixels begins one tap late.
[[gnu::always_inline]] static inline int64_t DepthwiseU8RowVectors(const Window& window) {
  return (int64_t{window.kernel_w} + 4) / 4;
}

// The parts of the working memory, each the larger one of the two forms. Products of sizes that PlanDepthwiseU8Ring() gave and
// that were found to be small.
[[gnu::always_inline]] static inline int64_t DepthwiseU8TapBytes(const Window& window) {
  const int64_t pairs = 2 * (int64_t{window.kernel_h} / 2 + 1) * window.kernel_w * (2 * 16 * 2);
  const int64_t bytes = 2 * window.kernel_h * DepthwiseU8RowVectors(window) * 64;
  return pairs > bytes ? pairs : bytes;
}
[[gnu::always_inline]] static inline int64_t DepthwiseU8PointerBytes(const Window& window) {
  return int64_t{window.kernel_h} * 2 * 8;
}
[[gnu::always_inline]] static inline int64_t DepthwiseU8RowBytes(const Window& window, int32_t out_w) {
  const int64_t pairs = PlanDepthwiseU8Ring(window, out_w).Bytes(), bytes = PlanDepthwiseU8Bytes(window, out_w).Bytes();
  return pairs > bytes ? pairs : bytes;
}

// Output rows that all blocks of channels go over before the next ones: a block takes a part of each cache line of the input,
// so those rows should stay in a second-level cache.
[[gnu::always_inline]] static inline int64_t DepthwiseU8RowsAtATime(const DepthwiseU8Args& args) {
  constexpr int64_t kInputBytes = 128 * 1024, kFewest = 4;
  const Window& window = args.window;
  const int64_t most = kInputBytes / (int64_t{args.in_w} * static_cast<int64_t>(args.x_stride));
  const int64_t rows = most > window.kernel_h ? (most - window.kernel_h) / window.stride_h + 1 : 1;
  return rows > kFewest ? rows : kFewest;
}

// The same in float32: y = clamp(bias[c] + x*w + x*w + ..., min, max), taps in the order (ky, kx), multiply and add rounded
// apart; what lies outside the image is left out of the sum.
//   x, y    strides in floats;  w [ceil(c/16)][kernel_h][kernel_w][16 c], 64-byte aligned;  bias [ceil16(c)]
struct DepthwiseF32Args {
  const float* x;
  size_t x_stride;
  int32_t in_h, in_w;
  const float* w;
  const float* bias;
  float* y;
  size_t y_stride;
  int32_t out_h, out_w;
  int32_t row_begin, row_end;
  int32_t channels;
  Window window;
  float min, max;
};

}  // namespace cutis

#endif  // CUTIS_OPS_DEPTHWISE_DEPTHWISE_H_
