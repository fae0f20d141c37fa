// The operators lookup, clamp and dequantize: functions of single elements.
#include "ops/activation/activation.h"

#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

const Shape& ShapeOf(const Node& node) { return node.output->shape; }
size_t NoScratch(const Node&) { return 0; }
uint64_t NoMacs(const Node&) { return 0; }
int64_t Units(const Node& node, int32_t batch) { return BlocksOf(ShapeOf(node)) * batch; }

template <class In, class Out, class Args>
void SetBlock(const Node& node, const RunArgs& run, int64_t unit, Args& args) {
  const Block block = BlockAt(ShapeOf(node), unit);
  const TensorInfo& x = *node.inputs[0];
  args.x = PixelAt<In>(run.inputs[0], x, block.image, block.first_pixel);
  args.y = PixelAt<Out>(run.output, *node.output, block.image, block.first_pixel);
  args.x_stride = ToSize(x.channel_stride);
  args.y_stride = ToSize(node.output->channel_stride);
  args.pixels = ToSize(block.pixels);
  args.channels = ShapeOf(node).channels;
  JoinRows(args, IsTight(x) && IsTight(*node.output));
}

Status WrongOptions(const char* op) { return Status::Error(Code::kBadInput, "%s: the options are of another operator", op); }

Status CheckLookup(const Node& node) {
  CUTIS_TRY(CheckTensors("lookup", node, 1, DataType::kU8, DataType::kU8));
  CUTIS_TRY(CheckSameShape("lookup", *node.inputs[0], *node.output));
  const auto* options = std::get_if<LookupOptions>(&node.options);
  if (options == nullptr) return WrongOptions("lookup");
  if (options->table.size() != 256) {
    return Status::Error(Code::kBadInput, "lookup: the table has %zu entries instead of 256", options->table.size());
  }
  return Status();
}

void RunLookup(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<LookupOptions>(&node.options);
  for (int64_t unit = begin; unit < end; ++unit) {
    LookupU8Args args{};
    SetBlock<uint8_t, uint8_t>(node, run, unit, args);
    args.table = options.table.data();
    reinterpret_cast<void (*)(const LookupU8Args&)>(kernel)(args);
  }
}

Status CheckClamp(const Node& node) {
  CUTIS_TRY(CheckTensors("clamp", node, 1, DataType::kF32, DataType::kF32));
  CUTIS_TRY(CheckSameShape("clamp", *node.inputs[0], *node.output));
  const auto* options = std::get_if<ClampF32Options>(&node.options);
  if (options == nullptr) return WrongOptions("clamp");
  return CheckClampF32("clamp", options->min, options->max);
}

void RunClamp(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<ClampF32Options>(&node.options);
  for (int64_t unit = begin; unit < end; ++unit) {
    ClampF32Args args{};
    SetBlock<float, float>(node, run, unit, args);
    args.min = options.min;
    args.max = options.max;
    reinterpret_cast<void (*)(const ClampF32Args&)>(kernel)(args);
  }
}

Status CheckDequantize(const Node& node) {
  CUTIS_TRY(CheckTensors("dequantize", node, 1, DataType::kU8, DataType::kF32));
  CUTIS_TRY(CheckSameShape("dequantize", *node.inputs[0], *node.output));
  if (std::get_if<DequantizeOptions>(&node.options) == nullptr) return WrongOptions("dequantize");
  return Status();
}

void RunDequantize(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  for (int64_t unit = begin; unit < end; ++unit) {
    DequantizeU8Args args{};
    SetBlock<uint8_t, float>(node, run, unit, args);
    args.zero_point = node.inputs[0]->zero_point;
    args.scale = node.inputs[0]->scale;
    reinterpret_cast<void (*)(const DequantizeU8Args&)>(kernel)(args);
  }
}

}  // namespace

const Op kLookupU8Op = {OpKind::kLookup, DataType::kU8, KernelKind::kLookupU8, "lookup", CheckLookup, NoScratch, NoMacs, Units,
                        RunLookup,       false,         AlwaysInPlace};
const Op kClampF32Op = {OpKind::kClamp, DataType::kF32, KernelKind::kClampF32, "clamp", CheckClamp, NoScratch, NoMacs, Units,
                        RunClamp,       false,          AlwaysInPlace};
const Op kDequantizeU8Op = {
    OpKind::kDequantize, DataType::kU8, KernelKind::kDequantizeU8, "dequantize", CheckDequantize, NoScratch, NoMacs, Units,
    RunDequantize};

}  // namespace cutis
