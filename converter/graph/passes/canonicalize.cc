// Operators that are sums of others are written as those; attributes get their one form: axes not negative, defaults explicit,
// constant inputs read. Constants that this leaves to be computed are folded afterwards.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "converter/graph/indices.h"
#include "converter/graph/passes.h"
#include "converter/graph/passes/general_windows.h"
#include "converter/graph/rewriter.h"

namespace cutis::convert {
namespace {

// Each gets the node that it replaces, and emits what replaces it; the last one makes node.outputs[0].
using RewriteFn = Status (*)(Rewriter&, const Node&);

Status ToAxis(const Node& node, int64_t given, size_t rank, int64_t* axis) {
  *axis = given < 0 ? given + static_cast<int64_t>(rank) : given;
  if (*axis < 0 || *axis >= static_cast<int64_t>(rank)) {
    return NodeError(node, "its axis lies outside its tensor", Code::kBadInput);
  }
  return Status();
}

// Sum, Max, Min of any number of inputs, by pairs.
Status RewriteVariadic(Rewriter& rewriter, const Node& node) {
  const std::string op = node.op == "Sum" ? "Add" : node.op;
  if (node.inputs.size() == 1) {
    rewriter.EmitTo("Identity", node.inputs, node.outputs[0]);
    return Status();
  }
  ValueId sum = node.inputs[0];
  for (size_t i = 1; i + 1 < node.inputs.size(); ++i) sum = rewriter.Emit(op, {sum, node.inputs[i]});
  rewriter.EmitTo(op, {sum, node.inputs.back()}, node.outputs[0]);
  return Status();
}

Status RewriteConcat(Rewriter& rewriter, const Node& node) {
  int64_t axis = 0;
  CUTIS_TRY(ToAxis(node, IntOf(node, "axis", 1), rewriter.DimsOf(node.inputs[0]).size(), &axis));
  rewriter.EmitTo("Concat", node.inputs, node.outputs[0], {{"axis", axis}});
  return Status();
}

Status RewriteTranspose(Rewriter& rewriter, const Node& node) {
  std::vector<int64_t> order;
  CUTIS_TRY(ReadPermutation(node, rewriter.DimsOf(node.inputs[0]).size(), &order));
  rewriter.EmitTo("Transpose", node.inputs, node.outputs[0], {{"perm", order}});
  return Status();
}

Status RewriteReduce(Rewriter& rewriter, const Node& node) {
  const size_t rank = rewriter.DimsOf(node.inputs[0]).size();
  std::vector<int64_t> axes;
  CUTIS_TRY(ReadReducedAxes(rewriter.graph(), node, rank, &axes));
  if (axes.empty()) {
    rewriter.EmitTo("Identity", {node.inputs[0]}, node.outputs[0]);
    return Status();
  }
  rewriter.EmitTo(node.op, {node.inputs[0]}, node.outputs[0], {{"axes", axes}, {"keepdims", IntOf(node, "keepdims", 1)}});
  return Status();
}

// Before opset 13 a softmax ran over all axes from `axis` on, as one.
Status RewriteSoftmax(Rewriter& rewriter, const Node& node) {
  const Dims dims = rewriter.DimsOf(node.inputs[0]);
  int64_t axis = 0;
  CUTIS_TRY(ToAxis(node, IntOf(node, "axis", -1), dims.size(), &axis));
  if (IntOf(node, "_flatten", 0) == 0) {
    rewriter.EmitTo("Softmax", node.inputs, node.outputs[0], {{"axis", axis}});
    return Status();
  }
  std::vector<int64_t> wide;
  for (int64_t i = axis; i < static_cast<int64_t>(dims.size()); ++i) {
    if (dims[static_cast<size_t>(i)] != 1) wide.push_back(i);
  }
  if (wide.size() <= 1) {
    rewriter.EmitTo("Softmax", node.inputs, node.outputs[0], {{"axis", wide.empty() ? axis : wide[0]}});
    return Status();
  }
  const int64_t rows = ElementCount(Dims(dims.begin(), dims.begin() + axis));
  const ValueId flat = rewriter.Reshape(node.inputs[0], {rows, ElementCount(dims) / rows});
  const ValueId soft = rewriter.Emit("Softmax", {flat}, {{"axis", int64_t{1}}});
  rewriter.EmitTo("Reshape", {soft}, node.outputs[0], {{"shape", dims}});
  return Status();
}

// An index list of any shape: along one axis by a flat list, then reshaped.
Status RewriteGather(Rewriter& rewriter, const Node& node) {
  const Constant* indices = ConstantInput(rewriter.graph(), node, 1);
  if (indices == nullptr) return NodeError(node, "its indices are computed at run time, only constant ones are supported");
  int64_t axis = 0;
  CUTIS_TRY(ToAxis(node, IntOf(node, "axis", 0), rewriter.DimsOf(node.inputs[0]).size(), &axis));
  const ValueId list = rewriter.Ints(ReadInts(*indices));
  if (indices->dims.size() == 1) {
    rewriter.EmitTo("Gather", {node.inputs[0], list}, node.outputs[0], {{"axis", axis}});
    return Status();
  }
  const ValueId gathered = rewriter.Emit("Gather", {node.inputs[0], list}, {{"axis", axis}});
  rewriter.EmitTo("Reshape", {gathered}, node.outputs[0], {{"shape", rewriter.DimsOf(node.outputs[0])}});
  return Status();
}

// To the rank of its result first.
Status RewriteExpand(Rewriter& rewriter, const Node& node) {
  const Dims dims = rewriter.DimsOf(node.inputs[0]), to = rewriter.DimsOf(node.outputs[0]);
  Dims widened(to.size() - dims.size(), 1);
  widened.insert(widened.end(), dims.begin(), dims.end());
  const ValueId x = widened == dims ? node.inputs[0] : rewriter.Reshape(node.inputs[0], widened);
  rewriter.EmitTo("Expand", {x, rewriter.Ints(to)}, node.outputs[0]);
  return Status();
}

Status RewriteSplit(Rewriter& rewriter, const Node& node) {
  const Dims dims = rewriter.DimsOf(node.inputs[0]);
  int64_t axis = 0, begin = 0;
  CUTIS_TRY(ToAxis(node, IntOf(node, "axis", 0), dims.size(), &axis));
  for (const ValueId output : node.outputs) {
    if (output == kNoValue) return NodeError(node, "an output is left out, which is not supported");
    if (ConstantOf(rewriter.graph(), output) != nullptr) continue;  // a part without elements
    const int64_t end = begin + rewriter.DimsOf(output)[static_cast<size_t>(axis)];
    rewriter.EmitTo(
        "Slice", {node.inputs[0]}, output,
        {{"starts", std::vector<int64_t>{begin}}, {"ends", std::vector<int64_t>{end}}, {"axes", std::vector<int64_t>{axis}}});
    begin = end;
  }
  return Status();
}

// x < 0 ? slope * x : x
Status RewritePRelu(Rewriter& rewriter, const Node& node) {
  const Constant* slope = ConstantInput(rewriter.graph(), node, 1);
  if (slope != nullptr && ElementCount(slope->dims) == 1) {
    rewriter.EmitTo("LeakyRelu", {node.inputs[0]}, node.outputs[0], {{"alpha", ReadFloats(*slope)[0]}});
    return Status();
  }
  const ValueId zero = rewriter.Floats({}, {0});
  const ValueId above = rewriter.Emit("Relu", {node.inputs[0]});
  const ValueId below = rewriter.Emit("Min", {node.inputs[0], zero});
  const bool channels = IntOf(node, "_channels", 0) != 0 && rewriter.DimsOf(node.inputs[1]).size() == 1;
  const ValueId slopes =
      channels ? rewriter.PerChannel(node.inputs[1], rewriter.DimsOf(node.inputs[0]).size()) : node.inputs[1];
  const ValueId sloped = rewriter.Emit("Mul", {below, slopes});
  rewriter.EmitTo("Add", {above, sloped}, node.outputs[0]);
  return Status();
}

Status RewritePow(Rewriter& rewriter, const Node& node) {
  const Constant* exponent = ConstantInput(rewriter.graph(), node, 1);
  if (exponent != nullptr && ElementCount(exponent->dims) == 1 &&
      rewriter.DimsOf(node.outputs[0]) == rewriter.DimsOf(node.inputs[0])) {
    const double value = ReadDoubles(*exponent)[0];
    if (value == 2) return rewriter.EmitTo("Mul", {node.inputs[0], node.inputs[0]}, node.outputs[0]), Status();
    if (value == 0.5) return rewriter.EmitTo("Sqrt", {node.inputs[0]}, node.outputs[0]), Status();
    if (value == 1) return rewriter.EmitTo("Identity", {node.inputs[0]}, node.outputs[0]), Status();
  }
  std::vector<ValueId> inputs = node.inputs;
  if (exponent != nullptr && !IsFloat(exponent->type)) inputs[1] = rewriter.Floats(exponent->dims, ReadFloats(*exponent));
  rewriter.EmitTo("Pow", inputs, node.outputs[0]);
  return Status();
}

// Bounds that are computed at run time.
Status RewriteClip(Rewriter& rewriter, const Node& node) {
  bool constant = true;
  for (size_t i = 1; i < 3; ++i)
    constant = constant && (!HasInput(node, i) || ConstantInput(rewriter.graph(), node, i) != nullptr);
  if (constant) return rewriter.Keep(node), Status();
  ValueId x = node.inputs[0];
  if (HasInput(node, 1)) x = rewriter.Emit("Max", {x, node.inputs[1]});
  if (HasInput(node, 2)) x = rewriter.Emit("Min", {x, node.inputs[2]});
  rewriter.EmitTo("Identity", {x}, node.outputs[0]);
  return Status();
}

// A mask has an element for each of a tensor's: a small file must not ask for any amount of memory by it.
Status CheckMask(const Node& node, const Dims& dims) {
  if (ElementCount(dims) <= int64_t{1} << 24) return Status();
  return NodeError(node, "its tensor " + ToText(dims) + " is too large for what it fills");
}

// A value that is computed at run time is chosen where zeros have been padded.
Status RewritePad(Rewriter& rewriter, const Node& node) {
  if (!HasInput(node, 2) || ConstantInput(rewriter.graph(), node, 2) != nullptr) return rewriter.Keep(node), Status();
  const Dims dims = rewriter.DimsOf(node.inputs[0]);
  if (ElementCount(rewriter.DimsOf(node.inputs[2])) != 1)
    return NodeError(node, "it pads with more than one number", Code::kBadInput);
  CUTIS_TRY(CheckMask(node, dims));
  CUTIS_TRY(CheckMask(node, rewriter.DimsOf(node.outputs[0])));
  std::vector<ValueId> inputs = node.inputs;
  inputs[2] = kNoValue;
  const ValueId padded = rewriter.Emit("Pad", inputs, node.attributes);
  inputs[0] = rewriter.Floats(dims, std::vector<float>(static_cast<size_t>(ElementCount(dims)), 1.0f));
  const ValueId inside = rewriter.Emit("Pad", inputs, node.attributes);  // folded afterwards
  rewriter.EmitTo("Where", {inside, padded, rewriter.Reshape(node.inputs[2], {1})}, node.outputs[0]);
  return Status();
}

// What a crop reaches outside of its input is a fixed number: chosen after the interpolation. Nearest neighbours know it
// themselves.
Status RewriteResize(Rewriter& rewriter, const Node& node) {
  if (TextOf(node, "mode", "nearest") == "nearest") return rewriter.Keep(node), Status();
  std::vector<ResizeAxis> axes;
  CUTIS_TRY(ReadResize(rewriter.graph(), node, &axes));
  const bool reaches_out = std::any_of(axes.begin(), axes.end(), [](const ResizeAxis& axis) {
    return std::find(axis.outside.begin(), axis.outside.end(), true) != axis.outside.end();
  });
  if (!reaches_out) return rewriter.Keep(node), Status();
  const Dims dims = rewriter.DimsOf(node.outputs[0]);
  CUTIS_TRY(CheckMask(node, dims));
  std::vector<float> inside = {1};
  for (const ResizeAxis& axis : axes) {
    std::vector<float> next;
    for (const float outer : inside) {
      for (const bool outside : axis.outside) next.push_back(outside ? 0.0f : outer);
    }
    inside = std::move(next);
  }
  const ValueId resized = rewriter.Emit("Resize", node.inputs, node.attributes);
  const ValueId value = rewriter.Floats({1}, {FloatOf(node, "extrapolation_value", 0)});
  rewriter.EmitTo("Where", {rewriter.Floats(dims, inside), resized, value}, node.outputs[0]);
  return Status();
}

Status RewriteWhere(Rewriter& rewriter, const Node& node) {
  const Constant* condition = ConstantInput(rewriter.graph(), node, 0);
  if (condition == nullptr) return NodeError(node, "its condition is computed at run time, only a constant one is supported");
  const ValueId mask = rewriter.Floats(condition->dims, ReadFloats(*condition));
  rewriter.EmitTo("Where", {mask, node.inputs[1], node.inputs[2]}, node.outputs[0]);
  return Status();
}

// Constant weights are left to NormalizeMatMuls: a fully connected layer.
Status RewriteGemm(Rewriter& rewriter, const Node& node) {
  const Graph& graph = rewriter.graph();
  const bool layer =
      ConstantInput(graph, node, 1) != nullptr && ConstantInput(graph, node, 0) == nullptr && IntOf(node, "transA", 0) == 0 &&
      (!HasInput(node, 2) || ConstantInput(graph, node, 2) != nullptr) &&
      (!HasInput(node, 2) || ElementCount(rewriter.DimsOf(node.inputs[2])) == 1 ||
       ElementCount(rewriter.DimsOf(node.inputs[2])) == rewriter.DimsOf(node.outputs[0])[1]) &&
      (!HasInput(node, 2) || rewriter.DimsOf(node.inputs[2]).size() < 2 || rewriter.DimsOf(node.inputs[2])[0] == 1);
  if (layer) return rewriter.Keep(node), Status();
  const std::vector<int64_t> swap = {1, 0};
  ValueId a = node.inputs[0], b = node.inputs[1];
  if (IntOf(node, "transA", 0) != 0) a = rewriter.Emit("Transpose", {a}, {{"perm", swap}});
  if (IntOf(node, "transB", 0) != 0) b = rewriter.Emit("Transpose", {b}, {{"perm", swap}});
  ValueId y = rewriter.Emit("MatMul", {a, b});
  if (FloatOf(node, "alpha", 1) != 1) y = rewriter.Emit("Mul", {y, rewriter.Floats({}, {FloatOf(node, "alpha", 1)})});
  if (HasInput(node, 2)) {
    ValueId c = node.inputs[2];
    if (FloatOf(node, "beta", 1) != 1) c = rewriter.Emit("Mul", {c, rewriter.Floats({}, {FloatOf(node, "beta", 1)})});
    y = rewriter.Emit("Add", {y, c});
  }
  rewriter.EmitTo("Identity", {y}, node.outputs[0]);
  return Status();
}

Status RewriteMatMul(Rewriter& rewriter, const Node& node) {
  const Dims a = rewriter.DimsOf(node.inputs[0]), b = rewriter.DimsOf(node.inputs[1]);
  const bool layer = a.size() == 2 && b.size() == 2 && ConstantInput(rewriter.graph(), node, 1) != nullptr &&
                     ConstantInput(rewriter.graph(), node, 0) == nullptr;
  if (layer || (a.size() > 1 && b.size() > 1)) return rewriter.Keep(node), Status();
  // A vector is a matrix of one row or one column, whose axis the result lacks.
  const ValueId row = a.size() == 1 ? rewriter.Reshape(node.inputs[0], {1, a[0]}) : node.inputs[0];
  const ValueId column = b.size() == 1 ? rewriter.Reshape(node.inputs[1], {b[0], 1}) : node.inputs[1];
  const ValueId product = rewriter.Emit("MatMul", {row, column});
  rewriter.EmitTo("Reshape", {product}, node.outputs[0], {{"shape", rewriter.DimsOf(node.outputs[0])}});
  return Status();
}

// (x - mean) / sqrt(variance + epsilon) * scale + bias, all of them with an axis for each of x.
void EmitNormalization(Rewriter& rewriter, const Node& node, ValueId centred, ValueId variance, ValueId scale, ValueId bias) {
  const ValueId shifted = rewriter.Emit("Add", {variance, rewriter.Floats({}, {FloatOf(node, "epsilon", 1e-5f)})});
  const ValueId scaled = rewriter.Emit("Div", {centred, rewriter.Emit("Sqrt", {shifted})});
  rewriter.EmitTo("Add", {rewriter.Emit("Mul", {scaled, scale}), bias}, node.outputs[0]);
}

// With the mean and variance over all axes but the channels', which go into the running ones (ONNX operator definition,
// opset 14: the variance is the biased one).
void EmitBatchStatistics(Rewriter& rewriter, const Node& node) {
  const Dims dims = rewriter.DimsOf(node.inputs[0]);
  std::vector<int64_t> axes = {0};
  for (size_t a = 2; a < dims.size(); ++a) axes.push_back(static_cast<int64_t>(a));
  const Rewriter::Attributes mean_of = {{"axes", axes}, {"keepdims", int64_t{1}}};
  const ValueId mean = rewriter.Emit("ReduceMean", {node.inputs[0]}, mean_of);
  const ValueId centred = rewriter.Emit("Sub", {node.inputs[0], mean});
  const ValueId variance = rewriter.Emit("ReduceMean", {rewriter.Emit("Mul", {centred, centred})}, mean_of);
  const float momentum = FloatOf(node, "momentum", 0.9f);
  for (size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) continue;
    const ValueId now = rewriter.Reshape(i == 1 ? mean : variance, {dims[1]});
    const ValueId before = rewriter.Emit("Mul", {node.inputs[2 + i], rewriter.Floats({}, {momentum})});
    rewriter.EmitTo("Add", {before, rewriter.Emit("Mul", {now, rewriter.Floats({}, {1 - momentum})})}, node.outputs[i]);
  }
  EmitNormalization(rewriter, node, centred, variance, rewriter.PerChannel(node.inputs[1], dims.size()),
                    rewriter.PerChannel(node.inputs[2], dims.size()));
}

// Parameters that are computed at run time.
Status RewriteBatchNorm(Rewriter& rewriter, const Node& node) {
  if (node.outputs.size() > 1) return EmitBatchStatistics(rewriter, node), Status();
  bool constant = true;
  for (size_t i = 1; i < 5; ++i) constant = constant && ConstantInput(rewriter.graph(), node, i) != nullptr;
  if (constant) return rewriter.Keep(node), Status();
  const size_t rank = rewriter.DimsOf(node.inputs[0]).size();
  const auto parameter = [&](size_t i) { return rewriter.PerChannel(node.inputs[i], rank); };
  const ValueId centred = rewriter.Emit("Sub", {node.inputs[0], parameter(3)});
  EmitNormalization(rewriter, node, centred, parameter(4), parameter(1), parameter(2));
  return Status();
}

// The same with the mean and variance of each image's channel.
Status RewriteInstanceNorm(Rewriter& rewriter, const Node& node) {
  const size_t rank = rewriter.DimsOf(node.inputs[0]).size();
  std::vector<int64_t> axes(rank - 2);
  std::iota(axes.begin(), axes.end(), 2);
  const Rewriter::Attributes mean_of = {{"axes", axes}, {"keepdims", int64_t{1}}};
  const ValueId centred = rewriter.Emit("Sub", {node.inputs[0], rewriter.Emit("ReduceMean", {node.inputs[0]}, mean_of)});
  const ValueId variance = rewriter.Emit("ReduceMean", {rewriter.Emit("Mul", {centred, centred})}, mean_of);
  EmitNormalization(rewriter, node, centred, variance, rewriter.PerChannel(node.inputs[1], rank),
                    rewriter.PerChannel(node.inputs[2], rank));
  return Status();
}

// x / (bias + alpha / size * sum of squares over `size` neighbouring channels) ^ beta
Status RewriteLrn(Rewriter& rewriter, const Node& node) {
  const Dims dims = rewriter.DimsOf(node.inputs[0]);
  const int64_t size = IntOf(node, "size", 0);
  if (size < 1 || size > 256 || dims.size() < 2)
    return NodeError(node, "a size of " + std::to_string(size) + " is not supported");
  std::vector<int64_t> pads(2 * dims.size(), 0);
  pads[1] = (size - 1) / 2;
  pads[dims.size() + 1] = size - 1 - pads[1];
  const ValueId squares = rewriter.Emit("Mul", {node.inputs[0], node.inputs[0]});
  const ValueId padded = rewriter.Emit("Pad", {squares}, {{"pads", pads}});
  ValueId sum = kNoValue;
  for (int64_t i = 0; i < size; ++i) {
    const ValueId part = rewriter.Emit(
        "Slice", {padded},
        {{"starts", std::vector<int64_t>{i}}, {"ends", std::vector<int64_t>{i + dims[1]}}, {"axes", std::vector<int64_t>{1}}});
    sum = i == 0 ? part : rewriter.Emit("Add", {sum, part});
  }
  const double alpha = static_cast<double>(FloatOf(node, "alpha", 1e-4f)) / static_cast<double>(size);
  const ValueId scaled = rewriter.Emit("Mul", {sum, rewriter.Floats({}, {static_cast<float>(alpha)})});
  const ValueId base = rewriter.Emit("Add", {scaled, rewriter.Floats({}, {FloatOf(node, "bias", 1)})});
  const ValueId power = rewriter.Emit("Pow", {base, rewriter.Floats({}, {FloatOf(node, "beta", 0.75f)})});
  rewriter.EmitTo("Div", {node.inputs[0], power}, node.outputs[0]);
  return Status();
}

const std::map<std::string, RewriteFn>& Table() {
  static const std::map<std::string, RewriteFn> table = {
      {"AveragePool", RewritePool},
      {"BatchNormalization", RewriteBatchNorm},
      {"Clip", RewriteClip},
      {"Concat", RewriteConcat},
      {"Conv", RewriteConv},
      {"ConvTranspose", RewriteConvTranspose},
      {"Expand", RewriteExpand},
      {"Gather", RewriteGather},
      {"Gemm", RewriteGemm},
      {"GlobalAveragePool", RewriteGlobalPool},
      {"GlobalMaxPool", RewriteGlobalPool},
      {"InstanceNormalization", RewriteInstanceNorm},
      {"LRN", RewriteLrn},
      {"MatMul", RewriteMatMul},
      {"Max", RewriteVariadic},
      {"MaxPool", RewritePool},
      {"Min", RewriteVariadic},
      {"PRelu", RewritePRelu},
      {"Pad", RewritePad},
      {"Pow", RewritePow},
      {"ReduceMax", RewriteReduce},
      {"ReduceMean", RewriteReduce},
      {"ReduceMin", RewriteReduce},
      {"ReduceSum", RewriteReduce},
      {"Resize", RewriteResize},
      {"Softmax", RewriteSoftmax},
      {"Split", RewriteSplit},
      {"Sum", RewriteVariadic},
      {"Transpose", RewriteTranspose},
      {"Where", RewriteWhere},
  };
  return table;
}

}  // namespace

Status Canonicalize(Graph& graph) {
  const std::vector<Node> nodes = std::move(graph.nodes);
  graph.nodes.clear();
  Rewriter rewriter(graph);
  for (const Node& node : nodes) {
    rewriter.Begin(node);
    const auto found = Table().find(node.op);
    if (found == Table().end()) {
      rewriter.Keep(node);
    } else {
      CUTIS_TRY(found->second(rewriter, node));
    }
  }
  return rewriter.Finish();
}

}  // namespace cutis::convert
