#include "tests/converter/small_net.h"

#include <algorithm>

namespace cutis::convert {
namespace {

struct Image {
  const std::vector<double>& values;
  Shape shape;
  bool Inside(int y, int x) const { return y >= 0 && y < shape.height && x >= 0 && x < shape.width; }
  double At(int y, int x, int c) const { return values[static_cast<size_t>((y * shape.width + x) * shape.channels + c)]; }
};

double Convolve(const NetNode& node, const Image& in, const Shape& out, int y, int x, int n) {
  const Window& w = node.window;
  const bool depthwise = node.kind == OpKind::kDepthwise;
  const int in_group = depthwise ? 1 : in.shape.channels / node.groups;
  const int first = depthwise ? n : n / (out.channels / node.groups) * in_group;
  double sum = static_cast<double>(node.bias[static_cast<size_t>(n)]);
  for (int ky = 0; ky < w.kernel_h; ++ky) {
    for (int kx = 0; kx < w.kernel_w; ++kx) {
      const int iy = y * w.stride_h - w.pad_top + ky * w.dilation_h, ix = x * w.stride_w - w.pad_left + kx * w.dilation_w;
      if (!in.Inside(iy, ix)) continue;
      for (int c = 0; c < in_group; ++c) {
        const size_t at = static_cast<size_t>(((n * w.kernel_h + ky) * w.kernel_w + kx) * in_group + c);
        sum += static_cast<double>(node.weights[at]) * in.At(iy, ix, first + c);
      }
    }
  }
  return sum;
}

double Pool(const NetNode& node, const Image& in, int y, int x, int c) {
  const Window& w = node.window;
  double sum = 0, largest = -std::numeric_limits<double>::infinity();
  int count = 0;
  for (int ky = 0; ky < w.kernel_h; ++ky) {
    for (int kx = 0; kx < w.kernel_w; ++kx) {
      const int iy = y * w.stride_h - w.pad_top + ky * w.dilation_h, ix = x * w.stride_w - w.pad_left + kx * w.dilation_w;
      if (!in.Inside(iy, ix)) continue;
      sum += in.At(iy, ix, c);
      largest = std::max(largest, in.At(iy, ix, c));
      ++count;
    }
  }
  if (node.kind == OpKind::kMaxPool) return largest;
  return sum / (node.count_include_pad ? w.kernel_h * w.kernel_w : count);
}

double Softmax(const Image& in, int y, int x, int c) {
  double sum = 0;
  for (int i = 0; i < in.shape.channels; ++i) sum += std::exp(in.At(y, x, i) - in.At(y, x, c));
  return 1 / sum;
}

std::vector<double> EvaluateNode(const Net& net, const NetNode& node, const Values& values) {
  const auto image = [&](size_t i) {
    const auto tensor = static_cast<size_t>(node.inputs[i]);
    return Image{values[tensor], net.tensors[tensor].shape};
  };
  if (node.kind == OpKind::kReshape) return image(0).values;
  const Shape& out = net.tensors[static_cast<size_t>(node.output)].shape;
  std::vector<double> result;
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      for (int c = 0; c < out.channels; ++c) {
        double value = 0;
        switch (node.kind) {
          case OpKind::kConv:
          case OpKind::kDense:
          case OpKind::kDepthwise:
            value = Convolve(node, image(0), out, y, x, c);
            break;
          case OpKind::kAdd:
            value = image(0).At(y, x, c) + image(1).At(y, x, c);
            break;
          case OpKind::kMaxPool:
          case OpKind::kAveragePool:
            value = Pool(node, image(0), y, x, c);
            break;
          case OpKind::kSoftmax:
            value = Softmax(image(0), y, x, c);
            break;
          default:
            value = image(0).At(y, x, c);
            break;
        }
        result.push_back(std::clamp(value, static_cast<double>(node.min), static_cast<double>(node.max)));
      }
    }
  }
  return result;
}

}  // namespace

Values Evaluate(const Net& net, const std::vector<double>& input) {
  Values values(net.tensors.size());
  values[static_cast<size_t>(net.inputs[0])] = input;
  for (const NetNode& node : net.nodes) values[static_cast<size_t>(node.output)] = EvaluateNode(net, node, values);
  return values;
}

}  // namespace cutis::convert
