#include <algorithm>

#include "converter/graph/edit.h"
#include "converter/graph/indices.h"
#include "converter/graph/passes.h"
#include "converter/graph/shapes.h"

namespace cutis::convert {
namespace {

// The dimensions that are not 1 keep their order: the bytes stay where they are.
bool KeepsBytes(const Dims& dims, const std::vector<int64_t>& order) {
  int64_t last = -1;
  for (const int64_t axis : order) {
    if (dims[static_cast<size_t>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

}  // namespace

Status RemoveNoOps(Graph& graph) {
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    Node& node = graph.nodes[n];
    if (node.op == "Dropout" && HasInput(node, 2)) {
      const Constant* training = ConstantInput(graph, node, 2);
      const Constant* ratio = ConstantInput(graph, node, 1);
      const bool drops = ratio == nullptr || ReadFloats(*ratio) != std::vector<float>{0};
      if (drops && (training == nullptr || ReadInts(*training) != std::vector<int64_t>{0})) {
        return NodeError(node, "training_mode is set; export the model for inference");
      }
    }
    // What chooses every element once and in order, Pad without padding or Slice of everything, changes nothing.
    if (ChoosesElements(graph, node) && DimsOf(graph, node.inputs[0]) == DimsOf(graph, node.outputs[0])) {
      IndexLists lists;
      CUTIS_TRY(ReadIndexLists(graph, node, &lists));
      bool same = true;
      for (const std::vector<int32_t>& axis : lists.axes) {
        for (size_t i = 0; i < axis.size(); ++i) same = same && axis[i] == static_cast<int32_t>(i);
      }
      if (same) {
        ReplaceValue(graph, node.outputs[0], node.inputs[0]);
        dead[n] = true;
        continue;
      }
    }
    if (node.op == "Identity" || node.op == "Dropout" || node.op == "Cast") {
      ReplaceValue(graph, node.outputs[0], node.inputs[0]);
      dead[n] = true;
    } else if (node.op == "Transpose") {
      std::vector<int64_t> order;
      const Dims& dims = DimsOf(graph, node.inputs[0]);
      CUTIS_TRY(ReadPermutation(node, dims.size(), &order));
      if (!KeepsBytes(dims, order)) continue;
      node.op = "Reshape";
      node.attributes.clear();
    } else if (node.op == "Reshape" || node.op == "Flatten" || node.op == "Squeeze" || node.op == "Unsqueeze") {
      node.op = "Reshape";
      node.inputs.resize(1);
      node.attributes.clear();
    }
  }
  RemoveNodes(graph, dead);
  return Status();
}

}  // namespace cutis::convert
