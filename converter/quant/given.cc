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

Calibration WithoutStatistics(const Net& net) {
  Calibration calibration;
  for (const NetTensor& tensor : net.tensors) {
    TensorStatistics& statistics = calibration.tensors.emplace_back();
    statistics.name = tensor.name;
    statistics.zeros = kHistogramTotal;
    statistics.channel_means.resize(static_cast<size_t>(tensor.shape.channels));  // zero: no bias is corrected by them
  }
  return calibration;
}

namespace {

// Notes down which tensors the quantiser asks about.
class Recorder : public Refinement {
 public:
  std::optional<Affine> ChooseAffine(int tensor) override {
    if (std::find(asked.begin(), asked.end(), tensor) == asked.end()) asked.push_back(tensor);
    return Affine{1, 0};
  }
  std::vector<int> asked;
};

}  // namespace

Result<std::vector<int>> TensorsWithoutScale(const Net& net, const InputRecipe& input) {
  Recorder recorder;
  const auto quantised = Quantize(net, WithoutStatistics(net), input, &recorder);
  if (!quantised.ok()) return quantised.status();
  const int image = net.inputs[0];
  if (input.mean.empty() && !GivenAffine(net.tensors[static_cast<size_t>(image)])) recorder.asked.push_back(image);
  std::vector<int> computed;
  for (const int tensor : recorder.asked) {
    if (!net.tensors[static_cast<size_t>(tensor)].is_constant) computed.push_back(tensor);  // a constant shows its range
  }
  return computed;
}

}  // namespace cutis::convert
