#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/graph/passes/quantized.h"

namespace cutis::convert {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Status ReadBound(const Graph& graph, const Node& node, size_t input, const char* attribute, float otherwise, float* bound) {
  *bound = FloatOf(node, attribute, otherwise);
  if (HasInput(node, input)) {
    const Constant* constant = ConstantInput(graph, node, input);
    if (constant == nullptr) return NodeError(node, "its bounds are computed at run time, only constant ones are supported");
    const std::vector<float> values = ReadFloats(*constant);
    if (values.size() != 1) return NodeError(node, "a bound of it is not one number", Code::kBadInput);
    *bound = values[0];
  }
  if (std::isnan(*bound)) return NodeError(node, "a bound of it is not a number", Code::kBadInput);
  // The largest numbers are ONNX's way to leave a bound out.
  if (*bound == std::numeric_limits<float>::max()) *bound = kInfinity;
  if (*bound == std::numeric_limits<float>::lowest()) *bound = -kInfinity;
  return Status();
}

Status ToClip(const Graph& graph, Node* node) {
  float min = 0, max = kInfinity;  // Relu
  if (node->op == "Clip") {
    CUTIS_TRY(ReadBound(graph, *node, 1, "min", -kInfinity, &min));
    CUTIS_TRY(ReadBound(graph, *node, 2, "max", kInfinity, &max));
    min = std::min(min, max);  // as ONNX has it: the maximum wins
  }
  node->op = "Clip";
  node->inputs.resize(1);
  node->attributes = {{"min", min}, {"max", max}};
  return Status();
}

// Clip(Reshape(x)) -> Reshape(Clip(x)), so that the Clip stands beside what computes x. The reshape comes first in the list.
void SwapWithReshape(Graph& graph, Node& reshape, Node& clip) {
  const ValueId source = reshape.inputs[0], middle = reshape.outputs[0], result = clip.outputs[0];
  graph.values[static_cast<size_t>(middle)].dims = DimsOf(graph, source);
  graph.values[static_cast<size_t>(middle)].quantization = graph.values[static_cast<size_t>(result)].quantization;
  std::swap(reshape.op, clip.op);
  std::swap(reshape.name, clip.name);
  std::swap(reshape.attributes, clip.attributes);
  reshape.inputs = {source};
  reshape.outputs = {middle};
  clip.inputs = {middle};
  clip.outputs = {result};
}

// Takes the clip into `node`, which computes its input. clamp(clamp(x, a, b), c, d) = clamp(x, clamp(a, c, d), clamp(b, c, d)).
void Fuse(const Node& clip, Node* node) {
  const float low = FloatOf(clip, "min", 0), high = FloatOf(clip, "max", 0);
  const bool is_clip = node->op == "Clip";
  const char* min_name = is_clip ? "min" : "clip_min";
  const char* max_name = is_clip ? "max" : "clip_max";
  node->attributes[min_name] = std::clamp(FloatOf(*node, min_name, -kInfinity), low, high);
  node->attributes[max_name] = std::clamp(FloatOf(*node, max_name, kInfinity), low, high);
  node->outputs = clip.outputs;
}

bool CanClamp(const Node& node) { return node.op == "Conv" || node.op == "Gemm" || node.op == "Add" || node.op == "Clip"; }

}  // namespace

Status FuseActivations(Graph& graph) {
  std::vector<bool> dead(graph.nodes.size(), false);
  Edges edges(graph);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].op != "Clip" && graph.nodes[n].op != "Relu") continue;
    CUTIS_TRY(ToClip(graph, &graph.nodes[n]));
    // Upwards through the reshapes; `at` is where the Clip is now.
    size_t at = n;
    int before = -1;
    while (true) {
      const ValueId input = graph.nodes[at].inputs[0];
      before = edges.producer[static_cast<size_t>(input)];
      if (before < 0 || edges.uses[static_cast<size_t>(input)] != 1) {
        before = -1;
        break;
      }
      // A scale that the source states between the two stays where it is, unless it is that of the result.
      if (!JoinScales(graph, input, graph.nodes[at].outputs[0])) {
        before = -1;
        break;
      }
      if (graph.nodes[static_cast<size_t>(before)].op != "Reshape") break;
      SwapWithReshape(graph, graph.nodes[static_cast<size_t>(before)], graph.nodes[at]);
      at = static_cast<size_t>(before);
    }
    if (before >= 0 && CanClamp(graph.nodes[static_cast<size_t>(before)])) {
      Node& node = graph.nodes[static_cast<size_t>(before)];
      Fuse(graph.nodes[at], &node);
      edges.producer[static_cast<size_t>(node.outputs[0])] = before;
      dead[at] = true;
    }
  }
  RemoveNodes(graph, dead);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    if (node.op != "Clip" || FloatOf(node, "min", 0) != -kInfinity || FloatOf(node, "max", 0) != kInfinity) continue;
    if (!JoinScales(graph, node.inputs[0], node.outputs[0])) continue;  // a change of scale
    ReplaceValue(graph, node.outputs[0], node.inputs[0]);  // clips nothing
    graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(n));
  }
  return Status();
}

}  // namespace cutis::convert
