// From the statistics of a tensor to its scale and zero point.
#ifndef CUTIS_CONVERTER_QUANT_RANGE_H_
#define CUTIS_CONVERTER_QUANT_RANGE_H_

#include <cstdint>
#include <vector>

#include "converter/quant/calibration.h"

namespace cutis::convert {

// real = scale * (byte - zero_point)
struct Affine {
  float scale = 1;
  int32_t zero_point = 0;
};

// low <= 0 <= high.
struct Range {
  double low = 0, high = 0;
};

// The 256 steps that cover the range; 0 is one of them. An empty range gives scale 1 / 255.
Affine AffineOf(const Range& range);

// The expected squared error of quantising the tensor's values with `affine`, by its histogram: a twelfth of a squared step
// within the range, the squared distance to the range beyond it.
double ExpectedError(const TensorStatistics& statistics, const Affine& affine);

// A range that is worth trying for a tensor, and where it comes from.
struct RangeCandidate {
  const char* method = "";  // "min-max", "percentile 99.99", "mse", "entropy"
  Range range;
};

// Ranges to choose among by what they do to the network: all values; all but a few in 10^5, 10^4, 10^3 on each side; the one with
// the least expected squared error; the one that keeps most information. None of them is empty unless the first one is.
std::vector<RangeCandidate> RangeCandidates(const TensorStatistics& statistics, float min, float max);

// The range with the least expected squared error among the full one, percentiles, and shrunk ones on a grid. `min` and `max`
// are the bounds of the clamp that the values have passed (infinities: none).
Range ChooseRange(const TensorStatistics& statistics, float min, float max);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_RANGE_H_
