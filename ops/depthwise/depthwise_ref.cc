// The specification of DepthwiseU8: reads like the formula.
#include "ops/depthwise/depthwise.h"
#include "ops/requant.h"

namespace cutis {
namespace {

uint8_t Output(const DepthwiseU8Args& args, int64_t oy, int64_t ox, size_t c) {
  const Window& window = args.window;
  const int8_t* w = args.w + c / 16 * DepthwiseU8PanelBytes(window) + c % 16 * 4;
  size_t tap = 0;
  uint32_t sum = static_cast<uint32_t>(args.bias[c]);  // unsigned: the sum is exact, the parts may wrap
  for (int64_t ky = 0; ky < window.kernel_h; ++ky) {
    for (int64_t kx = 0; kx < window.kernel_w; ++kx, ++tap) {
      const int64_t y = oy * window.stride_h - window.pad_top + ky * window.dilation_h;
      const int64_t x = ox * window.stride_w - window.pad_left + kx * window.dilation_w;
      const bool inside = y >= 0 && y < args.in_h && x >= 0 && x < args.in_w;
      const uint8_t* pixel =
          inside ? args.x + static_cast<size_t>(y % args.x_rows * args.in_w + x) * args.x_stride : args.padding;
      sum += static_cast<uint32_t>(pixel[c] * w[tap / 4 * 64 + tap % 4]);
    }
  }
  return Requantize(static_cast<int32_t>(sum), args.multiplier[c], args.out);
}

}  // namespace

void DepthwiseU8_scalar(const DepthwiseU8Args& args) {
  for (int64_t oy = args.row_begin; oy < args.row_end; ++oy) {
    for (int64_t ox = 0; ox < args.out_w; ++ox) {
      uint8_t* pixel = args.y + static_cast<size_t>((oy - args.row_begin) * args.out_w + ox) * args.y_stride;
      for (size_t c = 0; c < static_cast<size_t>(args.channels); ++c) pixel[c] = Output(args, oy, ox, c);
    }
  }
}

}  // namespace cutis
