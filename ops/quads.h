// Rows of uint8 pixels in the order of dot products along x: four neighbouring pixels of a channel fill a 32-bit lane, as
// vpdpbusd, udot and usdot multiply them by four taps. The expanded rows of a block lie so, where the instruction set has such
// a product: then the depthwise kernel reads them as they are.
//
//   [panel of 16 channels][row][quad][16 channels][4 pixels]
//
// Between two rows, before the first and behind the last of a panel lie `border` quads of padding: they end one row and begin
// the next. Where the width is no multiple of four, the last quad of a row ends with padding. What lies behind the channels of
// the last panel never reaches a result.
#ifndef CUTIS_OPS_QUADS_H_
#define CUTIS_OPS_QUADS_H_

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {

inline constexpr size_t kQuadBytes = 64;
// Kernels compute some outputs at a time, of which the last may not exist; what they read for those lies up to so many quads
// behind the border of the last row.
inline constexpr size_t kQuadOverhang = 6;

struct QuadRows {
  size_t quads;   // that hold pixels of a row
  size_t border;  // quads

  [[gnu::always_inline]] size_t RowBytes() const { return (quads + border) * kQuadBytes; }
  [[gnu::always_inline]] size_t PanelBytes(size_t rows) const { return rows * RowBytes() + border * kQuadBytes; }
  // Where row 0 of a panel begins.
  [[gnu::always_inline]] size_t Begin() const { return border * kQuadBytes; }
};

// For a window without dilation along x; every column that it reaches beyond the image has its place in the border.
[[gnu::always_inline]] static inline QuadRows PlanQuadRows(const Window& window, int32_t in_w, int32_t out_w) {
  const int64_t quads = (int64_t{in_w} + 3) / 4, left = window.pad_left;
  const int64_t end = (int64_t{out_w} - 1) * window.stride_w - left + window.kernel_w;  // behind the last column
  const int64_t before = (left + 3) / 4, behind = end > 4 * quads ? (end - 4 * quads + 3) / 4 : 0;
  return {static_cast<size_t>(quads), static_cast<size_t>(before > behind ? before : behind)};
}

}  // namespace cutis

#endif  // CUTIS_OPS_QUADS_H_
