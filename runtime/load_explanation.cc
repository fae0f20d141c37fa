// The second plan of a file, for sessions that explain.
#include "format_generated.h"
#include "runtime/explain.h"
#include "runtime/verify.h"

namespace cutis {

Status LoadExplanation(std::span<const uint8_t> graph, Memory& memory, ModelData* out) {
  const format::Explanation* from = format::GetModel(graph.data())->graph()->explanation();
  if (from == nullptr) return {};
  const flatbuffers::Vector<uint32_t>& stated = *from->offsets();
  if (stated.size() != out->tensors.size()) {
    return Status::Error(Code::kBadInput, "explanation: it states the offsets of %u tensors of %zu", stated.size(),
                         out->tensors.size());
  }
  if (from->activation_bytes() > kMaxActivationBytes)
    return Status::Error(Code::kBadInput, "explanation: the activations are too large");
  const Result<ExplainedLayers> found = FindExplainedLayers(out->tensors, out->nodes, out->outputs[0]);
  if (!found.ok()) return Status::Error(Code::kBadInput, "explanation: %s", found.status().text());

  std::span<uint32_t> offsets;
  std::span<StepMemory> steps;
  CUTIS_TRY(memory.Array(stated.size(), &offsets));
  CUTIS_TRY(memory.Array(out->steps.size(), &steps));
  for (size_t i = 0; i < steps.size(); ++i) steps[i].scratch = out->steps[i].scratch;
  Memory temporary(&memory);
  std::span<ModelTensor> tensors;
  CUTIS_TRY(temporary.Array(stated.size(), &tensors));
  for (uint32_t i = 0; i < stated.size(); ++i) {
    tensors[i] = out->tensors[i];
    tensors[i].offset = offsets[i] = stated.Get(i);
    if ((tensors[i].constant != nullptr || tensors[i].inside) && offsets[i] != 0)
      return Status::Error(Code::kBadInput, "explanation: tensor %u has a place, and takes none", i);
  }
  // The average pool that reads the map is in no block, so the map exists whole.
  tensors[static_cast<size_t>(found.value().map)].last_step = static_cast<int32_t>(out->nodes.size());
  if (const Status status = CheckPlaces(tensors, out->nodes, from->activation_bytes(), memory, steps); !status.ok())
    return Status::Error(status.code(), "explanation: %s", status.text());
  out->explanation = {found.value().map, found.value().dense, offsets, steps, from->activation_bytes()};
  out->has_explanation = true;
  return {};
}

}  // namespace cutis
