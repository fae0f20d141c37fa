// What is known about the values of a network's tensors: ranges, histograms, means of channels. Taken from runs over images, or
// read from a calibration.json, which holds exactly the same. (Images can do more than their statistics: see refine.h.)
#ifndef CUTIS_CONVERTER_QUANT_CALIBRATION_H_
#define CUTIS_CONVERTER_QUANT_CALIBRATION_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "converter/lower/net.h"
#include "ops/status.h"

namespace cutis::convert {

// The values of one tensor over all images.
struct TensorStatistics {
  std::string name;
  float min = 0, max = 0;
  // Shares of the values, in 2^-20 of all of them, that are exactly 0 and that lie in the bins: bin i covers
  // [first_bin + i, first_bin + i + 1) * 2^exponent. Zeros are in no bin.
  uint32_t zeros = 0;
  int32_t exponent = 0;
  int32_t first_bin = 0;
  std::vector<uint32_t> bins;
  // The mean of each channel is min + (max - min) * value / kMeanSteps.
  std::vector<uint16_t> channel_means;

  double ChannelMean(size_t channel) const;
};
inline constexpr uint32_t kHistogramTotal = 1u << 20;
inline constexpr uint32_t kMeanSteps = 4095;

struct Calibration {
  int64_t images = 0;
  std::string source_sha256;              // of the weights that the network was read from
  nlohmann::json preprocessing;           // PreprocessRecipe::ToJson(); null for a network that takes tensors
  std::vector<TensorStatistics> tensors;  // by index of Net::tensors
};

std::string WriteCalibrationJson(const Calibration& calibration);

// `where` (the file's name) begins every message.
Result<Calibration> ParseCalibrationJson(std::string_view text, const std::string& where);

// Whether the statistics are those of this network: names and channels of the tensors, the same weights, the same
// preprocessing. Puts the tensors into the network's order.
Status FitCalibration(Calibration& calibration, const Net& net, const std::string& source_sha256,
                      const nlohmann::json& preprocessing, const std::string& where);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_CALIBRATION_H_
