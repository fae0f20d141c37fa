#include "tests/ops/nest_case.h"

#include <algorithm>

namespace cutis::test {
namespace {

// Strides that keep all elements apart: the axes in some order, each beyond the reach of those before it.
void Spread(Random& random, Nest& nest, int64_t* stride, bool row_first) {
  int32_t order[kMaxAxes];
  for (int32_t a = 0; a < nest.rank; ++a) order[a] = nest.rank - 1 - a;
  if (!row_first) {
    for (int32_t a = nest.rank - 1; a > 0; --a) std::swap(order[a], order[random.Between(0, a)]);
  }
  int64_t step = row_first || random.OneIn(2) ? 1 : random.Between(1, 3);
  for (int32_t a = 0; a < nest.rank; ++a) {
    stride[order[a]] = step;
    step = step * nest.extent[order[a]] + (random.OneIn(2) ? random.Between(0, 5) : 0);
  }
}

}  // namespace

NestCase MakeNestCase(Random& random, int32_t operands, int64_t row) {
  NestCase out;
  Nest& nest = out.nest;
  nest.rank = static_cast<int32_t>(random.Between(1, row > 100 ? 2 : 4));
  for (int32_t a = 0; a + 1 < nest.rank; ++a) nest.extent[a] = random.Between(1, 4);
  nest.extent[nest.rank - 1] = row;
  for (int32_t o = 0; o < operands; ++o) {
    int64_t* stride = nest.stride[o];
    Spread(random, nest, stride, !random.OneIn(4));
    const int64_t kind = o == 0 ? 0 : random.Between(0, 5);
    for (int32_t a = 0; a < nest.rank; ++a) {
      if (kind == 1 || (kind == 2 && a == nest.rank - 1) || (kind == 3 && a < nest.rank - 1)) stride[a] = 0;
      if (kind == 4 && random.OneIn(2)) stride[a] = -stride[a];
      if (kind == 5) stride[a] = random.Between(-3, 3);
    }
    int64_t least = 0, most = 0;
    for (int32_t a = 0; a < nest.rank; ++a) {
      const int64_t reach = (nest.extent[a] - 1) * stride[a];
      (reach < 0 ? least : most) += reach;
    }
    out.first[o] = -least;
    out.size[o] = most - least + 1;
  }
  return out;
}

}  // namespace cutis::test
