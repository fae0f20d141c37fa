// Float kernels of convolution and depthwise convolution. Reference and vector kernels add the same rounded products in the
// same order, so they are compared by bytes like the integer ones.
#include <cmath>
#include <limits>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

// Values of very different sizes, so that another order of the sums would show.
void FillUneven(Random& random, std::span<float> values) {
  for (float& value : values) {
    value = random.Uniform(-1, 1);
    if (random.OneIn(4)) value *= 1000.0f;
    if (random.OneIn(8)) value = random.OneIn(2) ? 0.0f : -0.0f;
    if (random.OneIn(16)) value *= 1e-38f;
  }
}

// Zeros in the tails of the panels: bias and the last 16 columns.
void FillPanels(Random& random, std::span<float> w, std::span<float> bias, size_t channels, size_t terms) {
  FillUneven(random, w);
  FillUneven(random, bias);
  for (size_t n = channels; n < bias.size(); ++n) {
    bias[n] = 0;
    for (size_t k = 0; k < terms; ++k) w[n / 16 * terms * 16 + k * 16 + n % 16] = 0;
  }
}

void SetClamp(Random& random, float* min, float* max) {
  *min = random.OneIn(2) ? 0.0f : -std::numeric_limits<float>::infinity();
  *max = random.OneIn(2) ? 6.0f : std::numeric_limits<float>::infinity();
}

void RunConv(KernelOf<ConvF32Args> reference, KernelOf<ConvF32Args> kernel, const char* name, size_t pixels, int32_t channels,
             int32_t k, size_t gap, uint64_t seed) {
  Random random(seed);
  const size_t terms = static_cast<size_t>(k), outputs = static_cast<size_t>(channels), padded = RoundUp(outputs, 16);
  ConvF32Args args = {};
  args.pixels = pixels;
  args.channels = channels;
  args.k = k;
  args.x_stride = terms + gap;
  args.y_stride = outputs + gap;
  const GuardedBuffer x(((pixels - 1) * args.x_stride + terms) * 4,
                        seed % 3 == 0 ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd);
  const GuardedBuffer w(padded * terms * 4), bias(padded * 4);
  FillUneven(random, x.as<float>());
  FillPanels(random, w.as<float>(), bias.as<float>(), outputs, terms);
  SetClamp(random, &args.min, &args.max);
  args.x = x.as<float>().data();
  args.w = w.as<float>().data();
  args.bias = bias.as<float>().data();
  const OutputPair y(((pixels - 1) * args.y_stride + outputs) * 4, seed);
  args.y = reinterpret_cast<float*>(y.expected());
  reference(args);
  args.y = reinterpret_cast<float*>(y.actual());
  kernel(args);
  y.Check(name, "pixels=%zu channels=%d k=%d gap=%zu seed=%llu", pixels, channels, k, gap,
          static_cast<unsigned long long>(seed));
}

CUTIS_KERNEL_TEST(ConvF32) {
  size_t seed = 1;
  for (size_t pixels = 1; pixels <= 14; ++pixels) {
    for (const int32_t channels : {1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 50}) {
      for (const int32_t k : {1, 2, 7, 27}) RunConv(reference, kernel, name, pixels, channels, k, seed % 4, seed), ++seed;
    }
  }
  RunConv(reference, kernel, name, 48, 100, 301, 0, seed++);
  RunConv(reference, kernel, name, 1, 1000, 1280, 0, seed++);
}

CUTIS_KERNEL_BENCH(ConvF32) {
  struct Layer {
    const char* name;
    size_t pixels;
    int32_t k, channels;
  };
  constexpr Layer kLayers[] = {{"48 x 32 -> 16", 48, 32, 16},       {"48 x 144 -> 24", 48, 144, 24},
                               {"48 x 27 -> 32", 48, 27, 32},       {"48 x 480 -> 80", 48, 480, 80},
                               {"25 x 320 -> 1280", 25, 320, 1280}, {"1 x 1280 -> 64", 1, 1280, 64}};
  Random random(1);
  for (const Layer& layer : kLayers) {
    const size_t k = static_cast<size_t>(layer.k), padded = RoundUp(static_cast<size_t>(layer.channels), 16);
    const GuardedBuffer x(layer.pixels * k * 4), w(padded * k * 4), bias(padded * 4), y(layer.pixels * padded * 4);
    random.FillFloats(x.as<float>(), -1, 1);
    random.FillFloats(w.as<float>(), -1, 1);
    ConvF32Args args = {};
    args.x = x.as<float>().data();
    args.x_stride = k;
    args.pixels = layer.pixels;
    args.w = w.as<float>().data();
    args.bias = bias.as<float>().data();
    args.y = y.as<float>().data();
    args.y_stride = padded;
    args.k = layer.k;
    args.channels = layer.channels;
    args.max = 6;
    bench.Run(layer.name, 2.0 * static_cast<double>(layer.pixels) * layer.k * layer.channels, [&] { kernel(args); });
  }
}

// A whole image of the depthwise kernel.
struct DepthwiseCase {
  int32_t channels, height, width;
  Window window;
  size_t gap;
};

