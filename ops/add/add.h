// Elementwise sums: what their kernels get.
#ifndef CUTIS_OPS_ADD_ADD_H_
#define CUTIS_OPS_ADD_ADD_H_

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {

// y[p][c] = clamp(rne(float(a[p][c]-zero_a)*multiplier_a + float(b[p][c]-zero_b)*multiplier_b) + z_y, lo, hi) for `pixels` rows
// of `channels` elements; strides are elements from one row to the next, any alignment. Exactly those elements are read and
// written. y may be exactly a or exactly b (the same address and stride); any other overlap is forbidden.
struct AddU8Args {
  const uint8_t* a;
  const uint8_t* b;
  uint8_t* y;
  size_t a_stride, b_stride, y_stride;
  size_t pixels;
  int32_t channels;
  int32_t zero_a, zero_b;
  float multiplier_a, multiplier_b;
  OutputU8 out;
};

// y[p][c] = a[p][c] + b[p][c], clamped to [min, max]; a NaN passes. Otherwise as AddU8Args.
struct AddF32Args {
  const float* a;
  const float* b;
  float* y;
  size_t a_stride, b_stride, y_stride;
  size_t pixels;
  int32_t channels;
  float min, max;
};

}  // namespace cutis

#endif  // CUTIS_OPS_ADD_ADD_H_
