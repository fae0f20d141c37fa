#include "converter/prune/live_blocks.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>

#include "converter/graph/edit.h"

namespace cutis::convert {
namespace {

constexpr size_t kPanel = 16, kKGroup = 4;

size_t Size(int64_t value) { return static_cast<size_t>(value); }

// The channels of the weights of a mixing node, [outputs][inputs][taps], that are left.
struct Left {
  std::vector<size_t> rows, columns;
};

int64_t LiveBlocks(const std::vector<float>& weights, size_t inputs, size_t taps, const Left& left) {
  // k goes over the inputs of a tap, then over taps.
  const size_t groups = (taps * left.columns.size() + kKGroup - 1) / kKGroup;
  int64_t live = 0;
  for (size_t first = 0; first < left.rows.size(); first += kPanel) {
    std::vector<bool> group(groups, false);
    for (size_t r = first; r < std::min(first + kPanel, left.rows.size()); ++r) {
      for (size_t tap = 0; tap < taps; ++tap) {
        for (size_t c = 0; c < left.columns.size(); ++c) {
          if (weights[(left.rows[r] * inputs + left.columns[c]) * taps + tap] == 0) continue;
          group[(tap * left.columns.size() + c) / kKGroup] = true;
        }
      }
    }
    live += std::count(group.begin(), group.end(), true);
  }
  return live;
}

// The slices of one family in one node, by channel; those of other families stay whatever becomes of these.
struct Sliced {
  std::map<int32_t, size_t> rows, columns;  // channel: group
};

std::vector<size_t> WhatStays(size_t channels, const std::map<int32_t, size_t>& groups, const std::vector<bool>& dead) {
  std::vector<size_t> left;
  for (size_t c = 0; c < channels; ++c) {
    const auto found = groups.find(static_cast<int32_t>(c));
    if (found == groups.end() || !dead[found->second]) left.push_back(c);
  }
  return left;
}

// Live blocks of all layers that a family has slices of.
class Family {
 public:
  void Add(const ChannelGroup& group, size_t number) {
    for (const WeightSlice& slice : group.rows) nodes_[slice.node].rows[slice.channel] = number;
    for (const WeightSlice& slice : group.columns) nodes_[slice.node].columns[slice.channel] = number;
    groups_.push_back(number);
  }

  const std::vector<size_t>& groups() const { return groups_; }

  int64_t CountLive(const Graph& graph, const std::vector<bool>& dead) const {
    int64_t live = 0;
    for (const auto& [number, sliced] : nodes_) {
      const Node& node = graph.nodes[Size(number)];
      if (!IsMixing(node)) continue;
      const Dims& dims = DimsOf(graph, node.inputs[1]);
      const std::vector<float> weights = ReadFloats(*ConstantInput(graph, node, 1));
      const size_t outputs = Size(dims[0]), inputs = Size(dims[1]);
      live += LiveBlocks(weights, inputs, weights.size() / (outputs * inputs),
                         {WhatStays(outputs, sliced.rows, dead), WhatStays(inputs, sliced.columns, dead)});
    }
    return live;
  }

  // Of the dead groups those that fill blocks of 16 in the first layer that makes them: as many as lie in whole ones.
  std::vector<bool> WholePanels(const std::vector<bool>& dead) const {
    std::vector<bool> whole(dead.size(), false);
    const auto made = std::find_if(nodes_.begin(), nodes_.end(), [](const auto& node) { return !node.second.rows.empty(); });
    if (made == nodes_.end()) return whole;
    std::map<int32_t, size_t> count;
    for (const auto& [channel, group] : made->second.rows) count[channel / static_cast<int32_t>(kPanel)] += dead[group] ? 1 : 0;
    for (const auto& [channel, group] : made->second.rows) whole[group] = count[channel / static_cast<int32_t>(kPanel)] == kPanel;
    return whole;
  }

 private:
  std::map<int, Sliced> nodes_;
  std::vector<size_t> groups_;
};

}  // namespace

void SpareBlocks(const Graph& graph, const ChannelGroups& all, std::vector<bool>& dead) {
  std::map<int, Family> families;
  for (size_t g = 0; g < all.groups.size(); ++g) families[all.groups[g].family].Add(all.groups[g], g);
  for (const auto& [number, family] : families) {
    const std::vector<size_t>& groups = family.groups();
    if (std::none_of(groups.begin(), groups.end(), [&](size_t g) { return dead[g]; })) continue;
    std::vector<bool> best(dead.size(), false);
    for (const size_t g : groups) best[g] = dead[g];
    int64_t fewest = family.CountLive(graph, best);
    for (const std::vector<bool>& fewer : {family.WholePanels(best), std::vector<bool>(dead.size(), false)}) {
      const int64_t live = family.CountLive(graph, fewer);
      if (live >= fewest) continue;
      fewest = live;
      best = fewer;
    }
    for (const size_t g : groups) dead[g] = best[g];
  }
}

}  // namespace cutis::convert
