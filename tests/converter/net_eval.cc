#include "tests/converter/net_eval.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
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

size_t Elements(const NetTensor& tensor) {
  return static_cast<size_t>(tensor.images) * static_cast<size_t>(tensor.shape.height) *
         static_cast<size_t>(tensor.shape.width) * static_cast<size_t>(tensor.shape.channels);
}

// Where an index of a view lies in a tensor by its map.
size_t Address(const View& view, const IndexMap& map, const NetTensor& tensor, const std::vector<int>& index) {
  int64_t at[kDims];
  for (int d = 0; d < kDims; ++d) at[d] = map.start[d];
  for (int a = 0; a < view.rank; ++a) {
    at[static_cast<int>(map.dim[a])] += int64_t{index[static_cast<size_t>(a)]} * map.step[a];
  }
  return static_cast<size_t>(((at[0] * tensor.shape.height + at[1]) * tensor.shape.width + at[2]) * tensor.shape.channels +
                             at[3]);
}

// Calls visit(index, number) for every index of a view, row-major.
template <class Visit>
void Walk(const View& view, Visit visit) {
  std::vector<int> index(static_cast<size_t>(view.rank), 0);
  for (size_t number = 0;; ++number) {
    visit(index, number);
    int a = view.rank - 1;
    while (a >= 0 && ++index[static_cast<size_t>(a)] == view.dims[a]) index[static_cast<size_t>(a--)] = 0;
    if (a < 0) return;
  }
}

View Joined(const View& a, std::initializer_list<int> more) {
  View view = a;
  for (const int dim : more) view.dims[view.rank++] = dim;
  return view;
}

double Apply(BinaryFunction function, double a, double b) {
  switch (function) {
    case BinaryFunction::kAdd:
      return a + b;
    case BinaryFunction::kSub:
      return a - b;
    case BinaryFunction::kMul:
      return a * b;
    case BinaryFunction::kDiv:
      return a / b;
    case BinaryFunction::kMax:
      return std::max(a, b);
    case BinaryFunction::kMin:
      return std::min(a, b);
    default:
      return std::pow(a, b);
  }
}

double Apply(const UnaryOptions& o, double x) {
  const double alpha = static_cast<double>(o.alpha), beta = static_cast<double>(o.beta);
  switch (o.function) {
    case UnaryFunction::kNeg:
      return -x;
    case UnaryFunction::kAbs:
      return std::abs(x);
    case UnaryFunction::kSqrt:
      return std::sqrt(x);
    case UnaryFunction::kReciprocal:
      return 1 / x;
    case UnaryFunction::kExp:
      return std::exp(x);
    case UnaryFunction::kLog:
      return std::log(x);
    case UnaryFunction::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case UnaryFunction::kTanh:
      return std::tanh(x);
    case UnaryFunction::kSoftplus:
      return std::log1p(std::exp(x));
    case UnaryFunction::kSwish:
      return x / (1 + std::exp(-alpha * x));
    case UnaryFunction::kMish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case UnaryFunction::kHardSigmoid:
      return std::clamp(alpha * x + beta, 0.0, 1.0);
    case UnaryFunction::kHardSwish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case UnaryFunction::kElu:
      return x < 0 ? alpha * std::expm1(x) : x;
    case UnaryFunction::kLeakyRelu:
      return x < 0 ? alpha * x : x;
  }
  return 0;
}

// The operators on index maps, from their definition in ops/options.h.
struct MapEvaluator {
  const Net& net;
  const NetNode& node;
  const std::vector<Values>& values;
  Values& y;

  const NetTensor& Tensor(size_t i) const { return net.tensors[static_cast<size_t>(node.inputs[i])]; }
  double In(size_t i, const View& view, const IndexMap& map, const std::vector<int>& index) const {
    return values[static_cast<size_t>(node.inputs[i])][Address(view, map, Tensor(i), index)];
  }

