// The operator reshape: the same elements in the same order (height, width, channels) under another shape. The padding elements
// behind the channels are no elements: they are skipped in the input and left alone in the output.
#include "ops/reshape/reshape.h"

#include <algorithm>

#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

int64_t ElementsOf(const TensorInfo& tensor) { return PixelsOf(tensor.shape) * tensor.shape.channels; }
size_t NoScratch(const Node&) { return 0; }
uint64_t NoMacs(const Node&) { return 0; }
// A unit is kBlockElements elements of one image, the last one fewer.
int64_t UnitsOfImage(const Node& node) { return (ElementsOf(*node.output) + kBlockElements - 1) / kBlockElements; }
int64_t Units(const Node& node, int32_t batch) { return UnitsOfImage(node) * batch; }

Status Check(const Node& node, DataType type) {
  CUTIS_TRY(CheckTensors("reshape", node, 1, type, type));
  CUTIS_TRY(CheckSameScale("reshape", *node.inputs[0], *node.output));
  if (std::get_if<ReshapeOptions>(&node.options) == nullptr) {
    return Status::Error(Code::kBadInput, "reshape: the options are of another operator");
  }
  if (ElementsOf(*node.inputs[0]) != ElementsOf(*node.output)) {
    return Status::Error(Code::kBadInput, "reshape: %lld elements cannot become %lld",
                         static_cast<long long>(ElementsOf(*node.inputs[0])), static_cast<long long>(ElementsOf(*node.output)));
  }
  return Status();
}
Status CheckU8(const Node& node) { return Check(node, DataType::kU8); }
Status CheckF32(const Node& node) { return Check(node, DataType::kF32); }

// Where element `index` of an image lies, in elements, and how many follow it without a gap.
struct Place {
  int64_t offset = 0, run = 0;
};
Place PlaceOf(const TensorInfo& tensor, int64_t index) {
  if (IsTight(tensor)) return {index, ElementsOf(tensor) - index};
  const int64_t channel = index % tensor.shape.channels;
  return {index / tensor.shape.channels * tensor.channel_stride + channel, tensor.shape.channels - channel};
}

// Without gaps on both sides, or with the same ones, input and output are the same bytes: where they are one tensor there is
// nothing to do.
bool InPlace(const Node& node, size_t) {
  const TensorInfo &in = *node.inputs[0], &out = *node.output;
  return (IsTight(in) && IsTight(out)) || in.shape.channels == out.shape.channels;
}

void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  if (run.inputs[0] == run.output) return;  // InPlace
  const TensorInfo& in = *node.inputs[0];
  const TensorInfo& out = *node.output;
  const int64_t units = UnitsOfImage(node), size = static_cast<int64_t>(SizeOf(in.type));
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t image = unit / units;
    const std::byte* x = run.inputs[0] + ToSize(image) * in.image_bytes;
    std::byte* y = run.output + ToSize(image) * out.image_bytes;
    int64_t element = unit % units * kBlockElements;
    const int64_t last = std::min(element + kBlockElements, ElementsOf(out));
    while (element < last) {
      const Place from = PlaceOf(in, element), to = PlaceOf(out, element);
      const int64_t count = std::min(std::min(from.run, to.run), last - element);
      const CopyArgs args = {x + from.offset * size, y + to.offset * size, ToSize(count * size)};
      reinterpret_cast<void (*)(const CopyArgs&)>(kernel)(args);
      element += count;
    }
  }
}

}  // namespace

const Op kReshapeU8Op = {
    OpKind::kReshape, DataType::kU8, KernelKind::kCopy, "reshape", CheckU8, NoScratch, NoMacs, Units, Run, false, InPlace};
const Op kReshapeF32Op = {
    OpKind::kReshape, DataType::kF32, KernelKind::kCopy, "reshape", CheckF32, NoScratch, NoMacs, Units, Run, false, InPlace};

}  // namespace cutis
