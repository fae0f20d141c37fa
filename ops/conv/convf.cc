// The operator conv, float32: any window, groups, stride, dilation and padding.
//
// Every convolution becomes the product of a matrix of patches and the weights. A 1x1 window with stride 1 reads the input in
// place; others copy the patches of a few output pixels into the thread's scratch (im2col), so that padding is real zeros and
// the sum has the same K terms everywhere. A unit of work is such a tile of output pixels, all groups.
#include <algorithm>
#include <cstring>

#include "ops/check.h"
#include "ops/conv/im2colf.h"
#include "ops/ops.h"
#include "ops/rows.h"
#include "ops/taps.h"

namespace cutis {
namespace {

const ConvF32Options& OptionsOf(const Node& node) { return *std::get_if<ConvF32Options>(&node.options); }

int64_t GroupIn(const Node& node) { return node.inputs[0]->shape.channels / OptionsOf(node).groups; }
int64_t GroupOut(const Node& node) { return node.output->shape.channels / OptionsOf(node).groups; }
int64_t TermsOf(const Node& node) {
  const Window& w = OptionsOf(node).window;
  return GroupIn(node) * w.kernel_h * w.kernel_w;
}

bool IsPointwise(const Window& w) {
  return w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 && w.stride_w == 1 && w.pad_top == 0 && w.pad_left == 0 &&
         w.pad_bottom == 0 && w.pad_right == 0;
}

// Output pixels of a unit. Patches: as many as fit into about 128 KiB, for they are read once for every 16 outputs and should
// stay in the second level cache; at most 48, at least 4.
int64_t TilePixels(const Node& node) {
  if (IsPointwise(OptionsOf(node).window)) return 48;
  constexpr int64_t kFloats = 32768;
  return std::clamp(kFloats / TermsOf(node), int64_t{4}, int64_t{48});
}

int64_t TilesOf(const Node& node) {
  const int64_t pixels = PixelsOf(node.output->shape), tile = TilePixels(node);
  return (pixels + tile - 1) / tile;
}
int64_t Units(const Node& node, int32_t batch) { return TilesOf(node) * batch; }

size_t ScratchBytes(const Node& node) {
  if (IsPointwise(OptionsOf(node).window)) return 0;
  return RoundUp(ToSize(TilePixels(node) * TermsOf(node)) * sizeof(float), kAlignment);
}

uint64_t Macs(const Node& node) {
  return SaturatingMultiply(ToSize(PixelsOf(node.output->shape) * node.output->shape.channels), ToSize(TermsOf(node)));
}

Status CheckWeights(const ConvF32Options& options, int64_t group_out, int64_t terms) {
  // Both factors are below 2^31 and 2^55 at most; the products are compared with what is there, without overflow.
  const uint64_t panels = SaturatingMultiply(ToSize((group_out + 15) / 16), ToSize(options.groups));
  const uint64_t bias = SaturatingMultiply(panels, 16), weights = SaturatingMultiply(bias, ToSize(terms));
  if (options.weights.size() != weights || options.bias.size() != bias) {
    return Status::Error(Code::kBadInput, "conv: %zu weights and %zu biases instead of %llu and %llu", options.weights.size(),
                         options.bias.size(), static_cast<unsigned long long>(weights), static_cast<unsigned long long>(bias));
  }
  if (reinterpret_cast<uintptr_t>(options.weights.data()) % kAlignment != 0) {
    return Status::Error(Code::kBadInput, "conv: the weights do not start at a multiple of %zu bytes", kAlignment);
  }
  return Status();
}

Status Check(const Node& node) {
  CUTIS_TRY(CheckTensors("conv", node, 1, DataType::kF32, DataType::kF32));
  const auto* options = std::get_if<ConvF32Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "conv: the options are of another operator");
  const Shape& in = node.inputs[0]->shape;
  const Shape& out = node.output->shape;
  CUTIS_TRY(CheckWindow("conv", options->window, in, out));
  CUTIS_TRY(CheckWindowLimits("conv", options->window));
  if (options->groups < 1 || in.channels % options->groups != 0 || out.channels % options->groups != 0) {
    return Status::Error(Code::kBadInput, "conv: %d groups do not divide %d inputs and %d outputs", options->groups,
                         in.channels, out.channels);
  }
  constexpr int64_t kMostTerms = 1 << 24;  // of one sum; keeps the patches of a tile small
  if (TermsOf(node) > kMostTerms) {
    return Status::Error(Code::kBadInput, "conv: %lld terms a sum are too many", static_cast<long long>(TermsOf(node)));
  }
  CUTIS_TRY(CheckWeights(*options, GroupOut(node), TermsOf(node)));
  return CheckClampF32("conv", options->min, options->max);
}

void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte* scratch) {
  const ConvF32Options& options = OptionsOf(node);
  const TensorInfo& in = *node.inputs[0];
  const TensorInfo& out = *node.output;
  const bool pointwise = IsPointwise(options.window);
  const int64_t tile = TilePixels(node), tiles = TilesOf(node), terms = TermsOf(node);
  const int64_t group_in = GroupIn(node), group_out = GroupOut(node), padded_out = (group_out + 15) / 16 * 16;
  float* patches = reinterpret_cast<float*>(scratch);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t image = unit / tiles, first = unit % tiles * tile;
    const int64_t pixels = std::min(tile, PixelsOf(out.shape) - first);
    for (int64_t group = 0; group < options.groups; ++group) {
      ConvF32Args args{};
      if (pointwise) {
        args.x = PixelAt<float>(run.inputs[0], in, image, first) + group * group_in;
        args.x_stride = ToSize(in.channel_stride);
      } else {
        const PatchSource source = {PixelAt<float>(run.inputs[0], in, image, 0) + group * group_in, in.shape.height,
                                    in.shape.width, ToSize(in.channel_stride), static_cast<int32_t>(group_in)};
        CopyPatchesF32(source, options.window, out.shape, first, pixels, patches);
        args.x = patches;
        args.x_stride = ToSize(terms);
      }
      args.pixels = ToSize(pixels);
      args.w = options.weights.data() + group * padded_out * terms;
      args.bias = options.bias.data() + group * padded_out;
      args.y = PixelAt<float>(run.output, out, image, first) + group * group_out;
      args.y_stride = ToSize(out.channel_stride);
      args.k = static_cast<int32_t>(terms);
      args.channels = static_cast<int32_t>(group_out);
      args.min = options.min;
      args.max = options.max;
      reinterpret_cast<void (*)(const ConvF32Args&)>(kernel)(args);
    }
  }
}

}  // namespace

