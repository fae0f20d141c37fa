// Integers at the edge of the graph, and where scales that the source states hold further than it says.
#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/graph/passes/quantized.h"
#include "converter/graph/rewriter.h"

namespace cutis::convert {
namespace {

// The sum of a float32 of magnitude below 2^22 and this is that number rounded to the nearest integer, to even on ties, plus
// this: the spacing of float32 is 1 there.
constexpr float kRounder = 0x1.8p23f;
// No integer that is left after rounding is larger, whatever the zero point; smaller than 2^22.
constexpr float kMostSteps = 1024;
constexpr const char* kChannels = "_channels";  // marks a QuantizeLinear whose scales have become operators

std::shared_ptr<const Quantization>& QuantizationOf(Graph& graph, ValueId id) {
  return graph.values[static_cast<size_t>(id)].quantization;
}

// One value for each index of `axis`, or for each element.
ValueId AlongAxis(Rewriter& rewriter, const Dims& dims, int64_t axis, const std::vector<float>& values) {
  if (axis == Linear::kEveryElement) return rewriter.Floats(dims, values);
  Dims shape(dims.size(), 1);
  shape[static_cast<size_t>(axis)] = dims[static_cast<size_t>(axis)];
  return rewriter.Floats(shape, values);
}

// round(x / scale) + zero point, all of it by channel, then into bytes of scale 1.
void QuantizeByChannel(Rewriter& rewriter, const Node& node, const Linear& linear) {
  const Dims dims = rewriter.DimsOf(node.inputs[0]);
  const std::vector<float> zeros(linear.zero_points.begin(), linear.zero_points.end());
  ValueId x = rewriter.Emit("Div", {node.inputs[0], AlongAxis(rewriter, dims, linear.axis, linear.scales)});
  x = rewriter.Emit("Clip", {x}, {{"min", -kMostSteps}, {"max", kMostSteps}});
  x = rewriter.Emit("Add", {x, rewriter.Floats({}, {kRounder})});
  x = rewriter.Emit("Sub", {x, rewriter.Floats({}, {kRounder})});
  x = rewriter.Emit("Add", {x, AlongAxis(rewriter, dims, linear.axis, zeros)});
  const ValueId zero = AddConstant(rewriter.graph(), node.name + "/zero", {linear.type, {}, {std::byte{0}}});
  rewriter.EmitTo("QuantizeLinear", {x, rewriter.Floats({}, {1}), zero}, node.outputs[0], {{kChannels, int64_t{1}}});
}

// (x - zero point) * scale, all of it by channel, from bytes of scale 1.
void DequantizeByChannel(Rewriter& rewriter, const Node& node, const Linear& linear) {
  const Dims dims = rewriter.DimsOf(node.inputs[0]);
  const std::vector<float> zeros(linear.zero_points.begin(), linear.zero_points.end());
  ValueId x = rewriter.Emit("DequantizeLinear", {node.inputs[0], rewriter.Floats({}, {1})});
  x = rewriter.Emit("Sub", {x, AlongAxis(rewriter, dims, linear.axis, zeros)});
  rewriter.EmitTo("Mul", {x, AlongAxis(rewriter, dims, linear.axis, linear.scales)}, node.outputs[0]);
}

// Every element of the output is one of the first input (of any input of a Concat), or lies between some of them.
bool KeepsScale(const std::string& op) {
  static const std::set<std::string> kKeeping = {"Clip",      "Concat",  "Expand", "Gather", "MaxPool",   "Pad",    "ReduceMax",
                                                 "ReduceMin", "Reshape", "Resize", "Slice",  "Transpose", "_Unfold"};
  return kKeeping.count(op) != 0;
}

size_t Operands(const Node& node) { return node.op == "Concat" ? node.inputs.size() : 1; }

void SpreadForward(Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (!KeepsScale(node.op) || QuantizationOf(graph, node.outputs[0]) != nullptr) continue;
    const std::shared_ptr<const Quantization> first = QuantizationOf(graph, node.inputs[0]);
    bool same = first != nullptr;
    for (size_t i = 0; i < Operands(node); ++i) {
      const auto& other = QuantizationOf(graph, node.inputs[i]);
      same = same && ConstantOf(graph, node.inputs[i]) == nullptr && other != nullptr && *other == *first;
    }
    if (same) QuantizationOf(graph, node.outputs[0]) = first;
  }
}

void SpreadBackward(Graph& graph) {
  const Edges edges(graph);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    const std::shared_ptr<const Quantization> given = QuantizationOf(graph, node.outputs[0]);
    if (!KeepsScale(node.op) || given == nullptr) continue;
    for (size_t i = 0; i < Operands(node); ++i) {
      const ValueId input = node.inputs[i];
      if (ConstantOf(graph, input) != nullptr || edges.uses[static_cast<size_t>(input)] != 1) continue;
      if (QuantizationOf(graph, input) == nullptr) QuantizationOf(graph, input) = given;
    }
  }
}

// A Reshape or Transpose is no operator of its own in the end: a change of scale across one takes a Clip that clips nothing.
void SeparateRescaling(Graph& graph) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    if (node.op == "Reshape" || node.op == "Transpose") {
      const ValueId input = node.inputs[0];
      const std::shared_ptr<const Quantization> from = QuantizationOf(graph, input),
                                                to = QuantizationOf(graph, node.outputs[0]);
      if (from != nullptr && to != nullptr && *from != *to) {
        const Dims dims = DimsOf(graph, input);
        const ValueId rescaled = AddValue(graph, node.name + "/rescaled");
        Value& value = graph.values.back();
        value.has_dims = true;
        value.dims = dims;
        value.quantization = to;
        nodes.push_back({"Clip", node.name + "/rescale", {input}, {rescaled}, {{"min", -kInfinity}, {"max", kInfinity}}});
        node.inputs[0] = rescaled;
      }
    }
    nodes.push_back(std::move(node));
  }
  graph.nodes = std::move(nodes);
}

}  // namespace

Status ExpandQuantizedEdges(Graph& graph) {
  const std::vector<Node> given = std::move(graph.nodes);
  Rewriter rewriter(graph);
  for (const Node& node : given) {
    rewriter.Begin(node);
    Linear linear;
    const bool quantize = node.op == "QuantizeLinear";
    if (quantize || node.op == "DequantizeLinear") {
      CUTIS_TRY(ReadLinear(graph, node, graph.values[static_cast<size_t>(node.inputs[0])].type, &linear));
    }
    if (linear.scales.size() < 2) {
      rewriter.Keep(node);
    } else if (quantize) {
      QuantizeByChannel(rewriter, node, linear);
    } else {
      DequantizeByChannel(rewriter, node, linear);
    }
  }
  return rewriter.Finish();
}

Status SpreadQuantization(Graph& graph) {
  SpreadForward(graph);
  SpreadBackward(graph);
  SeparateRescaling(graph);
  return Status();
}

Status TakeBytesAsReals(Graph& graph) {
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const ValueId input = node.inputs.empty() ? kNoValue : node.inputs[0], output = node.outputs[0];
    if (node.op == "QuantizeLinear") {
      if (Has(node, kChannels)) return NodeError(node, "an output of a scale for each channel has no int8 form; use --float");
      ReplaceValue(graph, output, input);
      dead[n] = true;
    } else if (node.op == "DequantizeLinear") {
      ReplaceValue(graph, output, input);
      graph.values[static_cast<size_t>(input)].type = ElementType::kF32;
      dead[n] = true;
    }
  }
  RemoveNodes(graph, dead);
  return Status();
}

}  // namespace cutis::convert
