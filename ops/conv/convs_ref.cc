// The specification of ConvSparseU8: reads like the formula.
#include "ops/conv/conv.h"
#include "ops/requant.h"

namespace cutis {

void ConvSparseU8_scalar(const ConvSparseU8Args& args) {
  const size_t channels = static_cast<size_t>(args.channels);
  for (size_t p = 0; p < args.pixels; ++p) {
    const uint8_t* x = args.x + p * args.x_stride;
    for (size_t n = 0; n < channels; ++n) {
      uint32_t sum = static_cast<uint32_t>(args.bias[n]);  // unsigned: the sum is exact, the parts may wrap
      for (size_t row = args.panel_starts[n / 16]; row < args.panel_starts[n / 16 + 1]; ++row) {
        const int8_t* w = args.w + row * 64 + n % 16 * 4;
        for (size_t j = 0; j < 4; ++j) sum += static_cast<uint32_t>(x[args.live[row] * size_t{4} + j] * w[j]);
      }
      args.y[p * args.y_stride + n] = Requantize(static_cast<int32_t>(sum), args.multiplier[n], args.out);
    }
  }
}

}  // namespace cutis
