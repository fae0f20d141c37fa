// Convolution, uint8: checks, and how every convolution becomes rows of bytes times panels of weights.
//
// A 1x1 convolution of stride 1 without padding is such a product as it stands. Any other one copies the patches of a block of
// pixels into the thread's scratch first. Groups are convolutions of their own over a slice of the channels.
#include "ops/conv/conv.h"

#include <algorithm>
#include <cstring>

#include "ops/conv/geometry.h"
#include "ops/conv/layer.h"
#include "ops/conv/panels.h"
#include "ops/conv/rows.h"
#include "ops/op.h"
#include "ops/tensor.h"

namespace cutis {
extern const Op kConvU8Op;

namespace {

constexpr const char* kName = "conv";

// Units are 4 pixels of one image: small enough that the 49 pixels of a 7x7 map balance over threads, and the tile of the
// smallest kernel. A thread's range of units is contiguous and goes to the kernel in larger blocks.
constexpr int64_t kUnitPixels = 4;

// Pixels that go to the kernel at a time: a multiple of all tiles (4, 6 and 12 pixels), near the first- or second-level cache.
// Larger blocks reuse the weights more often; patches also cost arena.
constexpr size_t kBlockStep = 12;
constexpr size_t kPatchBytes = 16 * 1024;
constexpr size_t kDirectBytes = 64 * 1024;

size_t BlockPixels(size_t row_bytes, size_t budget) {
  return std::max(kBlockStep, std::min<size_t>(budget / row_bytes / kBlockStep, 64) * kBlockStep);
}

PanelShape PanelShapeOf(const Node& node) {
  const ConvU8Options& options = *std::get_if<ConvU8Options>(&node.options);
  const size_t groups = static_cast<size_t>(options.groups);
  return {groups, static_cast<size_t>(node.output->shape.channels) / groups,
          int64_t{options.window.kernel_h} * options.window.kernel_w,
          static_cast<size_t>(node.inputs[0]->shape.channels) / groups};
}

Status Check(const Node& node) {
  const ConvU8Options* options = std::get_if<ConvU8Options>(&node.options);
  if (options == nullptr || node.inputs.size() != 1) {
    return Status::Error(Code::kBadInput, "%s: wants one input and the options of a uint8 convolution", kName);
  }
  CUTIS_TRY(CheckTensor(kName, "input", node.inputs[0], DataType::kU8));
  CUTIS_TRY(CheckTensor(kName, "output", node.output, DataType::kU8));
  const TensorInfo &in = *node.inputs[0], &out = *node.output;
  CUTIS_TRY(CheckWindow(kName, options->window, in.shape, out.shape));
  CUTIS_TRY(CheckOutputU8(kName, options->out, out));
  const int32_t groups = options->groups;
  if (groups < 1 || in.shape.channels % groups != 0 || out.shape.channels % groups != 0) {
    return Status::Error(Code::kBadInput, "%s: %d groups do not divide %d input and %d output channels", kName, groups,
                         in.shape.channels, out.shape.channels);
  }
  if (!options->padding.empty() && options->padding.size() != static_cast<size_t>(in.shape.channels)) {
    return Status::Error(Code::kBadInput, "%s: %zu padding bytes for %d input channels", kName, options->padding.size(),
                         in.shape.channels);
  }
  return CheckPanels(kName, *options, PanelShapeOf(node));
}

size_t PatchBytes(const ConvU8Layer& layer) {
  return layer.direct ? 0 : RoundUp(BlockPixels(layer.row_bytes, kPatchBytes) * layer.row_bytes, kAlignment);
}

size_t ScratchBytes(const Node& node) {
  const ConvU8Layer layer(node);
  return PatchBytes(layer) + RoundUp(ConvU8ScratchBytes(static_cast<int64_t>(layer.row_bytes / 4)), kAlignment);
}

uint64_t Macs(const Node& node) {
  const ConvU8Layer layer(node);
  return SaturatingMultiply(static_cast<uint64_t>(layer.pixels), PanelMacs(*layer.options, PanelShapeOf(node)));
}

int64_t UnitsOfImage(const ConvU8Layer& layer) { return (layer.pixels + kUnitPixels - 1) / kUnitPixels; }

int64_t Units(const Node& node, int32_t batch) { return UnitsOfImage(ConvU8Layer(node)) * batch; }

template <size_t kBytes>
void CopyEnds(uint8_t* to, const uint8_t* from, size_t bytes) {  // kBytes to 2 * kBytes of them
  uint8_t first[kBytes], last[kBytes];
  std::memcpy(first, from, kBytes);
  std::memcpy(last, from + bytes - kBytes, kBytes);
  std::memcpy(to, first, kBytes);
  std::memcpy(to + bytes - kBytes, last, kBytes);
}

// Whole words. Short runs are common (12 bytes for a row of the stem); a call of memcpy costs more than they do.
void CopyWords(uint8_t* to, const uint8_t* from, size_t bytes) {
  if (bytes > 64) {
    std::memcpy(to, from, bytes);
  } else if (bytes >= 32) {
    CopyEnds<32>(to, from, bytes);
  } else if (bytes >= 16) {
    CopyEnds<16>(to, from, bytes);
  } else if (bytes >= 8) {
    CopyEnds<8>(to, from, bytes);
  } else {
    std::memcpy(to, from, 4);
  }
}

// Patches of one group. The bytes that pad a tap's channels to whole k-groups meet zero weights and are set to zero.
class PatchCopier {
 public:
  PatchCopier(const ConvU8Layer& layer, size_t group) : layer_(layer), first_(group * layer.group_in) {
    // With one group a pixel of the image holds the padded channels, so neighbouring taps are one run of bytes.
    runs_ = layer.options->groups == 1 && layer.options->window.dilation_w == 1 &&
            static_cast<size_t>(layer.in->channel_stride) == layer.padded_in;
    whole_ = layer.options->groups == 1;
  }

