// DepthwiseU8 kernels: channel tails, windows, strides, dilation, asymmetric padding, parts of an image, extreme values.
#include <algorithm>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

size_t ScratchBytes(const DepthwiseU8Args& args) {
  return RoundUp(static_cast<size_t>(DepthwiseU8TapBytes(args.window)), 64) +
         RoundUp(static_cast<size_t>(DepthwiseU8PointerBytes(args.window)), 64) +
         RoundUp(static_cast<size_t>(DepthwiseU8RowBytes(args.window, args.out_w)), 64);
}

int32_t OutputExtent(int32_t in, int32_t kernel, int32_t stride, int32_t dilation, int32_t begin, int32_t end) {
  return (in + begin + end - dilation * (kernel - 1) - 1) / stride + 1;
}

struct Case {
  int32_t channels, in_h, in_w;
  Window window;
};

void RunCase(KernelOf<DepthwiseU8Args> reference, KernelOf<DepthwiseU8Args> kernel, const char* name, const Case& c,
             uint64_t seed) {
  Random random(seed);
  const Window& v = c.window;
  DepthwiseU8Args args = {};
  args.channels = c.channels;
  args.in_h = c.in_h;
  args.in_w = c.in_w;
  args.window = v;
  args.out_h = OutputExtent(c.in_h, v.kernel_h, v.stride_h, v.dilation_h, v.pad_top, v.pad_bottom);
  args.out_w = OutputExtent(c.in_w, v.kernel_w, v.stride_w, v.dilation_w, v.pad_left, v.pad_right);
  args.x_stride = RoundUp(static_cast<size_t>(c.channels), 4) + (random.OneIn(3) ? 4 : 0);
  args.y_stride = static_cast<size_t>(c.channels) + static_cast<size_t>(random.Between(0, 3));
  // The whole image, or some rows of it.
  args.row_end = args.out_h;
  if (random.OneIn(2)) {
    args.row_begin = static_cast<int32_t>(random.Between(0, args.out_h - 1));
    args.row_end = static_cast<int32_t>(random.Between(args.row_begin + 1, args.out_h));
  }
  // All rows of the input, or a ring of as many as the outputs need, or of some more.
  const int32_t top = std::clamp(args.row_begin * v.stride_h - v.pad_top, 0, c.in_h - 1);
  const int32_t bottom =
      std::clamp((args.row_end - 1) * v.stride_h - v.pad_top + v.dilation_h * (v.kernel_h - 1) + 1, top + 1, c.in_h);
  args.x_rows = random.OneIn(2) ? c.in_h : static_cast<int32_t>(random.Between(bottom - top, c.in_h));
  const size_t padded = RoundUp(static_cast<size_t>(c.channels), 16);
  const size_t used = static_cast<size_t>(v.kernel_h) * static_cast<size_t>(v.kernel_w), taps = RoundUp(used, 4);
  const GuardedBuffer x(static_cast<size_t>(args.x_rows) * static_cast<size_t>(c.in_w) * args.x_stride,
                        random.OneIn(4) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd);
  const GuardedBuffer padding(args.x_stride), w(padded * taps), bias(padded * 4), multiplier(padded * 4),
      scratch(ScratchBytes(args));
  const bool extreme = random.OneIn(4);
  random.Fill(padding.bytes());
  random.Fill(scratch.bytes());
  if (extreme) {
    random.FillExtreme(x.bytes());
    random.FillExtremeWeights(w.as<int8_t>());
  } else {
    random.Fill(x.bytes());
    random.FillWeights(w.as<int8_t>());
  }
  // The taps that pad the last four are zero in every checked layer.
  for (size_t i = 0; i < w.size(); ++i) {
    if (i / 64 % (taps / 4) * 4 + i % 4 >= used) w.as<int8_t>()[i] = 0;
  }
  for (int32_t& b : bias.as<int32_t>()) b = static_cast<int32_t>(random.Between(-50000, 50000));
  FillMultipliers(random, 8192.0 * static_cast<double>(taps), multiplier.as<float>());
  args.x = x.data();
  args.padding = padding.data();
  args.w = w.as<int8_t>().data();
  args.bias = bias.as<int32_t>().data();
  args.multiplier = multiplier.as<float>().data();
  args.out = RandomOutput(random);
  args.scratch = reinterpret_cast<std::byte*>(scratch.data());
  const OutputPair y(
      (static_cast<size_t>(args.row_end - args.row_begin) * static_cast<size_t>(args.out_w) - 1) * args.y_stride +
          static_cast<size_t>(c.channels),
      seed);
  args.y = y.expected();
  reference(args);
  args.y = y.actual();
  kernel(args);
  y.Check(name, "channels=%d %dx%d kernel %dx%d stride %dx%d dilation %dx%d padding %d %d %d %d rows %d..%d ring %d seed=%llu",
          c.channels, c.in_h, c.in_w, v.kernel_h, v.kernel_w, v.stride_h, v.stride_w, v.dilation_h, v.dilation_w, v.pad_top,
          v.pad_left, v.pad_bottom, v.pad_right, args.row_begin, args.row_end, args.x_rows,
          static_cast<unsigned long long>(seed));
}

