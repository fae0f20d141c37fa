#include "converter/prune/weights.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "ops/tensor.h"

namespace cutis::convert {
namespace {

size_t Size(int32_t value) { return static_cast<size_t>(value); }

size_t TermsOf(const NetNode& node) { return node.weights.size() / node.bias.size(); }

// The input channel that weight `i` meets.
size_t InputChannel(const Net& net, const NetNode& node, size_t i) {
  const size_t n = i / TermsOf(node), k = i % TermsOf(node);
  if (node.kind == OpKind::kDepthwise) return n;
  const size_t groups = Size(node.groups), group_in = Size(net.tensors[Size(node.inputs[0])].shape.channels) / groups;
  return n / (node.bias.size() / groups) * group_in + k % group_in;
}

const TensorMoments* MomentsOf(const Moments* moments, const Net& net, const NetNode& node) {
  if (moments == nullptr) return nullptr;
  const auto found = moments->find(net.tensors[Size(node.inputs[0])].name);
  return found == moments->end() ? nullptr : &found->second;
}

// What each weight is worth. L1: |w|. Activation: the power that it puts out, as a share of that of its layer, so that layers
// compare.
std::vector<double> WeightScores(PruneBy by, const TensorMoments* moments, const Net& net, const NetNode& node) {
  std::vector<double> scores(node.weights.size());
  if (by == PruneBy::kL1 || moments == nullptr) {
    for (size_t i = 0; i < scores.size(); ++i) scores[i] = std::fabs(static_cast<double>(node.weights[i]));
    return scores;
  }
  double total = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const double weight = static_cast<double>(node.weights[i]);
    scores[i] = weight * weight * moments->mean_square[InputChannel(net, node, i)];
    total += scores[i];
  }
  for (double& score : scores) score = total > 0 ? score / total : 0;
  return scores;
}

// Which unit each weight belongs to, and how many there are.
struct Units {
  std::vector<uint32_t> of_weight;
  size_t count = 0;
};

Units UnitsOf(PruneMode mode, const Net& net, const NetNode& node) {
  if (mode == PruneMode::kBlock) {
    const BlockGrid grid(net, node);
    return {grid.BlockOfWeights(), grid.count()};
  }
  Units units;
  units.count = node.weights.size();
  units.of_weight.resize(units.count);
  std::iota(units.of_weight.begin(), units.of_weight.end(), 0u);
  return units;
}

struct LayerScores {
  Units units;
  std::vector<double> scores;  // by unit
  int64_t zero = 0;            // units that hold nothing but zeros already
};

LayerScores ScoreLayer(PruneMode mode, PruneBy by, const Moments* moments, const Net& net, const NetNode& node) {
  LayerScores layer;
  layer.units = UnitsOf(mode, net, node);
  layer.scores.resize(layer.units.count);
  std::vector<bool> live(layer.units.count, false);
  const std::vector<double> weights = WeightScores(by, MomentsOf(moments, net, node), net, node);
  for (size_t i = 0; i < weights.size(); ++i) {
    layer.scores[layer.units.of_weight[i]] += weights[i];
    if (node.weights[i] != 0) live[layer.units.of_weight[i]] = true;
  }
  for (size_t unit = 0; unit < live.size(); ++unit) {
    if (live[unit]) continue;
    layer.scores[unit] = -1;  // before everything that is worth little
    ++layer.zero;
  }
  return layer;
}

// Zeroes the units marked dead and corrects the biases by what they contributed on average.
void Remove(const Units& units, const std::vector<bool>& dead, const TensorMoments* moments, const Net& net, NetNode* node) {
  const size_t terms = TermsOf(*node);
  for (size_t n = 0; n < node->bias.size(); ++n) {
    double shift = 0;
    for (size_t i = n * terms; i < (n + 1) * terms; ++i) {
      if (!dead[units.of_weight[i]]) continue;
      if (moments != nullptr) shift += static_cast<double>(node->weights[i]) * moments->mean[InputChannel(net, *node, i)];
      node->weights[i] = 0;
    }
    if (shift != 0) node->bias[n] = static_cast<float>(static_cast<double>(node->bias[n]) + shift);
  }
}

const char* WhySpared(const PruneOptions& options, const WeightedLayer& layer, const NetNode& node) {
  const bool limited = options.limits.count(node.name) != 0;
  if (limited) return CapOf(options, node.name) == 0 ? "limit" : "";
  if (layer.first && !options.first) return "first";
  if (layer.last && !options.last) return "last";
  return "";
}

// One unit of one layer.
struct Candidate {
  double score;
  uint32_t layer, unit;
};

}  // namespace

BlockGrid::BlockGrid(const Net& net, const NetNode& node)
    : groups_(Size(node.groups)),
      group_out_(node.bias.size() / groups_),
      taps_(Size(node.window.kernel_h) * Size(node.window.kernel_w)),
      group_in_(Size(net.tensors[Size(node.inputs[0])].shape.channels) / groups_),
      panels_(CeilDiv(group_out_, 16)),
      groups_of_tap_(CeilDiv(group_in_, 4)),
      k_groups_(taps_ * groups_of_tap_) {}

