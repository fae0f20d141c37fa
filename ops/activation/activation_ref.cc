// Reference kernels of the functions of single elements.
#include "ops/activation/activation.h"

namespace cutis {

void LookupU8_scalar(const LookupU8Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    const uint8_t* x = args.x + p * args.x_stride;
    uint8_t* y = args.y + p * args.y_stride;
    for (int32_t c = 0; c < args.channels; ++c) y[c] = args.table[x[c]];
  }
}

void ClampF32_scalar(const ClampF32Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    const float* x = args.x + p * args.x_stride;
    float* y = args.y + p * args.y_stride;
    for (int32_t c = 0; c < args.channels; ++c) y[c] = x[c] < args.min ? args.min : x[c] > args.max ? args.max : x[c];
  }
}

void DequantizeU8_scalar(const DequantizeU8Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    const uint8_t* x = args.x + p * args.x_stride;
    float* y = args.y + p * args.y_stride;
    for (int32_t c = 0; c < args.channels; ++c) y[c] = args.scale * static_cast<float>(x[c] - args.zero_point);
  }
}

}  // namespace cutis
