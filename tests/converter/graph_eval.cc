#include "tests/converter/graph_eval.h"

#include <algorithm>
#include <cmath>

namespace cutis::convert {
namespace {

using Elements = std::vector<double>;

size_t Size(int64_t value) { return static_cast<size_t>(value); }

Elements ConvOf(const Graph& graph, const Node& node, const Elements& x) {
  const Dims &in = DimsOf(graph, node.inputs[0]), &w = DimsOf(graph, node.inputs[1]), &out = DimsOf(graph, node.outputs[0]);
  const std::vector<float> weights = ReadFloats(*ConstantInput(graph, node, 1));
  const std::vector<float> bias = ReadFloats(*ConstantInput(graph, node, 2));
  const std::vector<int64_t> pads = IntsOf(node, "pads", {});
  const int64_t group_out = out[1] / IntOf(node, "group", 1);
  Elements y;
  for (int64_t n = 0; n < out[1]; ++n) {
    for (int64_t oy = 0; oy < out[2]; ++oy) {
      for (int64_t ox = 0; ox < out[3]; ++ox) {
        double sum = static_cast<double>(bias[Size(n)]);
        for (int64_t c = 0; c < w[1]; ++c) {
          for (int64_t ky = 0; ky < w[2]; ++ky) {
            for (int64_t kx = 0; kx < w[3]; ++kx) {
              const int64_t iy = oy + ky - pads[0], ix = ox + kx - pads[1], channel = n / group_out * w[1] + c;
              if (iy < 0 || iy >= in[2] || ix < 0 || ix >= in[3]) continue;
              sum += static_cast<double>(weights[Size(((n * w[1] + c) * w[2] + ky) * w[3] + kx)]) *
                     x[Size((channel * in[2] + iy) * in[3] + ix)];
            }
          }
        }
        y.push_back(sum);
      }
    }
  }
  return y;
}

Elements GemmOf(const Graph& graph, const Node& node, const Elements& x) {
  const std::vector<float> weights = ReadFloats(*ConstantInput(graph, node, 1));
  Elements y;
  for (const float bias : ReadFloats(*ConstantInput(graph, node, 2))) {
    double sum = static_cast<double>(bias);
    for (size_t k = 0; k < x.size(); ++k) sum += static_cast<double>(weights[y.size() * x.size() + k]) * x[k];
    y.push_back(sum);
  }
  return y;
}

// Broadcasts [1, C, 1, 1] against [1, C, H, W].
Elements PairOf(const Node& node, const Elements& a, const Elements& b) {
  Elements y;
  const size_t count = std::max(a.size(), b.size());
  for (size_t i = 0; i < count; ++i) {
    const double first = a[i / (count / a.size())], second = b[i / (count / b.size())];
    y.push_back(node.op == "Mul" ? first * second : first + second);
  }
  return y;
}

Elements EvaluateNode(const Graph& graph, const Node& node, const Values& values) {
  const Elements& x = values[Size(node.inputs[0])];
  if (node.op == "Conv") return ConvOf(graph, node, x);
  if (node.op == "Gemm") return GemmOf(graph, node, x);
  if (node.op == "Add" || node.op == "Mul") {
    const Constant* constant = ConstantInput(graph, node, 1);
    return PairOf(node, x, constant != nullptr ? ReadDoubles(*constant) : values[Size(node.inputs[1])]);
  }
  Elements y;
  if (node.op == "Concat") {
    for (const ValueId id : node.inputs) y.insert(y.end(), values[Size(id)].begin(), values[Size(id)].end());
  } else if (node.op == "AveragePool") {  // global ones only
    const size_t pixels = x.size() / Size(DimsOf(graph, node.outputs[0])[1]);
    for (size_t i = 0; i < x.size(); i += pixels) {
      double sum = 0;
      for (size_t p = 0; p < pixels; ++p) sum += x[i + p];
      y.push_back(sum / static_cast<double>(pixels));
    }
  } else {
    for (const double value : x) {
      if (node.op == "Clip") {
        y.push_back(
            std::clamp(value, static_cast<double>(FloatOf(node, "min", 0)), static_cast<double>(FloatOf(node, "max", 0))));
      } else {
        y.push_back(node.op == "Sigmoid" ? 1 / (1 + std::exp(-value)) : value);
      }
    }
  }
  return y;
}

}  // namespace

GraphBuilder::GraphBuilder(uint64_t seed, Dims input) : random_(seed) {
  graph_.name = "small";
  const ValueId id = AddValue(graph_, "image");
  graph_.values[Size(id)].has_dims = true;
  graph_.values[Size(id)].dims = std::move(input);
  graph_.inputs = {id};
}

ValueId GraphBuilder::Finish(Node node, Dims dims) {
  node.name = node.op + std::to_string(graph_.nodes.size());
  const ValueId id = AddValue(graph_, node.name + ":0");
  graph_.values[Size(id)].has_dims = true;
  graph_.values[Size(id)].dims = std::move(dims);
  node.outputs = {id};
  graph_.nodes.push_back(std::move(node));
  return id;
}

ValueId GraphBuilder::Conv(ValueId x, int64_t out, int64_t kernel, int64_t group, int64_t pad) {
  const Dims in = DimsOf(graph_, x);
  if (pad < 0) pad = kernel / 2;
  const int64_t columns = in[1] / group;
  std::vector<float> weights, bias;
  const float size = 1.5f / std::sqrt(static_cast<float>(columns * kernel * kernel));
  for (int64_t i = 0; i < out * columns * kernel * kernel; ++i) weights.push_back(random_.Real(-size, size));
  for (int64_t i = 0; i < out; ++i) bias.push_back(random_.Real(-0.3f, 0.5f));
  Node node;
  node.op = "Conv";
  node.inputs = {x, AddConstant(graph_, "w", MakeFloats({out, columns, kernel, kernel}, weights)),
                 AddConstant(graph_, "b", MakeFloats({out}, bias))};
  node.attributes = {{"kernel_shape", std::vector<int64_t>{kernel, kernel}},
                     {"strides", std::vector<int64_t>{1, 1}},
                     {"dilations", std::vector<int64_t>{1, 1}},
                     {"pads", std::vector<int64_t>{pad, pad, pad, pad}},
                     {"group", group}};
  return Finish(std::move(node), {1, out, in[2] + 2 * pad - kernel + 1, in[3] + 2 * pad - kernel + 1});
}

ValueId GraphBuilder::Gemm(ValueId x, int64_t out) {
  const int64_t in = DimsOf(graph_, x)[1];
  std::vector<float> weights, bias;
  for (int64_t i = 0; i < out * in; ++i) weights.push_back(random_.Real(-0.5f, 0.5f));
  for (int64_t i = 0; i < out; ++i) bias.push_back(random_.Real(-0.3f, 0.5f));
  Node node;
  node.op = "Gemm";
  node.inputs = {x, AddConstant(graph_, "w", MakeFloats({out, in}, weights)),
                 AddConstant(graph_, "b", MakeFloats({out}, bias))};
  node.attributes = {{"transB", int64_t{1}}};
  return Finish(std::move(node), {1, out});
}

ValueId GraphBuilder::Op(const char* op, std::vector<ValueId> inputs, std::map<std::string, Attribute> attributes) {
  Node node;
  node.op = op;
  Dims dims = DimsOf(graph_, inputs[0]);
  if (node.op == "Concat") {
    dims[1] = 0;
    for (const ValueId id : inputs) dims[1] += DimsOf(graph_, id)[1];
  }
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  return Finish(std::move(node), dims);
}

ValueId GraphBuilder::GlobalPool(ValueId x) {
  const Dims in = DimsOf(graph_, x);
  Node node;
  node.op = "AveragePool";
  node.inputs = {x};
  node.attributes = {{"kernel_shape", std::vector<int64_t>{in[2], in[3]}},
                     {"strides", std::vector<int64_t>{1, 1}},
                     {"dilations", std::vector<int64_t>{1, 1}},
                     {"pads", std::vector<int64_t>{0, 0, 0, 0}},
                     {"count_include_pad", int64_t{0}}};
  return Finish(std::move(node), {1, in[1], 1, 1});
}

ValueId GraphBuilder::Reshape(ValueId x, Dims dims) {
  Node node;
  node.op = "Reshape";
  node.inputs = {x};
  return Finish(std::move(node), std::move(dims));
}

Values Evaluate(const Graph& graph, const std::vector<double>& input) {
  Values values(graph.values.size());
  values[Size(graph.inputs[0])] = input;
  for (const Node& node : graph.nodes) values[Size(node.outputs[0])] = EvaluateNode(graph, node, values);
  return values;
}

Node& Producer(Graph& graph, ValueId value) {
  return *std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.outputs[0] == value; });
}

void ScaleWeights(Graph& graph, Node& node, size_t input, const std::function<float(size_t row, size_t column)>& factor) {
  const Constant& old = *ConstantInput(graph, node, input);
  std::vector<float> values = ReadFloats(old);
  const size_t rows = Size(old.dims[0]), columns = old.dims.size() > 1 ? Size(old.dims[1]) : 1;
  const size_t taps = values.size() / (rows * columns);
  for (size_t i = 0; i < values.size(); ++i) values[i] *= factor(i / taps / columns, i / taps % columns);
  node.inputs[input] = AddConstant(graph, "changed", MakeFloats(old.dims, values));
}

}  // namespace cutis::convert
