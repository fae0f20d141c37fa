// QLinearConv and its like are what they stand for: DequantizeLinear of every operand, the operator, QuantizeLinear.
#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"

namespace cutis::convert {
namespace {

// Where the operands stand. Offsets of a tensor's data, scale and zero point are consecutive: x, x_scale, x_zero_point.
struct Form {
  const char* quantized;
  const char* real;
  size_t least_inputs;
  int operands;         // that many triples begin the inputs; -1: triples fill them up behind the output's pair
  const char* dropped;  // an attribute that has to be 0, or ""
};

constexpr Form kForms[] = {
    {"QLinearConv", "Conv", 8, 2, ""},
    {"QLinearMatMul", "MatMul", 8, 2, ""},
    {"QGemm", "Gemm", 6, 2, ""},
    {"QLinearAdd", "Add", 7, 2, ""},
    {"QLinearMul", "Mul", 7, 2, ""},
    {"QLinearSigmoid", "Sigmoid", 4, 1, ""},
    {"QLinearLeakyRelu", "LeakyRelu", 4, 1, ""},
    {"QLinearSoftmax", "Softmax", 5, 1, ""},
    {"QLinearGlobalAveragePool", "GlobalAveragePool", 5, 1, "channels_last"},
    {"QLinearAveragePool", "AveragePool", 4, 1, "channels_last"},
    {"QLinearConcat", "Concat", 5, -1, ""},
};

const Form* FormOf(const std::string& op) {
  const auto found = std::find_if(std::begin(kForms), std::end(kForms), [&](const Form& form) { return op == form.quantized; });
  return found == std::end(kForms) ? nullptr : found;
}

class Expander {
 public:
  explicit Expander(Graph& graph) : graph_(graph) {}

  Status Run() {
    std::vector<Node> given = std::move(graph_.nodes);
    for (Node& node : given) {
      const Form* form = FormOf(node.op);
      if (form == nullptr) {
        nodes_.push_back(std::move(node));
      } else {
        CUTIS_TRY(Expand(*form, node));
      }
    }
    graph_.nodes = std::move(nodes_);
    return Status();
  }

 private:
  ValueId Add(const Node& of, const char* op, std::vector<ValueId> inputs, const char* suffix,
              std::map<std::string, Attribute> attributes = {}) {
    const ValueId output = AddValue(graph_, of.name + suffix);
    nodes_.push_back({op, of.name + suffix, std::move(inputs), {output}, std::move(attributes)});
    return output;
  }

  // The operand whose data, scale and zero point begin at input `at`.
  ValueId Real(const Node& node, size_t at, const char* suffix, int64_t axis) {
    std::vector<ValueId> inputs = {node.inputs[at], InputOf(node, at + 1)};
    if (HasInput(node, at + 2)) inputs.push_back(node.inputs[at + 2]);
    return Add(node, "DequantizeLinear", std::move(inputs), suffix, {{"axis", axis}});
  }

  // A bias is int32; its scale is the product of those of the input and of the weights, which begin at input 3.
  ValueId Bias(const Node& node, ValueId bias) {
    ValueId scale = Add(node, "Mul", {node.inputs[1], node.inputs[4]}, "/bias_scale");
    if (node.op == "QGemm" && FloatOf(node, "alpha", 1) != 1) {
      const ValueId alpha = AddConstant(graph_, node.name + "/alpha", MakeFloats({}, {FloatOf(node, "alpha", 1)}));
      scale = Add(node, "Mul", {scale, alpha}, "/bias_scale_alpha");
    }
    return Add(node, "DequantizeLinear", {bias, scale}, "/bias", {{"axis", int64_t{0}}});
  }

  // The axis along which the weights of a layer may have several scales.
  static int64_t WeightAxis(const Node& node) {
    if (node.op == "QLinearConv") return 0;
    return node.op == "QGemm" && IntOf(node, "transB", 0) != 0 ? 0 : -1;
  }

  Status Expand(const Form& form, const Node& node) {
    const auto operands = static_cast<size_t>(std::max(form.operands, 1));
    if (node.inputs.size() < form.least_inputs || node.inputs.size() > 3 * 1024 ||
        (form.operands < 0 && node.inputs.size() % 3 != 2)) {
      return NodeError(node, "it has " + std::to_string(node.inputs.size()) + " inputs", Code::kBadInput);
    }
    // Zero points may be left out.
    for (size_t i = 0; i < form.least_inputs; ++i) {
      const bool optional = form.operands > 0 && (i == 2 || (operands == 2 ? i == 5 || i == 7 : i == 4));
      if (!HasInput(node, i) && !optional) {
        return NodeError(node, "input " + std::to_string(i) + " is missing", Code::kBadInput);
      }
    }
    if (node.outputs.size() != 1) return NodeError(node, "it has several outputs", Code::kBadInput);
    if (IntOf(node, form.dropped, 0) != 0) return NodeError(node, std::string(form.dropped) + " is not supported");

    Node real{form.real, node.name, {}, {}, node.attributes};
    if (*form.dropped != '\0') real.attributes.erase(form.dropped);
    std::vector<ValueId> to = {InputOf(node, 3 * operands), InputOf(node, 3 * operands + 1)};  // scale and zero point
    if (form.operands < 0) {
      to = {node.inputs[0], node.inputs[1]};
      for (size_t i = 2; i < node.inputs.size(); i += 3) {
        if (node.inputs[i] == kNoValue) return NodeError(node, "input " + std::to_string(i) + " is missing", Code::kBadInput);
        real.inputs.push_back(Real(node, i, ("/operand_" + std::to_string(i / 3)).c_str(), 1));
      }
    } else {
      for (size_t i = 0; i < operands; ++i) {
        real.inputs.push_back(Real(node, 3 * i, i == 0 ? "/operand" : "/operand_1", i == 0 ? 1 : WeightAxis(node)));
      }
    }
    if (node.op == "QLinearConv" && HasInput(node, 8)) real.inputs.push_back(Bias(node, node.inputs[8]));
    if (node.op == "QGemm") {
      if (HasInput(node, 6)) real.inputs.push_back(Bias(node, node.inputs[6]));
      to = {InputOf(node, 7), InputOf(node, 8)};
    }
    if (node.op == "QLinearSoftmax") {
      // `opset` is that of the Softmax it stands for; before 13 that one worked on everything from `axis` on.
      if (IntOf(node, "opset", 13) < 13) real.attributes.emplace("_flatten", int64_t{1});
      real.attributes.erase("opset");
    }
    const ValueId output = node.outputs[0];
    if (to[0] == kNoValue) {  // QGemm may give real numbers
      if (node.op != "QGemm") return NodeError(node, "the scale of its output is missing", Code::kBadInput);
      real.outputs = {output};
      nodes_.push_back(std::move(real));
      return Status();
    }
    const ValueId result = AddValue(graph_, graph_.values[static_cast<size_t>(output)].name + "/real");
    real.outputs = {result};
    nodes_.push_back(std::move(real));
    Node quantize{"QuantizeLinear", node.name + "/quantize", {result, to[0]}, {output}, {}};
    if (to[1] != kNoValue) quantize.inputs.push_back(to[1]);
    nodes_.push_back(std::move(quantize));
    return Status();
  }

  Graph& graph_;
  std::vector<Node> nodes_;
};

}  // namespace

bool IsQuantizedOperator(const std::string& op) {
  return FormOf(op) != nullptr || op == "QuantizeLinear" || op == "DequantizeLinear";
}

Status ExpandQuantizedOperators(Graph& graph) { return Expander(graph).Run(); }

}  // namespace cutis::convert
