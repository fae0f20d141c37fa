// Reference kernel of the float32 depthwise convolution.
#include "ops/depthwise/depthwise.h"

namespace cutis {

void DepthwiseF32_scalar(const DepthwiseF32Args& args) {
  const Window& w = args.window;
  const size_t taps = static_cast<size_t>(w.kernel_h) * static_cast<size_t>(w.kernel_w);
  for (int32_t y = args.row_begin; y < args.row_end; ++y) {
    for (int32_t x = 0; x < args.out_w; ++x) {
      float* out = args.y + (static_cast<size_t>(y) * static_cast<size_t>(args.out_w) + static_cast<size_t>(x)) * args.y_stride;
      for (size_t c = 0; c < static_cast<size_t>(args.channels); ++c) {
        const float* weights = args.w + c / 16 * taps * 16 + c % 16;
        float sum = args.bias[c];
        for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
          const int64_t in_y = int64_t{y} * w.stride_h - w.pad_top + int64_t{ky} * w.dilation_h;
          if (in_y < 0 || in_y >= args.in_h) continue;
          for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
            const int64_t in_x = int64_t{x} * w.stride_w - w.pad_left + int64_t{kx} * w.dilation_w;
            if (in_x < 0 || in_x >= args.in_w) continue;
            const size_t pixel = static_cast<size_t>(in_y * args.in_w + in_x);
            sum += args.x[pixel * args.x_stride + c] * weights[static_cast<size_t>(ky * w.kernel_w + kx) * 16];
          }
        }
        out[c] = sum < args.min ? args.min : sum > args.max ? args.max : sum;
      }
    }
  }
}

}  // namespace cutis
