// Chooses the range of each tensor by what it does to the outputs of the quantised network on images.
#ifndef CUTIS_CONVERTER_QUANT_SEARCH_RANGES_H_
#define CUTIS_CONVERTER_QUANT_SEARCH_RANGES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "converter/quant/refine.h"
#include "converter/quant/report.h"

namespace cutis::convert {

// By tensor; empty where nothing was chosen (inputs, tensors that keep their input's scale, scales that the source states).
struct ChosenRanges {
  std::vector<std::optional<Affine>> affines;
  std::vector<std::vector<RangeTried>> tried;
};

// Starts from the ranges that the statistics suggest. Tensor by tensor, in the order of execution, each of RangeCandidates is
// tried in the whole network, weights rounded to nearest and biases corrected, and one that has a smaller relative squared error of
// the outputs on each quarter of the images stays. CanRefine(net); `real`: PackFloat(net). A few dozen images are enough, and all activations of these are
// held. The result depends neither on the number of threads nor on the machine.
Result<ChosenRanges> SearchRanges(const Net& net, const FileModel& real, const Calibration& calibration, const InputRecipe& recipe,
                                  const PixelImages& pixels, int32_t threads, const Progress& progress);

// The mean relative squared error of the outputs that all of this starts from.
Result<double> OutputError(const Net& net, const FileModel& real, const Calibration& calibration, const InputRecipe& recipe,
                           const PixelImages& pixels, int32_t threads);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_SEARCH_RANGES_H_
