// The error of each layer of a quantised network, measured after the fact.
#ifndef CUTIS_CONVERTER_REPORT_SQNR_H_
#define CUTIS_CONVERTER_REPORT_SQNR_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "converter/quant/calibrate.h"
#include "ops/status.h"
#include "runtime/model.h"

namespace cutis::convert {

// The most inputs that are run.
inline constexpr size_t kMostSqnrInputs = 32;

struct MeasuredSqnr {
  int64_t inputs = 0;
  std::map<std::string, double> db;  // by name of a tensor that a node makes: 10 log10(sum real^2 / sum (real - quantised)^2)
};

// Runs both networks, which name their tensors alike, over the images (evenly spaced ones, if there are more than
// kMostSqnrInputs; none: the generated inputs) and compares what their nodes give. Deterministic.
Result<MeasuredSqnr> MeasureSqnr(const Model& real, const Model& quantised, std::span<const std::string> images,
                                 int32_t threads, const Progress& progress);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_REPORT_SQNR_H_
