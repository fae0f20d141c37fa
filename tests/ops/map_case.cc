#include "tests/ops/map_case.h"

#include <algorithm>

namespace cutis::test {
namespace {

// Axes whose product is `extent`, appended in reverse order (innermost first).
void Factor(Random& random, int32_t extent, std::vector<int32_t>& axes, size_t most) {
  if (axes.size() < most && random.OneIn(6)) axes.push_back(1);
  for (int32_t factor = 2; factor < extent && axes.size() + 1 < most; ++factor) {
    if (extent % factor != 0 || random.OneIn(2)) continue;
    axes.push_back(factor);
    extent /= factor;
  }
  axes.push_back(extent);
}

}  // namespace

Index IndexAt(const View& view, int64_t element) {
  Index index{};
  for (int32_t a = view.rank - 1; a >= 0; --a) {
    index[static_cast<size_t>(a)] = static_cast<int32_t>(element % view.dims[a]);
    element /= view.dims[a];
  }
  return index;
}

MapCase MakeMapCase(Random& random, DataType type, size_t inputs) {
  MapCase m;
  const auto up_to = [&](int32_t most) { return static_cast<int32_t>(random.Between(1, most)); };
  const Shape shape = {up_to(9), up_to(12), random.OneIn(3) ? up_to(70) : up_to(12)};
  const auto gaps = [&] {
    return Gaps{static_cast<int32_t>(random.Between(0, 1)) * 4, static_cast<size_t>(random.Between(0, 1)) * 64};
  };
  m.output = MakeTensor(type, shape, gaps());
  m.output.images = random.OneIn(2) ? 1 : up_to(3);
  std::vector<int32_t> axes;
  Factor(random, shape.channels, axes, 3);
  Factor(random, shape.width, axes, 5);
  Factor(random, shape.height, axes, 7);
  axes.push_back(m.output.images);
  std::reverse(axes.begin(), axes.end());
  m.view.rank = static_cast<int32_t>(axes.size());
  std::copy(axes.begin(), axes.end(), m.view.dims);

  for (size_t i = 0; i < inputs; ++i) {
    IndexMap map;
    int64_t least[kDims] = {}, most[kDims] = {};
    for (int32_t a = 0; a < m.view.rank; ++a) {
      const int32_t dim = static_cast<int32_t>(random.Between(0, kDims - 1));
      constexpr int32_t kSteps[] = {0, 0, 1, 1, 1, 2, -1};
      map.dim[a] = static_cast<Dim>(dim);
      map.step[a] = kSteps[random.Between(0, 6)];
      const int64_t reach = int64_t{m.view.dims[a] - 1} * map.step[a];
      (reach < 0 ? least : most)[dim] += reach;
    }
    int32_t extent[kDims];
    for (int32_t d = 0; d < kDims; ++d) {
      map.start[d] = static_cast<int32_t>(-least[d] + random.Between(0, 1));
      extent[d] = static_cast<int32_t>(map.start[d] + most[d] + random.Between(1, 2));
    }
    TensorInfo tensor = MakeTensor(type, {extent[1], extent[2], extent[3]}, gaps());
    tensor.images = extent[0];
    tensor.constant = random.OneIn(4);
    m.inputs.push_back(tensor);
    m.maps.push_back(map);
  }
  return m;
}

}  // namespace cutis::test
