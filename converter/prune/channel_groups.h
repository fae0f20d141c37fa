// Which channels of a network can only be removed together.
//
// A residual sum, a depthwise convolution, a product with a squeeze-excite branch, a pool, a concatenation tie channels of
// several tensors to each other: a group is one such set, with the weights that go when it goes. Removing a group leaves a
// smaller network of the same form.
#ifndef CUTIS_CONVERTER_PRUNE_CHANNEL_GROUPS_H_
#define CUTIS_CONVERTER_PRUNE_CHANNEL_GROUPS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "converter/graph/graph.h"

namespace cutis::convert {

// Of the weights of node `node` (a Conv or Gemm), the row that makes output channel `channel`, or the columns that read input
// channel `channel`. A depthwise convolution has rows only.
struct WeightSlice {
  int node = -1;
  int32_t channel = 0;
};

struct ChannelGroup {
  std::vector<WeightSlice> rows, columns;
  bool frozen = false;  // holds channels of the input, of an output, or of an operator whose channels have fixed meanings
  // Groups of one family have slices of the same nodes: the channels of the same layers.
  int family = -1;
};

struct ChannelGroups {
  std::vector<ChannelGroup> groups;
  std::vector<std::vector<int>> of_value;  // by value and channel: the group. Empty for constants.
  int families = 0;
};

// The graph is in normal form, and may hold more operators than that: those that are not known here freeze their tensors.
ChannelGroups FindChannelGroups(const Graph& graph);

// What is the same for every pixel and every image, by value and channel: what the biases alone make where all weights are
// zero.
using KnownChannels = std::vector<std::vector<std::optional<double>>>;
KnownChannels FindKnownChannels(const Graph& graph);

// Every tap of every window meets a pixel of the image.
bool IsUnpadded(const Node& node);
// Conv with as many groups as input channels, more than one.
bool IsDepthwise(const Graph& graph, const Node& node);
// Conv of one group, or Gemm: reads any channel, makes any channel.
bool IsMixing(const Node& node);

// The channels of a value: dimension 1; 0 for what has none.
int64_t ChannelsOf(const Graph& graph, ValueId id);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PRUNE_CHANNEL_GROUPS_H_
