// Small networks for the tests of the converter's back half, and their evaluation in double, written from the definitions of
// the operators and sharing nothing with ops/.
#ifndef CUTIS_TESTS_CONVERTER_SMALL_NET_H_
#define CUTIS_TESTS_CONVERTER_SMALL_NET_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "converter/lower/net.h"
#include "converter/quant/calibration.h"
#include "converter/quant/statistics.h"

namespace cutis::convert {

// SplitMix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  // Within [low, high).
  float Real(float low, float high) { return low + (high - low) * static_cast<float>(Next() >> 40) * 0x1p-24f; }
  int32_t Below(int32_t count) { return static_cast<int32_t>(Next() % static_cast<uint64_t>(count)); }

 private:
  uint64_t state_;
};

// Builds a Net node by node; the shapes follow.
class NetBuilder {
 public:
  NetBuilder(uint64_t seed, const Shape& input) : random_(seed) {
    net_.name = "small";
    net_.inputs = {Tensor("image", input)};
  }

  int Conv(int x, int32_t out, const Window& window, int32_t groups = 1) {
    NetNode node = Start(OpKind::kConv, {x}, window);
    node.groups = groups;
    Fill(node, out, ShapeOf(x).channels / groups);
    return Finish(node, {Extent(ShapeOf(x).height, window, true), Extent(ShapeOf(x).width, window, false), out});
  }
  int Depthwise(int x, const Window& window) {
    NetNode node = Start(OpKind::kDepthwise, {x}, window);
    Fill(node, ShapeOf(x).channels, 1);
    return Finish(node,
                  {Extent(ShapeOf(x).height, window, true), Extent(ShapeOf(x).width, window, false), ShapeOf(x).channels});
  }
  int Dense(int x, int32_t out) {
    NetNode node = Start(OpKind::kDense, {x}, {});
    Fill(node, out, ShapeOf(x).channels);
    return Finish(node, {1, 1, out});
  }
  int Add(int a, int b) {
    NetNode node = Start(OpKind::kAdd, {a, b}, {});
    return Finish(node, ShapeOf(a));
  }
  int Pool(OpKind kind, int x, const Window& window, bool count_include_pad = false) {
    NetNode node = Start(kind, {x}, window);
    node.count_include_pad = count_include_pad;
    return Finish(node,
                  {Extent(ShapeOf(x).height, window, true), Extent(ShapeOf(x).width, window, false), ShapeOf(x).channels});
  }
  int Simple(OpKind kind, int x, const Shape& shape) {
    NetNode node = Start(kind, {x}, {});
    return Finish(node, shape);
  }
  // Fuses a clamp into the last node (or sets that of a kClamp).
  NetBuilder& Clamp(float min, float max) {
    net_.nodes.back().min = min;
    net_.nodes.back().max = max;
    return *this;
  }
  NetNode& Last() { return net_.nodes.back(); }
  Shape ShapeOf(int tensor) const { return net_.tensors[static_cast<size_t>(tensor)].shape; }
  Net Build(int output) {
    net_.outputs = {output};
    return net_;
  }

 private:
  int Tensor(const std::string& name, const Shape& shape) {
    NetTensor& tensor = net_.tensors.emplace_back();
    tensor.name = name;
    tensor.shape = shape;
    return static_cast<int>(net_.tensors.size()) - 1;
  }
  NetNode Start(OpKind kind, std::vector<int> inputs, const Window& window) {
    NetNode node;
    node.kind = kind;
    node.name = "node" + std::to_string(net_.nodes.size());
    node.inputs = std::move(inputs);
    node.window = window;
    return node;
  }
  int Finish(NetNode& node, const Shape& shape) {
    node.output = Tensor(std::string("t").append(std::to_string(net_.tensors.size())), shape);
    net_.nodes.push_back(node);
    return node.output;
  }
  void Fill(NetNode& node, int32_t out, int32_t in) {
    const int32_t terms = node.window.kernel_h * node.window.kernel_w * in;
    const float size = 1.5f / std::sqrt(static_cast<float>(terms));
    for (int32_t i = 0; i < out * terms; ++i) node.weights.push_back(random_.Real(-size, size));
    for (int32_t i = 0; i < out; ++i) node.bias.push_back(random_.Real(-0.3f, 0.5f));
  }
  static int32_t Extent(int32_t in, const Window& w, bool rows) {
    return rows ? (in + w.pad_top + w.pad_bottom - w.dilation_h * (w.kernel_h - 1) - 1) / w.stride_h + 1
                : (in + w.pad_left + w.pad_right - w.dilation_w * (w.kernel_w - 1) - 1) / w.stride_w + 1;
  }

  Net net_;
  Random random_;
};

inline Window Square(int32_t kernel, int32_t stride, int32_t begin, int32_t end) {
  Window w;
  w.kernel_h = w.kernel_w = kernel;
  w.stride_h = w.stride_w = stride;
  w.pad_top = w.pad_left = begin;
  w.pad_bottom = w.pad_right = end;
  return w;
}

// All tensors of a network for one input, NHWC.
using Values = std::vector<std::vector<double>>;
Values Evaluate(const Net& net, const std::vector<double>& input);

// Statistics over inputs, as the calibration would take them.
inline Calibration CalibrationOf(const Net& net, const std::vector<std::vector<double>>& inputs) {
  std::vector<StatisticsCollector> collectors;
  for (const NetTensor& tensor : net.tensors) collectors.emplace_back(tensor.shape.channels);
  for (const std::vector<double>& input : inputs) {
    const Values values = Evaluate(net, input);
    for (size_t i = 0; i < collectors.size(); ++i) {
      const std::vector<float> reals(values[i].begin(), values[i].end());
      if (!collectors[i].Add(reals)) collectors.clear();
    }
  }
  Calibration calibration;
  calibration.images = static_cast<int64_t>(inputs.size());
  for (size_t i = 0; i < collectors.size(); ++i) {
    calibration.tensors.push_back(collectors[i].Reduce());
    calibration.tensors.back().name = net.tensors[i].name;
  }
  return calibration;
}

}  // namespace cutis::convert

#endif  // CUTIS_TESTS_CONVERTER_SMALL_NET_H_
