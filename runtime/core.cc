// The runtime without an operating system: one image at a time, in memory of the caller.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

#include "runtime/c_abi.h"
#include "runtime/content_hash.h"
#include "runtime/cutis_core.h"
#include "runtime/fpenv.h"
#include "runtime/golden_inputs.h"
#include "runtime/header.h"
#include "runtime/image_limits.h"
#include "runtime/memory.h"
#include "runtime/pixel_features.h"
#include "runtime/verify.h"

namespace cutis {
namespace {

size_t Pixels(const TensorInfo& info) {
  return static_cast<size_t>(info.shape.height) * static_cast<size_t>(info.shape.width) * static_cast<size_t>(info.images);
}
size_t Elements(const TensorInfo& info) { return Pixels(info) * static_cast<size_t>(info.shape.channels); }

// Where pixel `i` of an entry lies: its images follow each other, each at a multiple of the alignment.
std::byte* PixelAt(std::byte* entry, const TensorInfo& info, size_t i) {
  const size_t pixels = Pixels(info) / static_cast<size_t>(info.images);
  return entry + i / pixels * info.image_bytes + i % pixels * static_cast<size_t>(info.channel_stride) * SizeOf(info.type);
}

constexpr size_t kCoreAlignment = 16;

// Lies at the start of the caller's memory; what it refers to comes after it.
class Core {
 public:
  explicit Core(std::span<std::byte> rest) : memory_(rest) {}

  Status Open(std::span<const uint8_t> file);
  Status UseArena(void* arena, size_t bytes);
  Status SetInput(const uint8_t* pixels, size_t bytes);
  Status Run();
  Status GetOutput(int32_t index, std::span<float> values) const;
  Result<Judgement> JudgeRun(const char* operating_point);
  Status SelfTest(bool quick, SelfTestHashes* found);

  const ModelData& data() const { return data_; }
  const ModelTensor& Tensor(int32_t index) const { return data_.tensors[static_cast<size_t>(index)]; }
  const ModelTensor& input() const { return Tensor(data_.inputs[0]); }
  bool HasOutput(int32_t index) const { return index >= 0 && static_cast<size_t>(index) < data_.outputs.size(); }
  const ModelTensor& output(int32_t index) const { return Tensor(data_.outputs[static_cast<size_t>(index)]); }
  std::span<const float> probabilities() const { return probabilities_; }
  size_t memory_bytes() const { return RoundUp(sizeof(Core), kCoreAlignment) + memory_.peak_bytes(); }
  size_t arena_bytes() const { return static_cast<size_t>(ArenaBytes(data_.steps, 1, 1)); }

 private:
  enum class State : uint8_t { kNoArena, kNoInput, kInput, kRun };

  Status PrepareVerdict();
  std::byte* Data(int32_t tensor) const { return arena_ + static_cast<size_t>(Tensor(tensor).offset); }
  const std::byte* Source(int32_t tensor) const {
    const uint8_t* constant = Tensor(tensor).constant;
    return constant != nullptr ? reinterpret_cast<const std::byte*>(constant) : Data(tensor);
  }
  std::byte* Scratch(size_t node) const { return arena_ + arena_bytes() - static_cast<size_t>(data_.steps[node + 1].scratch); }
  void RunStepBlock(const ModelBlock& block);
  void RunNode(size_t index);
  void LookAtInput();
  void GenerateGolden(int32_t index);

