// The planner: where each activation lies in the arena. Liveness, sizes and bounds are those of runtime/plan.h.
#ifndef CUTIS_CONVERTER_PLAN_PLAN_H_
#define CUTIS_CONVERTER_PLAN_PLAN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "converter/write/file_model.h"
#include "ops/status.h"
#include "runtime/plan.h"

namespace cutis::convert {

struct Placement {
  uint64_t bytes = 0;    // the highest end of a buffer with what it needs above it
  bool optimal = false;  // proven: no placement of these buffers is lower
};

// Sets the offsets so that no two buffers that are live in one step overlap, but for pairs of `in_place` (sorted, an input with
// one output only, equal in bytes), which may lie on each other. Offsets are multiples of 64 when all sizes are. Deterministic:
// the same buffers give the same offsets on any machine. What counts is an arena for one image and one thread.
Placement PlaceBuffers(std::vector<PlannedBuffer>& buffers, std::span<const InPlace> in_place = {});

struct PlanReport {
  uint64_t activation_bytes = 0, scratch_bytes = 0;  // the most of a step
  uint64_t arena_bytes = 0;                          // batch 1, one thread
  uint64_t lower_bound = 0;                          // of that: no plan needs fewer
  bool optimal = false;                              // proven: no plan of this order of nodes needs fewer
};

// Sets the offsets of the tensors and the sizes of the arena's parts. Checks every node with its operator's own check first, so
// that a defect of the conversion is named here and not when the file is opened.
Result<PlanReport> PlanMemory(FileModel& model);

// For a planned model: its second plan, in which `map`, a tensor that exists whole, lives to the end.
Status PlanExplanation(FileModel& model, int map);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PLAN_PLAN_H_
