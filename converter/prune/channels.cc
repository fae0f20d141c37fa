#include "converter/prune/channels.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/prune/channel_edit.h"
#include "converter/prune/channel_groups.h"
#include "converter/prune/live_blocks.h"
#include "ops/tensor.h"

namespace cutis::convert {
namespace {

size_t Size(int64_t value) { return static_cast<size_t>(value); }

// Norms of the slices of a node's weights.
struct Slices {
  std::vector<double> rows, columns;  // rows: L1; columns (mixing nodes): by PruneBy
};

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The moments of a value. Reshapes that keep the bytes have no tensor of their own in the network: theirs are those of what
// they read, each repeated for the elements that it becomes.
TensorMoments FindMoments(const Graph& graph, const Moments& moments, ValueId value) {
  const auto found = moments.find(graph.values[Size(value)].name);
  TensorMoments result;
  if (found != moments.end()) {
    // Of tensors that are no images the channels may be another axis.
    return found->second.mean.size() == Size(ChannelsOf(graph, value)) ? found->second : result;
  }
  for (const Node& node : graph.nodes) {
    if (node.op != "Reshape" || node.outputs[0] != value) continue;
    const TensorMoments source = FindMoments(graph, moments, node.inputs[0]);
    const size_t channels = Size(ChannelsOf(graph, value)), from = source.mean.size();
    for (size_t c = 0; from != 0 && channels % from == 0 && c < channels; ++c) {
      result.mean.push_back(source.mean[c / (channels / from)]);
      result.mean_square.push_back(source.mean_square[c / (channels / from)]);
    }
  }
  return result;
}

Slices SlicesOf(const Graph& graph, const Node& node, PruneBy by, const Moments* moments) {
  const Dims& dims = DimsOf(graph, node.inputs[1]);
  const std::vector<float> weights = ReadFloats(*ConstantInput(graph, node, 1));
  const size_t outs = Size(dims[0]), ins = Size(dims[1]), taps = weights.size() / (outs * ins);
  Slices slices{std::vector<double>(outs), std::vector<double>(IsMixing(node) ? ins : 0)};
  TensorMoments input;
  if (by == PruneBy::kActivation && moments != nullptr) input = FindMoments(graph, *moments, node.inputs[0]);
  const bool measured = !slices.columns.empty() && input.mean_square.size() == slices.columns.size();
  for (size_t n = 0; n < outs; ++n) {
    for (size_t c = 0; c < ins; ++c) {
      for (size_t tap = 0; tap < taps; ++tap) {
        const double weight = std::fabs(static_cast<double>(weights[(n * ins + c) * taps + tap]));
        slices.rows[n] += weight;
        if (!slices.columns.empty()) slices.columns[c] += measured ? weight * weight * input.mean_square[c] : weight;
      }
    }
  }
  return slices;
}

std::vector<double> ImportanceOf(const Graph& graph, const ChannelGroups& all, PruneBy by, const Moments* moments) {
  std::vector<Slices> slices(graph.nodes.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (IsMixing(node) || IsDepthwise(graph, node)) slices[n] = SlicesOf(graph, node, by, moments);
  }
  // Relative to the mean slice of the layer, so that every layer has the mean 1.
  for (Slices& node : slices) {
    for (std::vector<double>* norms : {&node.rows, &node.columns}) {
      const double mean = norms->empty() ? 0 : Mean(*norms);
      for (double& norm : *norms) norm = mean > 0 ? norm / mean : 0;
    }
  }
  std::vector<double> importance;
  for (const ChannelGroup& group : all.groups) {
    double sum = 0;
    size_t count = 0;
    // What a channel puts out is measured at its readers; its own row then says nothing more.
    if (by == PruneBy::kL1 || group.columns.empty()) {
      for (const WeightSlice& slice : group.rows) sum += slices[Size(slice.node)].rows[Size(slice.channel)];
      count += group.rows.size();
    }
    for (const WeightSlice& slice : group.columns) sum += slices[Size(slice.node)].columns[Size(slice.channel)];
    count += group.columns.size();
    importance.push_back(count == 0 ? 0 : sum / static_cast<double>(count));
  }
  return importance;
}

// Nodes with weights before which none lies.
std::vector<bool> FirstLayers(const Graph& graph) {
  std::vector<bool> before(graph.values.size(), false), first(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const bool weighted = node.op == "Conv" || node.op == "Gemm";
    bool any = false;
    for (const ValueId id : node.inputs) any = any || (id != kNoValue && before[Size(id)]);
    first[n] = weighted && !any;
    for (const ValueId id : node.outputs) before[Size(id)] = any || weighted;
  }
  return first;
}

// Channels of a family come in steps of a panel of outputs, or of a k-group where they are few.
int64_t StepOf(int64_t channels) { return channels >= 64 ? 16 : 4; }

// At least `needed` of `channels` channels, in whole steps.
int64_t KeptOf(int64_t channels, int64_t needed, int64_t step) {
  return std::min(channels, std::max(step, (needed + step - 1) / step * step));
}

// Picks groups, the least important first.
class Selection {
 public:
  Selection(const PruneOptions& options, const Graph& graph, const ChannelGroups& all, std::vector<double> importance)
      : options_(options),
        graph_(graph),
        all_(all),
        importance_(std::move(importance)),
        dead_(all.groups.size(), false),
        with_first_(all.groups.size(), false),
        taken_(graph.nodes.size()),
        family_kept_(Size(all.families)) {
    const std::vector<bool> first = FirstLayers(graph);
    for (size_t g = 0; g < all.groups.size(); ++g) {
      const ChannelGroup& group = all.groups[g];
      if (group.frozen || group.rows.empty()) continue;
      const bool spared = std::any_of(group.rows.begin(), group.rows.end(), [&](const WeightSlice& slice) {
        return first[Size(slice.node)] && !options.first && options.limits.count(graph.nodes[Size(slice.node)].name) == 0;
      });
      if (spared) {
        with_first_[g] = true;
        continue;
      }
      order_.push_back(g);
      ++family_kept_[Size(group.family)];
    }
    std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) { return importance_[a] < importance_[b]; });
  }

