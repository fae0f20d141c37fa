// Pruning: what is asked for, what was done. The modes are in weights.h and channels.h.
#ifndef CUTIS_CONVERTER_PRUNE_PRUNE_H_
#define CUTIS_CONVERTER_PRUNE_PRUNE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ops/status.h"

namespace cutis::convert {

enum class PruneMode : uint8_t { kNone, kUnstructured, kBlock, kChannel };

// How the importance of a weight is measured.
enum class PruneBy : uint8_t {
  kL1,          // |w|
  kActivation,  // |w| times the root mean square of the input that it meets, relative to the layer's output
};

struct PruneOptions {
  PruneMode mode = PruneMode::kNone;
  double rate = 0;  // share of the units of the layers that are not spared, within [0, 1)
  PruneBy by = PruneBy::kL1;
  bool first = false, last = false;      // also the layers next to the input and to the outputs
  std::map<std::string, double> limits;  // by name of a layer: the largest share of its units that may go; 0 spares it
};

// No layer loses more than this share of its units, or than half way from the rate to all of them, unless a limit says so; and
// none loses all.
inline constexpr double kLayerCap = 0.9;
double CapOf(const PruneOptions& options, const std::string& layer);

const char* NameOf(PruneMode mode);
const char* NameOf(PruneBy by);
const char* UnitOf(PruneMode mode);  // "weights", "blocks", "channels"

// The arguments of --prune ("block:0.75", "none"), --prune-by ("l1") and --prune-limit ("LAYER=0.5"); empty ones were not
// given. `first` and `last` are set already. kUsage, naming the option.
Status ParsePruning(const std::string& mode, const std::string& by, const std::vector<std::string>& limits,
                    PruneOptions* options);

struct PrunedLayer {
  std::string name;
  int64_t units = 0, zero = 0, removed = 0;  // zero: before; removed: gone or zero afterwards, those included
  // Why none of its units may go: "first", "last" (layers that are spared unless asked for), "limit" (of zero), "depthwise"
  // (has no blocks; units is 0), "fixed" (its channels are those of an output, or have meanings that an operator relies on).
  // Empty otherwise.
  const char* spared = "";
};

struct PruneReport {
  PruneOptions options;
  std::vector<PrunedLayer> layers;
  int64_t units = 0, removed = 0;  // of the layers that are not spared
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PRUNE_PRUNE_H_
