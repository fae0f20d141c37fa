// Fully connected, uint8: the images of the batch are the rows, so that one pass over the weights serves them all.
#include <algorithm>

#include "ops/conv/conv.h"
#include "ops/conv/geometry.h"
#include "ops/conv/panels.h"
#include "ops/op.h"
#include "ops/tensor.h"

namespace cutis {
extern const Op kDenseU8Op;

namespace {

constexpr const char* kName = "dense";

const ConvU8Options& OptionsOf(const Node& node) { return *std::get_if<ConvU8Options>(&node.options); }

size_t PaddedInputs(const Node& node) { return RoundUp(static_cast<size_t>(node.inputs[0]->shape.channels), 4); }

PanelShape PanelShapeOf(const Node& node) {
  return {1, static_cast<size_t>(node.output->shape.channels), 1, static_cast<size_t>(node.inputs[0]->shape.channels)};
}

int64_t Panels(const Node& node) { return (int64_t{node.output->shape.channels} + 15) / 16; }

Status Check(const Node& node) {
  const ConvU8Options* options = std::get_if<ConvU8Options>(&node.options);
  if (options == nullptr || node.inputs.size() != 1) {
    return Status::Error(Code::kBadInput, "%s: wants one input and the options of a uint8 convolution", kName);
  }
  CUTIS_TRY(CheckTensor(kName, "input", node.inputs[0], DataType::kU8));
  CUTIS_TRY(CheckTensor(kName, "output", node.output, DataType::kU8));
  const TensorInfo &in = *node.inputs[0], &out = *node.output;
  CUTIS_TRY(CheckOutputU8(kName, options->out, out));
  const Window& window = options->window;
  if (in.shape.height != 1 || in.shape.width != 1 || out.shape.height != 1 || out.shape.width != 1 || window.kernel_h != 1 ||
      window.kernel_w != 1 || window.stride_h != 1 || window.stride_w != 1 || window.pad_top != 0 || window.pad_left != 0 ||
      window.pad_bottom != 0 || window.pad_right != 0 || options->groups != 1 || !options->padding.empty()) {
    return Status::Error(Code::kBadInput, "%s: wants 1 x 1 images, a 1 x 1 window without stride or padding, and one group",
                         kName);
  }
  return CheckPanels(kName, *options, PanelShapeOf(node));
}

size_t ScratchBytes(const Node& node) {
  return RoundUp(ConvU8ScratchBytes(static_cast<int64_t>(PaddedInputs(node) / 4)), kAlignment);
}

uint64_t Macs(const Node& node) { return PanelMacs(OptionsOf(node), PanelShapeOf(node)); }

// A unit is one panel of one image, panels outermost: a thread's range is mostly whole panels for all images.
int64_t Units(const Node& node, int32_t batch) { return Panels(node) * batch; }

void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte* scratch) {
  const ConvU8Options& options = OptionsOf(node);
  const size_t in_bytes = node.inputs[0]->image_bytes, out_bytes = node.output->image_bytes, terms = PaddedInputs(node);
  const int64_t batch = run.batch, channels = node.output->shape.channels;
  while (begin < end) {
    const int64_t panel = begin / batch, image = begin % batch;
    // From here either the rest of this panel's images, or as many whole panels as there are.
    const bool whole = image == 0 && end - begin >= batch;
    const int64_t panels = whole ? (end - begin) / batch : 1;
    const int64_t images = whole ? batch : std::min(batch - image, end - begin);
    ConvU8Args args = {};
    args.x = reinterpret_cast<const uint8_t*>(run.inputs[0]) + static_cast<size_t>(image) * in_bytes;
    args.x_stride = in_bytes;
    args.pixels = static_cast<size_t>(images);
    args.bias = options.bias.data() + panel * 16;
    args.multiplier = options.multiplier.data() + panel * 16;
    args.y = reinterpret_cast<uint8_t*>(run.output) + static_cast<size_t>(image) * out_bytes + panel * 16;
    args.y_stride = out_bytes;
    args.k_groups = static_cast<int32_t>(terms / 4);
    args.channels = static_cast<int32_t>(std::min(channels - panel * 16, panels * 16));
    args.out = options.out;
    args.scratch = scratch;
    RunPanels(kernel, options, static_cast<size_t>(panel), args);
    begin += panels * images;
  }
}

}  // namespace

const Op kDenseU8Op = {OpKind::kDense, DataType::kU8, KernelKind::kConvU8, kName, Check, ScratchBytes, Macs, Units, Run};

}  // namespace cutis
