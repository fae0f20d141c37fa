// Which parts of an image speak for a label: class activation maps (Zhou et al., Learning Deep Features for Discriminative
// Localization, 2016).
//
// For a network whose logits are a dense layer over the mean of a feature map f, each cell of the map has logits of its own,
//
//   v[l](y, x) = bias[l] + sum over c of w[l][c] * f(y, x)[c],
//
// and the logits are the means of these over the cells. The map of label l is v[l] less the mean of v over all labels, since
// the softmax knows differences only (of a single label: v itself). So it says what the label's lead would be if the whole
// image looked like that cell, and its mean is the lead that the network found, but for the roundings of pool and logits.
//
// The sums of uint8 networks are exact integers; the few steps after them are in double, in a fixed order: the same bits on any
// machine.
#ifndef CUTIS_RUNTIME_EXPLAIN_H_
#define CUTIS_RUNTIME_EXPLAIN_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/status.h"
#include "runtime/model.h"

namespace cutis {

struct ExplainedLayers {
  int32_t map = 0;    // the tensor f
  int32_t dense = 0;  // the node that makes the logits
};

// Looks for them behind output 0: [softmax, dequantize, reshape] of dense of [reshape of] the average of the whole map. One
// image an entry. kUnsupported, with what stands there instead, for networks of another shape.
Result<ExplainedLayers> FindExplainedLayers(std::span<const ModelTensor> tensors, std::span<const ModelNode> nodes,
                                            int32_t output);

// The map of a label that exists, row by row, from the features of one image. In the FloatEnvironment (runtime/fpenv.h).
void ExplainLabel(const Node& dense, const TensorInfo& info, const std::byte* features, int32_t label, std::span<float> map);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_EXPLAIN_H_
