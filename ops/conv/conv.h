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
//   scratch  ConvU8ScratchBytes(k_groups) bytes, 64-byte aligned
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
  std::byte* scratch;
};

// The working memory of kernels that bring weights and pixels into another order, some k-groups at a time: the pixels of a
// tile, the rows of weights of a panel with two lists of them and, where there are several such chunks, the sums of a block of
// pixels. The tiles of conv_amx.cc need less.
inline constexpr int32_t kConvU8ChunkGroups = 128;
inline constexpr int32_t kConvU8BlockPixels = 96;
inline constexpr size_t kConvU8TileBytes = 6 * 3 * 4 * size_t{kConvU8ChunkGroups};

[[gnu::always_inline]] static inline constexpr size_t ConvU8ScratchBytes(int64_t k_groups) {
  const size_t rows = kConvU8ChunkGroups, lists = 2 * 2 * rows;
  const size_t sums = k_groups <= kConvU8ChunkGroups ? 0 : size_t{kConvU8BlockPixels} * 16 * 4;
  return kConvU8TileBytes + lists + rows * (64 + 128) + sums;
}

// The same over B16x4: of the terms only those of the live rows. Row r holds k-group live[r]; the panel of outputs 16*i ..
// 16*i+15 has the rows panel_starts[i] .. panel_starts[i+1]-1, possibly none.
//   w  rows of [16 n][4 k], 64-byte aligned; x  rows of any length that holds the live k-groups. The rest is as above, with
//   that
// length for k_groups.
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
  std::byte* scratch;
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
