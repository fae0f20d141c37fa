// One output channel of a convolution or fully connected layer, from real weights to integers.
#ifndef CUTIS_CONVERTER_QUANT_CHANNEL_H_
#define CUTIS_CONVERTER_QUANT_CHANNEL_H_

#include <cstdint>
#include <optional>
#include <span>

namespace cutis::convert {

struct ChannelInput {
  double scale = 1;          // s_x
  int32_t zero_point = 0;    // z_x
  int64_t padded_terms = 1;  // K of the layout, zeros included
};

struct ChannelResult {
  double weight_scale = 0;  // s_w
  int32_t bias = 0;         // b' = round(bias / (s_x*s_w)) - z_x * sum(w)
};

// The folded bias of weights that are integers already; nothing when it does not fit: 32512*K + |b'| < 2^31.
std::optional<int32_t> FoldBias(std::span<const int8_t> weights, double bias, double weight_scale, const ChannelInput& input);

// Rounds `weights` / s_w to `out`, within [-127, 127], with the smallest s_w >= least_scale for which no weight saturates and
// 32512*K + |b'| < 2^31. `means` are the means of the real inputs that the weights meet: what rounding the weights adds to the
// mean of the sum is taken out of the bias. An all-zero channel with a bias gets a scale that keeps 22 bits of it; without one,
// scale 0 (unless least_scale is greater), for the caller to choose.
ChannelResult QuantizeChannel(std::span<const double> weights, std::span<const double> means, double bias,
                              const ChannelInput& input, double least_scale, std::span<int8_t> out);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_CHANNEL_H_
