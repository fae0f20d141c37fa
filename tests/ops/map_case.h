// Random tensors and index maps between them, for tests of operators on index maps.
#ifndef CUTIS_TESTS_OPS_MAP_CASE_H_
#define CUTIS_TESTS_OPS_MAP_CASE_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "ops/index.h"
#include "tests/ops/op_case.h"

namespace cutis::test {

struct MapCase {
  View view;  // of the output
  TensorInfo output;
  std::vector<TensorInfo> inputs;
  std::vector<IndexMap> maps;  // one for each input
};

// An output of up to some thousand elements, gaps included, with a view of up to 8 axes; inputs that hold all that their maps
// lead to, along each axis forwards, backwards, in steps, or again and again. Some inputs are constants.
MapCase MakeMapCase(Random& random, DataType type, size_t inputs);

using Index = std::array<int32_t, kMaxAxes>;
// Element number `element` of the view in row-major order.
Index IndexAt(const View& view, int64_t element);

// The element of entry `entry` of input number `input` to which the map leads.
template <class T>
T InAt(OpCase& c, size_t input, const TensorInfo& tensor, const IndexMap& map, int32_t rank, int64_t entry, const Index& i) {
  int32_t at[kDims];
  for (int32_t d = 0; d < kDims; ++d) {
    at[d] = map.start[d];
    for (int32_t a = 0; a < rank; ++a) at[d] += map.dim[a] == static_cast<Dim>(d) ? i[static_cast<size_t>(a)] * map.step[a] : 0;
  }
  const int32_t image = tensor.constant ? at[0] : static_cast<int32_t>(entry) * tensor.images + at[0];
  return c.In<T>(input, image, at[1], at[2], at[3]);
}

// How many elements of the output are not bit for bit expected(entry, index in the view).
template <class T, class Expected>
int CountWrong(OpCase& c, const MapCase& m, Expected expected) {
  int wrong = 0;
  int64_t element = 0;
  c.ForEachOutput([&](int32_t image, int32_t y, int32_t x, int32_t n) {
    const int64_t count = ElementCount(m.view);
    const T want = expected(element / count, IndexAt(m.view, element % count)), is = c.Out<T>(image, y, x, n);
    wrong += std::memcmp(&want, &is, sizeof(T)) != 0;
    ++element;
  });
  return wrong;
}

}  // namespace cutis::test

#endif  // CUTIS_TESTS_OPS_MAP_CASE_H_
