// An exact search for the lowest placement, for where the heuristics of place.cc do not reach the lower bound.
#ifndef CUTIS_CONVERTER_PLAN_EXACT_H_
#define CUTIS_CONVERTER_PLAN_EXACT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/plan.h"

namespace cutis::convert {

// For each buffer those that are live in one of its steps.
std::vector<std::vector<size_t>> ConflictsOf(std::span<const PlannedBuffer> buffers);

// Work is counted in numbers looked at, never in time, so that the same search ends at the same place on any machine.
struct Steps {
  uint64_t left = 0;
  bool spent = false;

  bool Take(uint64_t count) {
    spent = spent || count > left;
    if (!spent) left -= count;
    return !spent;
  }
};

// More buffers than this are not tried: the search would hardly leave its first branch.
inline constexpr size_t kMostExactBuffers = 2000;

// Looks for a placement lower than `below`, and ever lower ones until `bound` is reached, which no placement is below, or there
// is nothing left to try, or the steps are spent. Returns the height of the last one found, whose offsets stand in the buffers,
// or `below`, and then they are as they were. Without steps.spent the result is proven to be the least.
uint64_t PlaceExactly(std::vector<PlannedBuffer>& buffers, uint64_t below, uint64_t bound, Steps& steps);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PLAN_EXACT_H_
