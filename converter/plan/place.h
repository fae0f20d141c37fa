// The heuristics of the planner, which come before the exact search (exact.h).
#ifndef CUTIS_CONVERTER_PLAN_PLACE_H_
#define CUTIS_CONVERTER_PLAN_PLACE_H_

#include <cstdint>
#include <vector>

#include "runtime/plan.h"

namespace cutis::convert {

// Places the buffers (at least one), none on another, in several orders and then by a local search over orders; stops at
// `bound`, which no placement is below. Returns the height; the offsets stand in the buffers.
uint64_t PlaceQuickly(std::vector<PlannedBuffer>& buffers, uint64_t bound);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PLAN_PLACE_H_