DepthwiseF32Args ArgsOf(const DepthwiseCase& c) {
  const Window& w = c.window;
  DepthwiseF32Args args = {};
  args.channels = c.channels;
  args.in_h = c.height;
  args.in_w = c.width;
  args.out_h = (c.height + w.pad_top + w.pad_bottom - w.dilation_h * (w.kernel_h - 1) - 1) / w.stride_h + 1;
  args.out_w = (c.width + w.pad_left + w.pad_right - w.dilation_w * (w.kernel_w - 1) - 1) / w.stride_w + 1;
  args.row_end = args.out_h;
  args.window = w;
  args.x_stride = args.y_stride = static_cast<size_t>(c.channels) + c.gap;
  return args;
}

size_t Elements(int32_t height, int32_t width, size_t stride, int32_t channels) {
  return (static_cast<size_t>(height) * static_cast<size_t>(width) - 1) * stride + static_cast<size_t>(channels);
}

void RunDepthwise(KernelOf<DepthwiseF32Args> reference, KernelOf<DepthwiseF32Args> kernel, const char* name,
                  const DepthwiseCase& c, uint64_t seed) {
  Random random(seed);
  DepthwiseF32Args args = ArgsOf(c);
  if (args.out_h < 1 || args.out_w < 1) return;
  const size_t taps = static_cast<size_t>(c.window.kernel_h) * static_cast<size_t>(c.window.kernel_w);
  const size_t padded = RoundUp(static_cast<size_t>(c.channels), 16);
  const GuardedBuffer x(Elements(args.in_h, args.in_w, args.x_stride, c.channels) * 4,
                        seed % 3 == 0 ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd);
  const GuardedBuffer w(padded * taps * 4), bias(padded * 4);
  FillUneven(random, x.as<float>());
  FillPanels(random, w.as<float>(), bias.as<float>(), static_cast<size_t>(c.channels), taps);
  SetClamp(random, &args.min, &args.max);
  args.row_begin = static_cast<int32_t>(random.Between(0, args.out_h - 1));
  if (random.OneIn(2)) args.row_begin = 0;
  args.x = x.as<float>().data();
  args.w = w.as<float>().data();
  args.bias = bias.as<float>().data();
  const OutputPair y(Elements(args.out_h, args.out_w, args.y_stride, c.channels) * 4, seed);
  args.y = reinterpret_cast<float*>(y.expected());
  reference(args);
  args.y = reinterpret_cast<float*>(y.actual());
  kernel(args);
  y.Check(name, "channels=%d image=%dx%d kernel=%dx%d stride=%d dilation=%d pad=%d,%d gap=%zu seed=%llu", c.channels, c.height,
          c.width, c.window.kernel_h, c.window.kernel_w, c.window.stride_w, c.window.dilation_w, c.window.pad_top,
          c.window.pad_left, c.gap, static_cast<unsigned long long>(seed));
}

CUTIS_KERNEL_TEST(DepthwiseF32) {
  constexpr Window kWindows[] = {
      {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, {3, 3, 2, 2, 1, 1, 0, 0, 1, 1},
      {5, 5, 1, 1, 1, 1, 2, 2, 2, 2}, {5, 5, 2, 2, 1, 1, 2, 1, 1, 2},
      {1, 1, 1, 1, 1, 1, 0, 0, 0, 0}, {2, 4, 1, 3, 1, 1, 0, 3, 1, 0},
      {3, 3, 1, 1, 2, 3, 2, 3, 2, 3}, {3, 2, 3, 1, 2, 1, 0, 0, 4, 0},
      {2, 2, 1, 1, 1, 1, 3, 3, 3, 3},  // windows wholly in padding
  };
  size_t seed = 1;
  for (const Window& window : kWindows) {
    for (const int32_t channels : {1, 3, 4, 7, 8, 9, 15, 16, 17, 20, 32, 35}) {
      for (const int32_t width : {1, 4, 7, 12}) {
        RunDepthwise(reference, kernel, name, {channels, 5, width, window, seed % 3}, seed), ++seed;
      }
    }
  }
}

CUTIS_KERNEL_BENCH(DepthwiseF32) {
  struct Layer {
    const char* name;
    int32_t channels, size, kernel, stride;
  };
  constexpr Layer kLayers[] = {
      {"80x80x32 3x3", 32, 80, 3, 1}, {"20x20x240 5x5", 240, 20, 5, 1}, {"5x5x1152 5x5", 1152, 5, 5, 1}};
  for (const Layer& layer : kLayers) {
    const int32_t pad = layer.kernel / 2;
    DepthwiseF32Args args = ArgsOf({layer.channels,
                                    layer.size,
                                    layer.size,
                                    {layer.kernel, layer.kernel, layer.stride, layer.stride, 1, 1, pad, pad, pad, pad},
                                    0});
    const size_t channels = static_cast<size_t>(layer.channels), padded = RoundUp(channels, 16);
    const GuardedBuffer x(static_cast<size_t>(layer.size) * static_cast<size_t>(layer.size) * channels * 4);
    const GuardedBuffer w(padded * static_cast<size_t>(layer.kernel) * static_cast<size_t>(layer.kernel) * 4), bias(padded * 4);
    const GuardedBuffer y(static_cast<size_t>(args.out_h) * static_cast<size_t>(args.out_w) * channels * 4);
    args.x = x.as<float>().data();
    args.w = w.as<float>().data();
    args.bias = bias.as<float>().data();
    args.y = y.as<float>().data();
    args.max = 6;
    bench.Run(layer.name, 2.0 * args.out_h * args.out_w * layer.channels * layer.kernel * layer.kernel, [&] { kernel(args); });
  }
}

}  // namespace
}  // namespace cutis::test
