// An opened and fully checked .cutis file. There is no other way to get a Model, and nothing is checked again afterwards.
#ifndef CUTIS_RUNTIME_MODEL_H_
#define CUTIS_RUNTIME_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ops/block/block.h"
#include "ops/op.h"
#include "runtime/memory.h"
#include "runtime/plan.h"
#include "runtime/recipe.h"

namespace cutis {

struct OpenOptions {
  CpuFeatures cpu = 0;  // 0: what the machine has, under CUTIS_ISA
  bool copy = false;    // take the bytes into private memory before they are hashed (removable media; see SECURITY.md)
  const char* tune_file = nullptr;  // which instruction set computes which step (runtime/tuning.h); no change of bits or memory
  int32_t threads = 1;              // that may hash the file; all but the caller's end before Open returns
};

struct ModelTensor {
  const char* name = "";
  TensorInfo info;
  uint64_t offset = 0;                    // in the activation part, batch 1
  const uint8_t* constant = nullptr;      // its elements in the file: takes no arena
  int32_t first_step = 0, last_step = 0;  // live from .. to, inclusive; -1: before the first node
  bool inside = false;                    // between two nodes of a block: it never exists whole
};

struct ModelNode {
  const char* name = "";
  const Op* op = nullptr;
  const Kernel* kernel = nullptr;
  Node node;                        // spans and pointers lie in the model or in the mapping
  std::span<const int32_t> inputs;  // indices of tensors
  int32_t output = 0;
  int32_t in_place = -1;  // the input whose place the output takes over, if it does
  int32_t block = -1;     // the block that it belongs to, if it does
};

// Consecutive nodes that run as one step.
struct ModelBlock {
  int32_t first = 0, last = 0;  // nodes
  int32_t rows = 0;             // of a strip
  BlockNodes parts;             // point into the model's nodes
  BlockKernels kernels;         // those of the nodes, too
};

// What a class activation map is made of (runtime/explain.h), and the second plan that keeps it.
struct ModelExplanation {
  int32_t map = 0;                    // the tensor
  int32_t dense = 0;                  // the node that makes logits of its mean
  std::span<const uint32_t> offsets;  // of each tensor
  std::span<const StepMemory> steps;
  uint64_t activation_bytes = 0;
};

struct FileIdentity;    // runtime/system_file.h
struct SelfTestHashes;  // runtime/self_test.h

// Immutable; any number of threads may use one at a time. Everything that steers control or addresses lies in memory of its
// own; weights, biases and multipliers are read from the mapped file.
class Model : public FromMalloc {
 public:
  // Maps the file read-only (or copies it), checks size and SHA-256, the FlatBuffer, the meaning of every field, the plan.
  // The text of an error begins with the path.
  static Result<std::unique_ptr<Model>> Open(const char* path, const OpenOptions& options = {});
  // The same for bytes in memory, 64-byte aligned unless options.copy; without copy they must outlive the model unchanged.
  static Result<std::unique_ptr<Model>> OpenMemory(const void* bytes, size_t size, const OpenOptions& options = {});
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  std::span<const ModelTensor> tensors() const;
  std::span<const ModelNode> nodes() const;
  std::span<const ModelBlock> blocks() const;
  int32_t input() const;  // the image: inputs()[0]
  std::span<const int32_t> inputs() const;
  std::span<const int32_t> outputs() const;
  const Plan& plan() const;
  // Of a session; the least that any plan of the same network takes: the largest sum of live bytes and scratch over the steps.
  uint64_t ArenaBytes(int32_t batch, int32_t threads) const;
  uint64_t ArenaLowerBound(int32_t batch, int32_t threads) const;
  std::span<const StepMemory> steps() const;  // before the first node, of each node, after the last
  // Of a session that explains; 0 where the model has no explanation.
  uint64_t ExplanationArenaBytes(int32_t batch, int32_t threads) const;
  uint64_t ScratchBytes(int32_t node) const;    // of a thread in that step; a block's at its first node
  const Preprocess* preprocess() const;         // null: takes tensors only
  const VerdictRecipe* verdict() const;         // null: gives tensors only
  const ModelExplanation* explanation() const;  // null: no class activation maps
  const DeviceLimits* device() const;           // null: made for any
  const Provenance& provenance() const;
  const SelfTestHashes* self_test() const;      // null: the file holds none
  std::span<const uint8_t, 32> sha256() const;  // the one in the header
  uint32_t format_version() const;
  uint64_t file_bytes() const;
  const FileIdentity& file_identity() const;  // zeros for bytes in memory
  uint64_t weight_bytes() const;              // the segment
  uint64_t memory_bytes() const;              // heap taken by this object, copy included
  CpuFeatures cpu() const;

 private:
  Model();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_MODEL_H_
