#include "converter/quant/equalise.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "converter/quant/input_moments.h"

namespace cutis::convert {
namespace {

// No channel is scaled by more than 2^12: what is smaller than that beside the rest is as good as zero.
constexpr int kMostDoublings = 12;

bool IsWeighted(OpKind kind) { return kind == OpKind::kConv || kind == OpKind::kDepthwise || kind == OpKind::kDense; }

bool IsPool(OpKind kind) { return kind == OpKind::kMaxPool || kind == OpKind::kAveragePool; }

// Whether min(max(x, node.min), node.max) of a scaled channel is the scaled result: no clamp, or one at zero.
bool Commutes(const NetNode& node) {
  return (node.min == 0 || std::isinf(node.min)) && std::isinf(node.max) && node.min < node.max;
}

// Tensors that must be scaled alike, and whether they may be scaled at all.
class Groups {
 public:
  explicit Groups(const Net& net) : net_(net), parents_(net.tensors.size()), fixed_(net.tensors.size()) {
    std::iota(parents_.begin(), parents_.end(), size_t{0});
    for (const int input : net.inputs) Fix(input);
    for (const int output : net.outputs) Fix(output);
    for (const NetNode& node : net.nodes) Visit(node);
    // What the source states is kept as it is.
    for (size_t t = 0; t < net.tensors.size(); ++t) {
      if (net.tensors[t].is_constant || net.tensors[t].quantization != nullptr) Fix(static_cast<int>(t));
    }
    for (const NetNode& node : net.nodes) {
      if (node.weight_scales.empty()) continue;
      Fix(node.inputs[0]);
      Fix(node.output);
    }
  }

  size_t Of(int tensor) const {
    auto t = static_cast<size_t>(tensor);
    while (parents_[t] != t) t = parents_[t];
    return t;
  }
  bool fixed(int tensor) const { return fixed_[Of(tensor)]; }

 private:
  void Fix(int tensor) { fixed_[Of(tensor)] = true; }
  void Join(int a, int b) {
    const size_t first = Of(a), second = Of(b);
    parents_[second] = first;
    fixed_[first] = fixed_[first] || fixed_[second];
  }
  void Visit(const NetNode& node) {
    if (IsWeighted(node.kind)) {
      if (!Commutes(node)) Fix(node.output);
      return;
    }
    const bool linear = (node.kind == OpKind::kAdd || IsPool(node.kind)) && Commutes(node);
    for (const int input : node.inputs) {
      const bool same = net_.tensors[static_cast<size_t>(input)].shape.channels ==
                        net_.tensors[static_cast<size_t>(node.output)].shape.channels;
      if (linear && same) {
        Join(input, node.output);
      } else {
        Fix(input);
        Fix(node.output);
      }
    }
  }

  const Net& net_;
  std::vector<size_t> parents_;
  std::vector<bool> fixed_;
};

// The k for which 2^k is nearest, in ratio, to (largest / range)^strength.
int Doublings(double largest, double range, double strength) {
  if (!(range > 0)) return 0;
  const double ratio = largest / range;
  int exponent = 0;
  const double mantissa = std::frexp(ratio, &exponent);  // ratio = mantissa * 2^exponent, mantissa in [0.5, 1)
  // Between 2^(exponent-1) and 2^exponent log2 is taken as linear in the square of the ratio's place, which needs no library
  // logarithm: 0 at 0.5, 1/2 at sqrt(0.5), 1 at 1.
  const double within = mantissa < std::sqrt(0.5) ? (mantissa - 0.5) / (std::sqrt(0.5) - 0.5) / 2
                                                  : 0.5 + (mantissa - std::sqrt(0.5)) / (1 - std::sqrt(0.5)) / 2;
  const double log2 = exponent - 1 + within;
  return std::clamp(static_cast<int>(std::floor(log2 * strength + 0.5)), 0, kMostDoublings);
}

void ScaleOutputs(NetNode& node, const std::vector<int>& doublings) {
  const size_t terms = node.weights.size() / node.bias.size();
  for (size_t n = 0; n < node.bias.size(); ++n) {
    for (size_t k = 0; k < terms; ++k) node.weights[n * terms + k] = std::ldexp(node.weights[n * terms + k], doublings[n]);
    node.bias[n] = std::ldexp(node.bias[n], doublings[n]);
  }
}

void ScaleInputs(NetNode& node, const std::vector<int>& doublings) {
  const size_t outputs = node.bias.size(), terms = node.weights.size() / outputs;
  const size_t groups = GroupsOf(node);
  const size_t each_in = doublings.size() / groups, each_out = outputs / groups;
  for (size_t n = 0; n < outputs; ++n) {
    for (size_t k = 0; k < terms; ++k) {
      const size_t channel = n / each_out * each_in + k % each_in;
      node.weights[n * terms + k] = std::ldexp(node.weights[n * terms + k], -doublings[channel]);
    }
  }
}

}  // namespace

size_t Equalise(Net& net, const ChannelRanges& ranges, double strength) {
  const Groups groups(net);
  std::vector<std::vector<float>> largest(net.tensors.size());  // by group: of each channel, over its tensors
  std::vector<bool> known(net.tensors.size(), true);
  for (size_t t = 0; t < net.tensors.size(); ++t) {
    const size_t group = groups.Of(static_cast<int>(t));
    const auto channels = static_cast<size_t>(net.tensors[t].shape.channels);
    if (ranges[t].size() != channels) {
      known[group] = false;
      continue;
    }
    largest[group].resize(channels);
    for (size_t c = 0; c < channels; ++c) largest[group][c] = std::max(largest[group][c], ranges[t][c]);
  }
  std::vector<std::vector<int>> doublings(net.tensors.size());  // by group; empty: none
  size_t scaled = 0;
  for (size_t g = 0; g < largest.size(); ++g) {
    if (groups.Of(static_cast<int>(g)) != g || groups.fixed(static_cast<int>(g)) || !known[g]) continue;
    const float most = *std::max_element(largest[g].begin(), largest[g].end());
    for (const float range : largest[g]) doublings[g].push_back(Doublings(most, range, strength));
    scaled += static_cast<size_t>(std::count_if(doublings[g].begin(), doublings[g].end(), [](int k) { return k != 0; }));
  }
  for (NetNode& node : net.nodes) {
    if (!IsWeighted(node.kind)) continue;
    const std::vector<int>& out = doublings[groups.Of(node.output)];
    const std::vector<int>& in = doublings[groups.Of(node.inputs[0])];
    if (!out.empty()) ScaleOutputs(node, out);
    if (!in.empty()) ScaleInputs(node, in);
  }
  return scaled;
}

}  // namespace cutis::convert
