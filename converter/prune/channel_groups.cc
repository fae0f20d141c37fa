#include "converter/prune/channel_groups.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "converter/graph/edit.h"

namespace cutis::convert {
namespace {

// One input, one output, channel c from channel c alone.
bool IsChannelwise(const std::string& op) {
  static const std::set<std::string> kOps = {
      "Abs",           "AveragePool", "Cast",      "Clip",     "Dropout",   "Elu",   "Erf",     "Exp",  "GlobalAveragePool",
      "GlobalMaxPool", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log",   "MaxPool", "Mish", "Neg",
      "Reciprocal",    "Relu",        "Sigmoid",   "Softplus", "Sqrt",      "Swish", "Tanh"};
  return kOps.count(op) != 0;
}

// Several inputs, broadcast against each other.
bool IsElementwise(const std::string& op) {
  static const std::set<std::string> kOps = {"Add", "Div", "Max", "Min", "Mul", "PRelu", "Pow", "Sub", "Sum"};
  return kOps.count(op) != 0;
}

// A reduction over axes behind the channels.
bool KeepsChannels(const Node& node) {
  static const std::set<std::string> kOps = {"ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"};
  const std::vector<int64_t> axes = IntsOf(node, "axes", {});
  return kOps.count(node.op) != 0 && !axes.empty() &&
         std::all_of(axes.begin(), axes.end(), [](int64_t axis) { return axis > 1; });
}

// Joins channels of values.
class Joiner {
 public:
  explicit Joiner(const Graph& graph) : graph_(graph), first_(graph.values.size(), -1) {
    for (size_t id = 0; id < graph.values.size(); ++id) {
      if (graph.values[id].constant != nullptr) continue;
      first_[id] = static_cast<int>(parents_.size());
      for (int64_t c = 0; c < ChannelsOf(graph, static_cast<ValueId>(id)); ++c)
        parents_.push_back(static_cast<int>(parents_.size()));
    }
    frozen_.resize(parents_.size(), false);
  }

  bool IsData(ValueId id) const { return id != kNoValue && first_[static_cast<size_t>(id)] >= 0; }
  int64_t Channels(ValueId id) const { return ChannelsOf(graph_, id); }
  int Find(ValueId id, int64_t channel) { return Root(first_[static_cast<size_t>(id)] + static_cast<int>(channel)); }
  bool IsFrozen(int root) const { return frozen_[static_cast<size_t>(root)]; }

  void Join(ValueId a, int64_t channel_a, ValueId b, int64_t channel_b) {
    const int x = Find(a, channel_a), y = Find(b, channel_b);
    // The smaller root stays, so that the order of the groups is that of their first channels.
    const int low = std::min(x, y), high = std::max(x, y);
    parents_[static_cast<size_t>(high)] = low;
    frozen_[static_cast<size_t>(low)] = frozen_[static_cast<size_t>(low)] || frozen_[static_cast<size_t>(high)];
  }

  void Freeze(ValueId id) {
    if (!IsData(id)) return;
    for (int64_t c = 0; c < Channels(id); ++c) frozen_[static_cast<size_t>(Find(id, c))] = true;
  }

  void FreezeNode(const Node& node) {
    for (const ValueId id : node.inputs) Freeze(id);
    for (const ValueId id : node.outputs) Freeze(id);
  }

  void Visit(const Node& node) {
    const ValueId in = InputOf(node, 0), out = node.outputs[0];
    if (!IsData(in) || node.outputs.size() != 1) return FreezeNode(node);
    if (node.op == "Conv" && IsDepthwise(graph_, node)) return JoinMultiples(in, out);
    if (IsMixing(node)) return;
    if (IsChannelwise(node.op) && Channels(in) == Channels(out)) return JoinMultiples(in, out);
    if (node.op == "Reshape" && DimsOf(graph_, in)[0] == 1 && DimsOf(graph_, out)[0] == 1) {
      return Channels(in) <= Channels(out) ? JoinMultiples(in, out) : JoinMultiples(out, in);
    }
    if (KeepsChannels(node) && Channels(in) == Channels(out)) return JoinMultiples(in, out);
    if (IsElementwise(node.op)) return VisitElementwise(node);
    if (node.op == "Concat") return VisitConcat(node);
    FreezeNode(node);
  }

 private:
  int Root(int id) {
    while (parents_[static_cast<size_t>(id)] != id) {
      parents_[static_cast<size_t>(id)] = parents_[static_cast<size_t>(parents_[static_cast<size_t>(id)])];
      id = parents_[static_cast<size_t>(id)];
    }
    return id;
  }

  // Channel c of `few` is channels c*m .. c*m+m-1 of `many`.
  void JoinMultiples(ValueId few, ValueId many) {
    const int64_t count = Channels(few);
    if (count == 0 || Channels(many) % count != 0) {
      Freeze(few);
      return Freeze(many);
    }
    const int64_t multiple = Channels(many) / count;
    for (int64_t c = 0; c < Channels(many); ++c) Join(few, c / multiple, many, c);
  }

