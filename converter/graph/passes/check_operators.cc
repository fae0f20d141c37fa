#include <algorithm>
#include <map>
#include <sstream>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"

namespace cutis::convert {
namespace {

// What a node of this operator may look like. Attribute types: i integer, f float, s text, I integers, F floats, t tensor.
// "_flatten" is set by the ONNX importer (softmax before opset 13). Attributes without effect on inference are listed too.
struct Operator {
  const char* name;
  size_t least_inputs, most_inputs;
  const char* attributes;
};

constexpr Operator kOperators[] = {
    {"Abs", 1, 1, ""},
    {"Add", 2, 2, ""},
    {"AveragePool", 1, 1, "auto_pad:s ceil_mode:i count_include_pad:i dilations:I kernel_shape:I pads:I strides:I"},
    {"BatchNormalization", 5, 5, "epsilon:f is_test:i momentum:f spatial:i training_mode:i"},
    {"Cast", 1, 1, "to:i saturate:i"},
    {"Clip", 1, 3, "min:f max:f"},
    {"Concat", 1, 1024, "axis:i"},
    {"Constant", 0, 0, "value:t value_float:f value_floats:F value_int:i value_ints:I"},
    {"ConstantOfShape", 1, 1, "value:t"},
    {"Conv", 2, 3, "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"},
    {"ConvTranspose", 2, 3, "auto_pad:s dilations:I group:i kernel_shape:I output_padding:I output_shape:I pads:I strides:I"},
    {"DequantizeLinear", 2, 3, "axis:i block_size:i output_dtype:i"},
    {"Div", 2, 2, ""},
    {"Dropout", 1, 3, "ratio:f seed:i"},
    {"Elu", 1, 1, "alpha:f"},
    {"Exp", 1, 1, ""},
    {"Expand", 2, 2, ""},
    {"Flatten", 1, 1, "axis:i"},
    {"Gather", 2, 2, "axis:i"},
    {"Gemm", 2, 3, "alpha:f beta:f broadcast:i transA:i transB:i"},
    {"GlobalAveragePool", 1, 1, ""},
    {"GlobalMaxPool", 1, 1, ""},
    {"HardSigmoid", 1, 1, "alpha:f beta:f"},
    {"HardSwish", 1, 1, ""},
    {"Identity", 1, 1, ""},
    {"InstanceNormalization", 3, 3, "epsilon:f"},
    {"LRN", 1, 1, "alpha:f beta:f bias:f size:i"},
    {"LeakyRelu", 1, 1, "alpha:f"},
    {"Log", 1, 1, ""},
    {"MatMul", 2, 2, ""},
    {"Max", 1, 1024, ""},
    {"MaxPool", 1, 1, "auto_pad:s ceil_mode:i dilations:I kernel_shape:I pads:I storage_order:i strides:I"},
    {"Min", 1, 1024, ""},
    {"Mish", 1, 1, ""},
    {"Mul", 2, 2, ""},
    {"Neg", 1, 1, ""},
    {"PRelu", 2, 2, "_channels:i"},
    {"Pad", 1, 4, "mode:s pads:I value:f"},
    {"Pow", 2, 2, ""},
    {"Reciprocal", 1, 1, ""},
    {"QuantizeLinear", 2, 3, "axis:i block_size:i output_dtype:i precision:i saturate:i"},
    {"ReduceMax", 1, 2, "axes:I keepdims:i noop_with_empty_axes:i"},
    {"ReduceMean", 1, 2, "axes:I keepdims:i noop_with_empty_axes:i"},
    {"ReduceMin", 1, 2, "axes:I keepdims:i noop_with_empty_axes:i"},
    {"ReduceSum", 1, 2, "axes:I keepdims:i noop_with_empty_axes:i"},
    {"Relu", 1, 1, ""},
    {"Reshape", 1, 2, "allowzero:i shape:I"},
    {"Resize", 1, 4,
     "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f "
     "keep_aspect_ratio_policy:s mode:s nearest_mode:s"},
    {"Shape", 1, 1, "start:i end:i"},
    {"Sigmoid", 1, 1, ""},
    {"Slice", 1, 5, "axes:I ends:I starts:I"},
    {"Softmax", 1, 1, "axis:i _flatten:i"},
    {"Softplus", 1, 1, ""},
    {"Split", 1, 2, "axis:i num_outputs:i split:I"},
    {"Sqrt", 1, 1, ""},
    {"Squeeze", 1, 2, "axes:I"},
    {"Sub", 2, 2, ""},
    {"Sum", 1, 1024, ""},
    {"Tanh", 1, 1, ""},
    {"Transpose", 1, 1, "perm:I"},
    {"Unsqueeze", 1, 2, "axes:I"},
    {"Where", 3, 3, ""},
};

char TypeLetter(const Attribute& attribute) {
  constexpr char kLetters[] = {'i', 'f', 's', 'I', 'F', 't'};  // in the order of the variant
  return kLetters[attribute.index()];
}

// The letter of `name` in an attribute list, or 0.
char WantedType(const char* attributes, const std::string& name) {
  std::istringstream words{std::string(attributes)};
  std::string word;
  while (words >> word) {
    if (word.size() == name.size() + 2 && word.compare(0, name.size(), name) == 0) return word.back();
  }
  return 0;
}

Status CheckAttributes(const Operator& op, Node& node) {
  for (auto& [name, attribute] : node.attributes) {
    const char wanted = WantedType(op.attributes, name);
    if (wanted == 0) return NodeError(node, "attribute '" + name.substr(0, 60) + "' is not supported");
    // JSON writes 6.0 as 6, and an empty list has no type.
    if (wanted == 'f' && TypeLetter(attribute) == 'i') attribute = static_cast<float>(std::get<int64_t>(attribute));
    if (wanted == 'F' && TypeLetter(attribute) == 'I') {
      const std::vector<int64_t> numbers = std::get<std::vector<int64_t>>(attribute);
      attribute = std::vector<float>(numbers.begin(), numbers.end());
    }
    if (TypeLetter(attribute) != wanted) {
      return NodeError(node, "attribute '" + name.substr(0, 60) + "' has the wrong type", Code::kBadInput);
    }
  }
  return Status();
}

// Switches that exist for training, for other layouts or for outputs that nobody reads here.
Status CheckSwitches(const Node& node) {
  if (node.op == "BatchNormalization") {
    const bool training = IntOf(node, "training_mode", 0) != 0 || IntOf(node, "is_test", 1) == 0;
    if (training && node.outputs.size() == 1) return NodeError(node, "training_mode is set; export the model for inference");
    if (IntOf(node, "spatial", 1) != 1) return NodeError(node, "spatial = 0 is not supported");
  }
  if (node.op == "MaxPool" && IntOf(node, "storage_order", 0) != 0) return NodeError(node, "storage_order is not supported");
  return Status();
}

// Is any output but the first one read?
bool MoreOutputsRead(const Node& node, const Edges& edges) {
  return std::any_of(node.outputs.begin() + 1, node.outputs.end(),
                     [&](ValueId id) { return id != kNoValue && edges.uses[static_cast<size_t>(id)] != 0; });
}

// A network that hands out the statistics of its batches means to compute them. Where nobody reads them, it was most likely
// exported in the wrong mode, and would judge each image by the image's own statistics.
bool ComputesStatistics(const Node& node, const Edges& edges) {
  return node.op == "BatchNormalization" && node.outputs.size() <= 3 && IntOf(node, "training_mode", 0) == 1 &&
         MoreOutputsRead(node, edges);
}

}  // namespace

Status CheckOperators(Graph& graph) {
  std::map<std::string, const Operator*> operators;
  for (const Operator& op : kOperators) operators[op.name] = &op;
  const Edges edges(graph);
  for (Node& node : graph.nodes) {
    const auto found = operators.find(node.op);
    if (found == operators.end()) return NodeError(node, "this operator is not supported");
    const Operator& op = *found->second;
    if (node.inputs.size() < op.least_inputs || node.inputs.size() > op.most_inputs) {
      return NodeError(node, "it has " + std::to_string(node.inputs.size()) + " inputs", Code::kBadInput);
    }
    for (size_t i = 0; i < op.least_inputs; ++i) {
      if (!HasInput(node, i)) return NodeError(node, "input " + std::to_string(i) + " is missing", Code::kBadInput);
    }
    if (node.outputs.empty() || node.outputs[0] == kNoValue) return NodeError(node, "it has no output", Code::kBadInput);
    if (node.op == "Split" || ComputesStatistics(node, edges)) {
      CUTIS_TRY(CheckAttributes(op, node));
      CUTIS_TRY(CheckSwitches(node));
      continue;
    }
    for (size_t i = 1; i < node.outputs.size(); ++i) {
      // Further outputs (the mask of Dropout, the statistics of a batch norm) matter only when something reads them.
      if (node.outputs[i] != kNoValue && edges.uses[static_cast<size_t>(node.outputs[i])] != 0) {
        return NodeError(node, "its output " + std::to_string(i + 1) + " is used, which is not supported");
      }
    }
    node.outputs.erase(node.outputs.begin() + 1, node.outputs.end());
    CUTIS_TRY(CheckAttributes(op, node));
    CUTIS_TRY(CheckSwitches(node));
  }
  return Status();
}

}  // namespace cutis::convert