  void operator()(std::monostate) const {}
  void operator()(const NetMove& move) const {
    std::fill(y.begin(), y.end(), move.filled ? move.fill : std::numeric_limits<float>::quiet_NaN());
    for (const MovePiece& piece : move.pieces) {
      View box = move.view;
      std::copy_n(piece.extent, kMaxAxes, box.dims);
      Walk(box, [&](const std::vector<int>& index, size_t) {
        size_t to = 0;
        for (int a = 0; a < box.rank; ++a) {
          to = to * static_cast<size_t>(move.view.dims[a]) + static_cast<size_t>(piece.from[a] + index[static_cast<size_t>(a)]);
        }
        y[to] = static_cast<float>(In(static_cast<size_t>(piece.input), box, piece.map, index));
      });
    }
  }
  void operator()(const NetResize& r) const {
    const Shape& in = Tensor(0).shape;
    const Values& x = values[static_cast<size_t>(node.inputs[0])];
    const size_t plane = static_cast<size_t>(in.height) * static_cast<size_t>(in.width) * static_cast<size_t>(in.channels);
    size_t to = 0;
    for (int n = 0; n < Tensor(0).images; ++n) {
      for (size_t oy = 0; oy < r.low_y.size(); ++oy) {
        for (size_t ox = 0; ox < r.low_x.size(); ++ox) {
          for (int c = 0; c < in.channels; ++c) {
            const auto at = [&](int row, int column) {
              return static_cast<double>(x[static_cast<size_t>(n) * plane + At(in, row, column, c)]);
            };
            const double wx = r.weight_x[ox], wy = r.weight_y[oy];
            const double top = at(r.low_y[oy], r.low_x[ox]) * (1 - wx) + at(r.low_y[oy], r.high_x[ox]) * wx;
            const double bottom = at(r.high_y[oy], r.low_x[ox]) * (1 - wx) + at(r.high_y[oy], r.high_x[ox]) * wx;
            y[to++] = static_cast<float>(top * (1 - wy) + bottom * wy);
          }
        }
      }
    }
  }
  void operator()(const BinaryF32Options& o) const {
    Walk(o.view, [&](const std::vector<int>& index, size_t i) {
      y[i] = static_cast<float>(Apply(o.function, In(0, o.view, o.a, index), In(1, o.view, o.b, index)));
    });
  }
  void operator()(const SelectOptions& o) const {
    Walk(o.view, [&](const std::vector<int>& index, size_t i) {
      const bool first = In(0, o.view, o.condition, index) != 0;
      y[i] = static_cast<float>(first ? In(1, o.view, o.a, index) : In(2, o.view, o.b, index));
    });
  }
  void operator()(const UnaryOptions& o) const {
    const Values& x = values[static_cast<size_t>(node.inputs[0])];
    for (size_t i = 0; i < y.size(); ++i) y[i] = static_cast<float>(Apply(o, x[i]));
  }
  void operator()(const ReduceF32Options& o) const {
    View all = o.view;
    for (int a = 0; a < o.reduced.rank; ++a) all = Joined(all, {o.reduced.dims[a]});
    size_t count = 1;
    for (int a = 0; a < o.reduced.rank; ++a) count *= static_cast<size_t>(o.reduced.dims[a]);
    std::vector<double> results(y.size());
    Walk(all, [&](const std::vector<int>& index, size_t i) {
      const double x = In(0, all, o.map, index);
      double& result = results[i / count];
      const bool first = i % count == 0;
      if (o.function == ReduceFunction::kSum || o.function == ReduceFunction::kMean) result += x;
      if (o.function == ReduceFunction::kMax) result = first ? x : std::max(result, x);
      if (o.function == ReduceFunction::kMin) result = first ? x : std::min(result, x);
    });
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = static_cast<float>(o.function == ReduceFunction::kMean ? results[i] / static_cast<double>(count) : results[i]);
    }
  }
  void operator()(const MatMulF32Options& o) const {
    const View all = Joined(o.view, {o.k});
    std::vector<double> sums(y.size());
    Walk(all, [&](const std::vector<int>& index, size_t i) {
      sums[i / static_cast<size_t>(o.k)] += In(0, all, o.a, index) * In(1, all, o.b, index);
    });
    for (size_t i = 0; i < y.size(); ++i) y[i] = static_cast<float>(sums[i]);
  }
};

// One image of a node whose operator treats images separately.
Values EvaluateImage(const Net& net, const NetNode& node, const Values& x, const Values& second) {
  const Shape& in = net.tensors[static_cast<size_t>(node.inputs[0])].shape;
  const Shape& out = net.tensors[static_cast<size_t>(node.output)].shape;
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
      for (size_t i = 0; i < y.size(); ++i) y[i] = x[i] + second[i];
      break;
    case OpKind::kSoftmax:
      Softmax(in, x, y);
      break;
    default:  // kClamp, kReshape
      y = x;
  }
  return y;
}

// The image-th part of a tensor's values.
Values Part(const Values& all, int32_t images, int32_t image) {
  const auto size = static_cast<std::ptrdiff_t>(all.size()) / images;
  return Values(all.begin() + image * size, all.begin() + (image + 1) * size);
}

}  // namespace

std::vector<Values> Evaluate(const Net& net, const std::vector<Values>& inputs) {
  std::vector<Values> values(net.tensors.size());
  for (size_t i = 0; i < net.tensors.size(); ++i) {
    if (net.tensors[i].is_constant) values[i] = net.tensors[i].constant;
  }
  for (size_t i = 0; i < inputs.size(); ++i) values[static_cast<size_t>(net.inputs[i])] = inputs[i];
  for (const NetNode& node : net.nodes) {
    const NetTensor& out = net.tensors[static_cast<size_t>(node.output)];
    Values y;
    if (node.kind >= OpKind::kMove) {
      y.resize(Elements(out));
      std::visit(MapEvaluator{net, node, values, y}, node.options);
    } else {
      for (int32_t image = 0; image < out.images; ++image) {
        const Values second =
            node.inputs.size() > 1 ? Part(values[static_cast<size_t>(node.inputs[1])], out.images, image) : Values();
        const Values part =
            EvaluateImage(net, node, Part(values[static_cast<size_t>(node.inputs[0])], out.images, image), second);
        y.insert(y.end(), part.begin(), part.end());
      }
    }
    for (float& value : y) value = std::min(std::max(value, node.min), node.max);
    values[static_cast<size_t>(node.output)] = std::move(y);
  }
  std::vector<Values> outputs;
  for (const int output : net.outputs) outputs.push_back(values[static_cast<size_t>(output)]);
  return outputs;
}

std::vector<Values> Evaluate(const Net& net, const Values& image) { return Evaluate(net, std::vector<Values>{image}); }

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

Values ToMemory(const Values& values, const NetTensor& tensor) {
  Values all;
  for (int32_t n = 0; n < tensor.images; ++n) {
    const Values image = ToNhwc(Part(values, tensor.images, n), tensor.shape);
    all.insert(all.end(), image.begin(), image.end());
  }
  return all;
}

Values FromMemory(const Values& values, const NetTensor& tensor) {
  Values all;
  for (int32_t n = 0; n < tensor.images; ++n) {
    const Values image = ToNchw(Part(values, tensor.images, n), tensor.shape);
    all.insert(all.end(), image.begin(), image.end());
  }
  return all;
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
