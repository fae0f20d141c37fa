// The operator dense (fully connected), float32: one row of weights for each output, over a vector.
//
// A unit of work is kUnitChannels outputs of one image: batches are small, layers wide. The kernel is the convolution's.
#include <algorithm>

#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

constexpr int64_t kUnitChannels = 64;  // a multiple of the 16 of a panel

int64_t In(const Node& node) { return node.inputs[0]->shape.channels; }
int64_t Out(const Node& node) { return node.output->shape.channels; }
int64_t Blocks(const Node& node) { return (Out(node) + kUnitChannels - 1) / kUnitChannels; }

size_t NoScratch(const Node&) { return 0; }
uint64_t Macs(const Node& node) { return ToSize(In(node) * Out(node)); }
int64_t Units(const Node& node, int32_t batch) { return Blocks(node) * batch; }

bool IsVector(const Shape& shape) { return shape.height == 1 && shape.width == 1; }

Status Check(const Node& node) {
  CUTIS_TRY(CheckTensors("dense", node, 1, DataType::kF32, DataType::kF32));
  const auto* options = std::get_if<ConvF32Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "dense: the options are of another operator");
  if (!IsVector(node.inputs[0]->shape) || !IsVector(node.output->shape)) {
    return Status::Error(Code::kBadInput, "dense: input and output must be vectors (1 x 1 x channels)");
  }
  // A stride could hide padding that moves the window off the only pixel.
  const Window& w = options->window;
  const bool plain = w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 && w.stride_w == 1 && w.dilation_h == 1 &&
                     w.dilation_w == 1 && w.pad_top == 0 && w.pad_left == 0 && w.pad_bottom == 0 && w.pad_right == 0;
  if (!plain || options->groups != 1) {
    return Status::Error(Code::kBadInput, "dense: the window must be 1 x 1 without stride, dilation, padding and groups");
  }
  const int64_t bias = (Out(node) + 15) / 16 * 16;
  if (static_cast<int64_t>(options->bias.size()) != bias || static_cast<int64_t>(options->weights.size()) != bias * In(node)) {
    return Status::Error(Code::kBadInput, "dense: %zu weights and %zu biases instead of %lld and %lld", options->weights.size(),
                         options->bias.size(), static_cast<long long>(bias * In(node)), static_cast<long long>(bias));
  }
  if (reinterpret_cast<uintptr_t>(options->weights.data()) % kAlignment != 0) {
    return Status::Error(Code::kBadInput, "dense: the weights do not start at a multiple of %zu bytes", kAlignment);
  }
  return CheckClampF32("dense", options->min, options->max);
}

void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<ConvF32Options>(&node.options);
  const int64_t blocks = Blocks(node);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t image = unit / blocks, first = unit % blocks * kUnitChannels;
    ConvF32Args args{};
    args.x = PixelAt<float>(run.inputs[0], *node.inputs[0], image, 0);
    args.pixels = 1;
    args.w = options.weights.data() + first * In(node);
    args.bias = options.bias.data() + first;
    args.y = PixelAt<float>(run.output, *node.output, image, 0) + first;
    args.k = static_cast<int32_t>(In(node));
    args.channels = static_cast<int32_t>(std::min(kUnitChannels, Out(node) - first));
    args.min = options.min;
    args.max = options.max;
    reinterpret_cast<void (*)(const ConvF32Args&)>(kernel)(args);
  }
}

}  // namespace

const Op kDenseF32Op = {OpKind::kDense, DataType::kF32, KernelKind::kConvF32, "dense", Check, NoScratch, Macs, Units, Run};

}  // namespace cutis
