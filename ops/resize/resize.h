// Linear interpolation: what its kernels get.
#ifndef CUTIS_OPS_RESIZE_RESIZE_H_
#define CUTIS_OPS_RESIZE_RESIZE_H_

#include <cstddef>
#include <cstdint>

#include "ops/requant.h"

namespace cutis {

// An output row of `pixels` pixels of `channels` elements: pixel p lies between the pixels low[p] and high[p] of two input
// rows, with the share weight[p] of the second, and between the rows `top` and `bottom` with the share weight_y of the second.
// Pixels are x_stride and y_stride elements apart, any alignment; exactly those elements are read and written; y does not
// overlap the input (vector kernels compute the last channels of a pixel twice). Shares lie in [0, 1].
template <class T>
struct ResizeRow {
  const T* top;
  const T* bottom;
  size_t x_stride;
  const int32_t* low;
  const int32_t* high;
  const float* weight;
  float weight_y;
  T* y;
  size_t y_stride;
  size_t pixels;
  int32_t channels;
};

// a = top[low] + (top[high] - top[low])*weight, b likewise, y = a + (b - a)*weight_y; every operation rounded by itself.
struct ResizeLinearF32Args : ResizeRow<float> {};

// The four bytes times the products of their integer weights W and 2048-W, W = rne(2048*weight), + 2^21, >> 22.
struct ResizeLinearU8Args : ResizeRow<uint8_t> {};

// At most 2048. A sum of the four bytes' products is below 255*2^22 + 2^21 < 2^31.
[[gnu::always_inline]] static inline int32_t IntegerWeight(float weight) { return RoundToEven(2048.0f * weight); }

[[gnu::always_inline]] static inline float Interpolate(float a, float b, float weight) { return a + (b - a) * weight; }

// Of one row: the value times 2048.
[[gnu::always_inline]] static inline int32_t Interpolate2048(int32_t a, int32_t b, int32_t weight) {
  return 2048 * a + (b - a) * weight;
}

}  // namespace cutis

#endif  // CUTIS_OPS_RESIZE_RESIZE_H_
