#include "converter/lower/layout.h"

#include <algorithm>

#include "converter/graph/edit.h"

namespace cutis::convert {
namespace {

constexpr int64_t kMostExtent = kMostImageExtent, kMostImages = 4096;  // runtime/verify.h

int64_t Product(const Dims& dims, size_t begin) {
  int64_t product = 1;
  for (size_t i = begin; i < dims.size(); ++i) product *= dims[i];
  return product;
}

}  // namespace

Layout FlatLayout(const Dims& dims) {
  Layout layout;
  layout.shape = {1, 1, static_cast<int32_t>(Product(dims, 0))};
  layout.axes.resize(dims.size());
  for (size_t a = 0; a < dims.size(); ++a) layout.axes[a] = {Dim::kChannel, static_cast<int32_t>(Product(dims, a + 1))};
  return layout;
}

Layout ImageLayout(const Dims& dims) {
  const size_t rank = dims.size();
  if (rank < 1 || rank > 4) return FlatLayout(dims);
  Dims extents = {1, 1, 1, 1};  // N, C, H, W
  if (rank == 1) extents[1] = dims[0];
  if (rank >= 2) extents[0] = dims[0], extents[1] = dims[1];
  if (rank == 3) extents[3] = dims[2];
  if (rank == 4) extents[2] = dims[2], extents[3] = dims[3];
  const bool vector = extents[2] == 1 && extents[3] == 1;
  if (extents[0] > kMostImages || (extents[1] > kMostExtent && !vector) || extents[2] > kMostExtent ||
      extents[3] > kMostExtent) {
    return FlatLayout(dims);
  }
  Layout layout;
  layout.images = static_cast<int32_t>(extents[0]);
  layout.shape = {static_cast<int32_t>(extents[2]), static_cast<int32_t>(extents[3]), static_cast<int32_t>(extents[1])};
  constexpr AxisPlace kImage = {Dim::kImage, 1}, kChannel = {Dim::kChannel, 1}, kHeight = {Dim::kHeight, 1},
                      kWidth = {Dim::kWidth, 1};
  if (rank == 1) layout.axes = {kChannel};
  if (rank == 2) layout.axes = {kImage, kChannel};
  if (rank == 3) layout.axes = {kImage, kChannel, kWidth};
  if (rank == 4) layout.axes = {kImage, kChannel, kHeight, kWidth};
  return layout;
}

Layout RowsLayout(const Dims& dims, size_t axis) {
  // The outer axes go along the height as soon as all of them together would exceed a width.
  const int64_t rows = Product(dims, 0) / dims[axis];
  int64_t height = 1;
  size_t split = 0;  // axes before it go along the height
  while (rows / height > kMostExtent && split + 1 < dims.size()) {
    if (split != axis) height *= dims[split];
    ++split;
  }
  Layout layout;
  layout.shape = {static_cast<int32_t>(height), static_cast<int32_t>(rows / height), static_cast<int32_t>(dims[axis])};
  layout.axes.resize(dims.size());
  int64_t step = 1;
  for (size_t a = dims.size(); a-- > 0;) {
    if (a + 1 == split) step = 1;
    layout.axes[a] = {a < split ? Dim::kHeight : Dim::kWidth, static_cast<int32_t>(step)};
    if (a == axis) {
      layout.axes[a] = {Dim::kChannel, 1};
    } else {
      step *= dims[a];
    }
  }
  return layout;
}

bool SamePlaces(const Layout& a, const Layout& b, const Dims& dims) {
  if (!(a.shape == b.shape) || a.images != b.images) return false;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1 && (a.axes[i].dim != b.axes[i].dim || a.axes[i].step != b.axes[i].step)) return false;
  }
  return true;
}

Status ViewOf(const Layout& layout, const Dims& dims, View* view, std::vector<int>* order) {
  order->clear();
  for (size_t a = 0; a < dims.size(); ++a) {
    if (dims[a] != 1) order->push_back(static_cast<int>(a));
  }
  std::stable_sort(order->begin(), order->end(), [&](int a, int b) {
    const AxisPlace &first = layout.axes[static_cast<size_t>(a)], &second = layout.axes[static_cast<size_t>(b)];
    return first.dim != second.dim ? first.dim < second.dim : first.step > second.step;
  });
  if (order->size() > static_cast<size_t>(kMaxAxes)) {
    return Status::Error(Code::kUnsupported, "%zu axes that are not 1; at most %d are supported", order->size(), kMaxAxes);
  }
  *view = {};
  for (const int axis : *order) view->dims[view->rank++] = static_cast<int32_t>(dims[static_cast<size_t>(axis)]);
  if (order->empty()) {
    order->push_back(-1);
    view->rank = 1;
    view->dims[0] = 1;
  }
  return {};
}

IndexMap MapOf(const Layout& layout, const Dims& dims, size_t rank, const std::vector<int>& order) {
  IndexMap map;
  for (size_t i = 0; i < order.size(); ++i) {
    map.dim[i] = Dim::kChannel;
    const int64_t axis = order[i] - static_cast<int64_t>(rank) + static_cast<int64_t>(dims.size());
    if (order[i] < 0 || axis < 0 || dims[static_cast<size_t>(axis)] == 1) continue;
    map.dim[i] = layout.axes[static_cast<size_t>(axis)].dim;
    map.step[i] = layout.axes[static_cast<size_t>(axis)].step;
  }
  return map;
}

}  // namespace cutis::convert
