#include "runtime/session.h"

#include <cmath>
#include <cstring>

#include "ops/requant.h"
#include "ops/xnnpack.h"
#include "runtime/clock.h"
#include "runtime/explain.h"
#include "runtime/file.h"
#include "runtime/fpenv.h"
#include "runtime/image.h"
#include "runtime/memory.h"
#include "runtime/threads.h"

namespace cutis {
namespace {

constexpr int32_t kMaxBatch = 1024;
constexpr int32_t kMaxThreads = 256;

size_t Pixels(const Shape& shape) { return static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width); }
// Of one entry.
size_t Elements(const TensorInfo& info) {
  return Pixels(info.shape) * static_cast<size_t>(info.shape.channels) * static_cast<size_t>(info.images);
}

// The byte of an image whose real input, normalised, is `value` in channel c.
uint8_t ByteOf(float value, const Preprocess& recipe, size_t c) {
  return ClampRound(value * recipe.std[c] + recipe.mean[c], OutputU8{0, 0, 255});
}

// Where the data of a node lies in the arena.
struct Step {
  std::span<const std::byte*> inputs;
  std::byte* output = nullptr;
  ExternalOp* external = nullptr;  // runs the node instead of its kernel; owned
};

struct ImageFeatures {
  bool known = false;
  float values[kPixelFeatures] = {};
};

}  // namespace

struct Session::Impl : FromMalloc {
  const Model* model = nullptr;
  SessionOptions options;
  size_t arena_bytes = 0;
  std::unique_ptr<uint8_t[], AlignedDeleter> own_arena;
  std::byte* activations = nullptr;  // the arena's start
  std::byte* scratch_end = nullptr;  // the arena's end
  Memory memory;
  std::span<Step> steps;
  std::span<uint64_t> nanoseconds;
  std::unique_ptr<ThreadTeam> team;
  pthreadpool* external_pool = nullptr;  // of XNNPACK
  NodeObserver observer = nullptr;
  void* observer_context = nullptr;
  std::span<ImageFeatures> features;  // of each image; empty where nobody looks at them
  std::span<int32_t> pixel_scratch;

  // The run at hand.
  int32_t images = 0;
  int32_t node = 0;  // as thread 0 counts, for AfterNode
  uint64_t node_start = 0;
  Status external_failure;

  ~Impl() {
    for (const Step& step : steps) DestroyXnnpackOp(step.external);
    DestroyXnnpackThreads(external_pool);
  }

  const ModelTensor& Tensor(int32_t index) const { return model->tensors()[static_cast<size_t>(index)]; }
  uint64_t Offset(int32_t tensor) const {
    return options.explain ? model->explanation()->offsets[static_cast<size_t>(tensor)] : Tensor(tensor).offset;
  }
  // Entry 0 of a tensor, in its place of batch 1 times the batch.
  std::byte* Data(int32_t tensor) const {
    return activations + static_cast<size_t>(Offset(tensor)) * static_cast<size_t>(options.batch);
  }
  std::byte* Data(int32_t tensor, int32_t entry) const {
    return Data(tensor) + static_cast<size_t>(entry) * EntryBytes(Tensor(tensor).info);
  }
  // Where pixel `i` of an entry lies: its images follow each other, each at a multiple of the alignment.
  static std::byte* PixelAt(std::byte* entry, const TensorInfo& info, size_t i) {
    const size_t pixels = Pixels(info.shape);
    return entry + i / pixels * info.image_bytes + i % pixels * static_cast<size_t>(info.channel_stride) * SizeOf(info.type);
  }
  const TensorInfo* InputInfo(int32_t index) const {
    const std::span<const int32_t> inputs = model->inputs();
    if (index < 0 || static_cast<size_t>(index) >= inputs.size()) return nullptr;
    return &Tensor(inputs[static_cast<size_t>(index)]).info;
  }

  // A thread's scratch in a step.
  std::byte* Scratch(size_t step, int32_t thread) const {
    return scratch_end - static_cast<size_t>(thread + 1) * static_cast<size_t>(model->ScratchBytes(static_cast<int32_t>(step)));
  }

