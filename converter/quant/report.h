// What the quantiser did with each tensor and layer, for whoever prints it.
#ifndef CUTIS_CONVERTER_QUANT_REPORT_H_
#define CUTIS_CONVERTER_QUANT_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "converter/lower/net.h"
#include "converter/quant/calibration.h"
#include "converter/write/file_model.h"

namespace cutis::convert {

// A range that was considered for a tensor.
struct RangeTried {
  std::string method;  // "min-max", "percentile 99.99", "mse", "entropy"
  float scale = 1;
  int32_t zero_point = 0;
  double expected_error = 0;  // mean squared error by the tensor's histogram
  double measured_error = -1;  // relative squared error of the network's outputs with it; negative: not measured
};

struct LayerReport {
  std::string name, tensor;  // of the node and of its output
  float scale = 1;
  int32_t zero_point = 0;
  std::optional<double> sqnr_db;  // real against quantised output, over all images; nothing when there were none
  std::string method;             // of the range: one of `tried`, or "given" (by the source) or "kept" (that of the input)
  std::vector<RangeTried> tried;
  std::string rounding;  // of the weights: "nearest", "adaptive", "given"; empty: no weights
};

struct ChosenRanges;
class Refiner;

// One for each node. `ranges` and `refiner` (after its Quantize) may be null: then the ranges are those that the statistics
// suggest, and nothing has been measured.
std::vector<LayerReport> ReportLayers(const Net& net, const Calibration& calibration, const FileModel& model,
                                      const ChosenRanges* ranges, const Refiner* refiner, bool adaptive);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_REPORT_H_
