// cutis bench --autotune: which instruction set is fastest for which step of a model, measured and kept (runtime/tuning.h).
#ifndef CUTIS_TOOLS_CUTIS_AUTOTUNE_H_
#define CUTIS_TOOLS_CUTIS_AUTOTUNE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/cutis/common.h"

namespace cutis::cli {

struct TunedStep {
  int32_t node = 0;  // the step's last
  std::string name;
  Isa isa = Isa::kScalar;
  double ms = 0, best_ms = 0;  // with that set, and with the best one
};

struct TuneResult {
  std::string file;
  std::vector<TunedStep> steps;      // those for which a lesser set is faster
  double best_ms = 0, tuned_ms = 0;  // of the network, in turn
};

// Measures and writes options.tune_file, or the file in the cache folder. `options` may name an instruction set: no better one
// is tried.
Result<TuneResult> Autotune(const ModelOptions& options, int32_t threads, int32_t batch);

// The tuning of this CPU for that model file in the cache folder ($XDG_CACHE_HOME or ~/.cache, cutis/tuning), or "" when there
// is none. Only the header of the model file is read.
std::string CachedTuning(const std::string& model_path);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_AUTOTUNE_H_
