// Everything of the form y = x * scale[channel] + shift[channel] (batch normalisation, arithmetic with constants) becomes part
// of a convolution or a fully connected layer: of the one before it, of the one after it, or of a 1x1 depthwise one of its own.
#include <cmath>
#include <map>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"

namespace cutis::convert {
namespace {

struct Affine {
  std::vector<double> scale, shift;  // one per channel
};

Status FromBatchNorm(const Graph& graph, const Node& node, Affine* affine) {
  std::vector<double> parameters[4];  // gamma, beta, mean, variance
  for (size_t i = 0; i < 4; ++i) {
    const Constant* constant = ConstantInput(graph, node, i + 1);
    if (constant == nullptr)
      return NodeError(node, "its parameters are computed at run time, only constant ones are supported");
    parameters[i] = ReadDoubles(*constant);
  }
  const double epsilon = FloatOf(node, "epsilon", 1e-5f);
  for (size_t c = 0; c < parameters[0].size(); ++c) {
    const double variance = parameters[3][c] + epsilon;
    if (!(variance > 0))
      return NodeError(node, "variance plus epsilon of channel " + std::to_string(c) + " is not positive", Code::kBadInput);
    const double scale = parameters[0][c] / std::sqrt(variance);
    affine->scale.push_back(scale);
    affine->shift.push_back(parameters[1][c] - parameters[2][c] * scale);
  }
  return Status();
}

// The operand's value for each channel of x; false when it is neither one number nor one per channel.
bool PerChannel(const Constant& operand, const Dims& x, std::vector<double>* values) {
  const int64_t channel_axis = 1 - static_cast<int64_t>(x.size()) + static_cast<int64_t>(operand.dims.size());
  for (int64_t i = 0; i < static_cast<int64_t>(operand.dims.size()); ++i) {
    if (operand.dims[static_cast<size_t>(i)] != 1 && i != channel_axis) return false;
  }
  const std::vector<double> given = ReadDoubles(operand);
  values->resize(static_cast<size_t>(x[1]));
  for (size_t c = 0; c < values->size(); ++c) (*values)[c] = given[given.size() == 1 ? 0 : c];
  return true;
}

// Add, Sub, Mul, Div with one constant operand; *data is the index of the other one. False when it is no affine per channel
// with finite numbers: then it stays what it is.
bool FromArithmetic(const Graph& graph, const Node& node, Affine* affine, size_t* data) {
  *data = ConstantInput(graph, node, 0) != nullptr ? 1 : 0;
  const Constant* operand = ConstantInput(graph, node, 1 - *data);
  const Dims& x = DimsOf(graph, node.inputs[*data]);
  const bool constant_first = *data == 1;
  if ((x.size() != 2 && x.size() != 4) || x != DimsOf(graph, node.outputs[0])) return false;
  if (node.op == "Div" && constant_first) return false;
  std::vector<double> values;
  if (!PerChannel(*operand, x, &values)) return false;
  for (const double value : values) {
    double scale = 1, shift = 0;
    if (node.op == "Add") shift = value;
    if (node.op == "Sub") scale = constant_first ? -1 : 1, shift = constant_first ? value : -value;
    if (node.op == "Mul") scale = value;
    if (node.op == "Div") scale = 1 / value;
    if (!std::isfinite(scale) || !std::isfinite(shift)) return false;
    affine->scale.push_back(scale);
    affine->shift.push_back(shift);
  }
  return true;
}

void SetWeights(Graph& graph, Node& node, Dims dims, const std::vector<double>& weights, const std::vector<double>& bias) {
  node.inputs.resize(1);
  const std::string name = node.name;
  const int64_t outputs = dims[0];
  const ValueId weights_id =
      AddConstant(graph, name + "/weights", MakeFloats(std::move(dims), std::vector<float>(weights.begin(), weights.end())));
  const ValueId bias_id =
      AddConstant(graph, name + "/bias", MakeFloats({outputs}, std::vector<float>(bias.begin(), bias.end())));
  node.inputs.push_back(weights_id);
  node.inputs.push_back(bias_id);
}

bool TakesAffines(const Graph& graph, const Node& node) {
  if (node.op != "Conv" && node.op != "Gemm") return false;
  return ConstantInput(graph, node, 0) == nullptr && ConstantInput(graph, node, 1) != nullptr &&
         (!HasInput(node, 2) || ConstantInput(graph, node, 2) != nullptr);
}

std::vector<double> BiasOf(const Graph& graph, const Node& node, size_t outputs) {
  const Constant* bias = ConstantInput(graph, node, 2);
  return bias != nullptr ? ReadDoubles(*bias) : std::vector<double>(outputs, 0);
}

// Integers stay what they are, or change sign, when their rows are scaled.
std::shared_ptr<const Quantization> ScaledRows(const std::shared_ptr<const Quantization>& given,
                                               const std::vector<double>& factors) {
  if (given == nullptr || given->axis != 0) return nullptr;
  Quantization scaled = *given;
  if (scaled.scales.size() == 1) scaled.scales.resize(factors.size(), scaled.scales[0]);
  for (size_t n = 0; n < factors.size(); ++n) {
    const auto scale = static_cast<float>(static_cast<double>(scaled.scales[n]) * std::fabs(factors[n]));
    if (scale > 0) scaled.scales[n] = scale;  // else all of the row is 0, in any scale
  }
  return std::make_shared<const Quantization>(std::move(scaled));
}

// affine(layer(x)) as one layer.
void FoldIntoLayerBefore(Graph& graph, const Affine& affine, Node& layer) {
  const Constant& given = *ConstantInput(graph, layer, 1);
  const Dims dims = given.dims;
  std::vector<double> weights = ReadDoubles(given);
  std::vector<double> bias = BiasOf(graph, layer, affine.scale.size());
  const size_t row = weights.size() / affine.scale.size();
  const std::shared_ptr<const Quantization> scales = graph.values[static_cast<size_t>(layer.inputs[1])].quantization;
  for (size_t n = 0; n < affine.scale.size(); ++n) {
    for (size_t k = 0; k < row; ++k) weights[n * row + k] *= affine.scale[n];
    bias[n] = bias[n] * affine.scale[n] + affine.shift[n];
  }
  SetWeights(graph, layer, dims, weights, bias);
  graph.values[static_cast<size_t>(layer.inputs[1])].quantization = ScaledRows(scales, affine.scale);
}

// layer(affine(x)) as one layer. Exact only where no padding meets a shift: padding is zero after the affine, not before it.
bool FoldIntoLayerAfter(Graph& graph, const Affine& affine, Node& layer) {
  if (layer.op == "Conv") {
    bool padded = false, shifted = false;
    for (const int64_t pad : IntsOf(layer, "pads", {})) padded |= pad != 0;
    for (const double shift : affine.shift) shifted |= shift != 0;
    if (padded && shifted) return false;
  }
  const Constant& given = *ConstantInput(graph, layer, 1);
  const Dims dims = given.dims;
  std::vector<double> weights = ReadDoubles(given);
  const size_t outputs = static_cast<size_t>(dims[0]);
  std::vector<double> bias = BiasOf(graph, layer, outputs);
  const size_t inputs = static_cast<size_t>(dims[1]);  // of one group
  const size_t taps = weights.size() / outputs / inputs;
  const size_t group_outputs = outputs / static_cast<size_t>(IntOf(layer, "group", 1));
  for (size_t n = 0; n < outputs; ++n) {
    for (size_t k = 0; k < inputs; ++k) {
      const size_t channel = n / group_outputs * inputs + k;
      for (size_t t = 0; t < taps; ++t) {
        double& weight = weights[(n * inputs + k) * taps + t];
        bias[n] += weight * affine.shift[channel];
        weight *= affine.scale[channel];
      }
    }
  }
  SetWeights(graph, layer, dims, weights, bias);
  return true;
}

// The affine as a layer of its own: a 1x1 depthwise convolution, between two reshapes where the data is no image.
std::vector<Node> AsConvolution(Graph& graph, const Node& node, ValueId input, const Affine& affine) {
  const Dims x = DimsOf(graph, input);
  const int64_t channels = x[1];
  const auto add_image = [&](const char* suffix) {
    const ValueId id = AddValue(graph, node.name + suffix);
    graph.values.back().has_dims = true;
    graph.values.back().dims = {x[0], channels, 1, 1};
    return id;
  };
  Node conv{"Conv", node.name, {input}, node.outputs, {}};
  const std::vector<int64_t> ones = {1, 1};
  conv.attributes = {{"kernel_shape", ones},
                     {"strides", ones},
                     {"dilations", ones},
                     {"pads", std::vector<int64_t>{0, 0, 0, 0}},
                     {"group", channels}};
  SetWeights(graph, conv, {channels, 1, 1, 1}, affine.scale, affine.shift);
  if (x.size() == 4) return {std::move(conv)};
  Node before{"Reshape", node.name + "/as_image", {input}, {add_image("/image")}, {}};
  conv.inputs[0] = before.outputs[0];
  conv.outputs = {add_image("/result")};
  Node after{"Reshape", node.name + "/as_vector", conv.outputs, node.outputs, {}};
  return {std::move(before), std::move(conv), std::move(after)};
}

// The affine as a product and a sum, for data of another rank.
std::vector<Node> AsArithmetic(Graph& graph, const Node& node, ValueId input, const Affine& affine) {
  Dims dims(DimsOf(graph, input).size() - 1, 1);
  dims[0] = static_cast<int64_t>(affine.scale.size());
  const auto constant = [&](const char* suffix, const std::vector<double>& values) {
    return AddConstant(graph, node.name + suffix, MakeFloats(dims, std::vector<float>(values.begin(), values.end())));
  };
  const ValueId scale = constant("/scale", affine.scale), shift = constant("/shift", affine.shift);
  const ValueId product = AddValue(graph, node.name + "/product");
  graph.values.back().has_dims = true;
  graph.values.back().dims = DimsOf(graph, input);
  Node mul{"Mul", node.name + "/mul", {input, scale}, {product}, {}};
  Node add{"Add", node.name, {product, shift}, node.outputs, {}};
  return {std::move(mul), std::move(add)};
}

bool IsArithmetic(const Node& node) { return node.op == "Add" || node.op == "Sub" || node.op == "Mul" || node.op == "Div"; }

// Takes the affines out of the graph: chains of them become one, attached to the index of its last node.
Status CollectAffines(Graph& graph, std::map<size_t, Affine>* affines, std::vector<bool>* dead) {
  const Edges edges(graph);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    Node& node = graph.nodes[n];
    Affine affine;
    size_t data = 0;
    if (node.op == "BatchNormalization") {
      CUTIS_TRY(FromBatchNorm(graph, node, &affine));
    } else if (IsArithmetic(node) && (ConstantInput(graph, node, 0) != nullptr) != (ConstantInput(graph, node, 1) != nullptr)) {
      if (!FromArithmetic(graph, node, &affine, &data)) continue;
    } else {
      continue;
    }
    node.inputs = {node.inputs[data]};
    const ValueId input = node.inputs[0];
    const int producer = edges.producer[static_cast<size_t>(input)];
    // What the source rounds in between is not one affine.
    const bool stated = graph.values[static_cast<size_t>(input)].quantization != nullptr;
    if (producer >= 0 && edges.uses[static_cast<size_t>(input)] == 1 && !stated) {
      if (const auto before = affines->find(static_cast<size_t>(producer)); before != affines->end()) {
        for (size_t c = 0; c < affine.scale.size(); ++c) {
          affine.shift[c] += before->second.shift[c] * affine.scale[c];
          affine.scale[c] *= before->second.scale[c];
        }
        node.inputs = graph.nodes[static_cast<size_t>(producer)].inputs;
        (*dead)[static_cast<size_t>(producer)] = true;
        affines->erase(before);
      }
    }
    affines->emplace(n, std::move(affine));
  }
  return Status();
}

}  // namespace

