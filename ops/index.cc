#include "ops/index.h"

#include <cstddef>

namespace cutis {
namespace {

int32_t ExtentOf(const TensorInfo& tensor, int32_t dim) {
  const int32_t extents[kDims] = {tensor.images, tensor.shape.height, tensor.shape.width, tensor.shape.channels};
  return extents[dim];
}

int64_t StrideOf(const TensorInfo& tensor, int32_t dim) {
  const int64_t pixel = tensor.channel_stride;
  const int64_t strides[kDims] = {static_cast<int64_t>(tensor.image_bytes / SizeOf(tensor.type)), tensor.shape.width * pixel,
                                  pixel, 1};
  return strides[dim];
}

}  // namespace

int64_t ElementCount(const View& view) {
  int64_t count = 1;
  for (int32_t a = 0; a < view.rank; ++a) count *= view.dims[a];
  return count;
}

Status CheckExtents(const char* op, const View& view) {
  if (view.rank < 1 || view.rank > kMaxAxes) {
    return Status::Error(Code::kBadInput, "%s: an index space has %d axes, 1 .. %d are possible", op, view.rank, kMaxAxes);
  }
  int64_t count = 1;
  for (int32_t a = 0; a < view.rank; ++a) {
    if (view.dims[a] < 1 || view.dims[a] > (1 << 24)) {
      return Status::Error(Code::kBadInput, "%s: axis %d has %d elements, 1 .. 2^24 are possible", op, a, view.dims[a]);
    }
    count *= view.dims[a];  // at most 2^31 * 2^24
    if (count >= int64_t{1} << 31) return Status::Error(Code::kBadInput, "%s: an index space has 2^31 elements or more", op);
  }
  return {};
}

Status MapView(const char* op, const View& view, const TensorInfo& tensor, IndexMap* map) {
  CUTIS_TRY(CheckExtents(op, view));
  *map = {};
  int32_t dim = kDims - 1;
  int64_t step = 1;  // elements of `dim` that the axes so far cover
  for (int32_t a = view.rank - 1; a >= 0; --a) {
    // Whole dimensions end between two axes; extents of 1 may stand on either side.
    while (dim > 0 && step == ExtentOf(tensor, dim) && view.dims[a] != 1) {
      --dim;
      step = 1;
    }
    map->dim[a] = static_cast<Dim>(dim);
    map->step[a] = static_cast<int32_t>(step);
    step *= view.dims[a];
    if (step > ExtentOf(tensor, dim)) break;
  }
  bool fits = step == ExtentOf(tensor, dim);
  for (int32_t d = 0; d < dim; ++d) fits = fits && ExtentOf(tensor, d) == 1;
  if (!fits) return Status::Error(Code::kBadInput, "%s: its index space is no view of its output", op);
  return {};
}

Status CheckMap(const char* op, const View& view, const IndexMap& map, const TensorInfo& tensor) {
  for (int32_t d = 0; d < kDims; ++d) {
    // 8 axes of less than 2^24 * 2^31 each: within int64.
    int64_t least = map.start[d], most = map.start[d];
    for (int32_t a = 0; a < view.rank; ++a) {
      if (static_cast<int32_t>(map.dim[a]) != d) continue;
      const int64_t reach = int64_t{view.dims[a] - 1} * map.step[a];
      (reach < 0 ? least : most) += reach;
    }
    if (least < 0 || most >= ExtentOf(tensor, d)) {
      return Status::Error(Code::kBadInput, "%s: an index map leads outside its tensor", op);
    }
  }
  for (int32_t a = 0; a < view.rank; ++a) {
    if (static_cast<int32_t>(map.dim[a]) >= kDims) {
      return Status::Error(Code::kBadInput, "%s: an index map names dimension %d of a tensor", op,
                           static_cast<int>(map.dim[a]));
    }
  }
  return {};
}

Strides StridesOf(const View& view, const IndexMap& map, const TensorInfo& tensor) {
  Strides strides;
  for (int32_t d = 0; d < kDims; ++d) strides.offset += map.start[d] * StrideOf(tensor, d);
  for (int32_t a = 0; a < view.rank; ++a) {
    strides.stride[a] = map.step[a] * StrideOf(tensor, static_cast<int32_t>(map.dim[a]));
  }
  return strides;
}

bool SamePlaces(const View& view, const TensorInfo& output, const IndexMap& map, const TensorInfo& input) {
  IndexMap whole;
  if (!MapView("", view, output, &whole).ok()) return false;
  const Strides out = StridesOf(view, whole, output), in = StridesOf(view, map, input);
  bool same = out.offset == in.offset;
  for (int32_t a = 0; a < view.rank; ++a) same = same && (view.dims[a] == 1 || out.stride[a] == in.stride[a]);
  return same;
}

}  // namespace cutis
