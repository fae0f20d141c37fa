// Index spaces and maps for the tests of operators on them: plain loops over coordinates, without strides.
#ifndef CUTIS_TESTS_OPS_INDEX_CASE_H_
#define CUTIS_TESTS_OPS_INDEX_CASE_H_

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <vector>

#include "tests/ops/op_case.h"

namespace cutis::test {

struct Place {
  int32_t image, y, x, c;
};

inline View ViewOf(std::initializer_list<int32_t> dims) {
  View view;
  for (const int32_t dim : dims) view.dims[view.rank++] = dim;
  return view;
}

// Of an entry: what the definition of an index map says.
inline Place PlaceOf(const View& space, const IndexMap& map, const int32_t* index, int32_t first_image) {
  int32_t at[kDims] = {map.start[0] + first_image, map.start[1], map.start[2], map.start[3]};
  for (int32_t a = 0; a < space.rank; ++a) at[static_cast<size_t>(map.dim[a])] += index[a] * map.step[a];
  return {at[0], at[1], at[2], at[3]};
}

// Element `number` of an entry, in the order in which a view counts them.
inline Place PlaceOfElement(const TensorInfo& tensor, int64_t number, int32_t first_image) {
  const int64_t c = number % tensor.shape.channels, pixel = number / tensor.shape.channels;
  const int64_t row = pixel / tensor.shape.width;
  return {static_cast<int32_t>(row / tensor.shape.height) + first_image, static_cast<int32_t>(row % tensor.shape.height),
          static_cast<int32_t>(pixel % tensor.shape.width), static_cast<int32_t>(c)};
}

// The next index of axes [from, end), row-major; false after the last one, when they are 0 again.
inline bool NextIndex(const View& space, int32_t from, int32_t end, int32_t* index) {
  for (int32_t a = end - 1; a >= from; --a) {
    if (++index[a] < space.dims[a]) return true;
    index[a] = 0;
  }
  return false;
}

template <class T>
T ValueAt(OpCase& c, size_t input, const Place& at) {
  return c.In<T>(input, at.image, at.y, at.x, at.c);
}
template <class T>
T OutputAt(const OpCase& c, const Place& at) {
  return c.Out<T>(at.image, at.y, at.x, at.c);
}

inline TensorInfo MakeImages(DataType type, int32_t images, Shape shape, Gaps gaps = {}, float scale = 1, int32_t zero = 0) {
  TensorInfo tensor = MakeTensor(type, shape, gaps, scale, zero);
  tensor.images = images;
  return tensor;
}

// The value of a rounded real output: nearest integer, halves to even.
inline uint8_t ToByte(double value, const OutputU8& out) {
  const double rounded = std::nearbyint(value) + out.zero_point;
  return static_cast<uint8_t>(std::clamp(rounded, static_cast<double>(out.lo), static_cast<double>(out.hi)));
}

}  // namespace cutis::test

#endif  // CUTIS_TESTS_OPS_INDEX_CASE_H_
