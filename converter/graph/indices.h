// Operators that only choose elements: each axis of the output names, for each of its positions, a position of the input.
#ifndef CUTIS_CONVERTER_GRAPH_INDICES_H_
#define CUTIS_CONVERTER_GRAPH_INDICES_H_

#include <vector>

#include "converter/graph/graph.h"
#include "ops/status.h"

namespace cutis::convert {

inline constexpr int32_t kFill = -1;

// output[i0, i1, ...] = input[axes[0][i0], axes[1][i1], ...], or `fill` where one of these is kFill. As many axes as the input
// has; the sizes of the lists are the output's dims.
struct IndexLists {
  std::vector<std::vector<int32_t>> axes;
  float fill = 0;
};

// Slice, Pad (all modes, negative pads crop), Gather along one axis by a list, Expand to the same rank, Resize "nearest".
bool ChoosesElements(const Graph& graph, const Node& node);

// Whatever steers the choice must be constant.
Status ReadIndexLists(const Graph& graph, const Node& node, IndexLists* lists);

// For Resize: where each output position lies in the input, by axis, in the convention of ONNX
// (coordinate_transformation_mode); `outside` marks positions that tf_crop_and_resize fills with extrapolation_value. The size
// of a list is the output's dim.
struct ResizeAxis {
  std::vector<double> positions;
  std::vector<bool> outside;
};
Status ReadResize(const Graph& graph, const Node& node, std::vector<ResizeAxis>* axes);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_GRAPH_INDICES_H_
