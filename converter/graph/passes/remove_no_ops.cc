#include <algorithm>

#include "converter/graph/edit.h"
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

// Softmax as the normal form has it: over axis 1. Before opset 13 it ran over all axes from `axis` on, which is the same where
// only one of them is not 1.
Status NormalizeSoftmax(const Graph& graph, Node* node) {
  const Dims& dims = DimsOf(graph, node->inputs[0]);
  const int64_t rank = static_cast<int64_t>(dims.size());
  int64_t axis = IntOf(*node, "axis", -1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return NodeError(*node, "its axis lies outside its tensor", Code::kBadInput);
  if (IntOf(*node, "_flatten", 0) != 0) {
    int64_t wide = -1;
    for (int64_t i = axis; i < rank; ++i) {
      if (dims[static_cast<size_t>(i)] == 1) continue;
      if (wide != -1) return NodeError(*node, "a softmax over several axes of " + ToText(dims) + " is not supported");
      wide = i;
    }
    if (wide != -1) axis = wide;
  }
  if (axis != 1) {
    return NodeError(*node, "a softmax over axis " + std::to_string(axis) + " of " + ToText(dims) +
                                " is not supported, only over the channels");
  }
  node->attributes = {{"axis", int64_t{1}}};
  return Status();
}

}  // namespace

Status RemoveNoOps(Graph& graph) {
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    Node& node = graph.nodes[n];
    if (node.op == "Dropout" && HasInput(node, 2)) {
      const Constant* training = ConstantInput(graph, node, 2);
      if (training == nullptr || ReadInts(*training) != std::vector<int64_t>{0}) {
        return NodeError(node, "training_mode is set; export the model for inference");
      }
    }
    if (node.op == "Identity" || node.op == "Dropout" || node.op == "Cast") {
      ReplaceValue(graph, node.outputs[0], node.inputs[0]);
      dead[n] = true;
    } else if (node.op == "Pad") {
      std::vector<int64_t> pads;
      CUTIS_TRY(ReadPads(graph, node, &pads));
      if (std::all_of(pads.begin(), pads.end(), [](int64_t pad) { return pad == 0; })) {
        ReplaceValue(graph, node.outputs[0], node.inputs[0]);
        dead[n] = true;
      }
    } else if (node.op == "Softmax") {
      CUTIS_TRY(NormalizeSoftmax(graph, &node));
    } else if (node.op == "Transpose") {
      std::vector<int64_t> order;
      const Dims& dims = DimsOf(graph, node.inputs[0]);
      CUTIS_TRY(ReadPermutation(node, dims.size(), &order));
      if (!KeepsBytes(dims, order)) {
        return NodeError(node,
                         "it moves the data of " + ToText(dims) + ", which is not supported; export the model in NCHW order");
      }
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
