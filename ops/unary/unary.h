// Functions of single float32 elements: what their kernels get.
#ifndef CUTIS_OPS_UNARY_UNARY_H_
#define CUTIS_OPS_UNARY_UNARY_H_

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {

// y[p][c] = f(x[p][c]) for `pixels` rows of `channels` elements; strides are elements from one row to the next, any alignment.
// Exactly those elements are read and written. y may be exactly x (the same address and stride); any other overlap is
// forbidden. ops/unary/functions.h defines f.
struct UnaryF32Args {
  const float* x;
  float* y;
  size_t x_stride, y_stride;
  size_t pixels;
  int32_t channels;
  UnaryFunction function;
  float alpha, beta;
};

}  // namespace cutis

#endif  // CUTIS_OPS_UNARY_UNARY_H_
