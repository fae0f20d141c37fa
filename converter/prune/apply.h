// Pruning as a step of the conversion.
#ifndef CUTIS_CONVERTER_PRUNE_APPLY_H_
#define CUTIS_CONVERTER_PRUNE_APPLY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/lower/net.h"
#include "converter/prune/moments.h"
#include "converter/prune/prune.h"
#include "converter/prune/realign.h"
#include "ops/status.h"
#include "runtime/model.h"

namespace cutis::convert {

struct Pruned {
  Net net;
  PruneReport report;
  KeptChannels kept;  // mode kChannel
};

// `net` is `graph` lowered; neither is changed. `moments`, those of `net`, may be null with PruneBy::kL1: then no bias is
// corrected. kUsage when a limit names no layer.
Result<Pruned> Prune(const PruneOptions& options, const Graph& graph, const Net& net, const Moments* moments);

// What of a layer's weights is zero, and how it is stored.
struct LayerSparsity {
  std::string name;
  int64_t weights = 0, zero = 0;
  int64_t blocks = 0, live_blocks = 0;  // of 16 outputs x 4 inputs, as stored; zero for depthwise and float32 layers
  bool sparse = false;                  // stored as B16x4
};

// Of all layers with weights. `model` is the network as written.
std::vector<LayerSparsity> CountSparsity(const Net& net, const Model& model);

// Lines for people: what was removed and what is zero; empty where nothing was and next to nothing is.
std::string PruningText(const PruneReport* report, const std::vector<LayerSparsity>& layers, int64_t dead_channels);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PRUNE_APPLY_H_
