#include "converter/plan/plan.h"

#include <algorithm>

#include "converter/plan/in_place.h"
#include "ops/op.h"

namespace cutis::convert {
namespace {

// Lifetimes as runtime/plan.h defines them.
std::vector<PlannedBuffer> Lifetimes(const FileModel& model) {
  std::vector<PlannedBuffer> buffers(model.tensors.size());
  for (size_t i = 0; i < buffers.size(); ++i) buffers[i].bytes = EntryBytes(model.tensors[i].info);
  const auto at = [&](int tensor) -> PlannedBuffer& { return buffers[static_cast<size_t>(tensor)]; };
  for (const int input : model.inputs) at(input).first_step = at(input).last_step = -1;
  for (size_t step = 0; step < model.nodes.size(); ++step) {
    const FileNode& node = model.nodes[step];
    at(node.output).first_step = at(node.output).last_step = static_cast<int32_t>(step);
    for (const int input : node.inputs) at(input).last_step = static_cast<int32_t>(step);
  }
  for (const int output : model.outputs) at(output).last_step = static_cast<int32_t>(model.nodes.size());
  return buffers;
}

// Checks one node and gives its scratch.
Result<uint64_t> CheckNode(const FileModel& model, const FileNode& from) {
  std::vector<const TensorInfo*> inputs;
  const cutis::Node node = NodeOf(model, from, inputs);
  const Op* op = inputs.empty() ? nullptr : FindOp(node.kind, inputs[0]->type);
  if (op == nullptr) {
    return Status::Error(Code::kUnsupported, "node \"%s\": this version has no such operator for %s", from.name.c_str(),
                         inputs.empty() ? "no input" : NameOf(inputs[0]->type));
  }
  if (const Status status = op->check(node); !status.ok()) {
    return Status::Error(status.code(), "node \"%s\": %s", from.name.c_str(), status.text());
  }
  return uint64_t{op->scratch_bytes(node)};
}

}  // namespace

Result<PlanReport> PlanMemory(FileModel& model) {
  PlanReport report;
  for (const FileNode& node : model.nodes) {
    CUTIS_ASSIGN(const uint64_t scratch, CheckNode(model, node));
    report.scratch_bytes = std::max(report.scratch_bytes, scratch);
  }
  // Constants lie in the file and take no arena.
  std::vector<PlannedBuffer> all = Lifetimes(model), buffers;
  std::vector<size_t> planned, buffer_of(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    if (model.tensors[i].info.constant) continue;
    buffer_of[i] = planned.size();
    planned.push_back(i);
    buffers.push_back(all[i]);
  }
  std::vector<InPlace> in_place = MarkInPlace(model);
  for (InPlace& pair : in_place) pair = {buffer_of[pair.input], buffer_of[pair.output]};
  SortInPlace(in_place);
  const Placement placement = PlaceBuffers(buffers, in_place);
  report.activation_bytes = placement.bytes;
  report.optimal = placement.optimal;
  report.live_bytes_bound = LiveBytesBound(buffers, static_cast<int32_t>(model.nodes.size()), in_place);
  CUTIS_TRY(CheckPlan(buffers, report.activation_bytes, in_place));
  for (size_t i = 0; i < buffers.size(); ++i) model.tensors[planned[i]].offset = buffers[i].offset;
  model.activation_bytes = report.activation_bytes;
  model.scratch_bytes = report.scratch_bytes;
  model.shared_bytes = report.shared_bytes;
  return report;
}

}  // namespace cutis::convert
