// The memory plan: the one definition of liveness, sizes and bounds, used by the verifier and by the converter's planner.
//
//   arena bytes = the largest of batch * top(step) + threads * scratch(step)
//
// Activations lie from the arena's (64-byte aligned) start, each at its offset of batch 1 multiplied by the batch; `top` is the
// end of the highest one that is live in the step. Scratch lies at the arena's end, above what is live: in each step that of
// thread 0 last, that of the others before it. So a step that needs much of the one may need little of the other.
#ifndef CUTIS_RUNTIME_PLAN_H_
#define CUTIS_RUNTIME_PLAN_H_

#include <cstdint>
#include <span>

#include "ops/status.h"
#include "runtime/memory.h"

namespace cutis {

// The largest of each over all steps: no run takes more than batch * activation_bytes + threads * scratch_bytes.
struct Plan {
  uint64_t activation_bytes = 0, scratch_bytes = 0;
};

// What a step needs, batch 1 and one thread.
struct StepMemory {
  uint64_t live = 0;     // the sum of the live activations
  uint64_t top = 0;      // the end of the highest one
  uint64_t scratch = 0;  // of the kernels
};

// One activation of batch 1. Live during the steps first..last, inclusive: from its producer (-1 for the graph's input) to its
// last reader (the number of nodes for an output of the graph).
struct PlannedBuffer {
  uint64_t offset = 0, bytes = 0;
  int32_t first_step = 0, last_step = 0;
  uint64_t above = 0;  // for the planner: the most scratch of a step in which it is live
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
// For the time of the call it takes memory from where `memory` takes its own (null: the heap).
Status CheckPlan(std::span<const PlannedBuffer> buffers, uint64_t activation_bytes, std::span<const InPlace> in_place = {},
                 Memory* memory = nullptr);

// Sets `live` and `top` of the steps from -1 (steps[0]) on, leaving `scratch`. An output that may lie on an input is not
// counted beside it in `live`, so no plan needs less. `in_place` is sorted and names an input with one output only.
void MeasureSteps(std::span<const PlannedBuffer> buffers, std::span<const InPlace> in_place, std::span<StepMemory> steps);

// The arena of those steps; and what no plan of the same tensors and the same order of nodes can be below.
uint64_t ArenaBytes(std::span<const StepMemory> steps, int32_t batch, int32_t threads);
uint64_t ArenaLowerBound(std::span<const StepMemory> steps, int32_t batch, int32_t threads);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_PLAN_H_
