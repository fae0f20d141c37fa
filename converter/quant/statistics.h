// Collects the statistics of one tensor, image by image.
#ifndef CUTIS_CONVERTER_QUANT_STATISTICS_H_
#define CUTIS_CONVERTER_QUANT_STATISTICS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "converter/quant/calibration.h"

namespace cutis::convert {

// A histogram whose range doubles when a value leaves it: bins have a width of a power of two and begin at 0, so that doubling
// joins neighbouring bins exactly and the result does not depend on the order of the values.
class StatisticsCollector {
 public:
  explicit StatisticsCollector(int32_t channels);

  // `values`: whole pixels of `channels` values. False when one is not finite; nothing has been taken then.
  bool Add(std::span<const float> values);

  // What has been seen, reduced to shares of kHistogramTotal. At least one value must have been added.
  TensorStatistics Reduce() const;

 private:
  // Bins -kHalf .. kHalf-1; 768 of them are used by values in 0 .. 6, fewer than half of a signed tensor's.
  static constexpr int32_t kHalf = 512;

  void Grow(float largest);

  std::vector<double> channel_sums_;
  std::vector<uint64_t> bins_;
  int32_t exponent_;  // of the width of a bin
  uint64_t zeros_ = 0, count_ = 0;
  float min_ = 0, max_ = 0;
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_STATISTICS_H_
