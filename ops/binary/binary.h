// Functions of two elements: what their kernels get.
#ifndef CUTIS_OPS_BINARY_BINARY_H_
#define CUTIS_OPS_BINARY_BINARY_H_

#include <cstddef>
#include <cstdint>

#include "ops/nest.h"
#include "ops/options.h"

namespace cutis {

// y = clamp(f(a, b), min, max) (BinaryF32Options) for every index of the nest, whose operands are y, a and b. Exactly those
// elements are read and written. y may lie on a, or on b, where that operand has the address and all the strides of y (so it is
// not repeated) and the other one lies elsewhere or the same way; any other overlap is forbidden.
struct BinaryF32Args {
  const float* a;
  const float* b;
  float* y;
  Nest nest;
  BinaryFunction function;
  float min, max;
};

// BinaryU8Options, otherwise as BinaryF32Args. The function is one of kAdd, kSub, kMul, kMax, kMin.
struct BinaryU8Args {
  const uint8_t* a;
  const uint8_t* b;
  uint8_t* y;
  Nest nest;
  BinaryFunction function;
  int32_t zero_a, zero_b;
  float multiplier_a, multiplier_b;
  OutputU8 out;
};

}  // namespace cutis

#endif  // CUTIS_OPS_BINARY_BINARY_H_
