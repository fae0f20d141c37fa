#include <cmath>
#include <set>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"

namespace cutis::convert {
namespace {

Status CheckWeights(const Graph& graph, const Node& node) {
  if (!HasInput(node, 1) || ConstantInput(graph, node, 1) == nullptr ||
      (HasInput(node, 2) && ConstantInput(graph, node, 2) == nullptr)) {
    return NodeError(node, "its weights are computed at run time, only constant ones are supported");
  }
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Constant* constant = ConstantInput(graph, node, i);
    if (constant == nullptr) continue;
    for (const float value : ReadFloats(*constant)) {
      if (!std::isfinite(value)) {
        return NodeError(node, "its " + std::string(i == 1 ? "weights hold" : "bias holds") + " infinities or NaN",
                         Code::kBadInput);
      }
    }
  }
  return Status();
}

Status CheckNode(const Graph& graph, const Node& node) {
  const bool has_weights = node.op == "Conv" || node.op == "Gemm";
  const size_t data_inputs = node.op == "Add" ? 2 : 1;
  const bool known = has_weights || node.op == "Add" || node.op == "MaxPool" || node.op == "AveragePool" || node.op == "Clip" ||
                     node.op == "Softmax" || node.op == "Reshape";
  if (!known) return NodeError(node, "it could not be folded into its neighbours and is not supported on its own");
  if (node.outputs.size() != 1 || node.inputs.size() < data_inputs || (!has_weights && node.inputs.size() != data_inputs)) {
    return NodeError(node, "a pass left it in a wrong form", Code::kInternal);
  }
  for (size_t i = 0; i < data_inputs; ++i) {
    if (!HasInput(node, i) || ConstantInput(graph, node, i) != nullptr) {
      return NodeError(node, "its data is constant or missing, which is not supported");
    }
  }
  if (has_weights) CUTIS_TRY(CheckWeights(graph, node));
  if (node.op == "Add" && DimsOf(graph, node.inputs[0]) != DimsOf(graph, node.inputs[1])) {
    return NodeError(node, "its inputs are " + ToText(DimsOf(graph, node.inputs[0])) + " and " +
                               ToText(DimsOf(graph, node.inputs[1])) + ", only equal shapes can be added");
  }
  if (node.op == "MaxPool" || node.op == "AveragePool") {
    const std::vector<int64_t> kernel = IntsOf(node, "kernel_shape", {}), pads = IntsOf(node, "pads", {});
    for (size_t i = 0; i < 4; ++i) {
      if (pads[i] >= kernel[i % 2]) return NodeError(node, "its padding is as large as its window, which is not supported");
    }
  }
  if (node.op == "Reshape" && ElementCount(DimsOf(graph, node.inputs[0])) != ElementCount(DimsOf(graph, node.outputs[0]))) {
    return NodeError(node, "a pass changed its size", Code::kInternal);
  }
  return Status();
}

}  // namespace

Status CheckNormalForm(const Graph& graph) {
  if (graph.inputs.size() != 1) {
    return Status::Error(Code::kUnsupported, "the graph has %zu inputs; exactly one, the image, is supported",
                         graph.inputs.size());
  }
  const Value& input = graph.values[static_cast<size_t>(graph.inputs[0])];
  if (input.dims.size() != 4 || input.dims[0] != 1) {
    return Status::Error(Code::kUnsupported, "input '%.100s' is %s; an image [1, channels, height, width] is needed",
                         input.name.c_str(), ToText(input.dims).c_str());
  }
  if (graph.outputs.empty()) return Status::Error(Code::kBadInput, "the graph has no output");
  std::set<ValueId> ready(graph.inputs.begin(), graph.inputs.end());
  for (const Node& node : graph.nodes) {
    CUTIS_TRY(CheckNode(graph, node));
    for (const ValueId id : node.inputs) {
      if (id != kNoValue && ConstantOf(graph, id) == nullptr && ready.count(id) == 0) {
        return NodeError(node, "it runs before what it reads", Code::kInternal);
      }
    }
    const Value& output = graph.values[static_cast<size_t>(node.outputs[0])];
    if (!output.has_dims || ElementCount(output.dims) < 1) return NodeError(node, "its shape is unknown", Code::kInternal);
    if (!ready.insert(node.outputs[0]).second) return NodeError(node, "its output is made twice", Code::kInternal);
  }
  for (const ValueId id : graph.outputs) {
    const Value& output = graph.values[static_cast<size_t>(id)];
    if (output.constant != nullptr || id == graph.inputs[0] || ready.count(id) == 0) {
      return Status::Error(Code::kUnsupported, "output '%.100s' does not depend on the input through any layer",
                           output.name.c_str());
    }
  }
  return Status();
}

}  // namespace cutis::convert
