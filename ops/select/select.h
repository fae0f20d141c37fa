// Choices between elements: what the kernels get.
#ifndef CUTIS_OPS_SELECT_SELECT_H_
#define CUTIS_OPS_SELECT_SELECT_H_

#include "ops/nest.h"

namespace cutis {

// y = condition != 0 ? a : b for every index of the nest, whose operands are y, condition, a and b. A NaN is not 0; -0 is.
// Exactly those elements are read and written (both a and b of every index); y overlaps none of the inputs (vector kernels
// compute the last elements of a row twice).
struct SelectF32Args {
  const float* condition;
  const float* a;
  const float* b;
  float* y;
  Nest nest;
};

}  // namespace cutis

#endif  // CUTIS_OPS_SELECT_SELECT_H_