  Memory memory_;
  ModelData data_;
  CpuFeatures cpu_ = 0;
  std::byte* arena_ = nullptr;
  State state_ = State::kNoArena;
  std::span<const std::byte*> inputs_;  // of the node at hand
  // For verdicts.
  std::span<float> outputs_, probabilities_, features_;
  std::span<int32_t> pixel_scratch_;
};

Status Core::Open(std::span<const uint8_t> file) {
  const FloatEnvironment environment;
  cpu_ = DetectCpu();
  FileHeader header;
  CUTIS_TRY(CheckFileSize(file.size()));
  CUTIS_TRY(ReadHeader(file, &header));
  const std::span<const uint8_t> graph = file.subspan(sizeof header, static_cast<size_t>(header.graph_bytes));
  const std::span<const uint8_t> segment = file.subspan(sizeof header + graph.size());
  uint8_t digest[Sha256::kDigestBytes];
  HashContent(cpu_, graph, segment, digest);
  if (std::memcmp(digest, header.sha256, sizeof digest) != 0) {
    return Status::Error(Code::kBadInput, "damaged or altered: the hash of its content is not the one in its header");
  }
  CUTIS_TRY(LoadModel(graph, segment, cpu_, memory_, &data_));
  if (data_.inputs.size() != 1 || input().info.type != DataType::kU8) {
    return Status::Error(Code::kUnsupported, "the core runs networks with one input of uint8; use Session for this one");
  }
  if (ArenaBytes(data_.steps, 1, 1) > SIZE_MAX / 2) {
    return Status::Error(Code::kUnsupported, "the arena of this model is beyond this machine's addresses");
  }
  size_t most = 0;
  for (const ModelNode& node : data_.nodes) most = std::max(most, node.inputs.size());
  CUTIS_TRY(memory_.Array(most, &inputs_));
  return data_.has_verdict ? PrepareVerdict() : Status();
}

Status Core::PrepareVerdict() {
  const VerdictRecipe& verdict = data_.verdict;
  CUTIS_TRY(memory_.Array(verdict.labels.size(), &outputs_));
  CUTIS_TRY(memory_.Array(verdict.labels.size(), &probabilities_));
  if (!verdict.limits) return {};
  const TensorInfo& info = input().info;
  if (!data_.has_preprocess) return Status::Error(Code::kBadInput, "it has limits of images, and takes none");
  CUTIS_TRY(memory_.Array(verdict.limits->features, &features_));
  return memory_.Array(PixelScratchBytes(info.shape.width) / sizeof(int32_t), &pixel_scratch_);
}

Status Core::UseArena(void* arena, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(arena) % kAlignment != 0) {
    return Status::Error(Code::kUsage, "the arena must start at a multiple of %zu bytes", kAlignment);
  }
  if (bytes < arena_bytes()) {
    return Status::Error(Code::kUsage, "the arena has %zu bytes, this model takes %zu", bytes, arena_bytes());
  }
  arena_ = static_cast<std::byte*>(arena);
  state_ = State::kNoInput;
  return {};
}

Status Core::SetInput(const uint8_t* pixels, size_t bytes) {
  const TensorInfo& info = input().info;
  if (state_ == State::kNoArena) return Status::Error(Code::kUsage, "no arena given yet: call cutis_core_use_arena");
  if (pixels == nullptr || bytes != Elements(info)) {
    return Status::Error(Code::kUsage, "%zu bytes of pixels for an input of %d x %d x %d", bytes, info.shape.height,
                         info.shape.width, info.shape.channels);
  }
  const size_t channels = static_cast<size_t>(info.shape.channels);
  for (size_t i = 0; i < Pixels(info); ++i) {
    std::memcpy(PixelAt(Data(data_.inputs[0]), info, i), pixels + i * channels, channels);
  }
  LookAtInput();
  state_ = State::kInput;
  return {};
}

// Pixels as the network sees them, before a run uses them up.
void Core::LookAtInput() {
  if (features_.empty()) return;
  const FloatEnvironment environment;
  const TensorInfo& info = input().info;
  PixelFeaturesOf(SumPixels(reinterpret_cast<const uint8_t*>(Data(data_.inputs[0])), info.shape.width, info.shape.height,
                            info.channel_stride, reinterpret_cast<std::byte*>(pixel_scratch_.data())),
                  features_.first<kPixelFeatures>());
}

void Core::RunStepBlock(const ModelBlock& block) {
  const auto first = static_cast<size_t>(block.first), last = static_cast<size_t>(block.last);
  BlockArgs args = {};
  args.input = Source(data_.nodes[first].inputs[0]);
  args.output = Data(data_.nodes[last].output);
  args.rows = block.rows;
  args.kernels = block.kernels;
  if (block.parts.add != nullptr) args.residual = Source(data_.nodes[last].inputs[static_cast<size_t>(block.parts.residual)]);
  const int32_t images = block.parts.last().output->images;
  RunBlock(block.parts, args, 0, BlockUnits(block.parts, images), Scratch(first));
}

void Core::RunNode(size_t index) {
  const ModelNode& node = data_.nodes[index];
  for (size_t i = 0; i < node.inputs.size(); ++i) inputs_[i] = Source(node.inputs[i]);
  const int32_t batch = BatchOf(*node.op, node.node, 1);
  node.op->run(node.node, node.kernel->fn, RunArgs{inputs_.data(), Data(node.output), batch}, 0,
               node.op->units(node.node, batch), Scratch(index));
}

Status Core::Run() {
  if (state_ != State::kInput) return Status::Error(Code::kUsage, "no input to run: set one for each run");
  const FloatEnvironment environment;
  for (size_t i = 0; i < data_.nodes.size(); ++i) {
    if (data_.nodes[i].block < 0) {
      RunNode(i);
      continue;
    }
    const ModelBlock& block = data_.blocks[static_cast<size_t>(data_.nodes[i].block)];
    RunStepBlock(block);
    i = static_cast<size_t>(block.last);
  }
  state_ = State::kRun;
  return {};
}

Status Core::GetOutput(int32_t index, std::span<float> values) const {
  if (state_ != State::kRun) return Status::Error(Code::kUsage, "no output: set an input and run");
  if (!HasOutput(index)) return Status::Error(Code::kUsage, "there is no output %d", index);
  const TensorInfo& info = output(index).info;
  if (values.data() == nullptr || values.size() != Elements(info)) {
    return Status::Error(Code::kUsage, "%zu values wanted of an output of %d x %d x %d x %d", values.size(), info.images,
                         info.shape.height, info.shape.width, info.shape.channels);
  }
  const FloatEnvironment environment;
  const size_t channels = static_cast<size_t>(info.shape.channels);
  for (size_t i = 0; i < values.size(); ++i) {
    const std::byte* pixel = PixelAt(Data(data_.outputs[static_cast<size_t>(index)]), info, i / channels);
    const size_t c = i % channels;
    values[i] = info.type == DataType::kF32 ? reinterpret_cast<const float*>(pixel)[c]
                                            : info.scale * static_cast<float>(static_cast<int32_t>(pixel[c]) - info.zero_point);
  }
  return {};
}

Result<Judgement> Core::JudgeRun(const char* operating_point) {
  if (!data_.has_verdict) return Status::Error(Code::kUsage, "this model gives no verdict: take its outputs");
  const VerdictRecipe& recipe = data_.verdict;
  CUTIS_TRY(GetOutput(0, outputs_));
  const FloatEnvironment environment;
  CUTIS_ASSIGN(Judgement judgement, Judge(recipe, outputs_, operating_point, probabilities_));
  if (recipe.limits) {
    if (recipe.limits->embedding >= 0) CUTIS_TRY(GetOutput(recipe.limits->embedding, features_.subspan(kPixelFeatures)));
    Refuse(ExceededLimits(*recipe.limits, features_), &judgement);
  }
  return judgement;
}

// The bytes are made tight, at the start of their place, and then spread from the last pixel to the first: none is
// overwritten before it has been moved, since a pixel's place is never before its bytes.
void Core::GenerateGolden(int32_t index) {
  const TensorInfo& info = input().info;
  std::byte* place = Data(data_.inputs[0]);
  GenerateInput(index, info.shape, reinterpret_cast<uint8_t*>(place));
  const size_t channels = static_cast<size_t>(info.shape.channels);
  for (size_t i = Pixels(info); i-- > 0;) std::memmove(PixelAt(place, info, i), place + i * channels, channels);
  state_ = State::kInput;
}

Status Core::SelfTest(bool quick, SelfTestHashes* found) {
  if (state_ == State::kNoArena) return Status::Error(Code::kUsage, "no arena given yet: call cutis_core_use_arena");
  if (input().info.images != 1) return Status::Error(Code::kUnsupported, "the self-test is for networks of one image");
  Sha256 hash(cpu_);
  for (int32_t i = 0; i < (quick ? kQuickInputs : kGoldenInputs); ++i) {
    GenerateGolden(i);
    CUTIS_TRY(Run());
    for (const int32_t output : data_.outputs) UpdateTight(Tensor(output).info, Data(output), &hash);
    if (i + 1 == kQuickInputs) {
      Sha256 first = hash;
      first.Finish(found->first_outputs);
    }
  }
  if (!quick) hash.Finish(found->outputs);
  state_ = State::kNoInput;
  return {};
}

Core* ToCore(cutis_core* core) { return reinterpret_cast<Core*>(core); }
const Core* ToCore(const cutis_core* core) { return reinterpret_cast<const Core*>(core); }

Status OpenCore(const void* model, size_t model_bytes, void* memory, size_t memory_bytes, cutis_core** core) {
  if (model == nullptr || memory == nullptr || core == nullptr) return NullArgument("model, memory or place for the handle");
  if (reinterpret_cast<uintptr_t>(model) % kAlignment != 0) {
    return Status::Error(Code::kUsage, "a model in memory must start at a multiple of %zu bytes", kAlignment);
  }
  static_assert(alignof(Core) <= kCoreAlignment);
  if (reinterpret_cast<uintptr_t>(memory) % kCoreAlignment != 0) {
    return Status::Error(Code::kUsage, "the memory must start at a multiple of %zu bytes", kCoreAlignment);
  }
  constexpr size_t kOwn = RoundUp(sizeof(Core), kCoreAlignment);
  if (memory_bytes < kOwn) return Status::Error(Code::kNoMemory, "out of memory: %zu bytes are too few", memory_bytes);
  Core* made = ::new (memory) Core({static_cast<std::byte*>(memory) + kOwn, memory_bytes - kOwn});
  CUTIS_TRY(made->Open({static_cast<const uint8_t*>(model), model_bytes}));
  *core = reinterpret_cast<cutis_core*>(made);
  return {};
}

Status JudgeCore(Core* core, const char* operating_point, cutis_result* result) {
  const std::span<const char* const> labels = core->data().verdict.labels;
  cutis_result full = CUTIS_RESULT_INIT;
  if (result->struct_size < offsetof(cutis_result, verdict))
    return Status::Error(Code::kUsage, "struct_size of the result is not set");
  full.probabilities = result->probabilities;
  full.probability_count = result->probability_count;
  if (full.probabilities != nullptr && full.probability_count < labels.size()) {
    return Status::Error(Code::kUsage, "room for %zu probabilities, the model has %zu labels", full.probability_count,
                         labels.size());
  }
  CUTIS_ASSIGN(const Judgement judgement, core->JudgeRun(operating_point));
  for (size_t i = 0; full.probabilities != nullptr && i < labels.size(); ++i) full.probabilities[i] = core->probabilities()[i];
  full.verdict = static_cast<cutis_verdict>(judgement.verdict);
  full.p_bcc = judgement.p_bcc;
  full.operating_point = judgement.operating_point != nullptr ? judgement.operating_point->name : nullptr;
  full.reasons = judgement.reasons;
  full.bcc_share = core->data().verdict.calibration ? core->data().verdict.calibration->bcc_share : 0.0f;
  (void)WriteStruct(full, result);  // its size has been looked at above
  return {};
}

Status SelfTestCore(Core* core, bool quick, cutis_self_test_result* result) {
  if (!core->data().has_self_test) return Status::Error(Code::kUnsupported, "the model holds no self-test; convert it again");
  const SelfTestHashes& expected = core->data().self_test;
  SelfTestHashes found;
  CUTIS_TRY(core->SelfTest(quick, &found));
  cutis_self_test_result full = {};
  if (std::memcmp(found.first_outputs, expected.first_outputs, 32) != 0) full.difference = "the first outputs";
  if (!quick && std::memcmp(found.outputs, expected.outputs, 32) != 0) full.difference = "the outputs";
  full.passed = full.difference == nullptr ? 1 : 0;
  std::memcpy(full.output_hash, found.outputs, sizeof full.output_hash);
  std::memcpy(full.first_output_hash, found.first_outputs, sizeof full.first_output_hash);
  if (!WriteStruct(full, result)) return Status::Error(Code::kUsage, "struct_size of the result is not set");
  return {};
}

}  // namespace
}  // namespace cutis

