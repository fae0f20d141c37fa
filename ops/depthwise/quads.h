// Depthwise convolution of quads (ops/quads.h): what its kernels get.
#ifndef CUTIS_OPS_DEPTHWISE_QUADS_H_
#define CUTIS_OPS_DEPTHWISE_QUADS_H_

#include <cstddef>
#include <cstdint>

#include "ops/depthwise/depthwise.h"
#include "ops/options.h"
#include "ops/quads.h"

namespace cutis {

// The formula of DepthwiseU8Args, for a window that TakesQuads(), where
//   x        [panel][row][quad]: the first quad of row 0 of the first panel, 64-byte aligned, x_row_stride and x_panel_stride
//            bytes from one to the next; around each row the border that PlanQuadRows() asks for holds padding. Of the in_h
//            rows only some need be in memory: row r lies in place r % x_rows
//   padding  [ceil16(channels)] what lies above and below the image, and in the borders
//   scratch  DepthwiseQuadsU8ScratchBytes(window, in_w, out_w) bytes, 64-byte aligned
// and all else is as there. A kernel may read kQuadOverhang quads behind the border of a row.
struct DepthwiseQuadsU8Args {
  const uint8_t* x;
  size_t x_row_stride, x_panel_stride;
  int32_t in_h, in_w;
  int32_t x_rows;
  const uint8_t* padding;
  const int8_t* w;
  const int32_t* bias;
  const float* multiplier;
  uint8_t* y;
  size_t y_stride;
  int32_t out_w;
  int32_t row_begin, row_end;
  int32_t channels;
  Window window;
  OutputU8 out;
  std::byte* scratch;
};

// The windows that these kernels take: 3x3 and 5x5 with the padding that is usual for them, any dilation along y. Each has
// code of its own, for which the others, rare behind an expansion, would not repay.
[[gnu::always_inline]] static inline bool TakesQuads(const Window& window) {
  if (window.kernel_h != window.kernel_w || window.dilation_w != 1 || window.stride_w < 1 || window.stride_w > 2) return false;
  return (window.kernel_w == 3 && window.pad_left <= 1) ||
         (window.kernel_w == 5 && (window.pad_left == 1 || window.pad_left == 2));
}

// The parts of the working memory: the taps of a panel, for outputs that begin at an even and at an odd pixel, in fours; a
// pointer to each row of the window; a row of padding.
[[gnu::always_inline]] static inline constexpr size_t QuadTapVectors(size_t kernel_w) { return (kernel_w + 4) / 4; }
[[gnu::always_inline]] static inline size_t QuadTapBytes(const Window& window) {
  return static_cast<size_t>(window.kernel_h) * 2 * QuadTapVectors(static_cast<size_t>(window.kernel_w)) * kQuadBytes;
}
[[gnu::always_inline]] static inline size_t QuadPointerBytes(const Window& window) {
  return (static_cast<size_t>(window.kernel_h) * sizeof(void*) + 63) / 64 * 64;
}
[[gnu::always_inline]] static inline size_t QuadPaddingBytes(const Window& window, int32_t in_w, int32_t out_w) {
  return PlanQuadRows(window, in_w, out_w).PanelBytes(1) + kQuadOverhang * kQuadBytes;
}
[[gnu::always_inline]] static inline size_t DepthwiseQuadsU8ScratchBytes(const Window& window, int32_t in_w, int32_t out_w) {
  return QuadTapBytes(window) + QuadPointerBytes(window) + QuadPaddingBytes(window, in_w, out_w);
}

}  // namespace cutis

#endif  // CUTIS_OPS_DEPTHWISE_QUADS_H_
