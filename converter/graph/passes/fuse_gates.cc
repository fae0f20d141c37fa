// Activations that exporters write as several operators become one: x * sigmoid(x), x * relu6(x + 3) / 6 and their relatives.
// So int8 has one table for them, and float32 one pass over memory.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"

namespace cutis::convert {
namespace {

bool Near(float a, float b) { return std::fabs(a - b) <= 1e-6f; }

class GateFuser {
 public:
  explicit GateFuser(Graph& graph) : graph_(graph), edges_(graph) {}

  void Run() {
    // In order: the gates of a product have been fused before it is looked at.
    for (Node& node : graph_.nodes) {
      if (node.op == "Mul" || node.op == "Div") FuseScaled(node);
      if (node.op == "Mul") FuseProduct(node);
    }
  }

 private:
  // The node that computes the value, if it is of that kind and nobody else sees what it computes.
  const Node* Inner(ValueId id, const char* op) const {
    const int producer = id == kNoValue ? -1 : edges_.producer[static_cast<size_t>(id)];
    if (producer < 0 || edges_.uses[static_cast<size_t>(id)] != 1) return nullptr;
    // A scale that the source states for it would be lost.
    if (graph_.values[static_cast<size_t>(id)].quantization != nullptr) return nullptr;
    const Node& node = graph_.nodes[static_cast<size_t>(producer)];
    return node.op == op ? &node : nullptr;
  }

  std::optional<float> Scalar(ValueId id) const {
    const Constant* constant = ConstantOf(graph_, id);
    if (constant == nullptr || ElementCount(constant->dims) != 1 || !IsFloat(constant->type)) return std::nullopt;
    return ReadFloats(*constant)[0];
  }

  // For a node with a number beside it: the number, and the other operand in `other`.
  std::optional<float> Beside(const Node& node, ValueId* other) const {
    for (const size_t i : {size_t{1}, size_t{0}}) {
      const std::optional<float> number = Scalar(node.inputs[i]);
      // A number with more axes than the operand would give the result its rank.
      if (!number || DimsOf(graph_, node.inputs[1 - i]) != DimsOf(graph_, node.outputs[0])) continue;
      if (i == 0 && node.op == "Div") continue;
      *other = node.inputs[1 - i];
      return number;
    }
    return std::nullopt;
  }

  float Bound(const Node& clip, size_t input, const char* attribute) const {
    if (HasInput(clip, input)) return Scalar(clip.inputs[input]).value_or(std::numeric_limits<float>::quiet_NaN());
    return FloatOf(clip, attribute, std::numeric_limits<float>::quiet_NaN());
  }

  // relu6(x + 3): x.
  ValueId ShiftedClip(ValueId id) const {
    const Node* clip = Inner(id, "Clip");
    if (clip == nullptr || Bound(*clip, 1, "min") != 0 || Bound(*clip, 2, "max") != 6) return kNoValue;
    const Node* add = Inner(clip->inputs[0], "Add");
    ValueId x = kNoValue;
    return add != nullptr && Beside(*add, &x) == 3.0f ? x : kNoValue;
  }

  void Become(Node& node, const char* op, ValueId x, std::map<std::string, Attribute> attributes = {}) {
    node.op = op;
    node.inputs = {x};
    node.attributes = std::move(attributes);
  }

  // relu6(x + 3) / 6 and x * relu6(x + 3) / 6.
  void FuseScaled(Node& node) {
    ValueId scaled = kNoValue;
    const std::optional<float> number = Beside(node, &scaled);
    if (!number || !Near(node.op == "Div" ? *number / 6 : *number * 6, 1)) return;
    if (const ValueId x = ShiftedClip(scaled); x != kNoValue) {
      return Become(node, "HardSigmoid", x, {{"alpha", 1.0f / 6}, {"beta", 0.5f}});
    }
    const Node* product = Inner(scaled, "Mul");
    if (product == nullptr) return;
    for (const size_t i : {size_t{0}, size_t{1}}) {
      const ValueId x = ShiftedClip(product->inputs[i]);
      if (x != kNoValue && x == product->inputs[1 - i]) return Become(node, "HardSwish", x);
    }
  }

  // x times a function of x.
  void FuseProduct(Node& node) {
    for (const size_t i : {size_t{0}, size_t{1}}) {
      const ValueId x = node.inputs[i], gate = node.inputs[1 - i];
      if (const Node* sigmoid = Inner(gate, "Sigmoid"); sigmoid != nullptr) {
        if (sigmoid->inputs[0] == x) return Become(node, "Swish", x);
        const Node* scale = Inner(sigmoid->inputs[0], "Mul");
        ValueId scaled = kNoValue;
        const std::optional<float> alpha = scale != nullptr ? Beside(*scale, &scaled) : std::nullopt;
        if (alpha && scaled == x) return Become(node, "Swish", x, {{"alpha", *alpha}});
      }
      if (const Node* hard = Inner(gate, "HardSigmoid"); hard != nullptr && hard->inputs[0] == x) {
        if (Near(FloatOf(*hard, "alpha", 0.2f), 1.0f / 6) && FloatOf(*hard, "beta", 0.5f) == 0.5f)
          return Become(node, "HardSwish", x);
      }
      if (const Node* tanh = Inner(gate, "Tanh"); tanh != nullptr) {
        const Node* softplus = Inner(tanh->inputs[0], "Softplus");
        if (softplus != nullptr && softplus->inputs[0] == x) return Become(node, "Mish", x);
      }
    }
  }

  Graph& graph_;
  Edges edges_;
};

}  // namespace

Status FuseGates(Graph& graph) {
  GateFuser(graph).Run();
  return Status();
}

}  // namespace cutis::convert
