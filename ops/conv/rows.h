// Parts of a convolution, for blocks.
#ifndef CUTIS_OPS_CONV_ROWS_H_
#define CUTIS_OPS_CONV_ROWS_H_

#include <cstddef>
#include <cstdint>

#include "ops/op.h"

namespace cutis {

// Output rows [row_begin, row_end) of one image of a checked node with one group, channels [first_channel, first_channel +
// channels), where first_channel is a multiple of 16. `image` is the input; y gets row after row, pixels y_stride bytes apart.
// `scratch` as the node's own.
void RunConvU8Rows(const Node& node, KernelFn kernel, const uint8_t* image, int32_t row_begin, int32_t row_end,
                   int32_t first_channel, int32_t channels, uint8_t* y, size_t y_stride, std::byte* scratch);

// Output channels [first_channel, first_channel + channels) of the pixels of a 1x1 convolution of stride 1 without padding,
// where first_channel is a multiple of 16: rows of x_stride bytes, at least the input channels rounded up to 4. y is that of
// the first of those channels.
void RunConvU8Pixels(const Node& node, KernelFn kernel, const uint8_t* x, size_t x_stride, size_t pixels, int32_t first_channel,
                     int32_t channels, uint8_t* y, size_t y_stride, std::byte* scratch);

// Whether RunConvU8Pixels may run the node.
bool IsPixelwise(const Node& node);

}  // namespace cutis

#endif  // CUTIS_OPS_CONV_ROWS_H_
