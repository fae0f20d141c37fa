// The kernels of the softmax: scalar, the only ones, so that every machine gives the same bits.
#include "ops/exp.h"
#include "ops/softmax/softmax.h"

namespace cutis {
namespace {

// y[c] holds the exponents and becomes the probabilities.
void Normalize(float* y, int32_t channels) {
  float sum = 0;
  for (int32_t c = 0; c < channels; ++c) {
    y[c] = Exp(y[c]);
    sum += y[c];
  }
  for (int32_t c = 0; c < channels; ++c) y[c] /= sum;
}

}  // namespace

void SoftmaxU8_scalar(const SoftmaxU8Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    const uint8_t* x = args.x + p * args.x_stride;
    float* y = args.y + p * args.y_stride;
    int32_t max = 0;
    for (int32_t c = 0; c < args.channels; ++c) max = x[c] > max ? x[c] : max;
    for (int32_t c = 0; c < args.channels; ++c) y[c] = args.scale * static_cast<float>(x[c] - max);
    Normalize(y, args.channels);
  }
}

void SoftmaxF32_scalar(const SoftmaxF32Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    const float* x = args.x + p * args.x_stride;
    float* y = args.y + p * args.y_stride;
    float max = x[0];
    for (int32_t c = 1; c < args.channels; ++c) max = x[c] > max ? x[c] : max;
    for (int32_t c = 0; c < args.channels; ++c) y[c] = x[c] - max;
    Normalize(y, args.channels);
  }
}

}  // namespace cutis
