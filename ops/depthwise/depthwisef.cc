// The operator depthwise, float32: one filter for each channel. A unit of work is an output row of an image.
#include <algorithm>

#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

size_t NoScratch(const Node&) { return 0; }
int64_t Units(const Node& node, int32_t batch) { return int64_t{node.output->shape.height} * batch; }

uint64_t Macs(const Node& node) {
  const Window& w = std::get_if<DepthwiseF32Options>(&node.options)->window;
  return SaturatingMultiply(ToSize(PixelsOf(node.output->shape) * node.output->shape.channels),
                            ToSize(int64_t{w.kernel_h} * w.kernel_w));
}

Status Check(const Node& node) {
  CUTIS_TRY(CheckTensors("depthwise", node, 1, DataType::kF32, DataType::kF32));
  const auto* options = std::get_if<DepthwiseF32Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "depthwise: the options are of another operator");
  const Window& w = options->window;
  CUTIS_TRY(CheckWindow("depthwise", w, node.inputs[0]->shape, node.output->shape));
  CUTIS_TRY(CheckWindowLimits("depthwise", w));
  const int64_t channels = node.output->shape.channels;
  if (node.inputs[0]->shape.channels != channels) {
    return Status::Error(Code::kBadInput, "depthwise: %d channels in, %lld out", node.inputs[0]->shape.channels,
                         static_cast<long long>(channels));
  }
  const int64_t bias = (channels + 15) / 16 * 16, weights = bias * w.kernel_h * w.kernel_w;
  if (static_cast<int64_t>(options->bias.size()) != bias || static_cast<int64_t>(options->weights.size()) != weights) {
    return Status::Error(Code::kBadInput, "depthwise: %zu weights and %zu biases instead of %lld and %lld",
                         options->weights.size(), options->bias.size(), static_cast<long long>(weights),
                         static_cast<long long>(bias));
  }
  if (reinterpret_cast<uintptr_t>(options->weights.data()) % kAlignment != 0) {
    return Status::Error(Code::kBadInput, "depthwise: the weights do not start at a multiple of %zu bytes", kAlignment);
  }
  return CheckClampF32("depthwise", options->min, options->max);
}

void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<DepthwiseF32Options>(&node.options);
  const TensorInfo& in = *node.inputs[0];
  const TensorInfo& out = *node.output;
  for (int64_t unit = begin; unit < end;) {
    const int64_t image = unit / out.shape.height, row = unit % out.shape.height;
    const int64_t rows = std::min(out.shape.height - row, end - unit);
    DepthwiseF32Args args{};
    args.x = PixelAt<float>(run.inputs[0], in, image, 0);
    args.x_stride = ToSize(in.channel_stride);
    args.in_h = in.shape.height;
    args.in_w = in.shape.width;
    args.w = options.weights.data();
    args.bias = options.bias.data();
    args.y = PixelAt<float>(run.output, out, image, 0);
    args.y_stride = ToSize(out.channel_stride);
    args.out_h = out.shape.height;
    args.out_w = out.shape.width;
    args.row_begin = static_cast<int32_t>(row);
    args.row_end = static_cast<int32_t>(row + rows);
    args.channels = out.shape.channels;
    args.window = options.window;
    args.min = options.min;
    args.max = options.max;
    reinterpret_cast<void (*)(const DepthwiseF32Args&)>(kernel)(args);
    unit += rows;
  }
}

}  // namespace

const Op kDepthwiseF32Op = {
    OpKind::kDepthwise, DataType::kF32, KernelKind::kDepthwiseF32, "depthwise", Check, NoScratch, Macs, Units, Run};

}  // namespace cutis