  // The patches of `pixels` outputs from `pixel` on, one behind the other.
  void Copy(const uint8_t* image, int64_t pixel, size_t pixels, uint8_t* to) const {
    int64_t oy = pixel / layer_.out->shape.width, ox = pixel % layer_.out->shape.width;
    for (size_t i = 0; i < pixels; ++i, to += layer_.row_bytes) {
      CopyPatch(image, oy, ox, to);
      if (++ox == layer_.out->shape.width) {
        ox = 0;
        ++oy;
      }
    }
  }

 private:
  void CopyPatch(const uint8_t* image, int64_t oy, int64_t ox, uint8_t* to) const {
    const Window& window = layer_.options->window;
    const int64_t width = layer_.in->shape.width;
    const int64_t y0 = oy * window.stride_h - window.pad_top, x0 = ox * window.stride_w - window.pad_left;
    for (int64_t ky = 0; ky < window.kernel_h; ++ky) {
      const int64_t y = y0 + ky * window.dilation_h;
      const bool inside = y >= 0 && y < layer_.in->shape.height;
      const uint8_t* row = inside ? image + static_cast<size_t>(y * width) * Stride() : nullptr;
      if (inside && runs_ && x0 >= 0 && x0 + window.kernel_w <= width) {
        const size_t bytes = static_cast<size_t>(window.kernel_w) * layer_.padded_in;
        CopyWords(to, row + static_cast<size_t>(x0) * Stride(), bytes);
        to += bytes;
        continue;
      }
      for (int64_t kx = 0; kx < window.kernel_w; ++kx, to += layer_.padded_in) {
        const int64_t x = x0 + kx * window.dilation_w;
        CopyTap(inside && x >= 0 && x < width ? row + static_cast<size_t>(x) * Stride() : nullptr, to);
      }
    }
  }

  size_t Stride() const { return static_cast<size_t>(layer_.in->channel_stride); }

