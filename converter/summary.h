// What a conversion came to, for whoever prints it.
#ifndef CUTIS_CONVERTER_SUMMARY_H_
#define CUTIS_CONVERTER_SUMMARY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "converter/options.h"
#include "converter/plan/plan.h"
#include "converter/prune/apply.h"
#include "converter/prune/sensitivity.h"
#include "converter/quant/compare.h"
#include "converter/quant/report.h"
#include "converter/target/profile.h"

namespace cutis::convert {

// What the SQNR of the layers was measured on.
enum class Measured : uint8_t { kNothing, kCalibration, kEvaluation, kGenerated };

// What is printed when all is done.
struct Summary {
  std::string name, output;
  bool float32 = false;
  uint64_t file_bytes = 0, weight_bytes = 0;
  size_t nodes = 0;
  size_t blocks = 0;  // of layers that run together
  PlanReport plan;
  int64_t calibration_images = 0;
  std::string calibration;             // where the statistics came from
  std::optional<Agreement> agreement;  // int8 only
  std::vector<std::string> compared;   // the images of the agreement, by their names in their folder; empty: generated inputs
  std::vector<LayerReport> layers;     // int8 only
  Measured sqnr_on = Measured::kNothing;
  int64_t sqnr_inputs = 0;
  Effort effort = Effort::kDefault;
  size_t equalised_channels = 0;
  std::optional<PruneReport> pruning;
  std::optional<Agreement> pruning_alone;  // float32 after pruning with float32 before it
  std::vector<LayerSparsity> sparsity;
  int64_t dead_channels = 0;
  std::optional<Sensitivity> sensitivity;
  std::string sha256;
  std::vector<std::string> notes;  // what the importer chose, changed or left out
  std::string output_hash;         // of the network (runtime/golden.h), where the recipe names one
  std::optional<Fit> fit;          // into the device of --target
  std::string left_out;            // what of the recipe belongs to another network, for people; one of the notes
};

std::string SummaryText(const Summary& summary);

// The lines on an agreement; `what` says of what with what.
void AppendAgreement(std::string& text, const Agreement& agreement, const char* what);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_SUMMARY_H_