std::vector<uint32_t> BlockGrid::BlockOfWeights() const {
  std::vector<uint32_t> blocks;
  blocks.reserve(groups_ * group_out_ * taps_ * group_in_);
  for (size_t group = 0; group < groups_; ++group) {
    for (size_t n = 0; n < group_out_; ++n) {
      for (size_t tap = 0; tap < taps_; ++tap) {
        for (size_t c = 0; c < group_in_; ++c) {
          blocks.push_back(static_cast<uint32_t>((group * panels_ + n / 16) * k_groups_ + tap * groups_of_tap_ + c / 4));
        }
      }
    }
  }
  return blocks;
}

bool HasWeights(OpKind kind) { return kind == OpKind::kConv || kind == OpKind::kDense || kind == OpKind::kDepthwise; }

std::vector<WeightedLayer> FindWeightedLayers(const Net& net) {
  // Per tensor: a layer with weights lies before it; one lies after it.
  std::vector<bool> before(net.tensors.size(), false), after(net.tensors.size(), false);
  for (const NetNode& node : net.nodes) {
    bool value = HasWeights(node.kind);
    for (const int input : node.inputs) value = value || before[Size(input)];
    before[Size(node.output)] = value;
  }
  for (size_t i = net.nodes.size(); i-- > 0;) {
    const NetNode& node = net.nodes[i];
    for (const int input : node.inputs) {
      after[Size(input)] = after[Size(input)] || after[Size(node.output)] || HasWeights(node.kind);
    }
  }
  std::vector<WeightedLayer> layers;
  for (size_t i = 0; i < net.nodes.size(); ++i) {
    const NetNode& node = net.nodes[i];
    if (HasWeights(node.kind)) layers.push_back({i, !before[Size(node.inputs[0])], !after[Size(node.output)]});
  }
  return layers;
}

Status CheckLimits(const Net& net, const PruneOptions& options) {
  for (const auto& limit : options.limits) {
    const bool known = std::any_of(net.nodes.begin(), net.nodes.end(),
                                   [&](const NetNode& node) { return HasWeights(node.kind) && node.name == limit.first; });
    if (!known) {
      return Status::Error(Code::kUsage, "--prune-limit: no layer with weights is named \"%.100s\"", limit.first.c_str());
    }
  }
  return {};
}

Result<PruneReport> PruneWeights(const PruneOptions& options, const Moments* moments, Net* net) {
  if (options.by != PruneBy::kL1 && moments == nullptr) {
    return Status::Error(Code::kUsage, "--prune-by %s: needs --calibrate DIR with images", NameOf(options.by));
  }
  PruneReport report;
  report.options = options;
  std::vector<NetNode*> nodes;
  std::vector<size_t> entries;  // in report.layers
  std::vector<LayerScores> layers;
  std::vector<Candidate> candidates;
  std::vector<int64_t> room;  // how many units a layer may lose
  for (const WeightedLayer& weighted : FindWeightedLayers(*net)) {
    NetNode& node = net->nodes[weighted.node];
    if (options.mode == PruneMode::kBlock && node.kind == OpKind::kDepthwise) {
      report.layers.push_back({node.name, 0, 0, 0, "depthwise"});
      continue;
    }
    LayerScores layer = ScoreLayer(options.mode, options.by, moments, *net, node);
    PrunedLayer entry{node.name, static_cast<int64_t>(layer.units.count), layer.zero, layer.zero,
                      WhySpared(options, weighted, node)};
    entries.push_back(report.layers.size());
    report.layers.push_back(entry);
    nodes.push_back(&node);
    const bool spared = entry.spared[0] != '\0';
    const double cap = CapOf(options, node.name) * static_cast<double>(entry.units);
    room.push_back(spared ? 0 : std::max(layer.zero, std::min(static_cast<int64_t>(cap), entry.units - 1)));
    if (!spared) {
      report.units += entry.units;
      for (size_t unit = 0; unit < layer.scores.size(); ++unit) {
        candidates.push_back({layer.scores[unit], static_cast<uint32_t>(layers.size()), static_cast<uint32_t>(unit)});
      }
    }
    layers.push_back(std::move(layer));
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score < b.score; });

  const auto target = static_cast<int64_t>(std::floor(options.rate * static_cast<double>(report.units) + 0.5));
  std::vector<std::vector<bool>> dead;
  std::vector<int64_t> taken(layers.size());
  for (const LayerScores& layer : layers) dead.emplace_back(layer.units.count, false);
  for (const Candidate& candidate : candidates) {
    const size_t layer = candidate.layer;
    // What is zero already counts, and goes whatever the target is.
    if (candidate.score >= 0 && (report.removed >= target || taken[layer] >= room[layer])) continue;
    dead[layer][candidate.unit] = true;
    ++taken[layer];
    ++report.removed;
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    Remove(layers[i].units, dead[i], MomentsOf(moments, *net, *nodes[i]), *net, nodes[i]);
    PrunedLayer& entry = report.layers[entries[i]];
    if (entry.spared[0] == '\0') entry.removed = taken[i];
  }
  return report;
}

void PruneLayer(PruneMode mode, PruneBy by, double rate, const Moments* moments, const Net& net, NetNode* node) {
  const LayerScores layer = ScoreLayer(mode, by, moments, net, *node);
  std::vector<uint32_t> order(layer.scores.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return layer.scores[a] < layer.scores[b]; });
  std::vector<bool> dead(order.size(), false);
  const auto count = static_cast<size_t>(std::floor(rate * static_cast<double>(order.size()) + 0.5));
  for (size_t i = 0; i < count; ++i) dead[order[i]] = true;
  Remove(layer.units, dead, MomentsOf(moments, net, *node), net, node);
}

}  // namespace cutis::convert
