#include "converter/plan/plan.h"

#include <algorithm>
#include <utility>

#include "converter/plan/blocks.h"
#include "converter/plan/in_place.h"
#include "ops/block/block.h"
#include "ops/op.h"

namespace cutis::convert {
namespace {

// Lifetimes as runtime/plan.h defines them; `kept` are the tensors that live to the end.
std::vector<PlannedBuffer> Lifetimes(const FileModel& model, std::span<const int> kept) {
  std::vector<PlannedBuffer> buffers(model.tensors.size());
  for (size_t i = 0; i < buffers.size(); ++i) buffers[i].bytes = EntryBytes(model.tensors[i].info);
  const auto at = [&](int tensor) -> PlannedBuffer& { return buffers[static_cast<size_t>(tensor)]; };
  for (const int input : model.inputs) at(input).first_step = at(input).last_step = -1;
  for (size_t step = 0; step < model.nodes.size(); ++step) {
    const FileNode& node = model.nodes[step];
    at(node.output).first_step = at(node.output).last_step = static_cast<int32_t>(step);
    for (const int input : node.inputs) at(input).last_step = static_cast<int32_t>(step);
  }
  for (const int tensor : kept) at(tensor).last_step = static_cast<int32_t>(model.nodes.size());
  // A block is one step: what it reads lives to its end, what it makes from its beginning.
  for (const FileBlock& block : model.blocks) {
    const auto last = static_cast<int32_t>(block.first + block.count - 1);
    for (size_t step = block.first; step < block.first + block.count; ++step) {
      for (const int input : model.nodes[step].inputs) at(input).last_step = std::max(at(input).last_step, last);
    }
    at(model.nodes[static_cast<size_t>(last)].output).first_step = static_cast<int32_t>(block.first);
  }
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

Result<uint64_t> BlockScratch(const FileModel& model, const FileBlock& block) {
  std::vector<const TensorInfo*> inputs[kMostBlockNodes];
  cutis::Node nodes[kMostBlockNodes];
  const cutis::Node* pointers[kMostBlockNodes];
  for (size_t i = 0; i < block.count; ++i) {
    nodes[i] = NodeOf(model, model.nodes[block.first + i], inputs[i]);
    pointers[i] = &nodes[i];
  }
  BlockNodes parts;
  CUTIS_TRY(SortBlock(std::span(pointers, block.count), &parts));
  return BlockScratchBytes(parts, block.rows);
}

// Where the tensors lie, 0 for those without a place, and what that takes.
struct Places {
  std::vector<uint64_t> offsets;
  PlanReport report;
};

// By the scratch of each step, which is known.
Result<Places> PlaceTensors(const FileModel& model, std::span<const int> kept) {
  std::vector<bool> inside(model.tensors.size(), false);  // a block
  for (const FileBlock& block : model.blocks) {
    for (size_t i = block.first; i + 1 < block.first + block.count; ++i)
      inside[static_cast<size_t>(model.nodes[i].output)] = true;
  }
  // Constants lie in the file and take no arena.
  std::vector<PlannedBuffer> all = Lifetimes(model, kept), buffers;
  std::vector<size_t> planned, buffer_of(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    if (model.tensors[i].info.constant || inside[i]) continue;
    buffer_of[i] = planned.size();
    planned.push_back(i);
    buffers.push_back(all[i]);
  }
  std::vector<StepMemory> steps(model.nodes.size() + 2);
  for (size_t i = 0; i < model.nodes.size(); ++i) steps[i + 1].scratch = model.scratch_bytes[i];
  for (PlannedBuffer& buffer : buffers) {
    for (int32_t step = buffer.first_step; step <= buffer.last_step; ++step)
      buffer.above = std::max(buffer.above, steps[static_cast<size_t>(step + 1)].scratch);
  }
  std::vector<InPlace> in_place = MarkInPlace(model, kept);
  for (InPlace& pair : in_place) pair = {buffer_of[pair.input], buffer_of[pair.output]};
  SortInPlace(in_place);

  const Placement placement = PlaceBuffers(buffers, in_place);
  MeasureSteps(buffers, in_place, steps);
  Places places;
  PlanReport& report = places.report;
  for (const StepMemory& step : steps) {
    report.activation_bytes = std::max(report.activation_bytes, step.top);
    report.scratch_bytes = std::max(report.scratch_bytes, step.scratch);
  }
  report.arena_bytes = ArenaBytes(steps, 1, 1);
  report.lower_bound = ArenaLowerBound(steps, 1, 1);
  report.optimal = placement.optimal;
  if (placement.bytes != report.arena_bytes) {
    return Status::Error(Code::kInternal, "the planner counts %llu bytes, the runtime would take %llu",
                         static_cast<unsigned long long>(placement.bytes), static_cast<unsigned long long>(report.arena_bytes));
  }
  CUTIS_TRY(CheckPlan(buffers, report.activation_bytes, in_place));
  places.offsets.resize(model.tensors.size());
  for (size_t i = 0; i < buffers.size(); ++i) places.offsets[planned[i]] = buffers[i].offset;
  return places;
}

}  // namespace

Result<PlanReport> PlanMemory(FileModel& model) {
  model.scratch_bytes.clear();
  for (const FileNode& node : model.nodes) {
    CUTIS_ASSIGN(const uint64_t scratch, CheckNode(model, node));
    model.scratch_bytes.push_back(scratch);
  }
  for (const FileBlock& block : model.blocks) {
    CUTIS_ASSIGN(const uint64_t scratch, BlockScratch(model, block));
    std::fill_n(model.scratch_bytes.begin() + static_cast<ptrdiff_t>(block.first), block.count, uint64_t{0});
    model.scratch_bytes[block.first] = scratch;
  }
  CUTIS_ASSIGN(const Places places, PlaceTensors(model, model.outputs));
  for (size_t i = 0; i < model.tensors.size(); ++i) model.tensors[i].offset = places.offsets[i];
  model.activation_bytes = places.report.activation_bytes;
  return places.report;
}

Status PlanExplanation(FileModel& model, int map) {
  std::vector<int> kept = model.outputs;
  kept.push_back(map);
  CUTIS_ASSIGN(Places places, PlaceTensors(model, kept));
  model.explanation = FileExplanation{std::move(places.offsets), places.report.activation_bytes};
  return {};
}

}  // namespace cutis::convert
