// The operator select: one of two elements, by a third.
#include "ops/select/select.h"

#include "ops/axes.h"
#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

const SelectOptions& OptionsOf(const Node& node) { return *std::get_if<SelectOptions>(&node.options); }
size_t NoScratch(const Node&) { return 0; }
uint64_t Macs(const Node& node) { return static_cast<uint64_t>(ElementCount(OptionsOf(node).view)); }
int64_t Units(const Node& node, int32_t batch) { return CutView(OptionsOf(node).view, kBlockElements).count * batch; }

Status Check(const Node& node) {
  CUTIS_TRY(CheckTensors("select", node, 3, DataType::kF32, DataType::kF32));
  CUTIS_TRY(CheckEntries("select", node));
  const auto* options = std::get_if<SelectOptions>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "select: the options are of another operator");
  IndexMap map;
  CUTIS_TRY(MapView("select", options->view, *node.output, &map));
  CUTIS_TRY(CheckMap("select", options->view, options->condition, *node.inputs[0]));
  CUTIS_TRY(CheckMap("select", options->view, options->a, *node.inputs[1]));
  return CheckMap("select", options->view, options->b, *node.inputs[2]);
}

bool InPlace(const Node& node, size_t index) {
  const SelectOptions& options = OptionsOf(node);
  const IndexMap* const maps[] = {&options.condition, &options.a, &options.b};
  return SamePlaces(options.view, *node.output, *maps[index], *node.inputs[index]);
}

void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const SelectOptions& options = OptionsOf(node);
  const View& view = options.view;
  IndexMap map;
  if (!MapView("select", view, *node.output, &map).ok()) __builtin_trap();  // check() has passed
  const Strides strides[] = {StridesOf(view, map, *node.output), StridesOf(view, options.condition, *node.inputs[0]),
                             StridesOf(view, options.a, *node.inputs[1]), StridesOf(view, options.b, *node.inputs[2])};
  const Slabs slabs = CutView(view, kBlockElements);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t entry = unit / slabs.count;
    const Box box = SlabAt(view, slabs, unit % slabs.count);
    const auto input = [&](size_t index) {
      return EntryAt<float>(run.inputs[index], *node.inputs[index], entry) + OffsetOf(strides[index + 1], view.rank, box.from);
    };
    SelectF32Args args{};
    args.y = EntryAt<float>(run.output, *node.output, entry) + OffsetOf(strides[0], view.rank, box.from);
    args.condition = input(0);
    args.a = input(1);
    args.b = input(2);
    args.nest = MakeNest(view.rank, box.extent, strides);
    reinterpret_cast<void (*)(const SelectF32Args&)>(kernel)(args);
  }
}

}  // namespace

const Op kSelectF32Op = {
    OpKind::kSelect, DataType::kF32, KernelKind::kSelectF32, "select", Check, NoScratch, Macs, Units, Run, true, InPlace};

}  // namespace cutis
