// Reference kernel of the change from real numbers to bytes.
#include "ops/quantize/quantize.h"

namespace cutis {

void QuantizeF32_scalar(const QuantizeF32Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    const float* x = args.x + p * args.x_stride;
    uint8_t* y = args.y + p * args.y_stride;
    for (int32_t c = 0; c < args.channels; ++c) y[c] = QuantizeOne(x[c], args.scale, args.zero_point);
  }
}

}  // namespace cutis
