// Scales that the source of a network states: of QDQ and QOperator models, of int8 checkpoints. They are kept bit for bit.
#ifndef CUTIS_CONVERTER_QUANT_GIVEN_H_
#define CUTIS_CONVERTER_QUANT_GIVEN_H_

#include <optional>
#include <vector>

#include "converter/lower/net.h"
#include "converter/quant/quantize.h"

namespace cutis::convert {

// Nothing when the source states none for this tensor.
std::optional<Affine> GivenAffine(const NetTensor& tensor);

// The integers of a layer with weight_scales: those that the real weights are multiples of, nothing corrected.
RoundedLayer GivenWeights(const NetNode& node);

// What is known of the tensors of a network that is quantised by the scales of its source alone: nothing.
Calibration WithoutStatistics(const Net& net);

// The tensors whose scale the quantiser would have to choose by statistics; those that the source states are not among them.
// Errors are those of Quantize.
Result<std::vector<int>> TensorsWithoutScale(const Net& net, const InputRecipe& input);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_GIVEN_H_
