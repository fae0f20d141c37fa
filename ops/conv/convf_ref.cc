// Reference kernel of the float32 convolution.
#include "ops/conv/conv.h"

namespace cutis {

void ConvF32_scalar(const ConvF32Args& args) {
  const size_t k = static_cast<size_t>(args.k);
  for (size_t p = 0; p < args.pixels; ++p) {
    const float* x = args.x + p * args.x_stride;
    float* y = args.y + p * args.y_stride;
    for (size_t n = 0; n < static_cast<size_t>(args.channels); ++n) {
      const float* w = args.w + n / 16 * k * 16 + n % 16;
      float sum = args.bias[n];
      for (size_t i = 0; i < k; ++i) sum += x[i] * w[i * 16];
      y[n] = sum < args.min ? args.min : sum > args.max ? args.max : sum;
    }
  }
}

}  // namespace cutis
