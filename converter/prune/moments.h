// Means and mean squares of the channels of a network's tensors over images.
#ifndef CUTIS_CONVERTER_PRUNE_MOMENTS_H_
#define CUTIS_CONVERTER_PRUNE_MOMENTS_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "converter/lower/net.h"
#include "converter/quant/calibrate.h"
#include "ops/status.h"
#include "runtime/model.h"

namespace cutis::convert {

struct TensorMoments {
  std::vector<double> mean, mean_square;  // by channel, of all pixels of all images
};
using Moments = std::map<std::string, TensorMoments>;  // by name of the tensor

// `model`: the float32 network, in the order of tensors of `net`, with preprocessing. Sums are taken in a fixed order, so that
// neither the machine nor the number of threads changes them. `only`: of this tensor alone, by index; -1: of all.
Result<Moments> CollectMoments(const Net& net, const Model& model, std::span<const std::string> images, int32_t threads,
                               const Progress& progress, int only = -1);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PRUNE_MOMENTS_H_
