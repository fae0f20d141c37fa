// The operator binary: functions of two elements, which index maps lead to.
#include "ops/binary/binary.h"

#include "ops/axes.h"
#include "ops/check.h"
#include "ops/nest.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

size_t NoScratch(const Node&) { return 0; }

template <class Options>
uint64_t Macs(const Node& node) {
  return static_cast<uint64_t>(ElementCount(std::get_if<Options>(&node.options)->view));
}
template <class Options>
int64_t Units(const Node& node, int32_t batch) {
  return CutView(std::get_if<Options>(&node.options)->view, kBlockElements).count * batch;
}

template <class Options>
Status CheckMaps(const Node& node, DataType type, const Options** options) {
  CUTIS_TRY(CheckTensors("binary", node, 2, type, type));
  CUTIS_TRY(CheckEntries("binary", node));
  *options = std::get_if<Options>(&node.options);
  if (*options == nullptr) return Status::Error(Code::kBadInput, "binary: the options are of another operator");
  IndexMap map;
  CUTIS_TRY(MapView("binary", (*options)->view, *node.output, &map));
  CUTIS_TRY(CheckMap("binary", (*options)->view, (*options)->a, *node.inputs[0]));
  return CheckMap("binary", (*options)->view, (*options)->b, *node.inputs[1]);
}

Status CheckF32(const Node& node) {
  const BinaryF32Options* options = nullptr;
  CUTIS_TRY(CheckMaps(node, DataType::kF32, &options));
  if (options->function > BinaryFunction::kPow) {
    return Status::Error(Code::kBadInput, "binary: there is no function %d", static_cast<int>(options->function));
  }
  return CheckClampF32("binary", options->min, options->max);
}

Status CheckU8(const Node& node) {
  const BinaryU8Options* options = nullptr;
  CUTIS_TRY(CheckMaps(node, DataType::kU8, &options));
  CUTIS_TRY(CheckOutputU8("binary", options->out, *node.output));
  switch (options->function) {
    case BinaryFunction::kAdd:
    case BinaryFunction::kSub:
      CUTIS_TRY(CheckMultiplier("binary", options->multiplier_a));
      return CheckMultiplier("binary", options->multiplier_b);
    case BinaryFunction::kMul:
      return CheckMultiplier("binary", options->multiplier_a);
    case BinaryFunction::kMax:
    case BinaryFunction::kMin:
      CUTIS_TRY(CheckSameScale("binary", *node.inputs[0], *node.output));
      return CheckSameScale("binary", *node.inputs[1], *node.output);
    case BinaryFunction::kDiv:
    case BinaryFunction::kPow:
      break;
  }
  return Status::Error(Code::kBadInput, "binary: there is no function %d of uint8", static_cast<int>(options->function));
}

template <class Options>
bool InPlace(const Node& node, size_t index) {
  const Options& options = *std::get_if<Options>(&node.options);
  return SamePlaces(options.view, *node.output, index == 0 ? options.a : options.b, *node.inputs[index]);
}

void SetFunction(const Node&, const BinaryF32Options& options, BinaryF32Args& args) {
  args.function = options.function;
  args.min = options.min;
  args.max = options.max;
}
void SetFunction(const Node& node, const BinaryU8Options& options, BinaryU8Args& args) {
  args.function = options.function;
  args.zero_a = node.inputs[0]->zero_point;
  args.zero_b = node.inputs[1]->zero_point;
  args.multiplier_a = options.multiplier_a;
  args.multiplier_b = options.multiplier_b;
  args.out = options.out;
}

template <class T, class Options, class Args>
void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const Options& options = *std::get_if<Options>(&node.options);
  const View& view = options.view;
  IndexMap map;
  if (!MapView("binary", view, *node.output, &map).ok()) __builtin_trap();  // check() has passed
  const Strides strides[] = {StridesOf(view, map, *node.output), StridesOf(view, options.a, *node.inputs[0]),
                             StridesOf(view, options.b, *node.inputs[1])};
  const Slabs slabs = CutView(view, kBlockElements);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t entry = unit / slabs.count;
    const Box box = SlabAt(view, slabs, unit % slabs.count);
    Args args{};
    args.y = EntryAt<T>(run.output, *node.output, entry) + OffsetOf(strides[0], view.rank, box.from);
    args.a = EntryAt<T>(run.inputs[0], *node.inputs[0], entry) + OffsetOf(strides[1], view.rank, box.from);
    args.b = EntryAt<T>(run.inputs[1], *node.inputs[1], entry) + OffsetOf(strides[2], view.rank, box.from);
    args.nest = MakeNest(view.rank, box.extent, strides);
    SetFunction(node, options, args);
    reinterpret_cast<void (*)(const Args&)>(kernel)(args);
  }
}

}  // namespace

const Op kBinaryU8Op = {OpKind::kBinary,
                        DataType::kU8,
                        KernelKind::kBinaryU8,
                        "binary",
                        CheckU8,
                        NoScratch,
                        Macs<BinaryU8Options>,
                        Units<BinaryU8Options>,
                        Run<uint8_t, BinaryU8Options, BinaryU8Args>,
                        true,
                        InPlace<BinaryU8Options>};
const Op kBinaryF32Op = {OpKind::kBinary,
                         DataType::kF32,
                         KernelKind::kBinaryF32,
                         "binary",
                         CheckF32,
                         NoScratch,
                         Macs<BinaryF32Options>,
                         Units<BinaryF32Options>,
                         Run<float, BinaryF32Options, BinaryF32Args>,
                         true,
                         InPlace<BinaryF32Options>};

}  // namespace cutis
