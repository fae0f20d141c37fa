// The operator quantize: from real numbers to bytes of a scale and zero point.
#include "ops/quantize/quantize.h"

#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

const Shape& ShapeOf(const Node& node) { return node.output->shape; }
size_t NoScratch(const Node&) { return 0; }
uint64_t NoMacs(const Node&) { return 0; }
int64_t Units(const Node& node, int32_t batch) { return BlocksOf(ShapeOf(node)) * batch; }

Status Check(const Node& node) {
  CUTIS_TRY(CheckTensors("quantize", node, 1, DataType::kF32, DataType::kU8));
  CUTIS_TRY(CheckSameShape("quantize", *node.inputs[0], *node.output));
  if (std::get_if<QuantizeOptions>(&node.options) == nullptr) {
    return Status::Error(Code::kBadInput, "quantize: the options are of another operator");
  }
  return Status();
}

void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const TensorInfo& in = *node.inputs[0];
  const TensorInfo& out = *node.output;
  for (int64_t unit = begin; unit < end; ++unit) {
    const Block block = BlockAt(ShapeOf(node), unit);
    QuantizeF32Args args{};
    args.x = PixelAt<float>(run.inputs[0], in, block.image, block.first_pixel);
    args.y = PixelAt<uint8_t>(run.output, out, block.image, block.first_pixel);
    args.x_stride = ToSize(in.channel_stride);
    args.y_stride = ToSize(out.channel_stride);
    args.pixels = ToSize(block.pixels);
    args.channels = ShapeOf(node).channels;
    args.zero_point = out.zero_point;
    args.scale = out.scale;
    JoinRows(args, IsTight(in) && IsTight(out));
    reinterpret_cast<void (*)(const QuantizeF32Args&)>(kernel)(args);
  }
}

}  // namespace

const Op kQuantizeF32Op = {
    OpKind::kQuantize, DataType::kF32, KernelKind::kQuantizeF32, "quantize", Check, NoScratch, NoMacs, Units, Run};

}  // namespace cutis
