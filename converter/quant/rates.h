// How often verdicts are right.
#ifndef CUTIS_CONVERTER_QUANT_RATES_H_
#define CUTIS_CONVERTER_QUANT_RATES_H_

#include <cstdint>

#include "converter/recipe/recipe.h"
#include "runtime/verdict.h"

namespace cutis::convert {

// A share of `count`, with its 95 % interval by Wilson's score; of nothing: 0 .. 1.
struct Share {
  int64_t hits = 0, count = 0;
  double value = 0, low = 0, high = 1;
};
Share ShareOf(int64_t hits, int64_t count);

// Verdicts of one network at one operating point against the truth.
struct Rates {
  int64_t positives = 0, found = 0, positives_referred = 0;    // found: called bcc
  int64_t negatives = 0, cleared = 0, negatives_referred = 0;  // cleared: called not_bcc

  void Count(bool positive, Verdict verdict);
  Share Sensitivity() const { return ShareOf(found, positives); }
  Share Specificity() const { return ShareOf(cleared, negatives); }
};

struct PointRates {
  OperatingPointRecipe point;
  Rates first, second;   // float32, int8
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_RATES_H_
