// Reference kernels of the elementwise sums.
#include "ops/add/add.h"
#include "ops/requant.h"

namespace cutis {

void AddU8_scalar(const AddU8Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    const uint8_t* a = args.a + p * args.a_stride;
    const uint8_t* b = args.b + p * args.b_stride;
    uint8_t* y = args.y + p * args.y_stride;
    for (int32_t c = 0; c < args.channels; ++c) {
      const float scaled_a = static_cast<float>(a[c] - args.zero_a) * args.multiplier_a;
      const float scaled_b = static_cast<float>(b[c] - args.zero_b) * args.multiplier_b;
      y[c] = ClampRound(scaled_a + scaled_b, args.out);
    }
  }
}

void AddF32_scalar(const AddF32Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    const float* a = args.a + p * args.a_stride;
    const float* b = args.b + p * args.b_stride;
    float* y = args.y + p * args.y_stride;
    for (int32_t c = 0; c < args.channels; ++c) {
      const float sum = a[c] + b[c];
      y[c] = sum < args.min ? args.min : sum > args.max ? args.max : sum;
    }
  }
}

}  // namespace cutis
