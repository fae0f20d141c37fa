#include "converter/prune/apply.h"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <utility>

#include "converter/prune/channels.h"
#include "converter/prune/weights.h"
#include "ops/conv/pack.h"

namespace cutis::convert {
namespace {

[[gnu::format(printf, 2, 3)]] void Append(std::string& text, const char* format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  std::vsnprintf(line, sizeof line, format, args);
  va_end(args);
  text += line;
}

double Percent(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

void AppendReport(std::string& text, const PruneReport& report) {
  const char* units = UnitOf(report.options.mode);
  Append(text, "pruning      %s:%g by %s: %" PRId64 " of %" PRId64 " %s removed (%.1f %%)\n", NameOf(report.options.mode),
         report.options.rate, NameOf(report.options.by), report.removed, report.units, units,
         Percent(report.removed, report.units));
  for (const PrunedLayer& layer : report.layers) {
    if (layer.units == 0 || (layer.removed == 0 && layer.spared[0] == '\0')) continue;
    Append(text, "             %-40.60s %8" PRId64 " of %8" PRId64 " %s (%.1f %%)", layer.name.c_str(), layer.removed,
           layer.units, units, Percent(layer.removed, layer.units));
    if (layer.zero > 0) Append(text, ", %" PRId64 " were zero before", layer.zero);
    Append(text, "%s%s%s\n", layer.spared[0] == '\0' ? "" : ", spared (", layer.spared, layer.spared[0] == '\0' ? "" : ")");
  }
}

}  // namespace

Result<Pruned> Prune(const PruneOptions& options, const Graph& graph, const Net& net, const Moments* moments) {
  CUTIS_TRY(CheckLimits(net, options));
  Pruned pruned;
  if (options.mode == PruneMode::kChannel) {
    Graph smaller = graph;
    CUTIS_ASSIGN(pruned.report, PruneChannels(options, moments, smaller, &pruned.kept));
    CUTIS_ASSIGN(pruned.net, Lower(smaller));
    return pruned;
  }
  pruned.net = net;
  CUTIS_ASSIGN(pruned.report, PruneWeights(options, moments, &pruned.net));
  return pruned;
}

std::vector<LayerSparsity> CountSparsity(const Net& net, const Model& model) {
  std::map<std::string, const ConvU8Options*> stored;
  for (const ModelNode& node : model.nodes()) {
    if (const auto* options = std::get_if<ConvU8Options>(&node.node.options)) stored.emplace(node.name, options);
  }
  std::vector<LayerSparsity> layers;
  for (const NetNode& node : net.nodes) {
    if (!HasWeights(node.kind)) continue;
    LayerSparsity layer;
    layer.name = node.name;
    layer.weights = static_cast<int64_t>(node.weights.size());
    layer.zero = std::count(node.weights.begin(), node.weights.end(), 0.0f);
    const auto found = stored.find(node.name);
    if (found != stored.end()) {
      const ConvU8Options& options = *found->second;
      layer.sparse = !options.panel_starts.empty();
      layer.blocks = static_cast<int64_t>(BlockGrid(net, node).count());
      layer.live_blocks = static_cast<int64_t>(layer.sparse ? options.live.size()
                                                            : CountLiveRows(options.weights.data(), options.weights.size()));
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::string PruningText(const PruneReport* report, const std::vector<LayerSparsity>& layers, int64_t dead_channels) {
  std::string text;
  if (report != nullptr) AppendReport(text, *report);
  if (dead_channels > 0) {
    Append(text, "channels     %" PRId64 " that the source left without effect have been removed\n", dead_channels);
  }
  LayerSparsity sum;
  size_t sparse = 0;
  for (const LayerSparsity& layer : layers) {
    sum.weights += layer.weights;
    sum.zero += layer.zero;
    sum.blocks += layer.blocks;
    sum.live_blocks += layer.live_blocks;
    sparse += layer.sparse ? 1 : 0;
  }
  // A few weights of any network happen to be zero.
  if (report == nullptr && sparse == 0 && Percent(sum.zero, sum.weights) < 1) return text;
  Append(text, "sparsity     %" PRId64 " of %" PRId64 " weights are zero (%.1f %%)", sum.zero, sum.weights,
         Percent(sum.zero, sum.weights));
  if (sum.blocks > 0) {
    Append(text, "; %" PRId64 " of %" PRId64 " blocks of 16 x 4 live (%.1f %%), %zu of %zu layers stored by blocks",
           sum.live_blocks, sum.blocks, Percent(sum.live_blocks, sum.blocks), sparse, layers.size());
  }
  return text + "\n";
}

}  // namespace cutis::convert
