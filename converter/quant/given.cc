#include "converter/quant/given.h"

#include <algorithm>
#include <cmath>

namespace cutis::convert {

std::optional<Affine> GivenAffine(const NetTensor& tensor) {
  if (tensor.quantization == nullptr || tensor.quantization->scales.size() != 1) return std::nullopt;
  return Affine{tensor.quantization->scales[0], tensor.quantization->zero_point};
}

RoundedLayer GivenWeights(const NetNode& node) {
  const size_t outputs = node.bias.size(), terms = node.weights.size() / outputs;
  RoundedLayer rounded;
  rounded.weights.resize(node.weights.size());
  rounded.bias.assign(node.bias.begin(), node.bias.end());
  for (size_t n = 0; n < outputs; ++n) {
    const double scale = node.weight_scales[node.weight_scales.size() == 1 ? 0 : n];
    rounded.scales.push_back(scale);
    for (size_t k = n * terms; k < (n + 1) * terms; ++k) {
      const double rounded_weight = std::nearbyint(static_cast<double>(node.weights[k]) / scale);
      rounded.weights[k] = static_cast<int8_t>(std::clamp(rounded_weight, -127.0, 127.0));
    }
  }
  return rounded;
}

}  // namespace cutis::convert
