#include "converter/quant/channel.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace cutis::convert {
namespace {

constexpr double kSumLimit = 0x1p31;
constexpr double kLargestTerm = 32512;  // 256 * 127: also covers a signed dot product on x^0x80

// Rounds the weights; the folded bias is returned as a double, since it may not fit yet.
double RoundChannel(std::span<const double> weights, std::span<const double> means, double bias, const ChannelInput& input,
                    double scale, std::span<int8_t> out) {
  double correction = 0;
  int64_t sum = 0;
  for (size_t k = 0; k < weights.size(); ++k) {
    const double rounded = scale > 0 ? std::clamp(std::nearbyint(weights[k] / scale), -127.0, 127.0) : 0;
    out[k] = static_cast<int8_t>(rounded);
    sum += out[k];
    correction += (weights[k] - rounded * scale) * means[k];
  }
  if (!(scale > 0)) return 0;
  return std::nearbyint((bias + correction) / (input.scale * scale)) -
         static_cast<double>(input.zero_point) * static_cast<double>(sum);
}

// The room that the products leave for the bias; a layer so long that there is none is refused by the operator's check.
double RoomForBias(const ChannelInput& input) {
  return std::max(1.0, kSumLimit - kLargestTerm * static_cast<double>(input.padded_terms) - 1);
}

}  // namespace

std::optional<int32_t> FoldBias(std::span<const int8_t> weights, double bias, double weight_scale, const ChannelInput& input) {
  int64_t sum = 0;
  for (const int8_t weight : weights) sum += weight;
  const double folded =
      std::nearbyint(bias / (input.scale * weight_scale)) - static_cast<double>(input.zero_point) * static_cast<double>(sum);
  if (!(std::fabs(folded) <= RoomForBias(input))) return std::nullopt;
  return static_cast<int32_t>(folded);
}

ChannelResult QuantizeChannel(std::span<const double> weights, std::span<const double> means, double bias,
                              const ChannelInput& input, double least_scale, std::span<int8_t> out) {
  double largest = 0;
  for (const double weight : weights) largest = std::max(largest, std::fabs(weight));
  const double room = RoomForBias(input);
  double scale = std::max({largest / 127, std::fabs(bias) / (input.scale * room), least_scale});
  if (largest == 0) scale = std::max(std::fabs(bias) / (input.scale * 0x1p22), least_scale);
  double folded = RoundChannel(weights, means, bias, input, scale, out);
  // Greater scales shrink both parts of the bias; with all weights rounded to zero only the first is left, which fits by then.
  for (int i = 0; i < 256 && std::fabs(folded) > room; ++i) {
    scale *= 1.125;
    folded = RoundChannel(weights, means, bias, input, scale, out);
  }
  return {scale, static_cast<int32_t>(std::clamp(folded, -room, room))};
}

}  // namespace cutis::convert