  std::vector<bool> Run() {
    const std::vector<int64_t> before = family_kept_;
    const auto target = static_cast<int64_t>(std::floor(options_.rate * static_cast<double>(order_.size()) + 0.5));
    int64_t removed = 0;
    for (const size_t g : order_) {
      if (removed >= target) break;
      if (Fits(g)) {
        Set(g, true);
        ++removed;
      }
    }
    for (size_t family = 0; family < before.size(); ++family) Round(static_cast<int>(family), before[family]);
    return dead_;
  }

  int64_t candidates() const { return static_cast<int64_t>(order_.size()); }

  // PrunedLayer::spared of the layer that makes `channels`, by group. A group that a limit of zero of any of its layers keeps
  // counts for all of them.
  const char* WhySpared(const std::vector<int>& channels) const {
    bool first = false, limit = false;
    for (const int g : channels) {
      const ChannelGroup& group = all_.groups[Size(g)];
      const bool limited = std::any_of(group.rows.begin(), group.rows.end(), [&](const WeightSlice& slice) {
        return CapOf(options_, graph_.nodes[Size(slice.node)].name) == 0;
      });
      if (!group.frozen && !group.rows.empty() && !with_first_[Size(g)] && !limited) return "";
      first = first || with_first_[Size(g)];
      limit = limit || limited;
    }
    return first ? "first" : limit ? "limit" : "fixed";
  }

 private:
  // Taking the group keeps a channel of its family and respects the limits of all layers whose outputs it shrinks.
  bool Fits(size_t g) const {
    const ChannelGroup& group = all_.groups[g];
    if (family_kept_[Size(group.family)] <= 1) return false;
    std::map<int, int64_t> rows;
    for (const WeightSlice& slice : group.rows) ++rows[slice.node];
    return std::all_of(rows.begin(), rows.end(), [&](const auto& entry) {
      const Node& node = graph_.nodes[Size(entry.first)];
      const double channels = static_cast<double>(ChannelsOf(graph_, node.outputs[0]));
      return static_cast<double>(taken_[Size(entry.first)] + entry.second) <= CapOf(options_, node.name) * channels;
    });
  }

  void Set(size_t g, bool dead) {
    dead_[g] = dead;
    const ChannelGroup& group = all_.groups[g];
    family_kept_[Size(group.family)] += dead ? -1 : 1;
    for (const WeightSlice& slice : group.rows) taken_[Size(slice.node)] += dead ? 1 : -1;
  }

