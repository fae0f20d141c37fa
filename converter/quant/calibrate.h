// Runs the float32 network over images and collects the statistics of its tensors.
#ifndef CUTIS_CONVERTER_QUANT_CALIBRATE_H_
#define CUTIS_CONVERTER_QUANT_CALIBRATE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "converter/quant/calibration.h"
#include "ops/status.h"
#include "runtime/model.h"

namespace cutis::convert {

// Told how much of a phase is done, from the thread that called.
using Progress = std::function<void(int64_t done, int64_t total)>;

// `model`: the float32 network, in the order of tensors of `net`, with preprocessing. Deterministic: neither the number of
// threads nor the machine changes the result. An image that cannot be read is an error.
Result<Calibration> Calibrate(const Net& net, const Model& model, std::span<const std::string> images, int32_t threads,
                              const Progress& progress);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_CALIBRATE_H_
