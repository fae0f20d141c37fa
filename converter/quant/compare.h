// How far the quantised network agrees with the float32 one it was made from.
#ifndef CUTIS_CONVERTER_QUANT_COMPARE_H_
#define CUTIS_CONVERTER_QUANT_COMPARE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "converter/quant/auc.h"
#include "converter/quant/calibrate.h"
#include "converter/quant/rates.h"
#include "ops/status.h"
#include "runtime/model.h"
#include "runtime/session.h"

namespace cutis::convert {

// One input, by both networks.
struct InputAgreement {
  double cosine = 0, difference = 0;  // as below
  bool same_top = false;
};

struct Agreement {
  int64_t inputs = 0;
  bool generated = false;  // the inputs of runtime/golden.h, for want of images
  double mean_cosine = 0;  // of all outputs of an input, as one vector
  double worst_cosine = 1;
  double top1 = 0;                   // share of inputs with the same largest element of the first output
  double largest_difference = 0;     // of two elements of the outputs
  std::vector<InputAgreement> each;  // in the order of the inputs
  std::optional<AucComparison> auc;  // first: float32, second: int8
  std::vector<PointRates> points;    // where there is an AUC: at each operating point of the verdict
  int64_t unlabelled = 0;            // images without a row in the labels
};

// Number `index` of the generated inputs (runtime/golden.h) for that tensor: as many images as it has.
std::vector<uint8_t> GenerateEntry(int32_t index, const TensorInfo& info);

// Number `index` of the inputs, the bytes of an entry, to both, whose models are alike in what goes in. Inputs beside the image
// get generated values.
Status SetInputs(Session& real, Session& quantised, int32_t index, std::span<const uint8_t> pixels);

// Runs both over `images`, or over the generated inputs when there are none. `labels` (may be null; needs images and a verdict
// in the models) by file name.
Result<Agreement> Compare(const Model& real, const Model& quantised, std::span<const std::string> images,
                          const std::map<std::string, bool>* labels, int32_t threads, const Progress& progress);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_COMPARE_H_
