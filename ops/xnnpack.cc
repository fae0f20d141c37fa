#include "ops/xnnpack.h"

#if defined(CUTIS_XNNPACK)

#include <pthreadpool.h>
#include <xnnpack.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "ops/check.h"
#include "ops/rows.h"

namespace cutis {

static_assert(kXnnpackExtraBytes >= XNN_EXTRA_BYTES);

// One node. XNNPACK wants images without gaps, ours start at multiples of 64 bytes: where there is a gap, images are run one by
// one (another setup only stores the pointers then, see SetUp).
struct ExternalOp {
  xnn_operator_t op = nullptr;
  pthreadpool* pool = nullptr;
  const std::byte* input = nullptr;
  std::byte* output = nullptr;
  size_t input_image_bytes = 0, output_image_bytes = 0;
  size_t height = 0, width = 0;
  int32_t batch = 0;
  bool dense = false;
  bool gaps = false;
  size_t bytes = 0;
};

namespace {

// -- counted allocation ---------------------------------------------------------------------------

std::atomic<uint64_t> live_bytes{0};
std::atomic<uint64_t> allocations{0};
// XNNPACK allocates on the thread that calls it: what this thread has taken and not yet given back.
thread_local int64_t thread_bytes = 0;

// In front of each block stands its size, in a cache line of its own.
constexpr size_t kHeader = kAlignment;

void* AllocateAligned(void*, size_t alignment, size_t size) {
  if (alignment > kAlignment || size > SIZE_MAX - 2 * kHeader) return nullptr;
  const size_t bytes = RoundUp(size, kAlignment) + kHeader;
  char* block = static_cast<char*>(std::aligned_alloc(kAlignment, bytes));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &bytes, sizeof bytes);
  live_bytes += bytes;
  allocations += 1;
  thread_bytes += static_cast<int64_t>(bytes);
  return block + kHeader;
}

void* Allocate(void* context, size_t size) { return AllocateAligned(context, kAlignment, size); }

size_t BlockBytes(void* pointer) {
  size_t bytes;
  std::memcpy(&bytes, static_cast<char*>(pointer) - kHeader, sizeof bytes);
  return bytes;
}

void Deallocate(void*, void* pointer) {
  if (pointer == nullptr) return;
  const size_t bytes = BlockBytes(pointer);
  live_bytes -= bytes;
  thread_bytes -= static_cast<int64_t>(bytes);
  std::free(static_cast<char*>(pointer) - kHeader);
}

void* Reallocate(void* context, void* pointer, size_t size) {
  void* moved = Allocate(context, size);
  if (moved == nullptr || pointer == nullptr) return moved;
  const size_t held = BlockBytes(pointer) - kHeader;
  std::memcpy(moved, pointer, held < size ? held : size);
  Deallocate(context, pointer);
  return moved;
}

// Once per process; XNNPACK keeps its tables for good.
xnn_status Initialize() {
  static const xnn_allocator allocator = {nullptr, Allocate, Reallocate, Deallocate, AllocateAligned, Deallocate};
  static const xnn_status status = xnn_initialize(&allocator);
  return status;
}

Status ToStatus(const char* what, xnn_status status) {
  switch (status) {
    case xnn_status_success:
      return Status();
    case xnn_status_out_of_memory:
      return Status::Error(Code::kNoMemory, "XNNPACK: no memory to %s", what);
    case xnn_status_unsupported_hardware:
      return Status::Error(Code::kUnsupported, "XNNPACK does not support this processor");
    case xnn_status_unsupported_parameter:
    case xnn_status_invalid_parameter:
      return Status::Error(Code::kUnsupported, "XNNPACK cannot %s; use the own float backend", what);
    default:
      return Status::Error(Code::kInternal, "XNNPACK failed to %s (status %d)", what, static_cast<int>(status));
  }
}

// -- operators ------------------------------------------------------------------------------------

// Memory for the time of a creation.
class Scratch {
 public:
  explicit Scratch(size_t floats) : data_(static_cast<float*>(std::malloc(floats * sizeof(float)))) {}
  ~Scratch() { std::free(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  float* data() { return data_; }

 private:
  float* data_;
};

// From panels [groups][ceil(n/16)][terms][16 n] to rows [groups * n][terms].
void UnpackPanels(const float* panels, size_t groups, size_t n, size_t terms, float* rows) {
  const size_t group_floats = RoundUp(n, 16) * terms;
  for (size_t group = 0; group < groups; ++group) {
    for (size_t out = 0; out < n; ++out) {
      const float* panel = panels + group * group_floats + out / 16 * 16 * terms + out % 16;
      for (size_t k = 0; k < terms; ++k) *rows++ = panel[k * 16];
    }
  }
}

// What the three operators have in common: a convolution with groups. Depthwise panels have the same layout as those of one
// group with kernel_h * kernel_w terms.
struct Layer {
  Window window;
  size_t groups, panel_groups, group_in, group_out, terms;
  const float* weights;
  const float* bias;
  float min, max;
};

Layer LayerOf(const Node& node) {
  const size_t in = ToSize(node.inputs[0]->shape.channels), out = ToSize(node.output->shape.channels);
  if (const auto* depthwise = std::get_if<DepthwiseF32Options>(&node.options)) {
    const size_t taps = ToSize(int64_t{depthwise->window.kernel_h} * depthwise->window.kernel_w);
    return {depthwise->window, out,           1, 1, 1, taps, depthwise->weights.data(), depthwise->bias.data(),
            depthwise->min,    depthwise->max};
  }
  const auto* conv = std::get_if<ConvF32Options>(&node.options);
  const size_t groups = ToSize(conv->groups);
  const size_t terms = in / groups * ToSize(int64_t{conv->window.kernel_h} * conv->window.kernel_w);
  return {conv->window,      groups,    groups,   in / groups, out / groups, terms, conv->weights.data(),
          conv->bias.data(), conv->min, conv->max};
}

Status CreateOperator(const Node& node, xnn_operator_t* op) {
  const Layer layer = LayerOf(node);
  const size_t out = ToSize(node.output->shape.channels), per_group = out / layer.panel_groups;
  Scratch weights(out * layer.terms), bias(out);
  if (weights.data() == nullptr || bias.data() == nullptr) {
    return Status::Error(Code::kNoMemory, "XNNPACK: no memory for %zu weights", out * layer.terms);
  }
  UnpackPanels(layer.weights, layer.panel_groups, per_group, layer.terms, weights.data());
  UnpackPanels(layer.bias, layer.panel_groups, per_group, 1, bias.data());
  const size_t in_stride = ToSize(node.inputs[0]->channel_stride), out_stride = ToSize(node.output->channel_stride);
  if (node.kind == OpKind::kDense) {
    // Rows of a batch are whole images.
    return ToStatus("create this fully connected layer",
                    xnn_create_fully_connected_nc_f32(layer.group_in, out, node.inputs[0]->image_bytes / sizeof(float),
                                                      node.output->image_bytes / sizeof(float), weights.data(), bias.data(),
                                                      layer.min, layer.max, 0, op));
  }
  const auto u32 = [](int32_t value) { return static_cast<uint32_t>(value); };
  const Window& w = layer.window;
  return ToStatus(
      "create this convolution",
      xnn_create_convolution2d_nhwc_f32(u32(w.pad_top), u32(w.pad_right), u32(w.pad_bottom), u32(w.pad_left), u32(w.kernel_h),
                                        u32(w.kernel_w), u32(w.stride_h), u32(w.stride_w), u32(w.dilation_h), u32(w.dilation_w),
                                        static_cast<uint32_t>(layer.groups), layer.group_in, layer.group_out, in_stride,
                                        out_stride, weights.data(), bias.data(), layer.min, layer.max, 0, op));
}

// Points the operator to `images` images from `first` on. XNNPACK allocates its table of pointers at the first call; later ones
// with the same height and width only remember how far the input has moved.
xnn_status SetUp(const ExternalOp& op, int32_t first, int32_t images) {
  const auto* x = reinterpret_cast<const float*>(op.input + ToSize(first) * op.input_image_bytes);
  auto* y = reinterpret_cast<float*>(op.output + ToSize(first) * op.output_image_bytes);
  if (op.dense) return xnn_setup_fully_connected_nc_f32(op.op, ToSize(images), x, y, op.pool);
  return xnn_setup_convolution2d_nhwc_f32(op.op, ToSize(images), op.height, op.width, x, y, op.pool);
}

size_t ContentBytes(const TensorInfo& tensor) {
  return ToSize(PixelsOf(tensor.shape) * tensor.channel_stride) * SizeOf(tensor.type);
}

}  // namespace

bool XnnpackAvailable() { return Initialize() == xnn_status_success; }

bool XnnpackSupports(const Node& node) {
  return !node.inputs.empty() && node.inputs[0]->type == DataType::kF32 &&
         (node.kind == OpKind::kConv || node.kind == OpKind::kDepthwise || node.kind == OpKind::kDense);
}

Result<pthreadpool*> CreateXnnpackThreads(int32_t threads) {
  if (threads < 1) return Status::Error(Code::kUsage, "%d threads; at least 1 is needed", threads);
  if (threads == 1) return static_cast<pthreadpool*>(nullptr);
  pthreadpool* pool = pthreadpool_create(ToSize(threads));
  if (pool == nullptr) return Status::Error(Code::kNoMemory, "XNNPACK: cannot start %d threads", threads);
  return pool;
}

void DestroyXnnpackThreads(pthreadpool* pool) {
  if (pool != nullptr) pthreadpool_destroy(pool);
}

Result<ExternalOp*> CreateXnnpackOp(const Node& node, const RunArgs& args, pthreadpool* pool) {
  CUTIS_TRY(ToStatus("start", Initialize()));
  if (!XnnpackSupports(node))
    return Status::Error(Code::kUnsupported, "XNNPACK is used for float32 conv, depthwise and dense only");
  ExternalOp* op = new (std::nothrow) ExternalOp;
  if (op == nullptr) return Status::Error(Code::kNoMemory, "XNNPACK: no memory for an operator");
  const TensorInfo& in = *node.inputs[0];
  const TensorInfo& out = *node.output;
  op->pool = pool;
  op->input = args.inputs[0];
  op->output = args.output;
  op->input_image_bytes = in.image_bytes;
  op->output_image_bytes = out.image_bytes;
  op->height = ToSize(in.shape.height);
  op->width = ToSize(in.shape.width);
  op->batch = args.batch;
  op->dense = node.kind == OpKind::kDense;
  op->gaps = !op->dense && (ContentBytes(in) != in.image_bytes || ContentBytes(out) != out.image_bytes);
  const int64_t bytes_before = thread_bytes;
  Status status = CreateOperator(node, &op->op);
  if (status.ok()) status = ToStatus("prepare an operator", SetUp(*op, 0, op->gaps ? 1 : op->batch));
  if (!status.ok()) {
    DestroyXnnpackOp(op);
    return status;
  }
  op->bytes = sizeof(ExternalOp) + ToSize(thread_bytes - bytes_before);
  return op;
}

Status RunXnnpackOp(ExternalOp* op, int32_t images) {
  if (images < 1 || images > op->batch) {
    return Status::Error(Code::kUsage, "%d images; this operator was made for 1 to %d", images, op->batch);
  }
  const int32_t step = op->gaps ? 1 : images;
  for (int32_t first = 0; first < images; first += step) {
    CUTIS_TRY(ToStatus("prepare an operator", SetUp(*op, first, step)));
    CUTIS_TRY(ToStatus("run an operator", xnn_run_operator(op->op, op->pool)));
  }
  return Status();
}

void DestroyXnnpackOp(ExternalOp* op) {
  if (op == nullptr) return;
  if (op->op != nullptr) xnn_delete_operator(op->op);
  delete op;
}

size_t XnnpackOpBytes(const ExternalOp* op) { return op->bytes; }
uint64_t XnnpackBytes() { return live_bytes; }
uint64_t XnnpackAllocations() { return allocations; }

}  // namespace cutis

#else  // without XNNPACK

namespace cutis {
namespace {

Status Missing() {
  return Status::Error(Code::kUnsupported,
                       "this build has no XNNPACK; configure it with -Dxnnpack=enabled or use the own backend");
}

}  // namespace

bool XnnpackAvailable() { return false; }
bool XnnpackSupports(const Node&) { return false; }
Result<pthreadpool*> CreateXnnpackThreads(int32_t) { return Missing(); }
void DestroyXnnpackThreads(pthreadpool*) {}
Result<ExternalOp*> CreateXnnpackOp(const Node&, const RunArgs&, pthreadpool*) { return Missing(); }
Status RunXnnpackOp(ExternalOp*, int32_t) { return Missing(); }
void DestroyXnnpackOp(ExternalOp*) {}
size_t XnnpackOpBytes(const ExternalOp*) { return 0; }
uint64_t XnnpackBytes() { return 0; }
uint64_t XnnpackAllocations() { return 0; }

}  // namespace cutis

#endif  // CUTIS_XNNPACK
