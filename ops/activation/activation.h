// Functions of single elements: what their kernels get. In all of them `pixels` rows of `channels` elements, strides in
// elements from one row to the next, any alignment; exactly those elements are read and written. In lookup and clamp y may be
// exactly x (the same address and stride); any other overlap is forbidden.
#ifndef CUTIS_OPS_ACTIVATION_ACTIVATION_H_
#define CUTIS_OPS_ACTIVATION_ACTIVATION_H_

#include <cstddef>
#include <cstdint>

namespace cutis {

// y = table[x]; the table has 256 bytes.
struct LookupU8Args {
  const uint8_t* x;
  uint8_t* y;
  size_t x_stride, y_stride;
  size_t pixels;
  int32_t channels;
  const uint8_t* table;
};

// y = x < min ? min : x > max ? max : x; a NaN passes.
struct ClampF32Args {
  const float* x;
  float* y;
  size_t x_stride, y_stride;
  size_t pixels;
  int32_t channels;
  float min, max;
};

// y = scale * float(x - zero_point)
struct DequantizeU8Args {
  const uint8_t* x;
  float* y;
  size_t x_stride, y_stride;
  size_t pixels;
  int32_t channels;
  int32_t zero_point;
  float scale;
};

}  // namespace cutis

#endif  // CUTIS_OPS_ACTIVATION_ACTIVATION_H_