  void CopyTap(const uint8_t* from, uint8_t* to) const {
    if (from != nullptr && whole_) {
      CopyWords(to, from, layer_.padded_in);
      return;
    }
    if (from != nullptr) {
      std::memcpy(to, from + first_, layer_.group_in);
    } else if (layer_.options->padding.empty()) {
      std::memset(to, layer_.in->zero_point, layer_.group_in);
    } else {
      std::memcpy(to, layer_.options->padding.data() + first_, layer_.group_in);
    }
    std::memset(to + layer_.group_in, 0, layer_.padded_in - layer_.group_in);
  }

  const ConvU8Layer& layer_;
  size_t first_;  // the group's first channel
  bool runs_, whole_;
};

ConvU8Args GroupArgs(const ConvU8Layer& layer, size_t group, std::byte* scratch) {
  const size_t block = RoundUp(layer.group_out, 16);
  ConvU8Args args = {};
  args.bias = layer.options->bias.data() + group * block;
  args.multiplier = layer.options->multiplier.data() + group * block;
  args.y_stride = static_cast<size_t>(layer.out->channel_stride);
  args.k_groups = static_cast<int32_t>(layer.row_bytes / 4);
  args.channels = static_cast<int32_t>(layer.group_out);
  args.out = layer.options->out;
  args.scratch = scratch + PatchBytes(layer);
  return args;
}

// Pixels that serve as rows as they are; args.x_stride apart.
void RunPixels(const ConvU8Layer& layer, KernelFn kernel, size_t panel, ConvU8Args args, const uint8_t* x, uint8_t* y,
               size_t pixels) {
  const size_t most = BlockPixels(layer.row_bytes, kDirectBytes);
  for (size_t done = 0; done < pixels; done += args.pixels) {
    args.x = x + done * args.x_stride;
    args.y = y + done * args.y_stride;
    args.pixels = std::min(most, pixels - done);
    RunPanels(kernel, *layer.options, panel, args);
  }
}

// Outputs [begin, end) of an image by way of patches; `y` is that of `begin`.
void RunPatchedPixels(const ConvU8Layer& layer, KernelFn kernel, size_t panel, ConvU8Args args, size_t group,
                      const uint8_t* image, int64_t begin, int64_t end, uint8_t* y, std::byte* scratch) {
  uint8_t* patches = reinterpret_cast<uint8_t*>(scratch);
  const size_t most = BlockPixels(layer.row_bytes, kPatchBytes);
  const PatchCopier copier(layer, group);
  args.x = patches;
  args.x_stride = layer.row_bytes;
  args.y = y;
  for (int64_t pixel = begin; pixel < end; pixel += static_cast<int64_t>(args.pixels), args.y += args.pixels * args.y_stride) {
    args.pixels = std::min(most, static_cast<size_t>(end - pixel));
    copier.Copy(image, pixel, args.pixels, patches);
    RunPanels(kernel, *layer.options, panel, args);
  }
}

// `pixels` pixels that follow each other in memory, of one image or of several without a gap.
void RunDirect(const ConvU8Layer& layer, KernelFn kernel, const uint8_t* x, uint8_t* y, size_t pixels, std::byte* scratch) {
  for (size_t group = 0; group < static_cast<size_t>(layer.options->groups); ++group) {
    ConvU8Args args = GroupArgs(layer, group, scratch);
    args.x_stride = static_cast<size_t>(layer.in->channel_stride);
    RunPixels(layer, kernel, layer.FirstPanel(group), args, x + group * layer.group_in, y + group * layer.group_out, pixels);
  }
}

void RunPatches(const ConvU8Layer& layer, KernelFn kernel, const uint8_t* image, uint8_t* y, int64_t begin, int64_t end,
                std::byte* scratch) {
  for (size_t group = 0; group < static_cast<size_t>(layer.options->groups); ++group) {
    const ConvU8Args args = GroupArgs(layer, group, scratch);
    uint8_t* first = y + static_cast<size_t>(begin) * args.y_stride + group * layer.group_out;
    RunPatchedPixels(layer, kernel, layer.FirstPanel(group), args, group, image, begin, end, first, scratch);
  }
}

void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte* scratch) {
  const ConvU8Layer layer(node);
  const uint8_t* x = reinterpret_cast<const uint8_t*>(run.inputs[0]);
  uint8_t* y = reinterpret_cast<uint8_t*>(run.output);
  const size_t in_stride = static_cast<size_t>(layer.in->channel_stride), in_bytes = layer.in->image_bytes;
  const size_t out_stride = static_cast<size_t>(layer.out->channel_stride), out_bytes = layer.out->image_bytes;
  const int64_t units = UnitsOfImage(layer);
  const size_t pixels = static_cast<size_t>(layer.pixels);
  if (layer.direct && in_bytes == pixels * in_stride && out_bytes == pixels * out_stride) {
    // The images of the batch are one run of pixels.
    const size_t first = static_cast<size_t>(begin / units) * pixels + static_cast<size_t>(begin % units * kUnitPixels);
    const size_t last = static_cast<size_t>(end / units) * pixels + static_cast<size_t>(end % units * kUnitPixels);
    RunDirect(layer, kernel, x + first * in_stride, y + first * out_stride, last - first, scratch);
    return;
  }
  while (begin < end) {
    const int64_t image = begin / units, stop = std::min(end, (image + 1) * units);
    const int64_t first = (begin - image * units) * kUnitPixels;
    const int64_t last = std::min(layer.pixels, (stop - image * units) * kUnitPixels);
    const uint8_t* in_image = x + static_cast<size_t>(image) * in_bytes;
    uint8_t* out_image = y + static_cast<size_t>(image) * out_bytes;
    if (layer.direct) {
      RunDirect(layer, kernel, in_image + static_cast<size_t>(first) * in_stride,
                out_image + static_cast<size_t>(first) * out_stride, static_cast<size_t>(last - first), scratch);
    } else {
      RunPatches(layer, kernel, in_image, out_image, first, last, scratch);
    }
    begin = stop;
  }
}

}  // namespace

