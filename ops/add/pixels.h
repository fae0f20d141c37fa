// A part of an addition, for blocks.
#ifndef CUTIS_OPS_ADD_PIXELS_H_
#define CUTIS_OPS_ADD_PIXELS_H_

#include <cstddef>
#include <cstdint>

#include "ops/op.h"

namespace cutis {

// Channels [first_channel, first_channel + channels) of `pixels` neighbouring pixels of a checked uint8 node. a, b and y are
// those of channel 0; y may be a or b.
void RunAddU8Pixels(const Node& node, KernelFn kernel, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t pixels,
                    int32_t first_channel, int32_t channels);

}  // namespace cutis

#endif  // CUTIS_OPS_ADD_PIXELS_H_
