// Depthwise convolution (one filter a channel): what its kernels get.
#ifndef CUTIS_OPS_DEPTHWISE_DEPTHWISE_H_
#define CUTIS_OPS_DEPTHWISE_DEPTHWISE_H_

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {

// y[oy][ox][c] = requantize(bias[c] + sum over ky, kx of x[oy*stride_h - pad_top + ky*dilation_h][...][c] * w[c][ky][kx]) for
// the output rows [row_begin, row_end) of one image; what lies outside the image is the pixel `padding`.
//   x       [in_h][in_w] pixels of `channels` bytes, x_stride bytes apart (a multiple of 4, at least `channels`)
//   padding x_stride bytes
//   w       [ceil(c/16)][kernel_h][ceil(kernel_w/4)][16 c][4 taps], 64-byte aligned; bias, multiplier [ceil16(c)]
//   y       [out_h][out_w] pixels of `channels` bytes, y_stride bytes apart
//   scratch what DepthwiseU8Rows and DepthwiseU8TapBytes say, each rounded up to 64 bytes; 64-byte aligned
// A kernel reads nothing outside the pixels (x_stride bytes each) and writes exactly the `channels` bytes of each output.
struct DepthwiseU8Args {
  const uint8_t* x;
  size_t x_stride;
  int32_t in_h, in_w;
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

// The working memory of the depthwise kernels: the rows of a block of up to 16 channels that some output rows need, padded and
// widened to 16 bits, so that no kernel asks where the border is; beside them the block's weights.
struct DepthwiseU8Rows {
  int64_t columns;      // of a padded row
  int64_t kernel_rows;  // input rows that one output row needs
  int64_t out_rows;     // output rows at a time
  int64_t in_rows;      // rows in memory for these
};

// Rows for about 32 KiB, the size of a first-level cache; one output row where even that is more. With a dilation along the
// height an output row takes only the rows it needs, and output rows share none.
[[gnu::always_inline]] static inline DepthwiseU8Rows PlanDepthwiseU8Rows(const Window& window, int32_t out_w, int32_t out_h) {
  DepthwiseU8Rows rows;
  rows.columns = (int64_t{out_w} - 1) * window.stride_w + int64_t{window.dilation_w} * (window.kernel_w - 1) + 1;
  rows.kernel_rows = window.kernel_h;
  const int64_t most = 32 * 1024 / 32 / rows.columns;  // 16 channels of 16 bits
  rows.out_rows = 1;
  if (window.dilation_h == 1 && most > rows.kernel_rows) rows.out_rows += (most - rows.kernel_rows) / window.stride_h;
  if (rows.out_rows > out_h) rows.out_rows = out_h;
  rows.in_rows = (rows.out_rows - 1) * window.stride_h + rows.kernel_rows;
  return rows;
}

// The weights of 16 channels at 16 bits and an offset, for an even number of taps.
[[gnu::always_inline]] static inline int64_t DepthwiseU8TapBytes(const Window& window) {
  const int64_t taps = (int64_t{window.kernel_h} * window.kernel_w + 1) / 2 * 2;
  return taps * (16 * 2 + 8);
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
