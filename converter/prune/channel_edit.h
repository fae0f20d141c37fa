// Takes groups of channels out of a graph.
#ifndef CUTIS_CONVERTER_PRUNE_CHANNEL_EDIT_H_
#define CUTIS_CONVERTER_PRUNE_CHANNEL_EDIT_H_

#include <functional>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/prune/channel_groups.h"
#include "ops/status.h"

namespace cutis::convert {

// What stands for a removed channel of a value in the layers that read it: its weights times this go into their biases.
using Substitute = std::function<double(ValueId value, int32_t channel)>;

// Removes the groups marked in `dead` (none frozen, of every family at least one is left). Shapes, weights, biases and the
// scales of weights follow; the graph stays in normal form.
Status RemoveChannels(Graph& graph, const ChannelGroups& groups, const std::vector<bool>& dead, const Substitute& substitute);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PRUNE_CHANNEL_EDIT_H_