  Status Prepare();
  Status PlaceArena();
  Status PrepareXnnpack();
  Status PrepareFeatures();
  Status CheckImage(int32_t image) const;
  // After another input: what is known of the image's pixels is known no more.
  void ForgetFeatures(int32_t image) {
    if (!features.empty()) features[static_cast<size_t>(image)].known = false;
  }
  void LookAt(int32_t image, const uint8_t* pixels, int32_t pixel_stride);
  void RunPart(int32_t thread);
  void RunShare(const ModelBlock& block, int32_t thread);
  void AfterNode();
};

Session::Session() = default;
Session::~Session() = default;

Status Session::Impl::PlaceArena() {
  uint64_t needed = options.explain ? model->ExplanationArenaBytes(options.batch, options.threads)
                                    : model->ArenaBytes(options.batch, options.threads);
  const uint64_t planned = needed;
  if (options.float_backend == FloatBackend::kXnnpack)
    needed += kXnnpackExtraBytes;  // it reads a little beyond the last buffer
  if (needed > SIZE_MAX / 2) {
    return Status::Error(Code::kNoMemory, "an arena of %llu bytes is beyond this machine's addresses",
                         static_cast<unsigned long long>(needed));
  }
  arena_bytes = static_cast<size_t>(needed);
  void* arena = options.arena;
  if (arena == nullptr) {
    if (options.arena_bytes != 0) return Status::Error(Code::kUsage, "the size of an arena is given, but no arena");
    own_arena = AllocateAligned(arena_bytes);
    if (own_arena == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes for the arena", arena_bytes);
    arena = own_arena.get();
  } else {
    if (reinterpret_cast<uintptr_t>(arena) % kAlignment != 0) {
      return Status::Error(Code::kUsage, "the arena must start at a multiple of %zu bytes", kAlignment);
    }
    if (options.arena_bytes < arena_bytes) {
      return Status::Error(Code::kUsage, "the arena has %zu bytes, batch %d on %d threads takes %zu", options.arena_bytes,
                           options.batch, options.threads, arena_bytes);
    }
  }
  activations = static_cast<std::byte*>(arena);
  scratch_end = activations + static_cast<size_t>(planned);
  return {};
}

// XNNPACK computes the nodes that it can; the others keep their own kernels.
Status Session::Impl::PrepareXnnpack() {
  if (!XnnpackAvailable())
    return Status::Error(Code::kUnsupported, "this build of Cutis has no XNNPACK (meson option xnnpack)");
  CUTIS_ASSIGN(external_pool, CreateXnnpackThreads(options.threads));
  bool any = false;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Node& step = model->nodes()[i].node;
    if (!XnnpackSupports(step)) continue;
    CUTIS_ASSIGN(steps[i].external, CreateXnnpackOp(step,
                                                    RunArgs{steps[i].inputs.data(), steps[i].output,
                                                            BatchOf(*model->nodes()[i].op, step, options.batch)},
                                                    external_pool));
    any = true;
  }
  if (any) return {};
  return Status::Error(Code::kUnsupported, "XNNPACK computes no node of this model: it is there for float32 models");
}

Status Session::Impl::PrepareFeatures() {
  const VerdictRecipe* verdict = model->verdict();
  if (!options.pixel_features && (verdict == nullptr || !verdict->limits)) return {};
  if (model->preprocess() == nullptr) return Status::Error(Code::kUsage, "pixel features of a model that takes no images");
  CUTIS_TRY(memory.Array(static_cast<size_t>(options.batch), &features));
  return memory.Array(PixelScratchBytes(Tensor(model->input()).info.shape.width) / sizeof(int32_t), &pixel_scratch);
}

// Pixels as the network sees them, before a run uses them up.
void Session::Impl::LookAt(int32_t image, const uint8_t* pixels, int32_t pixel_stride) {
  if (features.empty()) return;
  const FloatEnvironment environment;
  const Shape& shape = Tensor(model->input()).info.shape;
  ImageFeatures& found = features[static_cast<size_t>(image)];
  PixelFeaturesOf(
      SumPixels(pixels, shape.width, shape.height, pixel_stride, reinterpret_cast<std::byte*>(pixel_scratch.data())),
      found.values);
  found.known = true;
}

