// From the FlatBuffer of a file to a checked copy of what it means. Nothing of it is believed before it has been checked here,
// and nothing is checked again afterwards.
#ifndef CUTIS_RUNTIME_VERIFY_H_
#define CUTIS_RUNTIME_VERIFY_H_

#include <cstdint>
#include <span>

#include "ops/status.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "runtime/self_test.h"

namespace flatbuffers {
struct String;
}  // namespace flatbuffers
namespace cutis::format {
struct Buffer;
struct Device;
struct Graph;
struct Model;
struct Node;
struct Preprocess;
struct Provenance;
struct Estimate;
struct Limits;
struct SelfTest;
struct Verdict;
}  // namespace cutis::format

namespace cutis {

// Limits on the meaning of a file. They bound the time and the memory of opening and running a hostile one, and keep every
// product of two dimensions or window fields within int32.
inline constexpr uint32_t kMaxTensors = 8192;
inline constexpr uint32_t kMaxNodes = 8192;
inline constexpr uint32_t kMaxNodeInputs = 16;
inline constexpr uint32_t kMaxOutputs = 16;
inline constexpr uint32_t kMaxInputs = 16;
inline constexpr uint32_t kMaxImages = 4096;   // of one entry
inline constexpr uint32_t kMaxPieces = 65536;  // of a move
inline constexpr uint32_t kMaxDim = 16384;
inline constexpr uint32_t kMaxVector = 1 << 24;                     // channels of a tensor of one pixel
inline constexpr uint64_t kMaxTensorBytes = uint64_t{1} << 28;      // of one entry
inline constexpr uint64_t kMaxActivationBytes = uint64_t{1} << 30;  // of one entry
inline constexpr uint64_t kMaxScratchBytes = uint64_t{1} << 28;     // of one thread
inline constexpr uint64_t kMaxMacs = uint64_t{1} << 38;             // of one image
inline constexpr uint64_t kMaxRepeatedBytes = uint64_t{1} << 28;  // how much more the nodes may refer to than the segment holds
inline constexpr uint32_t kMaxSteps = 16;
inline constexpr uint32_t kMaxOperatingPoints = 64;
inline constexpr uint32_t kMaxDeviceThreads = 256;
inline constexpr uint32_t kMaxLimits = 32;
inline constexpr int32_t kMaxEmbedding = 256;  // elements of an output that limits look at
inline constexpr size_t kMaxName = 256;        // bytes of a name or label
inline constexpr size_t kMaxText = 8192;       // bytes of a note, licence or card

// What a Model knows. Every pointer leads into the Memory that it was loaded with, or into the weight segment.
struct ModelData {
  std::span<ModelTensor> tensors;
  std::span<ModelNode> nodes;
  std::span<ModelBlock> blocks;
  std::span<int32_t> inputs;
  std::span<int32_t> outputs;
  Plan plan;
  std::span<StepMemory> steps;  // before the first node, of each node, after the last
  bool has_preprocess = false;
  Preprocess preprocess;
  bool has_verdict = false;
  VerdictRecipe verdict;
  Provenance provenance;
  bool has_self_test = false;
  SelfTestHashes self_test;
  bool has_device = false;
  DeviceLimits device;
  bool has_explanation = false;
  ModelExplanation explanation;
};

// Verifies and copies the FlatBuffer `graph` (aligned to 8 bytes); `segment` is what its buffers refer to.
Status LoadModel(std::span<const uint8_t> graph, std::span<const uint8_t> segment, CpuFeatures cpu, Memory& memory,
                 ModelData* out);

// The second plan of the same FlatBuffer, if it has one, after LoadModel has passed (load_explanation.cc). Apart from that: the
// core makes no maps and leaves it unread.
Status LoadExplanation(std::span<const uint8_t> graph, Memory& memory, ModelData* out);

// Every tensor that is no constant and not inside a block has a place of its own while it is needed, or takes over that of an
// input as its operator allows: by offsets and lifetimes of `tensors`. Sets what the steps need beside their scratch.
Status CheckPlaces(std::span<const ModelTensor> tensors, std::span<const ModelNode> nodes, uint64_t activation_bytes,
                   Memory& memory, std::span<StepMemory> steps);

// Gives the step that `node` belongs to the best kernels within `cpu`.
void ChooseStepKernels(CpuFeatures cpu, int32_t node, ModelData* out);

// -- parts of the above, in files of their own
// ------------------------------------------------------------------------------------

// Ranges of the weight segment, with a budget for how often the nodes may refer to the same bytes.
struct Segment {
  std::span<const uint8_t> bytes;
  uint64_t budget = 0;
};

Status LoadBuffer(const format::Buffer& from, const char* what, Segment& segment, std::span<const uint8_t>* out);

// Fills node->options from the file (load_ops.cc); kind, inputs and output are set already. `segment` may be used in place.
Status LoadOptions(const format::Node& from, Segment& segment, Memory& memory, Node* node);

// load_recipe.cc; the tensors, nodes and outputs are loaded already.
Status LoadPreprocess(const format::Preprocess& from, Memory& memory, ModelData* out);
Status LoadVerdict(const format::Verdict& from, Memory& memory, ModelData* out);
Status LoadLimits(const format::Limits& from, Memory& memory, ModelData* out);  // load_limits.cc
Status LoadSelfTest(const format::SelfTest& from, ModelData* out);
Status LoadDevice(const format::Device& from, Memory& memory, ModelData* out);  // after the preprocessing, which it limits
Status LoadProvenance(const format::Provenance& from, Memory& memory, ModelData* out);

// Copies a share with its interval, if there is one; false when it is not 0 <= low <= value <= high <= 1.
bool CopyEstimate(const format::Estimate* from, std::optional<Estimate>* estimate);

// Copies a string of at most `limit` bytes after checking that it is UTF-8 without control characters. A null `from` gives "".
// `what` names it in errors.
Status CopyText(const flatbuffers::String* from, size_t limit, const char* what, Memory& memory, const char** out);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_VERIFY_H_
