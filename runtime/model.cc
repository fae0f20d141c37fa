#include "runtime/model.h"

#include <utility>

#include "runtime/file.h"
#include "runtime/fpenv.h"
#include "runtime/memory.h"
#include "runtime/tuning.h"
#include "runtime/verify.h"

namespace cutis {

struct Model::Impl : FromMalloc {
  CpuFeatures cpu = 0;
  FileBytes file;
  Memory memory;
  ModelData data;

  // The file's bytes are there; checks all of them.
  Status Load(const OpenOptions& options) {
    const FloatEnvironment environment;  // a caller's flush-to-zero must not turn a tiny scale into zero
    CUTIS_TRY(file.Check(cpu, options.threads));
    CUTIS_TRY(LoadModel(file.graph(), file.segment(), cpu, memory, &data));
    CUTIS_TRY(LoadExplanation(file.graph(), memory, &data));
    file.DropGraph();
    if (options.tune_file == nullptr) return {};
    return ApplyTuning(options.tune_file, cpu, std::span(file.header().sha256), &data);
  }

  static Result<CpuFeatures> ChooseCpu(CpuFeatures wanted) {
    if (wanted == 0) return CpuFromEnvironment();
    // Kernels for instructions that the machine lacks would die in the middle of a run.
    if ((wanted & ~DetectCpu()) != 0)
      return Status::Error(Code::kUsage, "this machine lacks some of the instruction sets asked for");
    return wanted | FeatureOf(Isa::kScalar);
  }
};

Model::Model() = default;
Model::~Model() = default;

Result<std::unique_ptr<Model>> Model::Open(const char* path, const OpenOptions& options) {
  if (path == nullptr) return Status::Error(Code::kUsage, "no path given to open a model from");
  std::unique_ptr<Model> model(new Model());
  if (model != nullptr) model->impl_.reset(new Impl());
  if (model == nullptr || model->impl_ == nullptr)
    return Status::Error(Code::kNoMemory, "out of memory while opening %s", path);
  CUTIS_ASSIGN(model->impl_->cpu, Impl::ChooseCpu(options.cpu));
  Status status = model->impl_->file.Open(path, options.copy);
  if (status.ok()) status = model->impl_->Load(options);
  if (!status.ok()) return Status::Error(status.code(), "%s: %s", path, status.text());
  return model;
}

Result<std::unique_ptr<Model>> Model::OpenMemory(const void* bytes, size_t size, const OpenOptions& options) {
  std::unique_ptr<Model> model(new Model());
  if (model != nullptr) model->impl_.reset(new Impl());
  if (model == nullptr || model->impl_ == nullptr) return Status::Error(Code::kNoMemory, "out of memory while opening a model");
  CUTIS_ASSIGN(model->impl_->cpu, Impl::ChooseCpu(options.cpu));
  CUTIS_TRY(model->impl_->file.OpenMemory(bytes, size, options.copy));
  CUTIS_TRY(model->impl_->Load(options));
  return model;
}

std::span<const ModelTensor> Model::tensors() const { return impl_->data.tensors; }
std::span<const ModelNode> Model::nodes() const { return impl_->data.nodes; }
std::span<const ModelBlock> Model::blocks() const { return impl_->data.blocks; }
int32_t Model::input() const { return impl_->data.inputs[0]; }
std::span<const int32_t> Model::inputs() const { return impl_->data.inputs; }
std::span<const int32_t> Model::outputs() const { return impl_->data.outputs; }
const Plan& Model::plan() const { return impl_->data.plan; }
uint64_t Model::ArenaBytes(int32_t batch, int32_t threads) const {
  return cutis::ArenaBytes(impl_->data.steps, batch, threads);
}
uint64_t Model::ArenaLowerBound(int32_t batch, int32_t threads) const {
  return cutis::ArenaLowerBound(impl_->data.steps, batch, threads);
}
std::span<const StepMemory> Model::steps() const { return impl_->data.steps; }
uint64_t Model::ExplanationArenaBytes(int32_t batch, int32_t threads) const {
  return cutis::ArenaBytes(impl_->data.explanation.steps, batch, threads);  // of no steps: 0
}
uint64_t Model::ScratchBytes(int32_t node) const { return impl_->data.steps[static_cast<size_t>(node) + 1].scratch; }
const Preprocess* Model::preprocess() const { return impl_->data.has_preprocess ? &impl_->data.preprocess : nullptr; }
const VerdictRecipe* Model::verdict() const { return impl_->data.has_verdict ? &impl_->data.verdict : nullptr; }
const ModelExplanation* Model::explanation() const { return impl_->data.has_explanation ? &impl_->data.explanation : nullptr; }
const Provenance& Model::provenance() const { return impl_->data.provenance; }
const DeviceLimits* Model::device() const { return impl_->data.has_device ? &impl_->data.device : nullptr; }
const SelfTestHashes* Model::self_test() const { return impl_->data.has_self_test ? &impl_->data.self_test : nullptr; }
std::span<const uint8_t, 32> Model::sha256() const { return std::span<const uint8_t, 32>(impl_->file.header().sha256, 32); }
uint32_t Model::format_version() const { return impl_->file.header().version; }
const FileIdentity& Model::file_identity() const { return impl_->file.identity(); }
uint64_t Model::file_bytes() const { return impl_->file.size(); }
uint64_t Model::weight_bytes() const { return impl_->file.header().segment_bytes; }
uint64_t Model::memory_bytes() const {
  return sizeof(Model) + sizeof(Impl) + impl_->memory.bytes() + impl_->file.memory_bytes();
}
CpuFeatures Model::cpu() const { return impl_->cpu; }

}  // namespace cutis
