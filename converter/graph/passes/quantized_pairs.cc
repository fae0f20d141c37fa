// Values that the source holds as integers become real ones that carry the scale: a QuantizeLinear and the DequantizeLinear of
// what it gives disappear together. What is left stands at the edge of the graph.
#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/graph/passes/quantized.h"

namespace cutis::convert {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool IsByte(ElementType type) { return type == ElementType::kU8 || type == ElementType::kI8; }

Status OnlyOneScale(const Node& node) {
  return NodeError(node, "several scales are supported for constants and at the edge of the graph only");
}

// Gives bytes that are bytes of its input, one by one and in the same scale.
bool MovesBytes(const std::string& op) {
  static constexpr std::array kMoves = {"MaxPool",   "Reshape",  "Flatten", "Squeeze", "Unsqueeze",
                                        "Transpose", "Identity", "Dropout", "Slice",   "Split",
                                        "Gather",    "Expand",   "Pad",     "Concat",  "Resize"};
  for (const char* move : kMoves) {
    if (op == move) return true;
  }
  return false;
}

class Pairs {
 public:
  explicit Pairs(Graph& graph) : graph_(graph), aliases_(graph.values.size(), kNoValue), edges_(graph) {}

  Status Run() {
    const std::vector<Node> given = std::move(graph_.nodes);
    graph_.nodes.clear();
    given_ = &given;
    for (const Node& from : given) {
      Node node = from;
      for (ValueId& id : node.inputs) id = Resolve(id);
      CUTIS_TRY(Take(std::move(node)));
    }
    graph_.nodes = std::move(nodes_);
    for (ValueId& output : graph_.outputs) CUTIS_TRY(TakeOutput(output));
    return Status();
  }

 private:
  // A value of integers, and the real one that it stands for.
  struct Bytes {
    ValueId real = kNoValue;
    Linear linear;
  };

  Value& ValueOf(ValueId id) { return graph_.values[static_cast<size_t>(id)]; }
  ValueId Resolve(ValueId id) const {
    while (id != kNoValue && static_cast<size_t>(id) < aliases_.size() && aliases_[static_cast<size_t>(id)] != kNoValue) {
      id = aliases_[static_cast<size_t>(id)];
    }
    return id;
  }
  bool IsInput(ValueId id) const { return std::find(graph_.inputs.begin(), graph_.inputs.end(), id) != graph_.inputs.end(); }

  ValueId NewReal(ValueId like, std::string name) {
    const Dims dims = ValueOf(like).dims;
    const ValueId id = AddValue(graph_, std::move(name));
    ValueOf(id).has_dims = true;
    ValueOf(id).dims = dims;
    return id;
  }

  Status Take(Node node) {
    if (node.op == "QuantizeLinear") return TakeQuantize(node);
    if (node.op == "DequantizeLinear") return TakeDequantize(node);
    bool bytes = false;
    for (const ValueId id : node.inputs) {
      if (id == kNoValue || ConstantOf(graph_, id) != nullptr) continue;
      if (IsInput(id) && IsByte(ValueOf(id).type)) CUTIS_TRY(TakeInput(id, node));
      bytes = bytes || bytes_.count(id) != 0;
    }
    if (node.op == "Cast" && bytes && casts_.count(node.inputs[0]) != 0) {
      aliases_[static_cast<size_t>(node.outputs[0])] = bytes_.at(node.inputs[0]).real;
      return Status();
    }
    if (bytes) return TakeMove(std::move(node));
    nodes_.push_back(std::move(node));
    return Status();
  }

  Status TakeQuantize(const Node& node) {
    Linear linear;
    CUTIS_TRY(ReadLinear(graph_, node, ElementType::kU8, &linear));
    const ValueId x = node.inputs[0], output = node.outputs[0];
    if (bytes_.count(x) != 0 || IsByte(ValueOf(x).type)) return NodeError(node, "its input is not floating-point");
    Bytes bytes{x, linear};
    const std::shared_ptr<const Quantization> quantization = BytesOf(linear);
    if (quantization != nullptr && ValueOf(x).constant == nullptr) {
      if (ValueOf(x).quantization == nullptr && EndsAtItsRange(x)) {
        bytes.real = NewReal(x, ValueOf(output).name + "/clamped");
        ValueOf(bytes.real).quantization = quantization;
        const float scale = quantization->scales[0];
        const auto bound = [&](int32_t byte) { return scale * static_cast<float>(byte - quantization->zero_point); };
        nodes_.push_back({"Clip", node.name, {x}, {bytes.real}, {{"min", bound(0)}, {"max", bound(255)}}});
        bytes_[output] = std::move(bytes);
        return Status();
      }
      if (ValueOf(x).quantization == nullptr) ValueOf(x).quantization = quantization;
      if (*ValueOf(x).quantization != *quantization) {  // from one scale to another: a Clip that clips nothing
        bytes.real = NewReal(x, ValueOf(output).name + "/real");
        ValueOf(bytes.real).quantization = quantization;
        nodes_.push_back({"Clip", node.name, {x}, {bytes.real}, {{"min", -kInfinity}, {"max", kInfinity}}});
      }
    }
    bytes_[output] = std::move(bytes);
    return Status();
  }

