// How well scores tell positives from negatives, and whether two sets of scores differ in that.
#ifndef CUTIS_CONVERTER_QUANT_AUC_H_
#define CUTIS_CONVERTER_QUANT_AUC_H_

#include <span>

namespace cutis::convert {

struct Scored {
  bool positive = false;
  float first = 0, second = 0;  // e.g. float32 and int8
};

struct AucComparison {
  double first = 0, second = 0;  // areas under the ROC curves; ties count half
  double low = 0, high = 0;      // 95 % interval of second - first: paired bootstrap, stratified, fixed sequence
  double first_low = 0, first_high = 0, second_low = 0, second_high = 0;  // of each, from the same resamples
  int positives = 0, negatives = 0;
};

// Needs at least one positive and one negative.
AucComparison CompareAuc(std::span<const Scored> images);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_AUC_H_
