// Loops over boxes of index spaces: what the operators on index maps (ops/index.h) share.
#ifndef CUTIS_OPS_NEST_H_
#define CUTIS_OPS_NEST_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/index.h"
#include "ops/tensor.h"

namespace cutis {

// A box of an index space.
struct Box {
  int32_t from[kMaxAxes] = {};
  int32_t extent[kMaxAxes] = {};
};

// How a view is cut into units of work: slabs, boxes that follow each other in row-major order. Along the axes before `axis` a
// slab has the extent 1, along `axis` it has `block` or, at the end, fewer, along those behind the whole.
struct Slabs {
  int32_t axis = 0;
  int32_t block = 1;
  int64_t blocks = 1;  // along `axis`
  int64_t count = 1;
};
// Slabs of at most `elements` elements (at least one element), as large as such boxes can be up to a factor of two or so.
Slabs CutView(const View& view, int64_t elements);
Box SlabAt(const View& view, const Slabs& slabs, int64_t slab);

// Offset of the element at `from`.
int64_t OffsetOf(const Strides& strides, int32_t rank, const int32_t* from);

// Nested loops over a box, the last axis the innermost, with the strides (in elements) of up to four tensors; tensor 0 is the
// output. At least one axis.
inline constexpr int32_t kMaxOperands = 4;
struct Nest {
  int32_t rank = 1;
  int64_t extent[kMaxAxes] = {};
  int64_t stride[kMaxOperands][kMaxAxes] = {};
};

// The nest over a box of these extents: axes that are one run of elements in every tensor are joined, and the innermost axis is
// the one along which most can be done at once. The order in which it visits the elements is not that of the view.
Nest MakeNest(int32_t rank, const int32_t* extent, std::span<const Strides> operands);

// Calls row(offset) for every row, a run along the last axis; `offset` has the offset of its first element in each tensor.
template <int32_t kOperands, class Row>
[[gnu::always_inline]] static inline void ForEachRow(const Nest& nest, const Row& row) {
  static_assert(kOperands <= kMaxOperands);
  int64_t offset[kOperands] = {};
  int64_t index[kMaxAxes] = {};
  for (;;) {
    row(offset);
    int32_t axis = nest.rank - 2;
    for (; axis >= 0; --axis) {
      for (int32_t o = 0; o < kOperands; ++o) offset[o] += nest.stride[o][axis];
      if (++index[axis] < nest.extent[axis]) break;
      for (int32_t o = 0; o < kOperands; ++o) offset[o] -= nest.stride[o][axis] * nest.extent[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

}  // namespace cutis

#endif  // CUTIS_OPS_NEST_H_