  // Whether a layer makes the value for this quantisation alone. What integers cannot hold is then cut off, and in the real
  // network, too: quantisers leave out a Relu or Relu6 that the range of the integers stands for. It costs nothing in a layer.
  bool EndsAtItsRange(ValueId x) const {
    const auto at = static_cast<size_t>(x);
    if (at >= edges_.uses.size() || edges_.uses[at] != 1 || edges_.producer[at] < 0) return false;
    const std::string& op = (*given_)[static_cast<size_t>(edges_.producer[at])].op;
    return op == "Conv" || op == "Gemm" || op == "Add" || op == "BatchNormalization";
  }

  Status TakeDequantize(const Node& node) {
    const ValueId x = node.inputs[0], output = node.outputs[0];
    if (IsInput(x) && IsByte(ValueOf(x).type) && bytes_.count(x) == 0) CUTIS_TRY(MakeInputReal(x, node));
    const auto found = bytes_.find(x);
    if (found == bytes_.end()) return NodeError(node, "it reads integers that no QuantizeLinear makes");
    Linear linear;
    CUTIS_TRY(ReadLinear(graph_, node, found->second.linear.type, &linear));
    if (linear != found->second.linear) {
      return NodeError(node, "its scale or zero point is not that of the integers it reads");
    }
    if (!linear.per_tensor() && !IsInput(x)) return OnlyOneScale(node);
    aliases_[static_cast<size_t>(output)] = found->second.real;
    return Status();
  }

  // An input of integers whose parameters `dequantize` states: that node stays, and all others read what it gives.
  Status MakeInputReal(ValueId input, const Node& dequantize) {
    Bytes bytes;
    CUTIS_TRY(ReadLinear(graph_, dequantize, ValueOf(input).type, &bytes.linear));
    bytes.real = NewReal(input, ValueOf(input).name + "/real");
    ValueOf(bytes.real).quantization = BytesOf(bytes.linear);
    ValueOf(input).quantization = ValueOf(bytes.real).quantization;
    if (ValueOf(input).quantization == nullptr) {  // the bytes themselves
      const int32_t zero = ValueOf(input).type == ElementType::kI8 ? 128 : 0;
      ValueOf(input).quantization = std::make_shared<const Quantization>(Quantization{{1.0f}, zero, 0});
    }
    Node node = dequantize;
    node.inputs[0] = input;
    node.outputs = {bytes.real};
    nodes_.push_back(std::move(node));
    bytes_[input] = std::move(bytes);
    return Status();
  }

  // What an input of integers stands for when something else than a DequantizeLinear reads it first: what the DequantizeLinear
  // says that comes after some moves, or the numbers themselves where they are cast.
  Status TakeInput(ValueId input, const Node& reader) {
    if (bytes_.count(input) != 0) return Status();
    std::vector<ValueId> followed = {input};
    for (size_t i = 0; i < followed.size(); ++i) {
      for (const Node& node : *given_) {
        if (InputOf(node, 0) != followed[i]) continue;
        if (node.op == "DequantizeLinear") return MakeInputReal(input, node);
        if (node.op == "Cast" && IntOf(node, "to", 0) != 0 && i == 0) {
          casts_[input] = true;
          const ValueId one = AddConstant(graph_, node.name + "/one", MakeFloats({}, {1.0f}));
          return MakeInputReal(input, {"DequantizeLinear", node.name, {input, one}, node.outputs, {}});
        }
        if (MovesBytes(node.op)) followed.insert(followed.end(), node.outputs.begin(), node.outputs.end());
      }
    }
    return NodeError(reader, "it reads integers of unknown scale: no DequantizeLinear follows");
  }

