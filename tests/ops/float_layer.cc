#include "tests/ops/float_layer.h"

#include <algorithm>
#include <cmath>

#include "ops/conv/pack.h"

namespace cutis::test {
namespace {

bool IsDepthwise(const FloatLayer& layer) { return layer.kind == OpKind::kDepthwise; }

ConvWeightShape WeightShape(const FloatLayer& layer) {
  return {layer.out_channels, layer.window.kernel_h, layer.window.kernel_w, layer.in.channels / layer.groups, layer.groups};
}

size_t PackedFloats(const FloatLayer& layer) {
  return IsDepthwise(layer) ? PackedDepthwiseF32Size(layer.out_channels, layer.window.kernel_h, layer.window.kernel_w)
                            : PackedConvF32Size(WeightShape(layer));
}

}  // namespace

std::vector<FloatLayer> FloatLayers() {
  using enum OpKind;
  return {
      {kConv, {5, 6, 7}, 9, 1, {}, 2, {}, {}},
      {kConv, {9, 8, 16}, 40, 1, {}, 2, {2, 64}, {3, 0}, 0, 6},
      {kConv, {11, 9, 3}, 32, 1, {3, 3, 2, 2, 1, 1, 0, 0, 1, 1}, 2, {}, {}, 0, 6},
      {kConv, {7, 7, 8}, 12, 4, {3, 2, 1, 1, 1, 1, 1, 1, 1, 0}, 2, {1, 0}, {}},
      {kConv, {9, 12, 6}, 6, 3, {3, 3, 1, 2, 2, 3, 2, 3, 2, 3}, 3, {}, {2, 64}, -1, 1},
      {kConv, {6, 6, 5}, 17, 1, {1, 1, 2, 2, 1, 1, 0, 0, 0, 0}, 2, {}, {}},
      {kConv, {4, 4, 900}, 33, 1, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 1, {}, {}},  // the smallest tile of patches
      {kConv, {12, 12, 8}, 8, 8, {5, 5, 1, 1, 1, 1, 2, 2, 2, 2}, 2, {}, {}},
      {kConv, {3, 4, 4}, 8, 1, {2, 2, 1, 1, 1, 1, 3, 0, 0, 4}, 2, {}, {}},  // windows wholly in padding
      {kDepthwise, {9, 9, 16}, 16, 1, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, 2, {}, {}, 0, 6},
      {kDepthwise, {10, 11, 35}, 35, 1, {3, 3, 2, 2, 1, 1, 0, 0, 1, 1}, 2, {2, 0}, {1, 64}},
      {kDepthwise, {8, 7, 20}, 20, 1, {5, 5, 2, 1, 1, 1, 2, 1, 2, 3}, 3, {}, {}},
      {kDepthwise, {9, 9, 3}, 3, 1, {3, 2, 1, 1, 2, 3, 2, 0, 2, 3}, 2, {1, 0}, {}},
      {kDense, {1, 1, 70}, 100, 1, {}, 3, {}, {}},
      {kDense, {1, 1, 1280}, 7, 1, {}, 2, {4, 64}, {1, 0}, 0, 6},
  };
}

FloatCase::FloatCase(const FloatLayer& layer, uint64_t seed)
    : layer_(layer),
      packed_weights_(PackedFloats(layer) * sizeof(float)),
      packed_bias_(PackedChannelsSize(layer.out_channels, IsDepthwise(layer) ? 1 : layer.groups) * sizeof(float)),
      op_(layer.kind, {MakeTensor(DataType::kF32, layer.in, layer.in_gaps)},
          MakeTensor(DataType::kF32, OutputShape(layer.in, layer.window, layer.out_channels), layer.out_gaps), ReshapeOptions{},
          layer.batch, seed) {
  Random random(seed);
  weights_.resize(static_cast<size_t>(layer.out_channels) * static_cast<size_t>(GroupIn()) *
                  static_cast<size_t>(layer.window.kernel_h) * static_cast<size_t>(layer.window.kernel_w));
  bias_.resize(static_cast<size_t>(layer.out_channels));
  random.FillFloats(weights_, -1, 1);
  random.FillFloats(bias_, -2, 2);
  op_.Fill<float>(0, [&] { return random.Uniform(-2, 2); });
  Pack();
}

int32_t FloatCase::GroupIn() const { return IsDepthwise(layer_) ? 1 : layer_.in.channels / layer_.groups; }

void FloatCase::Pack() {
  const FloatLayer& l = layer_;
  float* packed = packed_weights_.as<float>().data();
  PackChannels(l.out_channels, IsDepthwise(l) ? 1 : l.groups, bias_.data(), packed_bias_.as<float>().data());
  if (IsDepthwise(l)) {
    PackDepthwiseF32(l.out_channels, l.window.kernel_h, l.window.kernel_w, weights_.data(), packed);
    op_.node().options = DepthwiseF32Options{l.window, packed_weights_.as<float>(), packed_bias_.as<float>(), l.min, l.max};
  } else {
    PackConvF32(WeightShape(l), weights_.data(), packed);
    op_.node().options =
        ConvF32Options{l.window, l.groups, packed_weights_.as<float>(), packed_bias_.as<float>(), l.min, l.max};
  }
}

double FloatCase::Expected(int32_t image, int32_t oy, int32_t ox, int32_t n, double* magnitude) {
  const Window& w = layer_.window;
  const int32_t group_in = GroupIn();
  const int32_t first = IsDepthwise(layer_) ? n : n / (layer_.out_channels / layer_.groups) * group_in;
  const float* weight = weights_.data() + static_cast<size_t>(n) * static_cast<size_t>(group_in * w.kernel_h * w.kernel_w);
  double sum = static_cast<double>(bias_[static_cast<size_t>(n)]);
  *magnitude = std::fabs(sum);
  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
    for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
      const int32_t y = oy * w.stride_h - w.pad_top + ky * w.dilation_h, x = ox * w.stride_w - w.pad_left + kx * w.dilation_w;
      for (int32_t c = 0; c < group_in; ++c, ++weight) {
        if (y < 0 || x < 0 || y >= layer_.in.height || x >= layer_.in.width) continue;
        const double product = static_cast<double>(*weight) * static_cast<double>(op_.In<float>(0, image, y, x, first + c));
        sum += product;
        *magnitude += std::fabs(product);
      }
    }
  }
  return std::clamp(sum, static_cast<double>(layer_.min), static_cast<double>(layer_.max));
}

double FloatCase::Error() {
  double worst = 0;
  op_.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
    double magnitude;
    const double expected = Expected(i, y, x, n, &magnitude);
    worst = std::fmax(worst, std::fabs(static_cast<double>(op_.Out<float>(i, y, x, n)) - expected) / magnitude);
  });
  return worst;
}

}  // namespace cutis::test