using cutis::NullArgument;
using cutis::Report;
using cutis::ToCore;

cutis_status cutis_core_open(const void* model, size_t model_bytes, void* memory, size_t memory_bytes, cutis_core** core,
                             char* error, size_t error_size) {
  return Report(cutis::OpenCore(model, model_bytes, memory, memory_bytes, core), error, error_size);
}

size_t cutis_core_memory_bytes(const cutis_core* core) { return core != nullptr ? ToCore(core)->memory_bytes() : 0; }
size_t cutis_core_arena_bytes(const cutis_core* core) { return core != nullptr ? ToCore(core)->arena_bytes() : 0; }

cutis_status cutis_core_use_arena(cutis_core* core, void* arena, size_t arena_bytes, char* error, size_t error_size) {
  if (core == nullptr || arena == nullptr) return Report(NullArgument("core or arena"), error, error_size);
  return Report(ToCore(core)->UseArena(arena, arena_bytes), error, error_size);
}

cutis_status cutis_core_input(const cutis_core* core, cutis_tensor_info* info) {
  if (core == nullptr || info == nullptr) return CUTIS_ERROR_USAGE;
  return cutis::WriteTensorInfo(ToCore(core)->input(), info);
}

cutis_status cutis_core_output(const cutis_core* core, int32_t index, cutis_tensor_info* info) {
  if (core == nullptr || info == nullptr || !ToCore(core)->HasOutput(index)) return CUTIS_ERROR_USAGE;
  return cutis::WriteTensorInfo(ToCore(core)->output(index), info);
}

