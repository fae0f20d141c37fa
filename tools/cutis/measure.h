// What cutis bench measures of a model on generated inputs.
#ifndef CUTIS_TOOLS_CUTIS_MEASURE_H_
#define CUTIS_TOOLS_CUTIS_MEASURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/golden.h"
#include "runtime/session.h"
#include "tools/cutis/common.h"
#include "tools/cutis/profile.h"
#include "tools/cutis/system.h"

namespace cutis::cli {

struct BenchOptions {
  ModelOptions model;
  int32_t threads = 0, batch = 1, runs = 50;
  bool profile = false, json = false, autotune = false;
  std::string hash = "output";
  std::string report, baseline;  // files; empty: none
};

// The memory of the process at one moment of it.
struct MemoryStage {
  const char* name;
  ResidentMemory resident;
};

struct Measurement {
  double load_ms = 0, first_ms = 0;
  double hash_ms = 0;           // what the hash takes of load_ms, measured apart
  std::vector<double> run_ms;   // sorted
  std::vector<double> node_ms;  // medians
  Profile profile;
  std::vector<MemoryStage> stages;  // the last one: after the runs
  uint8_t output_hash[32] = {};
  std::vector<TensorHash> tensor_hashes;

  double RunMs(double share) const;  // below which that share of the runs lies
  const ResidentMemory& resident() const { return stages.back().resident; }
};

// The runs, and where options.profile asks for it the roofs and steps. `result` has what was measured before.
Status MeasureRuns(const Model& model, const BenchOptions& options, Measurement& result);

// The least of some runs of the hash alone, over as many bytes as the file has.
Status MeasureHash(const Model& model, const BenchOptions& options, Measurement& result);

// The hashes that options.hash names.
Status TakeHashes(const Model& model, const BenchOptions& options, Measurement& result);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_MEASURE_H_
