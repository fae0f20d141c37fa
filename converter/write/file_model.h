// A model as it goes into a file: the runtime's own structs, owning what they point to.
#ifndef CUTIS_CONVERTER_WRITE_FILE_MODEL_H_
#define CUTIS_CONVERTER_WRITE_FILE_MODEL_H_

#include <cstring>
#include <deque>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ops/op.h"

namespace cutis::convert {

// Operators want weights on a cache line, in the converter's memory as in a file.
template <class T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}  // NOLINT(google-explicit-constructor)
  T* allocate(size_t count) { return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{kAlignment})); }
  void deallocate(T* memory, size_t) { ::operator delete (memory, std::align_val_t{kAlignment}); }
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};
using AlignedBytes = std::vector<std::byte, AlignedAllocator<std::byte>>;

struct FileTensor {
  std::string name;
  TensorInfo info;
  uint64_t offset = 0;                  // set by the planner
  std::span<const std::byte> constant;  // EntryBytes of data in FileModel::storage: a constant
  int origin = -1;                      // the tensor of the network whose values these are, in whatever type
};

struct FileNode {
  std::string name;
  OpKind kind = OpKind::kReshape;
  std::vector<int> inputs;
  int output = -1;
  OpOptions options;  // spans point into FileModel::storage
  int origin = -1;    // the node of the network that it belongs to
};

// Nodes that run as one step (ops/block/block.h).
struct FileBlock {
  size_t first = 0, count = 0;  // nodes
  int32_t rows = 0;             // of a strip
};

// Where the tensors lie for sessions that explain (runtime/explain.h).
struct FileExplanation {
  std::vector<uint64_t> offsets;
  uint64_t activation_bytes = 0;
};

struct FileModel {
  std::vector<FileTensor> tensors;
  std::vector<FileNode> nodes;
  std::vector<int> inputs;  // the first one is the image
  std::vector<int> outputs;
  std::vector<FileBlock> blocks;               // ascending
  uint64_t activation_bytes = 0;               // set by the planner
  std::vector<uint64_t> scratch_bytes;         // by it too: of a thread, for each node (runtime/plan.h)
  std::optional<FileExplanation> explanation;  // absent: no second plan
  std::deque<AlignedBytes> storage;            // a deque: spans stay valid while it grows

  // Moves `values` into the storage and returns where they lie.
  template <class T>
  std::span<const T> Own(const std::vector<T>& values) {
    AlignedBytes& bytes = storage.emplace_back(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return {reinterpret_cast<const T*>(bytes.data()), values.size()};
  }
};

// A node as operators see it, in terms of the model's own tensors; `inputs` holds what its span points to.
cutis::Node NodeOf(const FileModel& model, const FileNode& from, std::vector<const TensorInfo*>& inputs);

// Takes out the tensors that no node reads or makes and that are no input or output.
void RemoveUnusedTensors(FileModel& model);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_WRITE_FILE_MODEL_H_
