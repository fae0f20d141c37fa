// Convolutions and fully connected layers in integers: docs/design.md, section 2.
#include <algorithm>
#include <cmath>
#include <optional>

#include "converter/quant/channel.h"
#include "converter/quant/given.h"
#include "converter/quant/live_rows.h"
#include "converter/quant/quantizer.h"
#include "ops/conv/pack.h"

namespace cutis::convert {

// The input channel that weight k of output n meets.
size_t Quantizer::InputChannel(const NetNode& node, size_t n, size_t k) const {
  if (node.kind == OpKind::kDepthwise) return n;
  const auto groups = static_cast<size_t>(node.groups);
  const size_t group_in = static_cast<size_t>(net_.tensors[static_cast<size_t>(node.inputs[0])].shape.channels) / groups;
  const size_t group_out = node.bias.size() / groups;
  return n / group_out * group_in + k % group_in;
}

int64_t Quantizer::PaddedTerms(const NetNode& node, size_t terms) const {
  const Window& w = node.window;
  if (node.kind == OpKind::kDepthwise)
    return int64_t{w.kernel_h} * static_cast<int64_t>(RoundUp(static_cast<size_t>(w.kernel_w), 4));
  const size_t taps = static_cast<size_t>(w.kernel_h) * static_cast<size_t>(w.kernel_w);
  return static_cast<int64_t>(taps * RoundUp(terms / taps, 4));
}

RealLayer Quantizer::Unfold(const NetNode& node) const {
  RealLayer real{{node.weights.begin(), node.weights.end()},
                 std::vector<double>(node.weights.size()),
                 {node.bias.begin(), node.bias.end()}};
  const size_t terms = node.weights.size() / node.bias.size();
  const bool image = folded_ && node.inputs[0] == net_.inputs[0];
  const TensorStatistics& statistics = Statistics(node.inputs[0]);
  for (size_t n = 0; n < node.bias.size(); ++n) {
    for (size_t k = 0; k < terms; ++k) {
      const size_t i = n * terms + k, c = InputChannel(node, n, k);
      real.means[i] = statistics.ChannelMean(c);
      if (!image) continue;
      const double mean = recipe_.mean[c], std = recipe_.std[c];
      real.bias[n] -= real.weights[i] * mean / std;
      real.weights[i] /= std;
      real.means[i] = real.means[i] * std + mean;
    }
  }
  return real;
}

// Weights, biases and multipliers; also sets the scale of the output.
Result<Layer> Quantizer::QuantizeLayer(size_t index, int input_tensor) {
  const NetNode& node = net_.nodes[index];
  const RealLayer real = Unfold(node);
  std::optional<RoundedLayer> rounded;
  if (!node.weight_scales.empty() && !(folded_ && node.inputs[0] == net_.inputs[0])) {
    rounded = GivenWeights(node);
  } else {
    CUTIS_ASSIGN(rounded, refinement_.RoundLayer(index, input_tensor, real, model_, Padding(node)));
  }
  const size_t outputs = node.bias.size(), terms = node.weights.size() / outputs;
  const TensorInfo& in = Info(input_tensor);
  const ChannelInput input = {static_cast<double>(in.scale), in.zero_point, PaddedTerms(node, terms)};
  Layer layer;
  layer.weights.resize(node.weights.size());
  layer.bias.resize(outputs);
  layer.multiplier.resize(outputs);
  const auto quantize = [&](size_t n, double least_scale) {
    const size_t at = n * terms;
    if (rounded && rounded->scales[n] > 0 && rounded->scales[n] >= least_scale) {
      const auto weights = std::span(rounded->weights).subspan(at, terms);
      std::copy(weights.begin(), weights.end(), layer.weights.begin() + static_cast<ptrdiff_t>(at));
      const std::optional<int32_t> bias = FoldBias(weights, rounded->bias[n], rounded->scales[n], input);
      if (bias) return ChannelResult{rounded->scales[n], *bias};
    }
    return QuantizeChannel(std::span(real.weights).subspan(at, terms), std::span(real.means).subspan(at, terms), real.bias[n],
                           input, least_scale, std::span(layer.weights).subspan(at, terms));
  };
  double largest = 0;
  for (size_t n = 0; n < outputs; ++n) largest = std::max(largest, quantize(n, 0).weight_scale);
  // No multiplier above 128: half of the limit.
  const double out_scale = SetOutput(node, input.scale * largest / 128).scale;
  // And none below kMinMultiplier, with a little room for the rounding to float32.
  const double least = static_cast<double>(kMinMultiplier) * (1 + 0x1p-20) * out_scale / input.scale;
  for (size_t n = 0; n < outputs; ++n) {
    ChannelResult channel = quantize(n, 0);
    if (channel.weight_scale == 0) channel = quantize(n, out_scale / input.scale);  // nothing but zeros: any scale will do
    if (channel.weight_scale < least) channel = quantize(n, least);
    layer.bias[n] = channel.bias;
    layer.multiplier[n] = static_cast<float>(input.scale * channel.weight_scale / out_scale);
  }
  return layer;
}

// What the two kinds of layers have in common once the weights are packed.
template <class Options>
Options Quantizer::Packed(const NetNode& node, const Layer& layer, int32_t groups, const std::vector<int8_t>& weights) {
  const auto outputs = static_cast<int32_t>(layer.bias.size());
  std::vector<int32_t> bias(PackedChannelsSize(outputs, groups));
  std::vector<float> multiplier(bias.size());
  PackChannels(outputs, groups, layer.bias.data(), bias.data());
  PackChannels(outputs, groups, layer.multiplier.data(), multiplier.data());
  Options options;
  options.window = node.window;
  options.weights = model_.Own(weights);
  options.bias = model_.Own(bias);
  options.multiplier = model_.Own(multiplier);
  options.out = ClampOf({Info(node.output).scale, Info(node.output).zero_point}, node.min, node.max);
  const std::vector<uint8_t> padding = Padding(node);
  if (!padding.empty()) options.padding = model_.Own(padding);
  return options;
}

// What lies outside the image where that is not the input's zero point: the real zero is the mean of its channel.
std::vector<uint8_t> Quantizer::Padding(const NetNode& node) const {
  std::vector<uint8_t> padding;
  const Window& w = node.window;
  const bool padded = (w.pad_top | w.pad_left | w.pad_bottom | w.pad_right) != 0;
  if (!folded_ || node.inputs[0] != net_.inputs[0] || !padded) return padding;
  for (const float mean : recipe_.mean) padding.push_back(static_cast<uint8_t>(std::clamp(std::nearbyint(mean), 0.0f, 255.0f)));
  return padding;
}

Status Quantizer::Conv(size_t index) {
  const NetNode& node = net_.nodes[index];
  const int input = Bytes(node, node.inputs[0]);
  CUTIS_ASSIGN(const Layer layer, QuantizeLayer(index, input));
  const int32_t in = net_.tensors[static_cast<size_t>(node.inputs[0])].shape.channels;
  const ConvWeightShape shape = {static_cast<int32_t>(node.bias.size()), node.window.kernel_h, node.window.kernel_w,
                                 in / node.groups, node.groups};
  std::vector<int8_t> weights(PackedConvU8Size(shape));
  PackConvU8(shape, layer.weights.data(), weights.data());
  const LiveRows live = FindLiveRows(weights, PackedChannelsSize(shape.out, shape.groups) / 16);
  auto options = Packed<ConvU8Options>(node, layer, node.groups, live.worthwhile ? live.weights : weights);
  options.groups = node.groups;
  if (live.worthwhile) {
    options.panel_starts = model_.Own(live.panel_starts);
    options.live = model_.Own(live.live);
  }
  Emit(node, node.kind, {input}, node.output, options);
  return {};
}

Status Quantizer::Depthwise(size_t index) {
  const NetNode& node = net_.nodes[index];
  const int input = Bytes(node, node.inputs[0]);
  CUTIS_ASSIGN(const Layer layer, QuantizeLayer(index, input));
  const auto channels = static_cast<int32_t>(node.bias.size());
  std::vector<int8_t> weights(PackedDepthwiseU8Size(channels, node.window.kernel_h, node.window.kernel_w));
  PackDepthwiseU8(channels, node.window.kernel_h, node.window.kernel_w, layer.weights.data(), weights.data());
  Emit(node, node.kind, {input}, node.output, Packed<DepthwiseU8Options>(node, layer, 1, weights));
  return {};
}

}  // namespace cutis::convert
