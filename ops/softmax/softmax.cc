// The operator softmax, along the channels of each pixel; float32 out.
#include "ops/softmax/softmax.h"

#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

const Shape& ShapeOf(const Node& node) { return node.output->shape; }
size_t NoScratch(const Node&) { return 0; }
uint64_t NoMacs(const Node&) { return 0; }
int64_t Units(const Node& node, int32_t batch) { return BlocksOf(ShapeOf(node)) * batch; }

Status Check(const Node& node, DataType type) {
  CUTIS_TRY(CheckTensors("softmax", node, 1, type, DataType::kF32));
  CUTIS_TRY(CheckSameShape("softmax", *node.inputs[0], *node.output));
  if (std::get_if<SoftmaxOptions>(&node.options) == nullptr) {
    return Status::Error(Code::kBadInput, "softmax: the options are of another operator");
  }
  return Status();
}
Status CheckU8(const Node& node) { return Check(node, DataType::kU8); }
Status CheckF32(const Node& node) { return Check(node, DataType::kF32); }

template <class In, class Args>
void SetBlock(const Node& node, const RunArgs& run, int64_t unit, Args& args) {
  const Block block = BlockAt(ShapeOf(node), unit);
  args.x = PixelAt<In>(run.inputs[0], *node.inputs[0], block.image, block.first_pixel);
  args.y = PixelAt<float>(run.output, *node.output, block.image, block.first_pixel);
  args.x_stride = ToSize(node.inputs[0]->channel_stride);
  args.y_stride = ToSize(node.output->channel_stride);
  args.pixels = ToSize(block.pixels);
  args.channels = ShapeOf(node).channels;
}

void RunU8(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  for (int64_t unit = begin; unit < end; ++unit) {
    SoftmaxU8Args args{};
    SetBlock<uint8_t>(node, run, unit, args);
    args.scale = node.inputs[0]->scale;
    reinterpret_cast<void (*)(const SoftmaxU8Args&)>(kernel)(args);
  }
}

void RunF32(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  for (int64_t unit = begin; unit < end; ++unit) {
    SoftmaxF32Args args{};
    SetBlock<float>(node, run, unit, args);
    reinterpret_cast<void (*)(const SoftmaxF32Args&)>(kernel)(args);
  }
}

}  // namespace

const Op kSoftmaxU8Op = {
    OpKind::kSoftmax, DataType::kU8, KernelKind::kSoftmaxU8, "softmax", CheckU8, NoScratch, NoMacs, Units, RunU8};
const Op kSoftmaxF32Op = {
    OpKind::kSoftmax, DataType::kF32, KernelKind::kSoftmaxF32, "softmax", CheckF32, NoScratch, NoMacs, Units, RunF32};

}  // namespace cutis
