#include "tests/converter/net_eval.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cutis::convert {
namespace {

using Values = std::vector<float>;

size_t At(const Shape& shape, int y, int x, int c) {
  return (static_cast<size_t>(y) * static_cast<size_t>(shape.width) + static_cast<size_t>(x)) *
             static_cast<size_t>(shape.channels) +
         static_cast<size_t>(c);
}

// Calls visit(oy, ox, list of taps inside the image, number of taps inside the padded image) for every output pixel.
struct Tap {
  int ky, kx, y, x;
};
template <class Visit>
void Slide(const Window& w, const Shape& in, const Shape& out, Visit visit) {
  std::vector<Tap> taps;
  for (int oy = 0; oy < out.height; ++oy) {
    for (int ox = 0; ox < out.width; ++ox) {
      taps.clear();
      int padded = 0;
      for (int ky = 0; ky < w.kernel_h; ++ky) {
        for (int kx = 0; kx < w.kernel_w; ++kx) {
          const int y = oy * w.stride_h + ky * w.dilation_h - w.pad_top;
          const int x = ox * w.stride_w + kx * w.dilation_w - w.pad_left;
          if (y < in.height + w.pad_bottom && x < in.width + w.pad_right) ++padded;
          if (y >= 0 && y < in.height && x >= 0 && x < in.width) taps.push_back({ky, kx, y, x});
        }
      }
      visit(oy, ox, taps, padded);
    }
  }
}

void Convolve(const NetNode& node, const Shape& in, const Shape& out, const Values& x, Values& y) {
  const int in_group = in.channels / node.groups, out_group = out.channels / node.groups;
  const Window& w = node.window;
  const size_t row = static_cast<size_t>(w.kernel_h) * static_cast<size_t>(w.kernel_w) * static_cast<size_t>(in_group);
  Slide(w, in, out, [&](int oy, int ox, const std::vector<Tap>& taps, int) {
    for (int n = 0; n < out.channels; ++n) {
      double sum = node.bias[static_cast<size_t>(n)];
      for (const Tap& tap : taps) {
        const float* weights =
            &node.weights[static_cast<size_t>(n) * row + static_cast<size_t>((tap.ky * w.kernel_w + tap.kx) * in_group)];
        const float* data = &x[At(in, tap.y, tap.x, n / out_group * in_group)];
        for (int k = 0; k < in_group; ++k) sum += static_cast<double>(weights[k]) * static_cast<double>(data[k]);
      }
      y[At(out, oy, ox, n)] = static_cast<float>(sum);
    }
  });
}

void Pool(const NetNode& node, const Shape& in, const Shape& out, const Values& x, Values& y) {
  Slide(node.window, in, out, [&](int oy, int ox, const std::vector<Tap>& taps, int padded) {
    for (int c = 0; c < out.channels; ++c) {
      double sum = 0, most = -std::numeric_limits<double>::infinity();
      for (const Tap& tap : taps) {
        sum += x[At(in, tap.y, tap.x, c)];
        most = std::max<double>(most, x[At(in, tap.y, tap.x, c)]);
      }
      const double count = node.count_include_pad ? padded : static_cast<int>(taps.size());
      y[At(out, oy, ox, c)] = static_cast<float>(node.kind == OpKind::kMaxPool ? most : sum / count);
    }
  });
}

void Softmax(const Shape& shape, const Values& x, Values& y) {
  const size_t channels = static_cast<size_t>(shape.channels);
  for (size_t start = 0; start < x.size(); start += channels) {
    const double most = *std::max_element(x.begin() + static_cast<std::ptrdiff_t>(start),
                                          x.begin() + static_cast<std::ptrdiff_t>(start + channels));
    double sum = 0;
    for (size_t c = 0; c < channels; ++c) sum += std::exp(x[start + c] - most);
    for (size_t c = 0; c < channels; ++c) y[start + c] = static_cast<float>(std::exp(x[start + c] - most) / sum);
  }
}

}  // namespace

std::vector<Values> Evaluate(const Net& net, const Values& image) {
  std::vector<Values> values(net.tensors.size());
  values[static_cast<size_t>(net.inputs[0])] = image;
  for (const NetNode& node : net.nodes) {
    const Shape& in = net.tensors[static_cast<size_t>(node.inputs[0])].shape;
    const Shape& out = net.tensors[static_cast<size_t>(node.output)].shape;
    const Values& x = values[static_cast<size_t>(node.inputs[0])];
    Values y(static_cast<size_t>(out.height) * static_cast<size_t>(out.width) * static_cast<size_t>(out.channels));
    switch (node.kind) {
      case OpKind::kConv:
      case OpKind::kDepthwise:
      case OpKind::kDense:
        Convolve(node, in, out, x, y);
        break;
      case OpKind::kMaxPool:
      case OpKind::kAveragePool:
        Pool(node, in, out, x, y);
        break;
      case OpKind::kAdd:
        for (size_t i = 0; i < y.size(); ++i) y[i] = x[i] + values[static_cast<size_t>(node.inputs[1])][i];
        break;
      case OpKind::kSoftmax:
        Softmax(in, x, y);
        break;
      default:  // kClamp, kReshape
        y = x;
    }
    for (float& value : y) value = std::min(std::max(value, node.min), node.max);
    values[static_cast<size_t>(node.output)] = std::move(y);
  }
  std::vector<Values> outputs;
  for (const int output : net.outputs) outputs.push_back(values[static_cast<size_t>(output)]);
  return outputs;
}

Values ToNhwc(const Values& nchw, const Shape& shape) {
  Values nhwc(nchw.size());
  size_t i = 0;
  for (int c = 0; c < shape.channels; ++c) {
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) nhwc[At(shape, y, x, c)] = nchw[i++];
    }
  }
  return nhwc;
}

Values ToNchw(const Values& nhwc, const Shape& shape) {
  Values nchw(nhwc.size());
  size_t i = 0;
  for (int c = 0; c < shape.channels; ++c) {
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) nchw[i++] = nhwc[At(shape, y, x, c)];
    }
  }
  return nchw;
}

double RelativeError(const Values& a, const Values& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double difference = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  return difference == 0 ? 0 : difference / largest;
}

}  // namespace cutis::convert