  // A node that only moves integers, done with the real values.
  Status TakeMove(Node node) {
    if (!MovesBytes(node.op)) return NodeError(node, "it works on quantised integers, which is not supported");
    std::optional<Linear> linear;
    const size_t operands = node.op == "Concat" ? node.inputs.size() : 1;
    for (size_t i = 0; i < operands; ++i) {
      const auto found = bytes_.find(node.inputs[i]);
      if (found == bytes_.end() || (linear && found->second.linear != *linear)) {
        return NodeError(node, "its inputs are integers of different scales");
      }
      linear = found->second.linear;
      node.inputs[i] = found->second.real;
    }
    if (!linear->per_tensor()) return OnlyOneScale(node);
    if (node.op == "Pad" && TextOf(node, "mode", "constant") == "constant") CUTIS_TRY(TakePadding(*linear, node));
    for (ValueId& id : node.outputs) {
      if (id == kNoValue) continue;
      const ValueId real = NewReal(id, ValueOf(id).name + "/real");
      ValueOf(real).quantization = BytesOf(*linear);
      bytes_[id] = {real, *linear};
      id = real;
    }
    nodes_.push_back(std::move(node));
    return Status();
  }

  // What integers are padded with is an integer too, 0 where nothing is said.
  Status TakePadding(const Linear& linear, Node& node) {
    int64_t fill = 0;
    if (HasInput(node, 2)) {
      const Constant* constant = ConstantInput(graph_, node, 2);
      if (constant == nullptr || ElementCount(constant->dims) != 1) return NodeError(node, "its padding must be one constant");
      fill = ReadInts(*constant)[0];
    }
    const double real = static_cast<double>(fill - linear.zero_points[0]) * static_cast<double>(linear.scales[0]);
    node.inputs.resize(std::max<size_t>(node.inputs.size(), 3), kNoValue);
    node.inputs[2] = AddConstant(graph_, node.name + "/fill", MakeFloats({}, {static_cast<float>(real)}));
    return Status();
  }

  // An output of integers: a QuantizeLinear of its own gives it, under its name.
  Status TakeOutput(ValueId& output) {
    const auto found = bytes_.find(output);
    if (found == bytes_.end()) {
      const ValueId real = Resolve(output);
      if (real == output) return Status();
      Value& value = ValueOf(real);
      if (!IsInput(real) && value.constant == nullptr) std::swap(value.name, ValueOf(output).name);
      output = real;
      return Status();
    }
    const Bytes bytes = found->second;
    const std::string name = ValueOf(output).name;
    const ValueId made = AddValue(graph_, name, bytes.linear.type);
    ValueOf(made).has_dims = true;
    ValueOf(made).dims = ValueOf(output).dims;
    ValueOf(made).quantization = BytesOf(bytes.linear);
    Node node{"QuantizeLinear", name + "/quantize", {bytes.real}, {made}, {{"axis", bytes.linear.axis}}};
    Dims scale_dims = bytes.linear.per_tensor() ? Dims{} : Dims{static_cast<int64_t>(bytes.linear.scales.size())};
    if (bytes.linear.axis == Linear::kEveryElement) {  // blocks of one
      scale_dims = ValueOf(made).dims;
      node.attributes = {{"axis", int64_t{0}}, {"block_size", int64_t{1}}};
    }
    Constant zero{bytes.linear.type, scale_dims, {}};
    for (const int32_t z : bytes.linear.zero_points) zero.data.push_back(static_cast<std::byte>(z & 255));
    node.inputs.push_back(AddConstant(graph_, name + "/scale", MakeFloats(scale_dims, bytes.linear.scales)));
    node.inputs.push_back(AddConstant(graph_, name + "/zero_point", std::move(zero)));
    if (ValueOf(made).quantization == nullptr) {
      const int32_t shift = bytes.linear.type == ElementType::kI8 ? 128 : 0;
      ValueOf(made).quantization = std::make_shared<const Quantization>(Quantization{{1.0f}, shift, 0});
    }
    graph_.nodes.push_back(std::move(node));
    output = made;
    return Status();
  }

  Graph& graph_;
  std::vector<ValueId> aliases_;  // by value: the real one that it is
  std::map<ValueId, Bytes> bytes_;
  Edges edges_;                    // of the given graph
  std::map<ValueId, bool> casts_;  // inputs whose integers are cast to real numbers
  const std::vector<Node>* given_ = nullptr;
  std::vector<Node> nodes_;
};

}  // namespace

Status ResolveQuantization(Graph& graph) {
  bool any = false;
  for (const Node& node : graph.nodes) any = any || node.op == "QuantizeLinear" || node.op == "DequantizeLinear";
  for (const ValueId id : graph.inputs) any = any || IsByte(graph.values[static_cast<size_t>(id)].type);
  return any ? Pairs(graph).Run() : Status();
}

}  // namespace cutis::convert
