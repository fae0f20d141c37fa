// The whole way from a source to a .cutis file, as cutis-convert goes it.
#ifndef CUTIS_CONVERTER_CONVERT_H_
#define CUTIS_CONVERTER_CONVERT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "converter/options.h"
#include "converter/plan/plan.h"
#include "converter/progress.h"
#include "converter/prune/apply.h"
#include "converter/prune/sensitivity.h"
#include "converter/quant/compare.h"
#include "converter/quant/report.h"
#include "ops/status.h"

namespace cutis::convert {

// What is printed when all is done.
struct Summary {
  std::string name, output;
  bool float32 = false;
  uint64_t file_bytes = 0, weight_bytes = 0;
  size_t nodes = 0;
  PlanReport plan;
  int64_t calibration_images = 0;
  std::string calibration;             // where the statistics came from
  std::optional<Agreement> agreement;  // int8 only
  std::vector<LayerReport> layers;     // int8 only
  Effort effort = Effort::kDefault;
  size_t equalised_channels = 0;
  std::optional<PruneReport> pruning;
  std::optional<Agreement> pruning_alone;  // float32 after pruning with float32 before it
  std::vector<LayerSparsity> sparsity;
  int64_t dead_channels = 0;
  std::optional<Sensitivity> sensitivity;
  std::string sha256;
  std::vector<std::string> notes;  // what the importer chose, changed or left out
};

// Reads, quantises, plans, checks, compares and writes. Nothing is written unless everything has succeeded.
Result<Summary> Convert(const Options& options, ProgressLine& progress);

std::string SummaryText(const Summary& summary);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_CONVERT_H_
