// The kernels of the move.
#include <cstring>

#include "ops/move/move.h"

namespace cutis {
namespace {

template <class T>
void CopyRow(const T* x, int64_t x_stride, T* y, int64_t y_stride, int64_t count) {
  if (x_stride == 1 && y_stride == 1) {
    std::memcpy(y, x, static_cast<size_t>(count) * sizeof(T));
  } else if (x_stride == 0 && y_stride == 1) {
    const T value = *x;
    for (int64_t i = 0; i < count; ++i) y[i] = value;
  } else {
    for (int64_t i = 0; i < count; ++i) y[i * y_stride] = x[i * x_stride];
  }
}

}  // namespace

void MoveU8_scalar(const MoveU8Args& args) {
  const int32_t last = args.nest.rank - 1;
  const int64_t count = args.nest.extent[last], y_stride = args.nest.stride[0][last], x_stride = args.nest.stride[1][last];
  ForEachRow<2>(args.nest, [&](const int64_t* offset) {
    uint8_t* y = args.y + offset[0];
    const uint8_t* x = args.x + offset[1];
    if (args.table == nullptr) {
      CopyRow(x, x_stride, y, y_stride, count);
    } else {
      for (int64_t i = 0; i < count; ++i) y[i * y_stride] = args.table[x[i * x_stride]];
    }
  });
}

void MoveF32_scalar(const MoveF32Args& args) {
  const int32_t last = args.nest.rank - 1;
  const int64_t count = args.nest.extent[last], y_stride = args.nest.stride[0][last], x_stride = args.nest.stride[1][last];
  ForEachRow<2>(args.nest,
                [&](const int64_t* offset) { CopyRow(args.x + offset[1], x_stride, args.y + offset[0], y_stride, count); });
}

}  // namespace cutis
