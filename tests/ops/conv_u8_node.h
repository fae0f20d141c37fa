// Nodes of the matrix operators for tests: plain random weights, packed ones, tensors in guarded memory, and the direct sum.
#ifndef CUTIS_TESTS_OPS_CONV_U8_NODE_H_
#define CUTIS_TESTS_OPS_CONV_U8_NODE_H_

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "ops/conv/pack.h"
#include "tests/ops/kernel_test.h"

namespace cutis::test {

inline int32_t OutputExtent(int32_t in, int32_t kernel, int32_t stride, int32_t dilation, int32_t begin, int32_t end) {
  return (in + begin + end - dilation * (kernel - 1) - 1) / stride + 1;
}

struct ConvLayer {
  OpKind kind = OpKind::kConv;
  int32_t batch = 1, in_h = 1, in_w = 1, in_c = 1, out_c = 1, groups = 1;
  Window window;
  bool own_padding = false;  // a byte for each channel instead of the zero point
  int32_t stride_gap = 0;    // further elements between pixels
  size_t image_gap = 0;      // further bytes between images
  int dead = 0;              // percent of the blocks of 16 outputs x 4 inputs that are zero; any: B16x4 weights
};

// A node with all that it points to, and the plain values behind it.
struct ConvU8TestNode {
  ConvLayer layer;
  TensorInfo in, out;
  const TensorInfo* inputs[1] = {};
  Node node;
  std::vector<int8_t> plain;  // [out][ky][kx][in/groups]; depthwise [c][ky][kx]
  std::vector<int32_t> plain_bias;
  std::vector<float> plain_multiplier;
  GuardedBuffer weights, bias, multiplier, padding, x, y;
  std::unique_ptr<GuardedBuffer> rows, panel_starts, live;  // of B16x4
  const Op* op;

  static ConvWeightShape Weights(const ConvLayer& l) {
    return {l.out_c, l.window.kernel_h, l.window.kernel_w, l.in_c / l.groups, l.groups};
  }
  static size_t WeightBytes(const ConvLayer& l) {
    return l.kind == OpKind::kDepthwise ? PackedDepthwiseU8Size(l.out_c, l.window.kernel_h, l.window.kernel_w)
                                        : PackedConvU8Size(Weights(l));
  }
  static size_t ChannelBytes(const ConvLayer& l) { return 4 * PackedChannelsSize(l.out_c, l.groups); }
  static TensorInfo Tensor(const ConvLayer& l, int32_t height, int32_t width, int32_t channels) {
    TensorInfo info;
    info.shape = {height, width, channels};
    info.channel_stride = ChannelStride(DataType::kU8, channels) + l.stride_gap;
    info.image_bytes =
        RoundUp(static_cast<size_t>(height) * static_cast<size_t>(width) * static_cast<size_t>(info.channel_stride),
                kAlignment) +
        l.image_gap;
    return info;
  }
  static TensorInfo Input(const ConvLayer& l) { return Tensor(l, l.in_h, l.in_w, l.in_c); }
  static TensorInfo Output(const ConvLayer& l) {
    const Window& w = l.window;
    return Tensor(l, OutputExtent(l.in_h, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, w.pad_bottom),
                  OutputExtent(l.in_w, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, w.pad_right), l.out_c);
  }

