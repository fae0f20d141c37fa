// Channel pruning: a smaller network of the same form.
#ifndef CUTIS_CONVERTER_PRUNE_CHANNELS_H_
#define CUTIS_CONVERTER_PRUNE_CHANNELS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/prune/moments.h"
#include "converter/prune/prune.h"
#include "converter/quant/calibration.h"
#include "ops/status.h"

namespace cutis::convert {

// Removes what cannot change the outputs beyond rounding: groups of channels that nothing reads (all columns are zero), or that
// are the same everywhere and can go into the biases of their readers. As many stay as make a multiple of 4: fewer would be
// padding; and where weights were pruned by blocks, all stay whose going would make more of those live (live_blocks.h). A value whose scale the source states goes into no bias unless it is zero, so that integers stay what they were.
// The graph is in normal form.
struct DeadChannels {
  int64_t removed = 0;  // each counted once a group
  // By name of the values that lost some: those that are left, in the numbers of the source, which had `channels`.
  struct Kept {
    size_t channels = 0;
    std::vector<size_t> kept;
  };
  std::map<std::string, Kept> values;
};
Result<DeadChannels> RemoveDeadChannels(Graph& graph);

// Statistics of the whole network, made to fit the one without dead channels; those that fit already stay.
void CutCalibration(const DeadChannels& dead, Calibration& calibration);

// Removes the least important groups, `options.rate` of all that may go. With `moments` their mean goes into the biases of
// their readers; null is allowed with PruneBy::kL1.
//
// The importance of a group is the mean over its weight slices of what a slice is worth in units of the mean slice of its
// layer: L1 norms, or (activation) for the columns that read the channel the power they put out. So layers compare, whatever
// the size of their weights. What is left of the channels of a layer is rounded to a multiple of 16 (of 4 where there are fewer
// than 64).
// `kept` (may be null) takes the channels that are left of each value that lost some.
Result<PruneReport> PruneChannels(const PruneOptions& options, const Moments* moments, Graph& graph,
                                  std::map<std::string, std::vector<size_t>>* kept = nullptr);

// Families whose channels may go (see ChannelGroups), named by the first layer that makes them; for PruneFamily.
struct ChannelFamily {
  std::string layer;
  int number = 0;
  int64_t channels = 0;
};
std::vector<ChannelFamily> ListFamilies(const Graph& graph);

// The same for one family alone, to that share of its channels, whatever is spared; one always stays.
Status PruneFamily(const ChannelFamily& family, PruneBy by, double rate, const Moments* moments, Graph& graph);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PRUNE_CHANNELS_H_