const char* cutis_core_label(const cutis_core* core, int32_t index) {
  if (core == nullptr || index < 0) return nullptr;
  const auto labels = ToCore(core)->data().verdict.labels;
  return static_cast<size_t>(index) < labels.size() ? labels[static_cast<size_t>(index)] : nullptr;
}

const char* cutis_core_operating_point(const cutis_core* core, int32_t index) {
  if (core == nullptr || index < 0) return nullptr;
  const auto points = ToCore(core)->data().verdict.operating_points;
  return static_cast<size_t>(index) < points.size() ? points[static_cast<size_t>(index)].name : nullptr;
}

cutis_status cutis_core_set_input_u8(cutis_core* core, const uint8_t* pixels, size_t bytes, char* error, size_t error_size) {
  if (core == nullptr) return Report(NullArgument("core"), error, error_size);
  return Report(ToCore(core)->SetInput(pixels, bytes), error, error_size);
}

cutis_status cutis_core_run(cutis_core* core, char* error, size_t error_size) {
  if (core == nullptr) return Report(NullArgument("core"), error, error_size);
  return Report(ToCore(core)->Run(), error, error_size);
}

cutis_status cutis_core_get_output_f32(const cutis_core* core, int32_t index, float* values, size_t count, char* error,
                                       size_t error_size) {
  if (core == nullptr) return Report(NullArgument("core"), error, error_size);
  return Report(ToCore(core)->GetOutput(index, {values, count}), error, error_size);
}

cutis_status cutis_core_judge(cutis_core* core, const char* operating_point, cutis_result* result, char* error,
                              size_t error_size) {
  if (core == nullptr || result == nullptr) return Report(NullArgument("core or place for the result"), error, error_size);
  return Report(cutis::JudgeCore(ToCore(core), operating_point, result), error, error_size);
}

cutis_status cutis_core_self_test(cutis_core* core, int quick, cutis_self_test_result* result, char* error, size_t error_size) {
  if (core == nullptr || result == nullptr) return Report(NullArgument("core or place for the result"), error, error_size);
  return Report(cutis::SelfTestCore(ToCore(core), quick != 0, result), error, error_size);
}
