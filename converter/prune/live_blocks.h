// What taking channels out does to the blocks of pruned weights.
#ifndef CUTIS_CONVERTER_PRUNE_LIVE_BLOCKS_H_
#define CUTIS_CONVERTER_PRUNE_LIVE_BLOCKS_H_

#include <vector>

#include "converter/graph/graph.h"
#include "converter/prune/channel_groups.h"

namespace cutis::convert {

// Weights are kept by blocks of 16 outputs x 4 inputs, and only blocks that are not all zero. A channel that goes moves all behind it,
// and weights that were pruned by blocks then lie across the borders: a few channels less can cost more blocks than they save.
//
// Takes out of `dead` (by group) what does not pay: of each family go all its dead channels, or those that fill blocks of 16, or none,
// whichever leaves the fewest live blocks; the most channels where these are equal.
void SpareBlocks(const Graph& graph, const ChannelGroups& all, std::vector<bool>& dead);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PRUNE_LIVE_BLOCKS_H_
