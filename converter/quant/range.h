// From the statistics of a tensor to its scale and zero point.
#ifndef CUTIS_CONVERTER_QUANT_RANGE_H_
#define CUTIS_CONVERTER_QUANT_RANGE_H_

#include <cstdint>

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

// The range with the least expected squared error among the full one, percentiles, and shrunk ones on a grid. `min` and `max`
// are the bounds of the clamp that the values have passed (infinities: none).
Range ChooseRange(const TensorStatistics& statistics, float min, float max);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_RANGE_H_
