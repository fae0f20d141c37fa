// Maximum and average pools: what their kernels get.
#ifndef CUTIS_OPS_POOL_POOL_H_
#define CUTIS_OPS_POOL_POOL_H_

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {

// A run of output pixels whose windows have the same taps (the op has cut off what lies outside the image):
//   x[p*pixel_stride + row*row_stride + column*column_stride + c], row < rows, column < columns (at least 1 each)
//   y[p*y_stride + c]
// for p < pixels, c < channels. All strides in elements, any alignment; exactly those elements are read and written, and y does
// not overlap x.
template <class T>
struct PoolWindows {
  const T* x;
  size_t pixel_stride, row_stride, column_stride;
  int32_t rows, columns;
  T* y;
  size_t y_stride;
  size_t pixels;
  int32_t channels;
};

// y = the largest tap. float32: taps in order (rows, then columns), a later one wins only if it is greater.
struct MaxPoolU8Args : PoolWindows<uint8_t> {};
struct MaxPoolF32Args : PoolWindows<float> {};

// y = requantize(sum of the taps - rows*columns*zero_point, multiplier).
struct AveragePoolU8Args : PoolWindows<uint8_t> {
  int32_t zero_point;
  float multiplier;
  OutputU8 out;
};

// y = (0 + tap + tap + ...) / divisor, taps in order (rows, then columns).
struct AveragePoolF32Args : PoolWindows<float> {
  float divisor;
};

}  // namespace cutis

#endif  // CUTIS_OPS_POOL_POOL_H_
