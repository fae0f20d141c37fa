// Index maps: how operators that rearrange, broadcast or reduce address their tensors.
//
// Such an operator walks over a small row-major index space, its view: a factorisation of the elements of its output. For each
// input an index map says along which memory dimension an axis of the view steps, and how far. So transposes, slices,
// broadcasts and reshapes of any rank are the same loop over strides, and a check of a few numbers proves that it stays within
// the elements (never in the gaps that pad pixels and images).
#ifndef CUTIS_OPS_INDEX_H_
#define CUTIS_OPS_INDEX_H_

#include <cstdint>

#include "ops/status.h"
#include "ops/tensor.h"

namespace cutis {

inline constexpr int32_t kMaxAxes = 8;

// The memory dimensions of a tensor, outermost first.
enum class Dim : uint8_t { kImage, kHeight, kWidth, kChannel };
inline constexpr int32_t kDims = 4;

// Extents of an index space, row-major. A view of a tensor is one whose axes, taken from the last to the first, multiply to the
// channels, then to the width, the height and the images of the tensor, each exactly: [2, 3, 8] is a view of an image of
// 2 x 3 x 8 and of one of 1 x 6 x 8, [2, 3, 2, 4] of both too.
struct View {
  int32_t rank = 0;
  int32_t dims[kMaxAxes] = {};
};

// coordinate[d] = start[d] + sum over axes a with dim[a] == d of index[a] * step[a]. A step of 0 repeats (broadcast).
struct IndexMap {
  int32_t start[kDims] = {};
  Dim dim[kMaxAxes] = {};
  int32_t step[kMaxAxes] = {};
};

// An index map in elements: address = offset + sum of index[a] * stride[a].
struct Strides {
  int64_t offset = 0;
  int64_t stride[kMaxAxes] = {};
};

int64_t ElementCount(const View& view);

// Every extent in 1 .. 2^24, their product below 2^31.
Status CheckExtents(const char* op, const View& view);
// Also that it is a view of `tensor`; `map` then addresses the tensor by it.
Status MapView(const char* op, const View& view, const TensorInfo& tensor, IndexMap* map);
// Every index of `view` leads to an element of `tensor`. CheckExtents has passed.
Status CheckMap(const char* op, const View& view, const IndexMap& map, const TensorInfo& tensor);
// CheckMap or MapView has passed.
Strides StridesOf(const View& view, const IndexMap& map, const TensorInfo& tensor);
// Every index leads to the same place of `input`, by `map`, and of `output`, of which `view` is a view: the two could lie on
// one another. MapView and CheckMap have passed.
bool SamePlaces(const View& view, const TensorInfo& output, const IndexMap& map, const TensorInfo& input);

}  // namespace cutis

#endif  // CUTIS_OPS_INDEX_H_
