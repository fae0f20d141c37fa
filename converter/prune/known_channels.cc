// Channels that are the same everywhere because nothing but biases makes them.
#include <algorithm>
#include <cmath>

#include "converter/graph/edit.h"
#include "converter/prune/channel_groups.h"

namespace cutis::convert {
namespace {

using Known = std::vector<std::optional<double>>;

double Clamped(const Node& node, const char* min, const char* max, double value) {
  const float infinity = HUGE_VALF;
  return std::min(std::max(value, static_cast<double>(FloatOf(node, min, -infinity))),
                  static_cast<double>(FloatOf(node, max, infinity)));
}

// Conv and Gemm: a row of zeros makes its bias; a depthwise row over a known channel makes the product, where no padding
// changes it at the border.
Known OfWeights(const Graph& graph, const Node& node, const Known& input) {
  const std::vector<float> weights = ReadFloats(*ConstantInput(graph, node, 1));
  const Constant* bias = ConstantInput(graph, node, 2);
  const std::vector<float> biases = bias != nullptr ? ReadFloats(*bias) : std::vector<float>();
  const size_t outputs = static_cast<size_t>(ChannelsOf(graph, node.outputs[0])), terms = weights.size() / outputs;
  const bool depthwise = IsDepthwise(graph, node);
  Known known(outputs);
  for (size_t n = 0; n < outputs; ++n) {
    const auto row = weights.begin() + static_cast<ptrdiff_t>(n * terms);
    const bool zero = std::all_of(row, row + static_cast<ptrdiff_t>(terms), [](float weight) { return weight == 0; });
    double sum = biases.empty() ? 0 : static_cast<double>(biases[n]);
    if (!zero) {
      if (!depthwise) continue;
      const std::optional<double>& x = input[n / (outputs / input.size())];
      if (!x || (*x != 0 && !IsUnpadded(node))) continue;
      for (size_t k = 0; k < terms; ++k) sum += static_cast<double>(row[static_cast<ptrdiff_t>(k)]) * *x;
    }
    known[n] = Clamped(node, "clip_min", "clip_max", sum);
  }
  return known;
}

// Add and Mul of two tensors of equally many channels. A product with zero is zero whatever the other factor is, since
// activations are finite.
Known OfPair(const Node& node, const Known& a, const Known& b) {
  Known known(a.size());
  for (size_t c = 0; c < a.size(); ++c) {
    std::optional<double> value;
    if (node.op == "Mul" && ((a[c] && *a[c] == 0) || (b[c] && *b[c] == 0))) value = 0;
    if (a[c] && b[c]) value = node.op == "Mul" ? *a[c] * *b[c] : *a[c] + *b[c];
    if (value) known[c] = Clamped(node, "clip_min", "clip_max", *value);
  }
  return known;
}

Known OfReshape(const Known& input, size_t outputs) {
  if (input.empty() || outputs % input.size() != 0) return Known(outputs);
  Known known;
  for (size_t c = 0; c < outputs; ++c) known.push_back(input[c / (outputs / input.size())]);
  return known;
}

}  // namespace

KnownChannels FindKnownChannels(const Graph& graph) {
  KnownChannels known(graph.values.size());
  for (size_t id = 0; id < graph.values.size(); ++id) {
    if (graph.values[id].constant == nullptr)
      known[id].resize(static_cast<size_t>(ChannelsOf(graph, static_cast<ValueId>(id))));
  }
  for (const Node& node : graph.nodes) {
    const ValueId in = InputOf(node, 0);
    if (in == kNoValue || node.outputs.size() != 1) continue;
    const Known& input = known[static_cast<size_t>(in)];
    Known& output = known[static_cast<size_t>(node.outputs[0])];
    if (IsMixing(node) || IsDepthwise(graph, node)) {
      output = OfWeights(graph, node, input);
    } else if (node.op == "Clip" && input.size() == output.size()) {
      for (size_t c = 0; c < input.size(); ++c) {
        if (input[c]) output[c] = Clamped(node, "min", "max", *input[c]);
      }
    } else if ((node.op == "Add" || node.op == "Mul") && node.inputs.size() == 2) {
      const Known& other = known[static_cast<size_t>(node.inputs[1])];
      if (input.size() == other.size() && other.size() == output.size()) output = OfPair(node, input, other);
    } else if (node.op == "MaxPool" || node.op == "AveragePool" || node.op == "GlobalAveragePool" ||
               node.op == "GlobalMaxPool") {
      // Padding that counts as zeros changes the mean at the border unless it is zero itself.
      const bool counts = node.op == "AveragePool" && IntOf(node, "count_include_pad", 0) != 0 && !IsUnpadded(node);
      for (size_t c = 0; c < input.size() && c < output.size(); ++c) {
        if (input[c] && (!counts || *input[c] == 0)) output[c] = input[c];
      }
    } else if (node.op == "Reshape") {
      output = OfReshape(input, output.size());
    } else if (node.op == "Concat" && IntOf(node, "axis", 1) == 1) {
      Known joined;
      for (const ValueId id : node.inputs) {
        joined.insert(joined.end(), known[static_cast<size_t>(id)].begin(), known[static_cast<size_t>(id)].end());
      }
      if (joined.size() == output.size()) output = joined;
    }
  }
  return known;
}

}  // namespace cutis::convert