Status Session::Impl::Prepare() {
  if (options.batch < 1 || options.batch > kMaxBatch) {
    return Status::Error(Code::kUsage, "a batch of %d images; 1 .. %d are possible", options.batch, kMaxBatch);
  }
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return Status::Error(Code::kUsage, "%d threads; 1 .. %d are possible", options.threads, kMaxThreads);
  }
  CUTIS_TRY(PlaceArena());
  const std::span<const ModelNode> nodes = model->nodes();
  CUTIS_TRY(memory.Array(nodes.size(), &steps));
  for (size_t i = 0; i < nodes.size(); ++i) {
    CUTIS_TRY(memory.Array(nodes[i].inputs.size(), &steps[i].inputs));
    for (size_t j = 0; j < nodes[i].inputs.size(); ++j) {
      const uint8_t* constant = Tensor(nodes[i].inputs[j]).constant;
      steps[i].inputs[j] = constant != nullptr ? reinterpret_cast<const std::byte*>(constant) : Data(nodes[i].inputs[j]);
    }
    steps[i].output = Data(nodes[i].output);
  }
  if (options.profile) CUTIS_TRY(memory.Array(nodes.size(), &nanoseconds));
  if (options.float_backend == FloatBackend::kXnnpack) CUTIS_TRY(PrepareXnnpack());
  CUTIS_TRY(PrepareFeatures());
  return ThreadTeam::Create(options.threads, &team);
}

Result<std::unique_ptr<Session>> Session::Create(const Model& model, const SessionOptions& options) {
  std::unique_ptr<Session> session(new Session());
  if (session != nullptr) session->impl_.reset(new Impl());
  if (session == nullptr || session->impl_ == nullptr)
    return Status::Error(Code::kNoMemory, "out of memory: no room for a session");
  if (const DeviceLimits* device = model.device(); device != nullptr && options.threads > device->threads) {
    return Status::Error(Code::kUsage, "%d threads: the model was made for %s, whose memory holds a session of %d",
                         options.threads, device->name, device->threads);
  }
  if (options.explain && model.explanation() == nullptr) {
    return Status::Error(Code::kUnsupported,
                         "the model holds no plan for explanations: its labels are not read from the mean of a feature map, or "
                         "it was converted by an earlier version");
  }
  session->impl_->model = &model;
  session->impl_->options = options;
  CUTIS_TRY(session->impl_->Prepare());
  return session;
}

// Of `units` units of work: the first units % threads threads take one more.
struct Share {
  int64_t begin, end;

  Share(int64_t units, int32_t thread, int64_t threads) {
    const int64_t each = units / threads, rest = units % threads;
    begin = each * thread + (thread < rest ? thread : rest);
    end = begin + each + (thread < rest ? 1 : 0);
  }
};

// A thread's share of a block: of its rows, or, where there are fewer images than threads and it can be, of its channels.
void Session::Impl::RunShare(const ModelBlock& block, int32_t thread) {
  BlockArgs args = {};
  args.input = steps[static_cast<size_t>(block.first)].inputs[0];
  args.output = steps[static_cast<size_t>(block.last)].output;
  args.rows = block.rows;
  args.kernels = block.kernels;
  if (block.parts.add != nullptr)  // the last node
    args.residual = steps[static_cast<size_t>(block.last)].inputs[static_cast<size_t>(block.parts.residual)];
  const auto step = static_cast<size_t>(block.first);
  std::byte* own = Scratch(step, thread);
  const int32_t batch = images * block.parts.last().output->images, threads = options.threads;
  if (batch >= threads || !CanShareChannels(block.parts, block.rows)) {
    const Share share(BlockUnits(block.parts, batch), thread, threads);
    if (share.begin < share.end) RunBlock(block.parts, args, share.begin, share.end, own);
    return;
  }
  for (int32_t image = 0; image < batch; ++image) {
    std::byte* shared = Scratch(step, 0);
    if (image > 0) team->Meet(thread, nullptr, nullptr);
    const Share groups(BlockGroups(block.parts), thread, threads);
    if (groups.begin < groups.end) RunBlockGroups(block.parts, args, image, groups.begin, groups.end, own, shared);
    team->Meet(thread, nullptr, nullptr);
    const Share panels(BlockPanels(block.parts), thread, threads);
    if (panels.begin < panels.end) RunBlockPanels(block.parts, args, image, panels.begin, panels.end, own, shared);
  }
}

