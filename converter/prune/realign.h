// Brings the outputs of a pruned network's layers back to the means and deviations that they had before.
#ifndef CUTIS_CONVERTER_PRUNE_REALIGN_H_
#define CUTIS_CONVERTER_PRUNE_REALIGN_H_

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "converter/lower/net.h"
#include "converter/prune/sensitivity.h"
#include "converter/quant/calibrate.h"
#include "ops/status.h"

namespace cutis::convert {

// Images that are run for each layer: evenly spaced ones of those given.
inline constexpr size_t kRealignImages = 32;
// A layer's channel is scaled by at most this factor, or its inverse.
inline constexpr double kMostRescale = 8;

// The channels that are left of a tensor, by its name, in the numbers of the whole network; a tensor without an entry is whole.
using KeptChannels = std::map<std::string, std::vector<size_t>>;

// For one layer after the other, from the first to the last: runs `pruned` up to there, and scales and shifts each of its
// output channels (weights and bias; before a fused clamp) so that mean and deviation are those of `whole`. So what pruning
// takes away does not add up from layer to layer. Zero weights stay zero.
Status Realign(const Net& whole, const KeptChannels& kept, const OpenNet& open, std::span<const std::string> images,
               int32_t threads, const Progress& progress, Net* pruned);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PRUNE_REALIGN_H_
