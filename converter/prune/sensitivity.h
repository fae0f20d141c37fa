// How much each layer alone suffers from being pruned.
#ifndef CUTIS_CONVERTER_PRUNE_SENSITIVITY_H_
#define CUTIS_CONVERTER_PRUNE_SENSITIVITY_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/lower/net.h"
#include "converter/prune/moments.h"
#include "converter/prune/prune.h"
#include "converter/quant/calibrate.h"
#include "ops/status.h"
#include "runtime/model.h"

namespace cutis::convert {

inline constexpr std::array<double, 4> kSensitivityRates = {0.25, 0.5, 0.75, 0.9};
// Images that are run for each layer and rate: evenly spaced ones of those given.
inline constexpr size_t kSensitivityImages = 16;

struct LayerSensitivity {
  std::string layer;
  int64_t units = 0;
  std::array<double, kSensitivityRates.size()> cosine = {};  // mean over the images, with the outputs of the whole network
};

struct Sensitivity {
  PruneMode mode = PruneMode::kBlock;
  PruneBy by = PruneBy::kL1;
  int64_t images = 0;
  std::vector<LayerSensitivity> layers;
};

// A float32 model of a network, ready to run.
using OpenNet = std::function<Result<std::unique_ptr<Model>>(const Net& net)>;

// Prunes one layer (mode kChannel: one family of channels) after the other, everything else whole, and compares the float32
// outputs with those of `model`, which is `net`, which is `graph` lowered.
Result<Sensitivity> MeasureSensitivity(PruneMode mode, PruneBy by, const Graph& graph, const Net& net, const Model& model,
                                       const Moments& moments, const OpenNet& open, std::span<const std::string> images,
                                       int32_t threads, const Progress& progress);

std::string SensitivityJson(const Sensitivity& sensitivity);
std::string SensitivityText(const Sensitivity& sensitivity);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PRUNE_SENSITIVITY_H_