void CopyPatchesF32(const PatchSource& source, const Window& window, const Shape& out, int64_t first, int64_t count,
                    float* patches) {
  const size_t channels = ToSize(source.channels), row = channels * ToSize(window.kernel_w);
  for (int64_t pixel = first; pixel < first + count; ++pixel) {
    const int32_t y = static_cast<int32_t>(pixel / out.width), x = static_cast<int32_t>(pixel % out.width);
    const int64_t top = int64_t{y} * window.stride_h - window.pad_top, left = int64_t{x} * window.stride_w - window.pad_left;
    const Taps taps = TapsInside(x, window.stride_w, window.pad_left, window.dilation_w, window.kernel_w, source.width);
    for (int32_t ky = 0; ky < window.kernel_h; ++ky, patches += row) {
      const int64_t source_y = top + int64_t{ky} * window.dilation_h;
      if (source_y < 0 || source_y >= source.height || taps.first >= taps.end) {
        std::memset(patches, 0, row * sizeof(float));
        continue;
      }
      std::memset(patches, 0, ToSize(taps.first) * channels * sizeof(float));
      for (int32_t kx = taps.first; kx < taps.end; ++kx) {
        const int64_t source_x = left + int64_t{kx} * window.dilation_w;
        std::memcpy(patches + ToSize(kx) * channels, source.x + ToSize(source_y * source.width + source_x) * source.stride,
                    channels * sizeof(float));
      }
      std::memset(patches + ToSize(taps.end) * channels, 0, ToSize(window.kernel_w - taps.end) * channels * sizeof(float));
    }
  }
}

const Op kConvF32Op = {OpKind::kConv, DataType::kF32, KernelKind::kConvF32, "conv", Check, ScratchBytes, Macs, Units, Run};

}  // namespace cutis
