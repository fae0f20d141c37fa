// Depthwise convolution, uint8: checks, and the cut into output rows.
#include "ops/depthwise/depthwise.h"

#include <algorithm>
#include <cstring>

#include "ops/conv/geometry.h"
#include "ops/op.h"
#include "ops/tensor.h"

namespace cutis {
extern const Op kDepthwiseU8Op;

namespace {

constexpr const char* kName = "depthwise";

// Far above any real layer (padded rows of 1024 pixels and a 7x7 window take 260 KB); bounds what a strange window can ask
// for.
constexpr uint64_t kMostScratch = uint64_t{1} << 28;

const DepthwiseU8Options& OptionsOf(const Node& node) { return *std::get_if<DepthwiseU8Options>(&node.options); }

size_t PaddingBytes(const Node& node) { return RoundUp(static_cast<size_t>(node.inputs[0]->channel_stride), kAlignment); }

// A pixel of padding, the taps, the rows; for a window whose number of taps is known to be in range.
uint64_t ScratchBytes64(const Node& node) {
  const Window& window = OptionsOf(node).window;
  const DepthwiseU8Ring ring = PlanDepthwiseU8Ring(window, node.output->shape.width);
  const uint64_t ring_bytes =
      SaturatingMultiply(SaturatingMultiply(static_cast<uint64_t>(ring.columns), 64), static_cast<uint64_t>(ring.pairs));
  if (ring_bytes > kMostScratch) return UINT64_MAX;
  return PaddingBytes(node) + RoundUp(static_cast<size_t>(DepthwiseU8TapBytes(window)), kAlignment) +
         RoundUp(static_cast<size_t>(DepthwiseU8PointerBytes(window)), kAlignment) +
         RoundUp(static_cast<size_t>(DepthwiseU8RowBytes(window, node.output->shape.width)), kAlignment);
}

Status Check(const Node& node) {
  const DepthwiseU8Options* options = std::get_if<DepthwiseU8Options>(&node.options);
  if (options == nullptr || node.inputs.size() != 1) {
    return Status::Error(Code::kBadInput, "%s: wants one input and the options of a uint8 depthwise convolution", kName);
  }
  CUTIS_TRY(CheckTensor(kName, "input", node.inputs[0], DataType::kU8));
  CUTIS_TRY(CheckTensor(kName, "output", node.output, DataType::kU8));
  const TensorInfo &in = *node.inputs[0], &out = *node.output;
  const Window& window = options->window;
  CUTIS_TRY(CheckWindow(kName, window, in.shape, out.shape));
  CUTIS_TRY(CheckOutputU8(kName, options->out, out));
  if (in.shape.channels != out.shape.channels) {
    return Status::Error(Code::kBadInput, "%s: %d channels in, %d out", kName, in.shape.channels, out.shape.channels);
  }
  const size_t live = static_cast<size_t>(in.shape.channels), channels = RoundUp(live, 16);
  if (!options->padding.empty() && options->padding.size() != live) {
    return Status::Error(Code::kBadInput, "%s: %zu padding bytes for %zu channels", kName, options->padding.size(), live);
  }
  if (options->bias.size() != channels || options->multiplier.size() != channels) {
    return Status::Error(Code::kBadInput, "%s: %zu biases and %zu multipliers where the layout has %zu", kName,
                         options->bias.size(), options->multiplier.size(), channels);
  }
  const int64_t taps = int64_t{window.kernel_h} * window.kernel_w, terms = (taps + 3) / 4 * 4;  // below 2^62
  CUTIS_TRY(CheckChannels(kName, options->bias, options->multiplier, live, channels, terms));
  if (options->weights.size() != channels * static_cast<uint64_t>(terms)) {  // below 2^48 after CheckChannels()
    return Status::Error(Code::kBadInput, "%s: %zu bytes of weights where the layout has %llu", kName, options->weights.size(),
                         static_cast<unsigned long long>(channels * static_cast<uint64_t>(terms)));
  }
  CUTIS_TRY(CheckWeightsS8(kName, options->weights));
  if (ScratchBytes64(node) > kMostScratch) {
    return Status::Error(Code::kUnsupported, "%s: a window of %d x %d with dilation %d x %d over %d x %d pixels is too large",
                         kName, window.kernel_h, window.kernel_w, window.dilation_h, window.dilation_w, in.shape.height,
                         in.shape.width);
  }
  // A kernel may multiply the taps that pad the last four by any pixel, so they must be zero.
  const size_t panel = DepthwiseU8PanelBytes(window), used = static_cast<size_t>(taps % 4);
  for (size_t end = panel; used != 0 && end <= options->weights.size(); end += panel) {
    for (size_t i = 0; i < 64; ++i) {
      if (i % 4 >= used && options->weights[end - 64 + i] != 0) {
        return Status::Error(Code::kBadInput, "%s: a weight beyond the last tap is not zero", kName);
      }
    }
  }
  return Status();
}

// What check() accepted is below kMostScratch.
size_t ScratchBytes(const Node& node) { return static_cast<size_t>(ScratchBytes64(node)); }

uint64_t Macs(const Node& node) {
  const Shape& out = node.output->shape;
  const Window& window = OptionsOf(node).window;
  const uint64_t pixels = static_cast<uint64_t>(out.height) * static_cast<uint64_t>(out.width);
  const uint64_t taps = static_cast<uint64_t>(window.kernel_h) * static_cast<uint64_t>(window.kernel_w);
  return SaturatingMultiply(SaturatingMultiply(pixels, static_cast<uint64_t>(out.channels)), taps);
}

int64_t Units(const Node& node, int32_t batch) { return int64_t{node.output->shape.height} * batch; }

void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte* scratch) {
  const DepthwiseU8Options& options = OptionsOf(node);
  const TensorInfo &in = *node.inputs[0], &out = *node.output;
  uint8_t* padding = reinterpret_cast<uint8_t*>(scratch);
  std::memset(padding, in.zero_point, static_cast<size_t>(in.channel_stride));
  if (!options.padding.empty()) std::memcpy(padding, options.padding.data(), options.padding.size());
  DepthwiseU8Args args = {};
  args.x_stride = static_cast<size_t>(in.channel_stride);
  args.in_h = in.shape.height;
  args.in_w = in.shape.width;
  args.x_rows = args.in_h;
  args.padding = padding;
  args.w = options.weights.data();
  args.bias = options.bias.data();
  args.multiplier = options.multiplier.data();
  args.y_stride = static_cast<size_t>(out.channel_stride);
  args.out_h = out.shape.height;
  args.out_w = out.shape.width;
  args.channels = in.shape.channels;
  args.window = options.window;
  args.out = options.out;
  args.scratch = scratch + PaddingBytes(node);
  while (begin < end) {
    const int64_t image = begin / args.out_h, stop = std::min(end, (image + 1) * args.out_h);
    args.x = reinterpret_cast<const uint8_t*>(run.inputs[0]) + static_cast<size_t>(image) * in.image_bytes;
    args.row_begin = static_cast<int32_t>(begin - image * args.out_h);
    args.y = reinterpret_cast<uint8_t*>(run.output) + static_cast<size_t>(image) * out.image_bytes +
             static_cast<size_t>(args.row_begin) * static_cast<size_t>(args.out_w) * args.y_stride;
    args.row_end = static_cast<int32_t>(stop - image * args.out_h);
    reinterpret_cast<void (*)(const DepthwiseU8Args&)>(kernel)(args);
    begin = stop;
  }
}

}  // namespace

const Op kDepthwiseU8Op = {
    OpKind::kDepthwise, DataType::kU8, KernelKind::kDepthwiseU8, kName, Check, ScratchBytes, Macs, Units, Run};

}  // namespace cutis