// A thread's share of every node. All threads meet after each node, since the next one may read any of its rows.
void Session::Impl::RunPart(int32_t thread) {
  const FloatEnvironment environment;
  const std::span<const ModelNode> nodes = model->nodes();
  const int64_t threads = options.threads;
  const bool report = observer != nullptr || options.profile;
  void (*const after_node)(void*) = report ? +[](void* self) { static_cast<Impl*>(self)->AfterNode(); } : nullptr;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const ModelNode& now = nodes[i];
    if (now.block >= 0) {
      const ModelBlock& block = model->blocks()[static_cast<size_t>(now.block)];
      RunShare(block, thread);
      i = static_cast<size_t>(block.last);
      if (threads > 1 || report) team->Meet(thread, after_node, this);
      continue;
    }
    if (steps[i].external != nullptr) {
      // It has threads of its own, which ours would only disturb.
      if (thread == 0 && external_failure.ok())
        external_failure = RunXnnpackOp(steps[i].external, BatchOf(*now.op, now.node, images));
      if (threads > 1 || report) team->Meet(thread, after_node, this);
      continue;
    }
    const int32_t batch = BatchOf(*now.op, now.node, images);
    const Share share(now.op->units(now.node, batch), thread, threads);
    if (share.begin < share.end)
      now.op->run(now.node, now.kernel->fn, RunArgs{steps[i].inputs.data(), steps[i].output, batch}, share.begin, share.end,
                  Scratch(i, thread));
    if (threads > 1 || report) team->Meet(thread, after_node, this);
  }
}

// On thread 0, while the others wait.
void Session::Impl::AfterNode() {
  // Of a block only the last node leaves anything behind.
  const int32_t block = model->nodes()[static_cast<size_t>(node)].block;
  if (block >= 0) node = model->blocks()[static_cast<size_t>(block)].last;
  const size_t index = static_cast<size_t>(node);
  if (options.profile) nanoseconds[index] = Nanoseconds() - node_start;
  if (observer != nullptr) observer(observer_context, node, steps[index].output, images);
  ++node;
  if (options.profile) node_start = Nanoseconds();
}

Status Session::Run(int32_t images) {
  Impl& impl = *impl_;
  if (images < 1 || images > impl.options.batch) {
    return Status::Error(Code::kUsage, "a run of %d images; this session takes 1 .. %d", images, impl.options.batch);
  }
  impl.images = images;
  impl.node = 0;
  impl.external_failure = Status();
  if (impl.options.profile) impl.node_start = Nanoseconds();
  impl.team->Run([](void* self, int32_t thread) { static_cast<Impl*>(self)->RunPart(thread); }, impl_.get());
  return impl.external_failure;
}

Status Session::Impl::CheckImage(int32_t image) const {
  if (image >= 0 && image < options.batch) return {};
  return Status::Error(Code::kUsage, "there is no image %d in a batch of %d", image, options.batch);
}

void* Session::input(int32_t index, int32_t image) {
  if (impl_->InputInfo(index) == nullptr || !impl_->CheckImage(image).ok()) return nullptr;
  return impl_->Data(impl_->model->inputs()[static_cast<size_t>(index)], image);
}

const void* Session::output(int32_t index, int32_t image) const {
  const std::span<const int32_t> outputs = impl_->model->outputs();
  if (index < 0 || static_cast<size_t>(index) >= outputs.size() || !impl_->CheckImage(image).ok()) return nullptr;
  return impl_->Data(outputs[static_cast<size_t>(index)], image);
}

Status Session::SetInputU8(int32_t image, const uint8_t* pixels, size_t bytes) {
  CUTIS_TRY(impl_->CheckImage(image));
  const TensorInfo& info = impl_->Tensor(impl_->model->input()).info;
  if (pixels == nullptr || bytes != Elements(info)) {
    return Status::Error(Code::kUsage, "%zu bytes of pixels for an input of %d x %d x %d", bytes, info.shape.height,
                         info.shape.width, info.shape.channels);
  }
  const size_t count = Pixels(info.shape) * static_cast<size_t>(info.images);
  impl_->ForgetFeatures(image);
  const FloatEnvironment environment;
  const size_t channels = static_cast<size_t>(info.shape.channels);
  std::byte* data = impl_->Data(impl_->model->input(), image);
  if (info.type == DataType::kU8) {
    for (size_t i = 0; i < count; ++i) std::memcpy(Impl::PixelAt(data, info, i), pixels + i * channels, channels);
    return {};
  }
  const Preprocess* recipe = impl_->model->preprocess();
  for (size_t i = 0; i < count; ++i) {
    float* values = reinterpret_cast<float*>(Impl::PixelAt(data, info, i));
    for (size_t c = 0; c < channels; ++c) {
      const float byte = static_cast<float>(pixels[i * channels + c]);
      values[c] = recipe != nullptr ? (byte - recipe->mean[c]) / recipe->std[c]
                                    : info.scale * (byte - static_cast<float>(info.zero_point));
    }
  }
  return {};
}

