// Random nests (ops/nest.h) and memory for their tensors, for tests of kernels that run over them.
#ifndef CUTIS_TESTS_OPS_NEST_CASE_H_
#define CUTIS_TESTS_OPS_NEST_CASE_H_

#include <cstdint>

#include "ops/nest.h"
#include "tests/ops/kernel_test.h"

namespace cutis::test {

struct NestCase {
  Nest nest;
  // For each tensor: how many elements lie between its lowest and its highest, both included, and which of them index 0 is.
  int64_t size[kMaxOperands] = {};
  int64_t first[kMaxOperands] = {};
};

// Rows of `row` elements, up to three further axes. The elements of the output are apart from each other, in any order, with or
// without gaps; the other operands repeat, skip, run backwards, or lie like the output.
NestCase MakeNestCase(Random& random, int32_t operands, int64_t row);

// Calls each(nest_case, random, seed) for rows of lengths around the widths of vectors, and a few long ones.
template <class Each>
void ForEachNest(int32_t operands, Each each) {
  uint64_t seed = 1;
  for (int64_t row = 1; row <= 70; ++row) {
    for (int round = 0; round < 6; ++round, ++seed) {
      Random random(seed);
      const NestCase nest = MakeNestCase(random, operands, row);
      each(nest, random, seed);
    }
  }
  for (const int64_t row : {255, 256, 1001, 4099}) {
    Random random(++seed);
    const NestCase nest = MakeNestCase(random, operands, row);
    each(nest, random, seed);
  }
}

}  // namespace cutis::test

#endif  // CUTIS_TESTS_OPS_NEST_CASE_H_
