// Softmax along the channels of each pixel: what its kernels get.
#ifndef CUTIS_OPS_SOFTMAX_SOFTMAX_H_
#define CUTIS_OPS_SOFTMAX_SOFTMAX_H_

#include <cstddef>
#include <cstdint>

namespace cutis {

// e[c] = Exp(scale * float(x[c] - max x)), y[c] = e[c] / (e[0] + e[1] + ...), float32 in this order, ops/exp.h; the zero point
// cancels. `pixels` rows of `channels` elements, strides in elements. One scalar kernel: its results are the same everywhere.
struct SoftmaxU8Args {
  const uint8_t* x;
  float* y;
  size_t x_stride, y_stride;
  size_t pixels;
  int32_t channels;
  float scale;
};

// The same with e[c] = Exp(x[c] - max x). Rows that hold a NaN or +infinity give NaN.
struct SoftmaxF32Args {
  const float* x;
  float* y;
  size_t x_stride, y_stride;
  size_t pixels;
  int32_t channels;
};

}  // namespace cutis

#endif  // CUTIS_OPS_SOFTMAX_SOFTMAX_H_
