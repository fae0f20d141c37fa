// The first convolution of a block where its outputs are to be quads (ops/quads.h).
#ifndef CUTIS_OPS_CONV_EXPAND_H_
#define CUTIS_OPS_CONV_EXPAND_H_

#include <cstddef>
#include <cstdint>

#include "ops/op.h"
#include "ops/options.h"
#include "ops/quads.h"

namespace cutis {

// The working memory of a kernel: what expand_amx.cc needs.
inline constexpr size_t kExpandU8KernelBytes = size_t{24} * 1024 + 64;

// y[row][p][n] = requantize(bias[n] + sum over the k-groups g, j < 4 of x[offsets[g] + j] * w[n][g][j]), where x is the patch
// of pixel p of that row, for all channels n of `panels` panels of 16:
//   x        the patch of pixel 0 of row 0; x_stride bytes from a pixel to the next, x_row_stride from a row to the next
//   offsets  [k-groups] where each k-group lies in a patch, in bytes
//   w        dense (panel_starts null): W16x4 with k_groups rows a panel; pruned: B16x4, the rows panel_starts[i] ..
//            panel_starts[i+1]-1 for panel i, of which row r holds k-group live[r]. 64-byte aligned
//   bias, multiplier, padding [16 * panels]
//   y        [panel][row][quad] as ops/quads.h has them: the first quad of row 0 of panel 0, 64-byte aligned; y_row_stride and
//            y_panel_stride bytes from one to the next
//   scratch  kExpandU8KernelBytes, 64-byte aligned
// A kernel writes the quads of these rows, the padding that fills the last one, and `border` quads of padding before and behind
// each row. It reads the k-groups of the patches and nothing else of x.
struct ExpandU8Args {
  const uint8_t* x;
  size_t x_stride, x_row_stride;
  const uint32_t* offsets;
  int32_t rows, width;
  const int8_t* w;
  int32_t k_groups;
  const uint32_t* panel_starts;
  const uint16_t* live;
  const int32_t* bias;
  const float* multiplier;
  const uint8_t* padding;
  uint8_t* y;
  size_t y_row_stride, y_panel_stride;
  size_t border;
  int32_t panels;
  OutputU8 out;
  std::byte* scratch;
};
using ExpandSparseU8Args = ExpandU8Args;

// Where RunExpandU8Rows writes.
struct QuadTarget {
  uint8_t* y;  // the first quad of the first row
  size_t panel_stride;
  QuadRows rows;
  const uint8_t* padding;  // a byte for each channel of the panels
};

// Scratch bytes for a checked node with one group; UINT64_MAX when beyond any sense.
uint64_t ExpandU8ScratchBytes(const Node& node);

// Output rows [row_begin, row_end) of one image of such a node, whole panels from `first_panel` on, as quads. `kernel` is of
// kind kExpandU8, or kExpandSparseU8 where the weights are pruned.
void RunExpandU8Rows(const Node& node, KernelFn kernel, const uint8_t* image, int32_t row_begin, int32_t row_end,
                     int32_t first_panel, int32_t panels, const QuadTarget& to, std::byte* scratch);

}  // namespace cutis

#endif  // CUTIS_OPS_CONV_EXPAND_H_
