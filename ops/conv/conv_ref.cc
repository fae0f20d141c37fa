// The specification of ConvU8: reads like the formula.
#include "ops/conv/conv.h"
#include "ops/requant.h"

namespace cutis {

void ConvU8_scalar(const ConvU8Args& args) {
  const size_t k_groups = static_cast<size_t>(args.k_groups), channels = static_cast<size_t>(args.channels);
  for (size_t p = 0; p < args.pixels; ++p) {
    const uint8_t* x = args.x + p * args.x_stride;
    for (size_t n = 0; n < channels; ++n) {
      const int8_t* w = args.w + n / 16 * k_groups * 64 + n % 16 * 4;
      uint32_t sum = static_cast<uint32_t>(args.bias[n]);  // unsigned: the sum is exact, the parts may wrap
      for (size_t g = 0; g < k_groups; ++g) {
        for (size_t j = 0; j < 4; ++j) sum += static_cast<uint32_t>(x[g * 4 + j] * w[g * 64 + j]);
      }
      args.y[p * args.y_stride + n] = Requantize(static_cast<int32_t>(sum), args.multiplier[n], args.out);
    }
  }
}

}  // namespace cutis