Status Session::SetInputPixels(int32_t image, const uint8_t* pixels, size_t bytes) {
  CUTIS_TRY(SetInputU8(image, pixels, bytes));
  impl_->LookAt(image, pixels, 3);
  return {};
}

Status Session::GetInputU8(int32_t image, uint8_t* pixels, size_t bytes) const {
  CUTIS_TRY(impl_->CheckImage(image));
  const Preprocess* recipe = impl_->model->preprocess();
  const TensorInfo& info = impl_->Tensor(impl_->model->input()).info;
  if (recipe == nullptr) return Status::Error(Code::kUsage, "this model says nothing about images: its input is no bytes");
  if (pixels == nullptr || bytes != Elements(info)) {
    return Status::Error(Code::kUsage, "room for %zu bytes of pixels of an input of %d x %d x %d", bytes, info.shape.height,
                         info.shape.width, info.shape.channels);
  }
  const FloatEnvironment environment;
  const size_t channels = static_cast<size_t>(info.shape.channels);
  std::byte* const data = impl_->Data(impl_->model->input(), image);
  for (size_t i = 0; i < bytes / channels; ++i) {
    const std::byte* pixel = Impl::PixelAt(data, info, i);
    for (size_t c = 0; c < channels; ++c) {
      pixels[i * channels + c] = info.type == DataType::kU8 ? static_cast<uint8_t>(pixel[c])
                                                            : ByteOf(reinterpret_cast<const float*>(pixel)[c], *recipe, c);
    }
  }
  return {};
}

Status Session::SetInputImage(int32_t image, const Image& picture) {
  CUTIS_TRY(impl_->CheckImage(image));
  const Model& model = *impl_->model;
  const Preprocess* recipe = model.preprocess();
  if (recipe == nullptr) return Status::Error(Code::kUsage, "this model says nothing about images: give it tensors");
  const TensorInfo& info = impl_->Tensor(model.input()).info;
  const Shape& shape = info.shape;
  if (info.type == DataType::kU8) {
    uint8_t* const input = reinterpret_cast<uint8_t*>(impl_->Data(model.input(), image));
    impl_->ForgetFeatures(image);
    CUTIS_TRY(PreprocessImage(*recipe, picture, model.cpu(), shape.width, shape.height, info.channel_stride, input));
    impl_->LookAt(image, input, info.channel_stride);
    return {};
  }
  const size_t bytes = Elements(info);
  const std::unique_ptr<uint8_t[], AlignedDeleter> pixels = AllocateAligned(bytes);
  if (pixels == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes for the preprocessed image", bytes);
  CUTIS_TRY(PreprocessImage(*recipe, picture, model.cpu(), shape.width, shape.height, 3, pixels.get()));
  return SetInputPixels(image, pixels.get(), bytes);
}

Status Session::SetInputF32(int32_t index, int32_t image, const float* values, size_t count) {
  CUTIS_TRY(impl_->CheckImage(image));
  if (impl_->InputInfo(index) == nullptr) return Status::Error(Code::kUsage, "there is no input %d", index);
  const TensorInfo& info = *impl_->InputInfo(index);
  if (values == nullptr || count != Elements(info)) {
    return Status::Error(Code::kUsage, "%zu values for an input of %d x %d x %d x %d", count, info.images, info.shape.height,
                         info.shape.width, info.shape.channels);
  }
  const FloatEnvironment environment;
  for (size_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) return Status::Error(Code::kUsage, "value %zu of the input is not a finite number", i);
  }
  impl_->ForgetFeatures(image);
  const size_t channels = static_cast<size_t>(info.shape.channels);
  const size_t pixels = Pixels(info.shape) * static_cast<size_t>(info.images);
  std::byte* data = impl_->Data(impl_->model->inputs()[static_cast<size_t>(index)], image);
  if (info.type == DataType::kF32) {
    for (size_t i = 0; i < pixels; ++i) {
      std::memcpy(Impl::PixelAt(data, info, i), values + i * channels, channels * sizeof(float));
    }
    return {};
  }
  const Preprocess* recipe = impl_->model->preprocess();
  for (size_t i = 0; i < pixels; ++i) {
    std::byte* pixel = Impl::PixelAt(data, info, i);
    for (size_t c = 0; c < channels; ++c) {
      const float value = values[i * channels + c];
      // With a recipe the byte is that of the image; without, the quantisation of the input tensor gives it.
      pixel[c] = static_cast<std::byte>(recipe != nullptr ? ByteOf(value, *recipe, c)
                                                          : ClampRound(value / info.scale, OutputU8{info.zero_point, 0, 255}));
    }
  }
  return {};
}

