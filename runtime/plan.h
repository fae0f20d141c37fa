// The memory plan: the one definition of liveness, sizes and bounds, used by the verifier and by the converter's planner.
//
//   arena bytes = threads * scratch + shared + batch * activations
//
// in this order from the arena's (64-byte aligned) start. Every activation keeps its offset of batch 1 multiplied by the batch.
#ifndef CUTIS_RUNTIME_PLAN_H_
#define CUTIS_RUNTIME_PLAN_H_

#include <cstdint>
#include <span>

#include "ops/status.h"

namespace cutis {

struct Plan {
  uint64_t activation_bytes = 0, scratch_bytes = 0, shared_bytes = 0;

  uint64_t ArenaBytes(int32_t batch, int32_t threads) const {
    return static_cast<uint64_t>(threads) * scratch_bytes + shared_bytes + static_cast<uint64_t>(batch) * activation_bytes;
  }
};

// One activation of batch 1. Live during the steps first..last, inclusive: from its producer (-1 for the graph's input) to its
// last reader (the number of nodes for an output of the graph).
struct PlannedBuffer {
  uint64_t offset = 0, bytes = 0;
  int32_t first_step = 0, last_step = 0;
};

// In place: buffer `output` may lie exactly on buffer `input`, which is read for the last time in the step that makes `output`.
// That is for the operator of that step to allow (MayTakePlace, ops/op.h); a plan uses of it what it likes.
struct InPlace {
  size_t input = 0, output = 0;  // indices of buffers
};
// Sorted by outputs, then inputs.
void SortInPlace(std::span<InPlace> in_place);

// Checks alignment and that no two buffers that are live in one step overlap, and that the plan's activation_bytes is exactly
// the end of the highest buffer. Only a pair of `in_place` (sorted) may share its bytes, all of them, in the one step in which
// the input dies and the output is made. O(n log n + overlaps in time). The index of the offending buffers stands in the error.
Status CheckPlan(std::span<const PlannedBuffer> buffers, uint64_t activation_bytes, std::span<const InPlace> in_place = {});

// The largest sum of live activation bytes over the steps -1 .. steps; an output that may lie on an input is not counted beside
// it. No plan needs fewer. `in_place` is sorted and names an input with one output only.
uint64_t LiveBytesBound(std::span<const PlannedBuffer> buffers, int32_t steps, std::span<const InPlace> in_place = {});

}  // namespace cutis

#endif  // CUTIS_RUNTIME_PLAN_H_