  // Brings what is left of a family to the nearest multiple of a panel, or of a k-group where it is small, by giving back the
  // most important groups that were taken, or by taking the least important ones that were not. A family that lost nothing
  // keeps its size.
  void Round(int family, int64_t before) {
    int64_t& kept = family_kept_[Size(family)];
    if (kept == before) return;
    const int64_t step = StepOf(before);
    const int64_t wanted = std::min(before, std::max(step, (kept + step / 2) / step * step));
    for (auto g = order_.begin(); g != order_.end() && kept > wanted; ++g) {
      if (all_.groups[*g].family == family && !dead_[*g] && Fits(*g)) Set(*g, true);
    }
    const int64_t full = KeptOf(before, kept, step);  // limits may stop the way down
    for (auto g = order_.rbegin(); g != order_.rend() && kept < full; ++g) {
      if (all_.groups[*g].family == family && dead_[*g]) Set(*g, false);
    }
  }

  const PruneOptions& options_;
  const Graph& graph_;
  const ChannelGroups& all_;
  std::vector<double> importance_;
  std::vector<bool> dead_;
  std::vector<bool> with_first_;      // stay because they hang together with a first layer
  std::vector<size_t> order_;         // candidates, the least important first
  std::vector<int64_t> taken_;        // by node: output channels
  std::vector<int64_t> family_kept_;  // candidates that are left
};

// By node: which input channels of a mixing node meet zero weights only.
std::vector<std::vector<bool>> FindZeroColumns(const Graph& graph) {
  std::vector<std::vector<bool>> zero(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!IsMixing(node)) continue;
    const Slices slices = SlicesOf(graph, node, PruneBy::kL1, nullptr);
    for (const double norm : slices.columns) zero[i].push_back(norm == 0);
  }
  return zero;
}

// No reader notices that the group is gone. Where the source states scales it was trained or tested with integers, and is to
// give the same ones here: a value other than zero would be rounded with the bias that it goes into, not before. So it stays.
bool IsDead(const Graph& graph, const ChannelGroup& group, const KnownChannels& known,
            const std::vector<std::vector<bool>>& zero_columns) {
  return !group.frozen && std::all_of(group.columns.begin(), group.columns.end(), [&](const WeightSlice& slice) {
    const Node& node = graph.nodes[Size(slice.node)];
    const std::optional<double>& value = known[Size(node.inputs[0])][Size(slice.channel)];
    const bool exact = graph.values[Size(node.inputs[0])].quantization != nullptr;
    return (value && (*value == 0 || (IsUnpadded(node) && !exact))) || zero_columns[Size(slice.node)][Size(slice.channel)];
  });
}

// The groups leave their known or mean values in the biases of their readers.
Status RemoveWithMeans(const ChannelGroups& all, const std::vector<bool>& dead, const Moments* moments, Graph& graph) {
  const KnownChannels known = FindKnownChannels(graph);
  std::vector<std::vector<double>> means(graph.values.size());  // of what weights read
  for (const Node& node : graph.nodes) {
    if (moments != nullptr && IsMixing(node)) means[Size(node.inputs[0])] = FindMoments(graph, *moments, node.inputs[0]).mean;
  }
  CUTIS_TRY(RemoveChannels(graph, all, dead, [&](ValueId value, int32_t channel) {
    if (const auto& constant = known[Size(value)][Size(channel)]) return *constant;
    const std::vector<double>& mean = means[Size(value)];
    return Size(channel) < mean.size() ? mean[Size(channel)] : 0.0;
  }));
  return RemoveDeadCode(graph);
}

}  // namespace

namespace {

void RecordKept(const Graph& graph, const ChannelGroups& all, const std::vector<bool>& dead, DeadChannels& result) {
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const std::vector<int>& channels = all.of_value[id];
    if (std::none_of(channels.begin(), channels.end(), [&](int group) { return dead[Size(group)]; })) continue;
    DeadChannels::Kept& entry = result.values[graph.values[id].name];
    if (entry.channels == 0) {
      entry.channels = channels.size();
      entry.kept.resize(channels.size());
      std::iota(entry.kept.begin(), entry.kept.end(), size_t{0});
    }
    std::vector<size_t> kept;
    for (size_t c = 0; c < channels.size(); ++c) {
      if (!dead[Size(channels[c])]) kept.push_back(entry.kept[c]);
    }
    entry.kept = std::move(kept);
  }
}

}  // namespace

void CutCalibration(const DeadChannels& dead, Calibration& calibration) {
  for (TensorStatistics& tensor : calibration.tensors) {
    const auto found = dead.values.find(tensor.name);
    if (found == dead.values.end() || tensor.channel_means.size() != found->second.channels) continue;
    std::vector<uint16_t> means;
    for (const size_t c : found->second.kept) means.push_back(tensor.channel_means[c]);
    tensor.channel_means = std::move(means);
  }
}