Status FoldAffines(Graph& graph) {
  std::map<size_t, Affine> affines;
  std::vector<bool> dead(graph.nodes.size(), false);
  CUTIS_TRY(CollectAffines(graph, &affines, &dead));
  for (size_t n = 0; n < dead.size(); ++n) {
    if (dead[n]) graph.nodes[n].inputs.clear();  // so that it counts as a reader no more; the indices must stay
  }
  const Edges edges(graph);
  std::vector<std::pair<size_t, std::vector<Node>>> added;
  for (auto& [index, affine] : affines) {
    Node& node = graph.nodes[index];
    const ValueId input = node.inputs[0], output = node.outputs[0];
    const int before = edges.producer[static_cast<size_t>(input)];
    const auto stated = [&](ValueId id) { return graph.values[static_cast<size_t>(id)].quantization != nullptr; };
    if (before >= 0 && edges.uses[static_cast<size_t>(input)] == 1 && !stated(input) &&
        TakesAffines(graph, graph.nodes[static_cast<size_t>(before)])) {
      Node& layer = graph.nodes[static_cast<size_t>(before)];
      FoldIntoLayerBefore(graph, affine, layer);
      layer.outputs[0] = output;
      dead[index] = true;
      continue;
    }
    const std::vector<int>& readers = edges.readers[static_cast<size_t>(output)];
    if (readers.size() == 1 && edges.uses[static_cast<size_t>(output)] == 1 && !stated(output)) {
      Node& layer = graph.nodes[static_cast<size_t>(readers[0])];
      if (TakesAffines(graph, layer) && FoldIntoLayerAfter(graph, affine, layer)) {
        layer.inputs[0] = input;
        dead[index] = true;
        continue;
      }
    }
    const size_t rank = DimsOf(graph, input).size();
    if (rank != 4 && rank != 2) {
      added.emplace_back(index, AsArithmetic(graph, node, input, affine));
      continue;
    }
    added.emplace_back(index, AsConvolution(graph, node, input, affine));
  }
  std::vector<Node> nodes;
  auto next = added.begin();
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (next != added.end() && next->first == n) {
      for (Node& node : next->second) nodes.push_back(std::move(node));
      ++next;
    } else if (!dead[n]) {
      nodes.push_back(std::move(graph.nodes[n]));
    }
  }
  graph.nodes = std::move(nodes);
  return Status();
}

}  // namespace cutis::convert