  void VisitElementwise(const Node& node) {
    const Dims& shape = DimsOf(graph_, node.outputs[0]);
    if (shape.size() < 2) return FreezeNode(node);
    for (const ValueId id : node.inputs) {
      if (!IsData(id)) continue;  // constants are cut with their tensor
      // Broadcast from one channel, it is not tied; of another rank, its dimension 1 is another one.
      if (DimsOf(graph_, id).size() != shape.size()) return FreezeNode(node);
      if (Channels(id) == shape[1]) JoinMultiples(id, node.outputs[0]);
    }
  }

  void VisitConcat(const Node& node) {
    const int64_t rank = static_cast<int64_t>(DimsOf(graph_, node.outputs[0]).size());
    int64_t axis = IntOf(node, "axis", 1), offset = 0;
    if (axis < 0) axis += rank;
    for (const ValueId id : node.inputs) {
      if (!IsData(id)) return FreezeNode(node);
    }
    for (const ValueId id : node.inputs) {
      for (int64_t c = 0; c < Channels(id); ++c) Join(id, c, node.outputs[0], offset + c);
      if (axis == 1) offset += Channels(id);
    }
  }

  const Graph& graph_;
  std::vector<int> first_;  // by value: number of its channel 0; -1 for constants
  std::vector<int> parents_;
  std::vector<bool> frozen_;  // true for roots only
};

void AddSlices(const Graph& graph, ChannelGroups& all) {
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (!IsMixing(node) && !IsDepthwise(graph, node)) continue;
    const std::vector<int>& outputs = all.of_value[static_cast<size_t>(node.outputs[0])];
    for (size_t c = 0; c < outputs.size(); ++c) {
      all.groups[static_cast<size_t>(outputs[c])].rows.push_back({static_cast<int>(n), static_cast<int32_t>(c)});
    }
    if (!IsMixing(node)) continue;
    const std::vector<int>& inputs = all.of_value[static_cast<size_t>(node.inputs[0])];
    for (size_t c = 0; c < inputs.size(); ++c) {
      all.groups[static_cast<size_t>(inputs[c])].columns.push_back({static_cast<int>(n), static_cast<int32_t>(c)});
    }
  }
}

void NumberFamilies(ChannelGroups& all) {
  std::map<std::pair<std::vector<int>, std::vector<int>>, int> families;
  for (ChannelGroup& group : all.groups) {
    std::pair<std::vector<int>, std::vector<int>> key;
    for (const WeightSlice& slice : group.rows) key.first.push_back(slice.node);
    for (const WeightSlice& slice : group.columns) key.second.push_back(slice.node);
    group.family = families.try_emplace(std::move(key), static_cast<int>(families.size())).first->second;
  }
  all.families = static_cast<int>(families.size());
}

}  // namespace

int64_t ChannelsOf(const Graph& graph, ValueId id) {
  const Value& value = graph.values[static_cast<size_t>(id)];
  return value.has_dims && value.dims.size() >= 2 ? value.dims[1] : 0;
}

bool IsDepthwise(const Graph& graph, const Node& node) {
  const int64_t groups = IntOf(node, "group", 1);
  return node.op == "Conv" && groups > 1 && groups == ChannelsOf(graph, node.inputs[0]);
}

bool IsMixing(const Node& node) { return node.op == "Gemm" || (node.op == "Conv" && IntOf(node, "group", 1) == 1); }

bool IsUnpadded(const Node& node) {
  const std::vector<int64_t> pads = IntsOf(node, "pads", {});
  return std::all_of(pads.begin(), pads.end(), [](int64_t pad) { return pad == 0; });
}

ChannelGroups FindChannelGroups(const Graph& graph) {
  Joiner joiner(graph);
  for (const ValueId id : graph.inputs) joiner.Freeze(id);
  for (const ValueId id : graph.outputs) joiner.Freeze(id);
  for (const Node& node : graph.nodes) joiner.Visit(node);

  ChannelGroups all;
  all.of_value.resize(graph.values.size());
  std::map<int, int> numbers;  // of roots
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const ValueId value = static_cast<ValueId>(id);
    for (int64_t c = 0; joiner.IsData(value) && c < joiner.Channels(value); ++c) {
      const int root = joiner.Find(value, c);
      const auto [number, added] = numbers.try_emplace(root, static_cast<int>(all.groups.size()));
      if (added) {
        all.groups.emplace_back();
        all.groups.back().frozen = joiner.IsFrozen(root);
      }
      all.of_value[id].push_back(number->second);
    }
  }
  AddSlices(graph, all);
  NumberFamilies(all);
  return all;
}

}  // namespace cutis::convert