  ConvU8TestNode(const ConvLayer& l, uint64_t seed)
      : layer(l),
        in(Input(l)),
        out(Output(l)),
        weights(WeightBytes(l)),
        bias(ChannelBytes(l)),
        multiplier(ChannelBytes(l)),
        padding(static_cast<size_t>(l.in_c)),
        x(in.image_bytes * static_cast<size_t>(l.batch)),
        y(out.image_bytes * static_cast<size_t>(l.batch)),
        op(FindOp(l.kind, DataType::kU8)) {
    Random random(seed);
    const OutputU8 clamp = RandomOutput(random);
    in.zero_point = static_cast<int32_t>(random.Between(0, 255));
    out.zero_point = clamp.zero_point;
    const size_t taps = static_cast<size_t>(l.window.kernel_h) * static_cast<size_t>(l.window.kernel_w);
    const size_t terms = l.kind == OpKind::kDepthwise ? taps : taps * static_cast<size_t>(l.in_c / l.groups);
    plain.resize(static_cast<size_t>(l.out_c) * terms);
    random.FillWeights(plain);
    if (l.dead > 0) ZeroBlocks(random);
    for (int32_t n = 0; n < l.out_c; ++n) plain_bias.push_back(static_cast<int32_t>(random.Between(-100000, 100000)));
    plain_multiplier.resize(static_cast<size_t>(l.out_c));
    FillMultipliers(random, 8192.0 * static_cast<double>(terms), plain_multiplier);
    random.Fill(padding.bytes());
    random.Fill(x.bytes());
    random.Fill(y.bytes());
    PackChannels(l.out_c, l.groups, plain_bias.data(), bias.as<int32_t>().data());
    PackChannels(l.out_c, l.groups, plain_multiplier.data(), multiplier.as<float>().data());
    const std::span<const uint8_t> own = l.own_padding ? std::span<const uint8_t>(padding.bytes()) : std::span<const uint8_t>();
    if (l.kind == OpKind::kDepthwise) {
      PackDepthwiseU8(l.out_c, l.window.kernel_h, l.window.kernel_w, plain.data(), weights.as<int8_t>().data());
      node.options = DepthwiseU8Options{l.window, weights.as<int8_t>(), bias.as<int32_t>(), multiplier.as<float>(), own, clamp};
    } else {
      PackConvU8(Weights(l), plain.data(), weights.as<int8_t>().data());
      node.options =
          ConvU8Options{l.window, l.groups, weights.as<int8_t>(), bias.as<int32_t>(), multiplier.as<float>(), own, clamp};
      if (l.dead > 0) KeepLiveRows();
    }
    inputs[0] = &in;
    node.kind = l.kind;
    node.inputs = inputs;
    node.output = &out;
  }

  void ZeroBlocks(Random& random) {
    const size_t outs = static_cast<size_t>(layer.out_c / layer.groups), ins = static_cast<size_t>(layer.in_c / layer.groups);
    const size_t terms = plain.size() / static_cast<size_t>(layer.out_c), of_tap = CeilDiv(ins, 4);
    const size_t panels = CeilDiv(outs, 16), k_groups = terms / ins * of_tap;
    std::vector<bool> dead;
    for (size_t i = 0; i < static_cast<size_t>(layer.groups) * panels * k_groups; ++i) {
      dead.push_back(random.Between(1, 100) <= layer.dead);
    }
    for (size_t i = 0; i < plain.size(); ++i) {
      const size_t n = i / terms, k = i % terms, panel = n / outs * panels + n % outs / 16;
      if (dead[panel * k_groups + k / ins * of_tap + k % ins / 4]) plain[i] = 0;
    }
  }

  // From W16x4 to B16x4.
  void KeepLiveRows() {
    ConvU8Options& options = *std::get_if<ConvU8Options>(&node.options);
    const size_t count = CountLiveRows(options.weights.data(), options.weights.size());
    const size_t panels = options.bias.size() / 16;
    rows = std::make_unique<GuardedBuffer>(count * 64);
    panel_starts = std::make_unique<GuardedBuffer>((panels + 1) * 4);
    live = std::make_unique<GuardedBuffer>(count * 2);
    PackLiveRows(options.weights.data(), panels, options.weights.size() / 64 / panels, panel_starts->as<uint32_t>().data(),
                 live->as<uint16_t>().data(), rows->as<int8_t>().data());
    options.weights = rows->as<int8_t>();
    options.panel_starts = panel_starts->as<uint32_t>();
    options.live = live->as<uint16_t>();
  }

  OutputU8 Clamp() const {
    const ConvU8Options* conv = std::get_if<ConvU8Options>(&node.options);
    return conv != nullptr ? conv->out : std::get_if<DepthwiseU8Options>(&node.options)->out;
  }

