// The pass that marks which outputs may take over the place of an input.
#ifndef CUTIS_CONVERTER_PLAN_IN_PLACE_H_
#define CUTIS_CONVERTER_PLAN_IN_PLACE_H_

#include <span>
#include <vector>

#include "converter/write/file_model.h"
#include "runtime/plan.h"

namespace cutis::convert {

// By indices of tensors: each node whose operator allows it (ops/op.h: MayTakePlace) with each input that nothing reads later
// and that is none of `kept`, the tensors that live to the end. Sorted. Every node has passed its operator's check. Whether it
// pays is the planner's choice.
std::vector<InPlace> MarkInPlace(const FileModel& model, std::span<const int> kept);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_PLAN_IN_PLACE_H_
