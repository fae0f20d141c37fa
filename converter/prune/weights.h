// Unstructured and block pruning: weights of a network become zero, its form stays.
#ifndef CUTIS_CONVERTER_PRUNE_WEIGHTS_H_
#define CUTIS_CONVERTER_PRUNE_WEIGHTS_H_

#include <vector>

#include "converter/lower/net.h"
#include "converter/prune/moments.h"
#include "converter/prune/prune.h"
#include "ops/status.h"

namespace cutis::convert {

// The blocks of a conv or dense layer as they are stored: 16 outputs of a group x 4 inputs of a tap (fewer at the ends).
class BlockGrid {
 public:
  BlockGrid(const Net& net, const NetNode& node);
  size_t count() const { return groups_ * panels_ * k_groups_; }

  // The block of each weight, by index into NetNode::weights.
  std::vector<uint32_t> BlockOfWeights() const;

 private:
  size_t groups_, group_out_, taps_, group_in_, panels_, groups_of_tap_, k_groups_;
};

bool HasWeights(OpKind kind);  // conv, dense, depthwise

// Layers with weights, and those of them next to the input (nothing with weights comes before) and to the outputs (nothing with
// weights comes after).
struct WeightedLayer {
  size_t node = 0;
  bool first = false, last = false;
};
std::vector<WeightedLayer> FindWeightedLayers(const Net& net);

// The limits name layers that exist.
Status CheckLimits(const Net& net, const PruneOptions& options);

// Sets the least important units to zero, over all layers that are not spared together, and, with `moments`, takes what they
// contributed on average into the biases. `moments` may be null with PruneBy::kL1. Mode kUnstructured or kBlock.
Result<PruneReport> PruneWeights(const PruneOptions& options, const Moments* moments, Net* net);

// The same for one layer alone, to exactly that share of its units whatever is spared or limited.
void PruneLayer(PruneMode mode, PruneBy by, double rate, const Moments* moments, const Net& net, NetNode* node);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PRUNE_WEIGHTS_H_
