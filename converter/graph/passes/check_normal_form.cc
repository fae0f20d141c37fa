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

bool IsKnown(const Node& node) {
  static const std::set<std::string> known = {"Abs",
                                              "Add",
                                              "AveragePool",
                                              "Clip",
                                              "Concat",
                                              "Conv",
                                              "Div",
                                              "Elu",
                                              "Exp",
                                              "Expand",
                                              "Gather",
                                              "Gemm",
                                              "HardSigmoid",
                                              "HardSwish",
                                              "LeakyRelu",
                                              "Log",
                                              "MatMul",
                                              "Max",
                                              "MaxPool",
                                              "Min",
                                              "Mish",
                                              "Mul",
                                              "Neg",
                                              "Pad",
                                              "Pow",
                                              "Reciprocal",
                                              "ReduceMax",
                                              "ReduceMean",
                                              "ReduceMin",
                                              "ReduceSum",
                                              "Reshape",
                                              "Resize",
                                              "Sigmoid",
                                              "Slice",
                                              "Softmax",
                                              "Softplus",
                                              "Sqrt",
                                              "Sub",
                                              "Swish",
                                              "Tanh",
                                              "Transpose",
                                              "Where",
                                              "_Unfold",
                                              "QuantizeLinear",
                                              "DequantizeLinear"};
  return known.count(node.op) != 0;
}

Status CheckNode(const Graph& graph, const Node& node) {
  if (!IsKnown(node)) return NodeError(node, "it could not be folded into its neighbours and is not supported on its own");
  if (node.outputs.size() != 1 || node.inputs.empty())
    return NodeError(node, "a pass left it in a wrong form", Code::kInternal);
  if (node.op == "Conv" || node.op == "Gemm") CUTIS_TRY(CheckWeights(graph, node));
  if (node.op == "Reshape" && ElementCount(DimsOf(graph, node.inputs[0])) != ElementCount(DimsOf(graph, node.outputs[0]))) {
    return NodeError(node, "a pass changed its size", Code::kInternal);
  }
  return Status();
}

}  // namespace

Status CheckNormalForm(const Graph& graph) {
  if (graph.inputs.empty()) return Status::Error(Code::kUnsupported, "the graph has no input");
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
    if (output.constant == nullptr && ready.count(id) == 0) {
      return Status::Error(Code::kInternal, "output '%.100s' is made by no node", output.name.c_str());
    }
  }
  return Status();
}

}  // namespace cutis::convert
