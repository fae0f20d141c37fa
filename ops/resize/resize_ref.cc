// Reference kernels of linear interpolation.
#include "ops/resize/resize.h"

namespace cutis {

void ResizeLinearF32_scalar(const ResizeLinearF32Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    const size_t low = static_cast<size_t>(args.low[p]) * args.x_stride,
                 high = static_cast<size_t>(args.high[p]) * args.x_stride;
    for (size_t c = 0; c < static_cast<size_t>(args.channels); ++c) {
      const float a = Interpolate(args.top[low + c], args.top[high + c], args.weight[p]);
      const float b = Interpolate(args.bottom[low + c], args.bottom[high + c], args.weight[p]);
      args.y[p * args.y_stride + c] = Interpolate(a, b, args.weight_y);
    }
  }
}

void ResizeLinearU8_scalar(const ResizeLinearU8Args& args) {
  const int32_t wy = IntegerWeight(args.weight_y);
  for (size_t p = 0; p < args.pixels; ++p) {
    const size_t low = static_cast<size_t>(args.low[p]) * args.x_stride,
                 high = static_cast<size_t>(args.high[p]) * args.x_stride;
    const int32_t wx = IntegerWeight(args.weight[p]);
    for (size_t c = 0; c < static_cast<size_t>(args.channels); ++c) {
      const int32_t top = args.top[low + c] * (2048 - wx) + args.top[high + c] * wx;
      const int32_t bottom = args.bottom[low + c] * (2048 - wx) + args.bottom[high + c] * wx;
      args.y[p * args.y_stride + c] = static_cast<uint8_t>((top * (2048 - wy) + bottom * wy + (1 << 21)) >> 22);
    }
  }
}

}  // namespace cutis
