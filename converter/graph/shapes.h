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

// The axes that a Reduce node takes, sorted, not negative: all of them where it names none (none at all with
// noop_with_empty_axes).
Status ReadReducedAxes(const Graph& graph, const Node& node, size_t rank, std::vector<int64_t>* axes);

// A ConvTranspose as a convolution of stride 1 over its input with `stride`-1 zeros between the elements, padded by `begin` and
// `end` (negative ones crop).
struct TransposedWindow {
  std::vector<int64_t> stride, dilation, begin, end, output;
};
Status ResolveTransposed(const Node& node, const Dims& input, const Dims& weights, TransposedWindow* window);

// The order of axes of a Transpose node.
Status ReadPermutation(const Node& node, size_t rank, std::vector<int64_t>* order);

// A sliding window over two axes as an ONNX node states it, with defaults filled in and auto_pad and ceil_mode resolved:
// output = floor((input + pads - dilation*(kernel-1) - 1) / stride) + 1 holds for the pads given here.
struct WindowAttributes {
  std::vector<int64_t> kernel, stride, dilation, begin, end, output;  // one for each spatial axis
  std::vector<int64_t> given_end;                                     // `end` without what ceil_mode added
  bool extended = false;                                              // ceil_mode added to `end`
};

// `kernel` are the spatial dims of a Conv's weights, or null: kernel_shape. `input` is [N, C, spatial...], one to three of
// these.
Status ResolveWindow(const Node& node, const Dims& input, const int64_t* kernel, WindowAttributes* window);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_GRAPH_SHAPES_H_
