// From real numbers to bytes: what its kernel gets.
#ifndef CUTIS_OPS_QUANTIZE_QUANTIZE_H_
#define CUTIS_OPS_QUANTIZE_QUANTIZE_H_

#include <cstddef>
#include <cstdint>

#include "ops/requant.h"

namespace cutis {

// y = clamp(rne(x / scale) + zero_point, 0, 255), the quotient rounded to float32 first; a NaN gives the zero point. `pixels`
// rows of `channels` elements, strides in elements from one row to the next, any alignment; exactly those elements are read and
// written, and y does not overlap x (vector kernels compute the last elements of a row twice).
struct QuantizeF32Args {
  const float* x;
  uint8_t* y;
  size_t x_stride, y_stride;
  size_t pixels;
  int32_t channels;
  int32_t zero_point;
  float scale;  // finite, positive
};

[[gnu::always_inline]] static inline uint8_t QuantizeOne(float x, float scale, int32_t zero_point) {
  const float scaled = x / scale;
  return ClampRound(scaled != scaled ? 0.0f : scaled, {zero_point, 0, 255});
}

}  // namespace cutis

#endif  // CUTIS_OPS_QUANTIZE_QUANTIZE_H_
