// The operator add: two tensors of one shape, element by element.
#include "ops/add/add.h"

#include "ops/add/pixels.h"
#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

const Shape& ShapeOf(const Node& node) { return node.output->shape; }
size_t NoScratch(const Node&) { return 0; }
uint64_t Macs(const Node& node) { return static_cast<uint64_t>(PixelsOf(ShapeOf(node)) * ShapeOf(node).channels); }
int64_t Units(const Node& node, int32_t batch) { return BlocksOf(ShapeOf(node)) * batch; }

Status CheckShapes(const Node& node, DataType type) {
  CUTIS_TRY(CheckTensors("add", node, 2, type, type));
  CUTIS_TRY(CheckSameShape("add", *node.inputs[0], *node.output));
  return CheckSameShape("add", *node.inputs[1], *node.output);
}

// What AddU8Args and AddF32Args have in common.
template <class T, class Args>
void SetBlock(const Node& node, const RunArgs& run, int64_t unit, Args& args) {
  const Block block = BlockAt(ShapeOf(node), unit);
  const TensorInfo& a = *node.inputs[0];
  const TensorInfo& b = *node.inputs[1];
  args.a = PixelAt<T>(run.inputs[0], a, block.image, block.first_pixel);
  args.b = PixelAt<T>(run.inputs[1], b, block.image, block.first_pixel);
  args.y = PixelAt<T>(run.output, *node.output, block.image, block.first_pixel);
  args.a_stride = ToSize(a.channel_stride);
  args.b_stride = ToSize(b.channel_stride);
  args.y_stride = ToSize(node.output->channel_stride);
  args.pixels = ToSize(block.pixels);
  args.channels = ShapeOf(node).channels;
  JoinRows(args, IsTight(a) && IsTight(b) && IsTight(*node.output));
}

Status CheckU8(const Node& node) {
  CUTIS_TRY(CheckShapes(node, DataType::kU8));
  const auto* options = std::get_if<AddU8Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "add: the options are of another operator");
  CUTIS_TRY(CheckMultiplier("add", options->multiplier_a));
  CUTIS_TRY(CheckMultiplier("add", options->multiplier_b));
  return CheckOutputU8("add", options->out, *node.output);
}

// What a node says of the arithmetic.
AddU8Args ArgsOf(const Node& node) {
  const auto& options = *std::get_if<AddU8Options>(&node.options);
  AddU8Args args{};
  args.zero_a = node.inputs[0]->zero_point;
  args.zero_b = node.inputs[1]->zero_point;
  args.multiplier_a = options.multiplier_a;
  args.multiplier_b = options.multiplier_b;
  args.out = options.out;
  return args;
}

void RunU8(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  for (int64_t unit = begin; unit < end; ++unit) {
    AddU8Args args = ArgsOf(node);
    SetBlock<uint8_t>(node, run, unit, args);
    reinterpret_cast<void (*)(const AddU8Args&)>(kernel)(args);
  }
}

Status CheckF32(const Node& node) {
  CUTIS_TRY(CheckShapes(node, DataType::kF32));
  const auto* options = std::get_if<AddF32Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "add: the options are of another operator");
  return CheckClampF32("add", options->min, options->max);
}

void RunF32(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<AddF32Options>(&node.options);
  for (int64_t unit = begin; unit < end; ++unit) {
    AddF32Args args{};
    SetBlock<float>(node, run, unit, args);
    args.min = options.min;
    args.max = options.max;
    reinterpret_cast<void (*)(const AddF32Args&)>(kernel)(args);
  }
}

}  // namespace

void RunAddU8Pixels(const Node& node, KernelFn kernel, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t pixels,
                    int32_t first_channel, int32_t channels) {
  AddU8Args args = ArgsOf(node);
  args.a = a + first_channel;
  args.b = b + first_channel;
  args.y = y + first_channel;
  args.a_stride = ToSize(node.inputs[0]->channel_stride);
  args.b_stride = ToSize(node.inputs[1]->channel_stride);
  args.y_stride = ToSize(node.output->channel_stride);
  args.pixels = pixels;
  args.channels = channels;
  JoinRows(args,
           channels == ShapeOf(node).channels && IsTight(*node.inputs[0]) && IsTight(*node.inputs[1]) && IsTight(*node.output));
  reinterpret_cast<void (*)(const AddU8Args&)>(kernel)(args);
}

const Op kAddU8Op = {OpKind::kAdd, DataType::kU8, KernelKind::kAddU8, "add", CheckU8, NoScratch, Macs, Units,
                     RunU8,        false,         AlwaysInPlace};
const Op kAddF32Op = {OpKind::kAdd, DataType::kF32, KernelKind::kAddF32, "add", CheckF32, NoScratch, Macs, Units,
                      RunF32,       false,          AlwaysInPlace};

}  // namespace cutis
