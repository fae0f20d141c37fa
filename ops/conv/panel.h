// What a kernel knows of a panel of 16 output channels while it computes it.
#ifndef CUTIS_OPS_CONV_PANEL_H_
#define CUTIS_OPS_CONV_PANEL_H_

#include <cstddef>
#include <cstdint>

namespace cutis {

// What its rows are, what sums begin with and what becomes of them.
struct Panel {
  const int8_t* w;           // rows of [16 n][4 k]
  const uint16_t* k_groups;  // of the rows, or null where they follow each other
  size_t rows;
  const int32_t* bias;  // with 128 sum w where pixels are multiplied as x - 128
  const float* multiplier;
  size_t live;  // channels that exist
};

// The same in a block (expand.h).
struct ExpandPanel {
  const int8_t* w;
  const uint16_t* live;  // null: all k-groups in their order
  size_t rows;           // of w
  const int32_t* bias;
  const float* multiplier;
  const uint8_t* padding;
};

}  // namespace cutis

#endif  // CUTIS_OPS_CONV_PANEL_H_