Result<DeadChannels> RemoveDeadChannels(Graph& graph) {
  DeadChannels result;
  // A layer that lost its inputs may be known itself.
  for (;;) {
    const ChannelGroups all = FindChannelGroups(graph);
    const KnownChannels known = FindKnownChannels(graph);
    const std::vector<std::vector<bool>> zero_columns = FindZeroColumns(graph);
    std::vector<int64_t> channels(Size(all.families)), may_go(Size(all.families));
    std::vector<bool> dead;
    for (const ChannelGroup& group : all.groups) {
      dead.push_back(IsDead(graph, group, known, zero_columns));
      ++channels[Size(group.family)];
      if (dead.back()) ++may_go[Size(group.family)];
    }
    // Down to whole k-groups: the rest would be padding.
    for (size_t family = 0; family < may_go.size(); ++family) {
      may_go[family] = channels[family] - KeptOf(channels[family], channels[family] - may_go[family], 4);
    }
    for (size_t g = 0; g < all.groups.size(); ++g) dead[g] = dead[g] && may_go[Size(all.groups[g].family)]-- > 0;
    SpareBlocks(graph, all, dead);
    const int64_t count = std::count(dead.begin(), dead.end(), true);
    if (count == 0) return result;
    RecordKept(graph, all, dead, result);
    CUTIS_TRY(RemoveChannels(graph, all, dead, [&](ValueId value, int32_t channel) {
      return known[Size(value)][Size(channel)].value_or(0);  // unknown: its columns are zero
    }));
    CUTIS_TRY(RemoveDeadCode(graph));
    result.removed += count;
  }
}

Result<PruneReport> PruneChannels(const PruneOptions& options, const Moments* moments, Graph& graph,
                                  std::map<std::string, std::vector<size_t>>* kept) {
  if (options.by != PruneBy::kL1 && moments == nullptr) {
    return Status::Error(Code::kUsage, "--prune-by %s: needs --calibrate DIR with images", NameOf(options.by));
  }
  const ChannelGroups all = FindChannelGroups(graph);
  Selection selection(options, graph, all, ImportanceOf(graph, all, options.by, moments));
  const std::vector<bool> dead = selection.Run();
  PruneReport report;
  report.options = options;
  report.units = selection.candidates();
  report.removed = std::count(dead.begin(), dead.end(), true);
  for (const Node& node : graph.nodes) {
    if (!IsMixing(node) && !IsDepthwise(graph, node)) continue;
    const std::vector<int>& channels = all.of_value[Size(node.outputs[0])];
    PrunedLayer layer{node.name, static_cast<int64_t>(channels.size()), 0, 0, selection.WhySpared(channels)};
    for (const int group : channels) layer.removed += dead[Size(group)] ? 1 : 0;
    report.layers.push_back(std::move(layer));
  }
  if (kept != nullptr) {
    DeadChannels recorded;
    RecordKept(graph, all, dead, recorded);
    for (auto& entry : recorded.values) (*kept)[entry.first] = std::move(entry.second.kept);
  }
  CUTIS_TRY(RemoveWithMeans(all, dead, moments, graph));
  return report;
}

std::vector<ChannelFamily> ListFamilies(const Graph& graph) {
  const ChannelGroups all = FindChannelGroups(graph);
  std::vector<ChannelFamily> families;
  std::map<int, size_t> places;
  for (const ChannelGroup& group : all.groups) {
    if (group.frozen || group.rows.empty()) continue;
    const auto [place, added] = places.try_emplace(group.family, families.size());
    if (added) families.push_back({graph.nodes[Size(group.rows[0].node)].name, group.family, 0});
    ++families[place->second].channels;
  }
  return families;
}

Status PruneFamily(const ChannelFamily& family, PruneBy by, double rate, const Moments* moments, Graph& graph) {
  const ChannelGroups all = FindChannelGroups(graph);
  const std::vector<double> importance = ImportanceOf(graph, all, by, moments);
  std::vector<size_t> order;
  for (size_t g = 0; g < all.groups.size(); ++g) {
    if (!all.groups[g].frozen && all.groups[g].family == family.number) order.push_back(g);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return importance[a] < importance[b]; });
  std::vector<bool> dead(all.groups.size(), false);
  const auto count = static_cast<size_t>(std::floor(rate * static_cast<double>(order.size()) + 0.5));
  for (size_t i = 0; i < std::min(count, order.size() - 1); ++i) dead[order[i]] = true;
  return RemoveWithMeans(all, dead, moments, graph);
}

}  // namespace cutis::convert
