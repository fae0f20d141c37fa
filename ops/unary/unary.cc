// The operator unary: functions of single float32 elements. (Those of uint8 tensors are tables: the operator lookup.)
#include "ops/unary/unary.h"

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
  CUTIS_TRY(CheckTensors("unary", node, 1, DataType::kF32, DataType::kF32));
  CUTIS_TRY(CheckSameShape("unary", *node.inputs[0], *node.output));
  const auto* options = std::get_if<UnaryOptions>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "unary: the options are of another operator");
  if (options->function > UnaryFunction::kLeakyRelu) {
    return Status::Error(Code::kBadInput, "unary: there is no function %d", static_cast<int>(options->function));
  }
  // x - x is 0 for finite numbers only.
  if (options->alpha - options->alpha != 0 || options->beta - options->beta != 0) {
    return Status::Error(Code::kBadInput, "unary: alpha %g and beta %g must be finite", static_cast<double>(options->alpha),
                         static_cast<double>(options->beta));
  }
  return {};
}

void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<UnaryOptions>(&node.options);
  const TensorInfo& x = *node.inputs[0];
  for (int64_t unit = begin; unit < end; ++unit) {
    const Block block = BlockAt(ShapeOf(node), unit);
    UnaryF32Args args{};
    args.x = PixelAt<float>(run.inputs[0], x, block.image, block.first_pixel);
    args.y = PixelAt<float>(run.output, *node.output, block.image, block.first_pixel);
    args.x_stride = ToSize(x.channel_stride);
    args.y_stride = ToSize(node.output->channel_stride);
    args.pixels = ToSize(block.pixels);
    args.channels = ShapeOf(node).channels;
    JoinRows(args, IsTight(x) && IsTight(*node.output));
    args.function = options.function;
    args.alpha = options.alpha;
    args.beta = options.beta;
    reinterpret_cast<void (*)(const UnaryF32Args&)>(kernel)(args);
  }
}

}  // namespace

const Op kUnaryF32Op = {OpKind::kUnary, DataType::kF32, KernelKind::kUnaryF32, "unary", Check, NoScratch, NoMacs, Units, Run,
                        false,          AlwaysInPlace};

}  // namespace cutis
