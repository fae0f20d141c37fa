// Shape inference.
#ifndef CUTIS_CONVERTER_GRAPH_SHAPES_H_
#define CUTIS_CONVERTER_GRAPH_SHAPES_H_

#include <vector>

#include "converter/graph/graph.h"
#include "ops/status.h"

namespace cutis::convert {

// Sets type and dims of the node's outputs from those of its inputs, or says why they do not fit together. Where a shape
// depends on the content of an input (the target of Reshape, ...), that input must be constant.
Status InferNode(Graph& graph, const Node& node);

// The pads of a Pad node, {begin of every axis, end of every axis}, from the attribute or constant inputs; none negative.
Status ReadPads(const Graph& graph, const Node& node, std::vector<int64_t>* pads);

// The order of axes of a Transpose node.
Status ReadPermutation(const Node& node, size_t rank, std::vector<int64_t>* order);

// A sliding window over two axes as an ONNX node states it, with defaults filled in and auto_pad and ceil_mode resolved:
// output = floor((input + pads - dilation*(kernel-1) - 1) / stride) + 1 holds for the pads given here.
struct WindowAttributes {
  int64_t kernel[2], stride[2], dilation[2], begin[2], end[2];
  int64_t output[2];
  bool extended = false;  // ceil_mode added to `end`
};

// `kernel` are the last two dims of a Conv's weights, or null: kernel_shape. `input` is [1, C, H, W].
Status ResolveWindow(const Node& node, const Dims& input, const int64_t* kernel, WindowAttributes* window);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_GRAPH_SHAPES_H_