Status Session::GetOutputF32(int32_t index, int32_t image, float* values, size_t count) const {
  std::byte* data = static_cast<std::byte*>(const_cast<void*>(output(index, image)));
  if (data == nullptr) return Status::Error(Code::kUsage, "there is no output %d of image %d", index, image);
  const TensorInfo& info = impl_->Tensor(impl_->model->outputs()[static_cast<size_t>(index)]).info;
  if (values == nullptr || count != Elements(info)) {
    return Status::Error(Code::kUsage, "%zu values wanted of an output of %d x %d x %d x %d", count, info.images,
                         info.shape.height, info.shape.width, info.shape.channels);
  }
  const FloatEnvironment environment;
  const size_t channels = static_cast<size_t>(info.shape.channels);
  for (size_t i = 0; i < Pixels(info.shape) * static_cast<size_t>(info.images); ++i) {
    const std::byte* pixel = Impl::PixelAt(data, info, i);
    for (size_t c = 0; c < channels; ++c) {
      if (info.type == DataType::kF32) {
        values[i * channels + c] = reinterpret_cast<const float*>(pixel)[c];
      } else {
        values[i * channels + c] = info.scale * static_cast<float>(static_cast<int32_t>(pixel[c]) - info.zero_point);
      }
    }
  }
  return {};
}

Status Session::GetPixelFeatures(int32_t image, std::span<float, kPixelFeatures> features) const {
  CUTIS_TRY(impl_->CheckImage(image));
  if (impl_->features.empty() || !impl_->features[static_cast<size_t>(image)].known) {
    return Status::Error(Code::kUsage, "no features of the pixels of image %d: %s", image,
                         impl_->features.empty() ? "the session was not created to make them, and the model has no limits"
                                                 : "its input was not set from an image");
  }
  const ImageFeatures& found = impl_->features[static_cast<size_t>(image)];
  std::memcpy(features.data(), found.values, sizeof found.values);
  return {};
}

Status Session::GetExplanation(int32_t image, int32_t label, std::span<float> map) const {
  CUTIS_TRY(impl_->CheckImage(image));
  if (!impl_->options.explain) return Status::Error(Code::kUsage, "this session was not created to explain");
  const Model& model = *impl_->model;
  const ModelExplanation& explanation = *model.explanation();
  const Node& dense = model.nodes()[static_cast<size_t>(explanation.dense)].node;
  if (label == -1 && model.verdict() != nullptr) label = model.verdict()->positive;
  if (label < 0 || label >= dense.output->shape.channels) return Status::Error(Code::kUsage, "there is no label %d", label);
  const TensorInfo& info = impl_->Tensor(explanation.map).info;
  if (map.data() == nullptr || map.size() != Pixels(info.shape)) {
    return Status::Error(Code::kUsage, "room for %zu cells, the map has %d x %d", map.size(), info.shape.height,
                         info.shape.width);
  }
  const FloatEnvironment environment;
  ExplainLabel(dense, info, impl_->Data(explanation.map, image), label, map);
  return {};
}

void Session::SetObserver(NodeObserver observer, void* context) {
  impl_->observer = observer;
  impl_->observer_context = context;
}

std::span<const uint64_t> Session::node_nanoseconds() const { return impl_->nanoseconds; }
size_t Session::arena_bytes() const { return impl_->arena_bytes; }
uint64_t Session::memory_bytes() const {
  uint64_t bytes = sizeof(Session) + sizeof(Impl) + impl_->memory.bytes() + impl_->team->memory_bytes();
  for (const Step& step : impl_->steps) bytes += step.external != nullptr ? XnnpackOpBytes(step.external) : 0;
  return bytes;
}
const Model& Session::model() const { return *impl_->model; }
const SessionOptions& Session::options() const { return impl_->options; }

}  // namespace cutis