// Sums that meet every rounding of the requantisation.
void RunTies(KernelOf<DepthwiseU8Args> reference, KernelOf<DepthwiseU8Args> kernel, const char* name) {
  constexpr size_t kChannels = 320;
  DepthwiseU8Args args = {};
  args.x_stride = args.y_stride = kChannels;
  args.in_h = args.in_w = args.x_rows = args.out_h = args.out_w = args.row_end = 1;
  args.channels = kChannels;
  const GuardedBuffer x(kChannels), w(kChannels * 4), bias(kChannels * 4), multiplier(kChannels * 4);  // x and w are zero
  const GuardedBuffer scratch(ScratchBytes(args));
  Random random(3);
  FillTies(random, bias.as<int32_t>(), multiplier.as<float>());
  args.x = args.padding = x.data();
  args.w = w.as<int8_t>().data();
  args.bias = bias.as<int32_t>().data();
  args.multiplier = multiplier.as<float>().data();
  args.out = {128, 0, 255};
  args.scratch = reinterpret_cast<std::byte*>(scratch.data());
  const OutputPair y(kChannels);
  args.y = y.expected();
  reference(args);
  args.y = y.actual();
  kernel(args);
  y.Check(name, "ties");
}

CUTIS_KERNEL_TEST(DepthwiseU8) {
  constexpr Window kWindows[] = {
      {1, 1, 1, 1, 1, 1, 0, 0, 0, 0}, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, {3, 3, 2, 2, 1, 1, 0, 0, 1, 1},
      {3, 3, 2, 2, 1, 1, 1, 1, 0, 1}, {5, 5, 1, 1, 1, 1, 2, 2, 2, 2}, {5, 5, 2, 2, 1, 1, 1, 2, 2, 1},
      {7, 7, 1, 1, 1, 1, 3, 3, 3, 3}, {2, 2, 1, 2, 1, 1, 0, 1, 0, 0}, {1, 4, 1, 1, 1, 1, 0, 3, 0, 0},
      {4, 1, 3, 1, 1, 1, 1, 0, 2, 0}, {3, 3, 1, 1, 2, 2, 2, 2, 2, 2}, {3, 2, 2, 1, 2, 3, 1, 2, 3, 1},
      {3, 3, 1, 1, 1, 1, 4, 5, 4, 5},  // windows wholly in the padding
      {3, 3, 5, 5, 1, 1, 0, 0, 0, 0},  // gaps between windows
  };
  constexpr int32_t kChannels[] = {1, 3, 4, 7, 8, 9, 12, 15, 16, 17, 23, 24, 32, 33, 50};
  constexpr int32_t kSizes[][2] = {{5, 5}, {7, 6}, {9, 12}};
  uint64_t seed = 1;
  for (const Window& window : kWindows) {
    for (int32_t channels : kChannels) {
      for (const auto& size : kSizes) {
        if (size[0] + window.pad_top + window.pad_bottom <= window.dilation_h * (window.kernel_h - 1) ||
            size[1] + window.pad_left + window.pad_right <= window.dilation_w * (window.kernel_w - 1)) {
          continue;
        }
        RunCase(reference, kernel, name, {channels, size[0], size[1], window}, seed++);
      }
    }
  }
  RunTies(reference, kernel, name);
  // More rows than the working memory holds at a time, and rows longer than it.
  RunCase(reference, kernel, name, {17, 60, 70, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}}, seed++);
  RunCase(reference, kernel, name, {16, 61, 45, {5, 5, 2, 2, 1, 1, 2, 2, 2, 2}}, seed++);
  RunCase(reference, kernel, name, {3, 4, 1200, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}}, seed++);
}

CUTIS_KERNEL_BENCH(DepthwiseU8) {
  struct Layer {
    const char* name;
    int32_t channels, size, kernel, stride;
  };
  constexpr Layer kLayers[] = {
      {"80x80x32 3x3", 32, 80, 3, 1},   {"80x80x96 3x3 stride 2", 96, 80, 3, 2}, {"40x40x144 5x5 stride 2", 144, 40, 5, 2},
      {"20x20x240 5x5", 240, 20, 5, 1}, {"10x10x480 3x3", 480, 10, 3, 1},        {"5x5x1152 5x5", 1152, 5, 5, 1}};
  Random random(1);
  for (const Layer& layer : kLayers) {
    const int32_t pad = layer.kernel / 2, out = (layer.size + 2 * pad - layer.kernel) / layer.stride + 1;
    const size_t channels = static_cast<size_t>(layer.channels), padded = RoundUp(channels, 16);
    const size_t taps = static_cast<size_t>(layer.kernel) * RoundUp(static_cast<size_t>(layer.kernel), 4);
    DepthwiseU8Args args = {};
    args.x_stride = args.y_stride = channels;
    args.in_h = args.in_w = args.x_rows = layer.size;
    args.out_h = args.out_w = args.row_end = out;
    args.channels = layer.channels;
    args.window = {layer.kernel, layer.kernel, layer.stride, layer.stride, 1, 1, pad, pad, pad, pad};
    const GuardedBuffer x(static_cast<size_t>(layer.size) * static_cast<size_t>(layer.size) * channels), padding(channels);
    const GuardedBuffer w(padded * taps), bias(padded * 4), multiplier(padded * 4);
    const GuardedBuffer y(static_cast<size_t>(out) * static_cast<size_t>(out) * channels), scratch(ScratchBytes(args));
    random.Fill(x.bytes());
    random.FillWeights(w.as<int8_t>());
    FillMultipliers(random, 8192.0 * static_cast<double>(taps), multiplier.as<float>());
    args.x = x.data();
    args.padding = padding.data();
    args.w = w.as<int8_t>().data();
    args.bias = bias.as<int32_t>().data();
    args.multiplier = multiplier.as<float>().data();
    args.y = y.data();
    args.scratch = reinterpret_cast<std::byte*>(scratch.data());
    const double macs = static_cast<double>(out) * out * layer.channels * layer.kernel * layer.kernel;
    bench.Run(layer.name, 2.0 * macs, [&] { kernel(args); });
  }
}

}  // namespace
}  // namespace cutis::test
