// The specification of DepthwiseQuadsU8: reads like the formula.
#include "ops/depthwise/quads.h"
#include "ops/requant.h"

namespace cutis {
namespace {

uint8_t Output(const DepthwiseQuadsU8Args& args, int64_t oy, int64_t ox, size_t c) {
  const Window& window = args.window;
  const int8_t* w = args.w + c / 16 * DepthwiseU8PanelBytes(window) + c % 16 * 4;
  const uint8_t* panel = args.x + c / 16 * args.x_panel_stride + c % 16 * 4;
  size_t tap = 0;
  uint32_t sum = static_cast<uint32_t>(args.bias[c]);  // unsigned: the sum is exact, the parts may wrap
  for (int64_t ky = 0; ky < window.kernel_h; ++ky) {
    for (int64_t kx = 0; kx < window.kernel_w; ++kx, ++tap) {
      const int64_t y = oy * window.stride_h - window.pad_top + ky * window.dilation_h;
      const int64_t x = ox * window.stride_w - window.pad_left + kx;
      const bool inside = y >= 0 && y < args.in_h && x >= 0 && x < args.in_w;
      const size_t at =
          inside ? static_cast<size_t>(y % args.x_rows) * args.x_row_stride + static_cast<size_t>(x / 4 * 64 + x % 4) : 0;
      sum += static_cast<uint32_t>((inside ? panel[at] : args.padding[c]) * w[tap / 4 * 64 + tap % 4]);
    }
  }
  return Requantize(static_cast<int32_t>(sum), args.multiplier[c], args.out);
}

}  // namespace

void DepthwiseQuadsU8_scalar(const DepthwiseQuadsU8Args& args) {
  for (int64_t oy = args.row_begin; oy < args.row_end; ++oy) {
    for (int64_t ox = 0; ox < args.out_w; ++ox) {
      uint8_t* pixel = args.y + static_cast<size_t>((oy - args.row_begin) * args.out_w + ox) * args.y_stride;
      for (size_t c = 0; c < static_cast<size_t>(args.channels); ++c) pixel[c] = Output(args, oy, ox, c);
    }
  }
}

}  // namespace cutis
