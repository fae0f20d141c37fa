// A uint8 convolution as its runs see it.
#ifndef CUTIS_OPS_CONV_LAYER_H_
#define CUTIS_OPS_CONV_LAYER_H_

#include <cstddef>
#include <cstdint>
#include <variant>

#include "ops/op.h"
#include "ops/tensor.h"

namespace cutis {

// What a run and the sizes derive from a checked node of a uint8 convolution; cheap enough to be made anew each time.
struct ConvU8Layer {
  const ConvU8Options* options;
  const TensorInfo* in;
  const TensorInfo* out;
  size_t taps;
  size_t group_in, group_out;  // channels of one group
  size_t padded_in;            // group_in padded to whole k-groups
  size_t row_bytes;            // K: one patch
  bool direct;                 // pixels serve as rows
  int64_t pixels;              // outputs of one image

  explicit ConvU8Layer(const Node& node)
      : options(std::get_if<ConvU8Options>(&node.options)), in(node.inputs[0]), out(node.output) {
    const Window& window = options->window;
    const size_t groups = static_cast<size_t>(options->groups);
    taps = static_cast<size_t>(window.kernel_h) * static_cast<size_t>(window.kernel_w);
    group_in = static_cast<size_t>(in->shape.channels) / groups;
    group_out = static_cast<size_t>(out->shape.channels) / groups;
    padded_in = RoundUp(group_in, 4);
    row_bytes = taps * padded_in;
    const bool unpadded = window.pad_top == 0 && window.pad_left == 0 && window.pad_bottom == 0 && window.pad_right == 0;
    direct = taps == 1 && window.stride_h == 1 && window.stride_w == 1 && unpadded && (groups == 1 || group_in == padded_in);
    pixels = int64_t{out->shape.height} * out->shape.width;
  }

  size_t FirstPanel(size_t group) const { return group * CeilDiv(group_out, 16); }
};

}  // namespace cutis

#endif  // CUTIS_OPS_CONV_LAYER_H_