namespace {

// Of a layer with one group, those output channels.
ConvU8Args ChannelArgs(const ConvU8Layer& layer, int32_t first_channel, int32_t channels, size_t y_stride, std::byte* scratch) {
  ConvU8Args args = GroupArgs(layer, 0, scratch);
  args.bias += first_channel;
  args.multiplier += first_channel;
  args.channels = channels;
  args.y_stride = y_stride;
  return args;
}

}  // namespace

void RunConvU8Rows(const Node& node, KernelFn kernel, const uint8_t* image, int32_t row_begin, int32_t row_end,
                   int32_t first_channel, int32_t channels, uint8_t* y, size_t y_stride, std::byte* scratch) {
  const ConvU8Layer layer(node);
  ConvU8Args args = ChannelArgs(layer, first_channel, channels, y_stride, scratch);
  const size_t panel = static_cast<size_t>(first_channel) / 16;
  const int64_t begin = int64_t{row_begin} * layer.out->shape.width, end = int64_t{row_end} * layer.out->shape.width;
  if (layer.direct) {
    args.x_stride = static_cast<size_t>(layer.in->channel_stride);
    RunPixels(layer, kernel, panel, args, image + static_cast<size_t>(begin) * args.x_stride, y,
              static_cast<size_t>(end - begin));
  } else {
    RunPatchedPixels(layer, kernel, panel, args, 0, image, begin, end, y, scratch);
  }
}

void RunConvU8Pixels(const Node& node, KernelFn kernel, const uint8_t* x, size_t x_stride, size_t pixels, int32_t first_channel,
                     int32_t channels, uint8_t* y, size_t y_stride, std::byte* scratch) {
  const ConvU8Layer layer(node);
  ConvU8Args args = ChannelArgs(layer, first_channel, channels, y_stride, scratch);
  args.x_stride = x_stride;
  RunPixels(layer, kernel, static_cast<size_t>(first_channel) / 16, args, x, y, pixels);
}

bool IsPixelwise(const Node& node) { return ConvU8Layer(node).direct && ConvU8Layer(node).options->groups == 1; }

const Op kConvU8Op = {OpKind::kConv, DataType::kU8, KernelKind::kConvU8, kName, Check, ScratchBytes, Macs, Units, Run};

}  // namespace cutis
