#include "ops/nest.h"

#include <algorithm>

namespace cutis {
namespace {

// What one pass of the innermost loop does along an axis: its elements, which vectors take several at a time where the output
// follows itself and every input follows itself or stands still.
int64_t Worth(const Nest& nest, size_t operands, int32_t axis) {
  bool vectors = nest.stride[0][axis] == 1;
  for (size_t o = 1; o < operands; ++o) vectors = vectors && (nest.stride[o][axis] == 0 || nest.stride[o][axis] == 1);
  return nest.extent[axis] * (vectors ? 8 : 1);
}

// Axis `from` of one nest becomes axis `to` of another.
void CopyAxis(const Nest& source, int32_t from, Nest& target, int32_t to) {
  target.extent[to] = source.extent[from];
  for (int32_t o = 0; o < kMaxOperands; ++o) target.stride[o][to] = source.stride[o][from];
}

}  // namespace

Slabs CutView(const View& view, int64_t elements) {
  Slabs slabs;
  int64_t inner = 1;  // elements of the axes behind slabs.axis
  slabs.axis = view.rank - 1;
  while (slabs.axis > 0 && inner * view.dims[slabs.axis] < elements) inner *= view.dims[slabs.axis--];
  const int64_t extent = view.dims[slabs.axis];
  const int64_t block = std::clamp<int64_t>(elements / inner, 1, extent);
  slabs.block = static_cast<int32_t>(block);
  slabs.blocks = slabs.count = (extent + block - 1) / block;
  for (int32_t a = 0; a < slabs.axis; ++a) slabs.count *= view.dims[a];
  return slabs;
}

Box SlabAt(const View& view, const Slabs& slabs, int64_t slab) {
  Box box;
  for (int32_t a = 0; a < view.rank; ++a) box.extent[a] = a < slabs.axis ? 1 : view.dims[a];
  const int64_t first = slab % slabs.blocks * slabs.block;
  box.from[slabs.axis] = static_cast<int32_t>(first);
  box.extent[slabs.axis] = static_cast<int32_t>(std::min<int64_t>(slabs.block, view.dims[slabs.axis] - first));
  slab /= slabs.blocks;
  for (int32_t a = slabs.axis - 1; a >= 0; --a) {
    box.from[a] = static_cast<int32_t>(slab % view.dims[a]);
    slab /= view.dims[a];
  }
  return box;
}

int64_t OffsetOf(const Strides& strides, int32_t rank, const int32_t* from) {
  int64_t offset = strides.offset;
  for (int32_t a = 0; a < rank; ++a) offset += from[a] * strides.stride[a];
  return offset;
}

Nest MakeNest(int32_t rank, const int32_t* extent, std::span<const Strides> operands) {
  Nest nest;
  nest.rank = 0;
  for (int32_t a = 0; a < rank; ++a) {
    if (extent[a] == 1) continue;
    const int32_t last = nest.rank - 1;
    bool joins = nest.rank > 0;
    for (size_t o = 0; joins && o < operands.size(); ++o) {
      joins = nest.stride[o][last] == operands[o].stride[a] * extent[a];
    }
    const int32_t axis = joins ? last : nest.rank++;
    nest.extent[axis] = joins ? nest.extent[axis] * extent[a] : extent[a];
    for (size_t o = 0; o < operands.size(); ++o) nest.stride[o][axis] = operands[o].stride[a];
  }
  if (nest.rank == 0) {
    nest.rank = 1;
    nest.extent[0] = 1;
    for (auto& stride : nest.stride) stride[0] = 1;
    return nest;
  }
  int32_t best = nest.rank - 1;
  for (int32_t a = nest.rank - 2; a >= 0; --a) {
    if (Worth(nest, operands.size(), a) > Worth(nest, operands.size(), best)) best = a;
  }
  if (best == nest.rank - 1) return nest;
  Nest moved = nest;
  for (int32_t a = best; a + 1 < nest.rank; ++a) CopyAxis(nest, a + 1, moved, a);
  CopyAxis(nest, best, moved, nest.rank - 1);
  return moved;
}

}  // namespace cutis