  // The bytes that y must hold after the run: the direct sum, and the old bytes in all gaps.
  std::vector<uint8_t> Expected() const {
    std::vector<uint8_t> result(y.bytes().begin(), y.bytes().end());
    for (int32_t b = 0; b < layer.batch; ++b) {
      for (int32_t oy = 0; oy < out.shape.height; ++oy) {
        for (int32_t ox = 0; ox < out.shape.width; ++ox) {
          for (int32_t n = 0; n < layer.out_c; ++n) {
            const size_t pixel = static_cast<size_t>(oy) * static_cast<size_t>(out.shape.width) + static_cast<size_t>(ox);
            result[static_cast<size_t>(b) * out.image_bytes + pixel * static_cast<size_t>(out.channel_stride) +
                   static_cast<size_t>(n)] = ExpectedByte(b, oy, ox, n);
          }
        }
      }
    }
    return result;
  }

  uint8_t ExpectedByte(int32_t b, int32_t oy, int32_t ox, int32_t n) const {
    const Window& w = layer.window;
    const bool depthwise = layer.kind == OpKind::kDepthwise;
    const int32_t ins = depthwise ? 1 : layer.in_c / layer.groups;
    const int32_t first = depthwise ? n : n / (layer.out_c / layer.groups) * ins;
    int64_t sum = plain_bias[static_cast<size_t>(n)];
    size_t k = static_cast<size_t>(n) * (plain.size() / static_cast<size_t>(layer.out_c));
    for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
      for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
        for (int32_t c = first; c < first + ins; ++c, ++k) {
          sum += int64_t{plain[k]} *
                 Input(b, oy * w.stride_h - w.pad_top + ky * w.dilation_h, ox * w.stride_w - w.pad_left + kx * w.dilation_w, c);
        }
      }
    }
    // Rounded before the clamp, in the other order than ops/requant.h; at most 2^39, so exact as a double.
    const OutputU8 clamp = Clamp();
    const float scaled = static_cast<float>(sum) * plain_multiplier[static_cast<size_t>(n)];
    const double value = std::nearbyint(static_cast<double>(scaled)) + clamp.zero_point;
    return static_cast<uint8_t>(std::clamp(value, static_cast<double>(clamp.lo), static_cast<double>(clamp.hi)));
  }

  int64_t Input(int32_t b, int32_t iy, int32_t ix, int32_t c) const {
    if (iy < 0 || iy >= layer.in_h || ix < 0 || ix >= layer.in_w) {
      return layer.own_padding ? padding.data()[c] : in.zero_point;
    }
    const size_t pixel = static_cast<size_t>(iy) * static_cast<size_t>(layer.in_w) + static_cast<size_t>(ix);
    return x.data()[static_cast<size_t>(b) * in.image_bytes + pixel * static_cast<size_t>(in.channel_stride) +
                    static_cast<size_t>(c)];
  }

  // Runs the units in pieces that begin at `cuts`, each with fresh scratch of exactly the stated size.
  void Run(const Kernel& kernel, const std::vector<int64_t>& cuts) {
    const std::byte* xs[1] = {reinterpret_cast<const std::byte*>(x.data())};
    const RunArgs args = {xs, reinterpret_cast<std::byte*>(y.data()), layer.batch};
    for (size_t i = 0; i + 1 < cuts.size(); ++i) {
      const GuardedBuffer scratch(op->scratch_bytes(node));
      Random(i).Fill(scratch.bytes());
      op->run(node, kernel.fn, args, cuts[i], cuts[i + 1], reinterpret_cast<std::byte*>(scratch.data()));
    }
  }
};

inline std::string Describe(const ConvLayer& l) {
  const Window& w = l.window;
  char text[256];
  std::snprintf(text, sizeof text,
                "%d images %dx%dx%d -> %d, %d groups, kernel %dx%d stride %d %d dilation %d %d padding %d %d %d %d", l.batch,
                l.in_h, l.in_w, l.in_c, l.out_c, l.groups, w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h,
                w.dilation_w, w.pad_top, w.pad_left, w.pad_bottom, w.pad_right);
  return text;
}

}  // namespace cutis::test

#endif  // CUTIS_TESTS_OPS_CONV_U8_NODE_H_
