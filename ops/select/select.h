// Choices between elements: what the kernels get.
#ifndef CUTIS_OPS_SELECT_SELECT_H_
#define CUTIS_OPS_SELECT_SELECT_H_

#include "ops/nest.h"

namespace cutis {

// y = condition != 0 ? a : b for every index of the nest, whose operands are y, condition, a and b. A NaN is not 0; -0 is.
// Exactly those elements are read and written (both a and b of every index). y may lie on an input that has the address and all
// the strides of y (so it is not repeated), where the others lie elsewhere or the same way; any other overlap is forbidden.
struct SelectF32Args {
  const float* condition;
  const float* a;
  const float* b;
  float* y;
  Nest nest;
};

}  // namespace cutis

#endif  // CUTIS_OPS_SELECT_SELECT_H_
