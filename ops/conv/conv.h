// Convolution and fully connected layers: what their kernels get.
#ifndef CUTIS_OPS_CONV_CONV_H_
#define CUTIS_OPS_CONV_CONV_H_

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {

// y[p][n] = requantize(bias[n] + sum over k of x[p][k]*w[n][k]) for `pixels` rows and `channels` outputs,
// both at least 1, k_groups too.
//   x  [pixels] rows of 4*k_groups bytes, x_stride bytes apart, any alignment
//   w  W16x4: [ceil(channels/16)][k_groups][16 n][4 k], 64-byte aligned; bias, multiplier [ceil16(channels)]
//   y  [pixels] rows of `channels` bytes, y_stride apart, any alignment
// A kernel reads exactly those rows and writes exactly those bytes. The op brings every convolution into this form: 1x1 ones as
// they are, others by copying patches of a few pixels into the thread's scratch.
struct ConvU8Args {
  const uint8_t* x;
  size_t x_stride;
  size_t pixels;
  const int8_t* w;
  const int32_t* bias;
  const float* multiplier;
  uint8_t* y;
  size_t y_stride;
  int32_t k_groups;
  int32_t channels;
  OutputU8 out;
};

// The same over B16x4: of the terms only those of the live rows. Row r holds k-group live[r]; the panel of outputs 16*i ..
// 16*i+15 has the rows panel_starts[i] .. panel_starts[i+1]-1, possibly none.
//   w  rows of [16 n][4 k], 64-byte aligned; x  rows of any length that holds the live k-groups. The rest is as above.
struct ConvSparseU8Args {
  const uint8_t* x;
  size_t x_stride;
  size_t pixels;
  const int8_t* w;
  const uint32_t* panel_starts;
  const uint16_t* live;
  const int32_t* bias;
  const float* multiplier;
  uint8_t* y;
  size_t y_stride;
  int32_t channels;
  OutputU8 out;
};

// y[p][n] = clamp(bias[n] + x[p][0]*w[n][0] + x[p][1]*w[n][1] + ..., min, max): k in order, multiply and add rounded apart.
//   x  [pixels] rows of k floats, x_stride floats apart;  w [ceil(channels/16)][k][16 n], 64-byte aligned;  bias
//   [ceil16(channels)]
struct ConvF32Args {
  const float* x;
  size_t x_stride;
  size_t pixels;
  const float* w;
  const float* bias;
  float* y;
  size_t y_stride;
  int32_t k;
  int32_t channels;
  float min, max;
};

}  // namespace cutis

#endif  // CUTIS_OPS_CONV_CONV_H_
