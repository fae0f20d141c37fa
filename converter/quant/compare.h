// How far the quantised network agrees with the float32 one it was made from.
#ifndef CUTIS_CONVERTER_QUANT_COMPARE_H_
#define CUTIS_CONVERTER_QUANT_COMPARE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "converter/quant/auc.h"
#include "converter/quant/calibrate.h"
#include "ops/status.h"
#include "runtime/model.h"

namespace cutis::convert {

struct Agreement {
  int64_t inputs = 0;
  bool generated = false;  // the inputs of runtime/golden.h, for want of images
  double mean_cosine = 0;  // of all outputs of an input, as one vector
  double worst_cosine = 1;
  double top1 = 0;                   // share of inputs with the same largest element of the first output
  std::optional<AucComparison> auc;  // first: float32, second: int8
  int64_t unlabelled = 0;            // images without a row in the labels
};

// Runs both over `images`, or over the generated inputs when there are none. `labels` (may be null; needs images and a verdict
// in the models) by file name.
Result<Agreement> Compare(const Model& real, const Model& quantised, std::span<const std::string> images,
                          const std::map<std::string, bool>* labels, int32_t threads, const Progress& progress);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_COMPARE_H_
