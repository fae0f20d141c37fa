#include "converter/graph/shapes.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/indices.h"

namespace cutis::convert {
namespace {

Value& ValueOf(Graph& graph, ValueId id) { return graph.values[static_cast<size_t>(id)]; }

Status SetOutput(Graph& graph, const Node& node, ElementType type, Dims dims) {
  // One without elements becomes a constant (FoldConstants).
  if (ElementCount(dims) < 0) return NodeError(node, "its output would be " + ToText(dims) + ", which is too large");
  Value& output = ValueOf(graph, node.outputs[0]);
  output.type = type;
  output.has_dims = true;
  output.dims = std::move(dims);
  return Status();
}

Status NeedImage(const Node& node, const Dims& dims) {
  if (dims.size() >= 3 && dims.size() <= 5) return Status();
  return NodeError(node, "its input is " + ToText(dims) + ", only [images, channels, one to three more axes] are supported");
}

// Axes as ONNX gives them: attribute or constant input 1. Sorted, non-negative, distinct.
Status ReadAxes(const Graph& graph, const Node& node, size_t rank, bool* given, std::vector<int64_t>* axes) {
  *given = true;
  if (Has(node, "axes")) {
    *axes = IntsOf(node, "axes", {});
  } else if (HasInput(node, 1)) {
    const Constant* constant = ConstantInput(graph, node, 1);
    if (constant == nullptr) return NodeError(node, "its axes are computed at run time, only constant ones are supported");
    *axes = ReadInts(*constant);
  } else {
    *given = false;
    axes->clear();
    return Status();
  }
  for (int64_t& axis : *axes) {
    if (axis < 0) axis += static_cast<int64_t>(rank);
    if (axis < 0 || axis >= static_cast<int64_t>(rank)) return NodeError(node, "an axis lies outside its tensor");
  }
  std::sort(axes->begin(), axes->end());
  if (std::adjacent_find(axes->begin(), axes->end()) != axes->end()) return NodeError(node, "an axis is named twice");
  return Status();
}

Status InferSame(Graph& graph, const Node& node) {
  const Value& input = ValueOf(graph, node.inputs[0]);
  return SetOutput(graph, node, input.type, input.dims);
}

Status InferConv(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  const Dims& w = DimsOf(graph, node.inputs[1]);
  CUTIS_TRY(NeedImage(node, x));
  if (w.size() != x.size()) return NodeError(node, "its weights are " + ToText(w) + ", its input " + ToText(x));
  const int64_t group = IntOf(node, "group", 1);
  if (group < 1 || group > kMaxDim || w[0] % group != 0 || w[1] * group != x[1]) {
    return NodeError(node,
                     "its weights " + ToText(w) + " in " + std::to_string(group) + " groups do not fit its input " + ToText(x));
  }
  if (HasInput(node, 2) && DimsOf(graph, node.inputs[2]) != Dims{w[0]}) {
    return NodeError(node, "its bias is " + ToText(DimsOf(graph, node.inputs[2])) + ", the weights want " + ToText({w[0]}));
  }
  WindowAttributes window;
  CUTIS_TRY(ResolveWindow(node, x, &w[2], &window));
  Dims y = {x[0], w[0]};
  y.insert(y.end(), window.output.begin(), window.output.end());
  return SetOutput(graph, node, ElementType::kF32, std::move(y));
}

Status InferPool(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  CUTIS_TRY(NeedImage(node, x));
  WindowAttributes window;
  CUTIS_TRY(ResolveWindow(node, x, nullptr, &window));
  Dims y = {x[0], x[1]};
  y.insert(y.end(), window.output.begin(), window.output.end());
  return SetOutput(graph, node, ElementType::kF32, std::move(y));
}

Status InferConvTranspose(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  const Dims& w = DimsOf(graph, node.inputs[1]);
  CUTIS_TRY(NeedImage(node, x));
  const int64_t group = IntOf(node, "group", 1);
  if (w.size() != x.size() || w[0] != x[1] || group < 1 || w[0] % group != 0) {
    return NodeError(node,
                     "its weights " + ToText(w) + " in " + std::to_string(group) + " groups do not fit its input " + ToText(x));
  }
  if (HasInput(node, 2) && DimsOf(graph, node.inputs[2]) != Dims{w[1] * group}) {
    return NodeError(node,
                     "its bias is " + ToText(DimsOf(graph, node.inputs[2])) + ", the weights want " + ToText({w[1] * group}));
  }
  TransposedWindow window;
  CUTIS_TRY(ResolveTransposed(node, x, w, &window));
  Dims y = {x[0], w[1] * group};
  y.insert(y.end(), window.output.begin(), window.output.end());
  return SetOutput(graph, node, ElementType::kF32, std::move(y));
}

// [N, C, spatial...] -> [N, C, kernel..., output...]: the patches under a window without padding.
Status InferUnfold(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  WindowAttributes window;
  CUTIS_TRY(ResolveWindow(node, x, nullptr, &window));
  Dims y = {x[0], x[1]};
  y.insert(y.end(), window.kernel.begin(), window.kernel.end());
  y.insert(y.end(), window.output.begin(), window.output.end());
  return SetOutput(graph, node, ElementType::kF32, std::move(y));
}

Status InferChosen(Graph& graph, const Node& node) {
  IndexLists lists;
  CUTIS_TRY(ReadIndexLists(graph, node, &lists));
  Dims dims;
  for (const std::vector<int32_t>& axis : lists.axes) dims.push_back(static_cast<int64_t>(axis.size()));
  return SetOutput(graph, node, ValueOf(graph, node.inputs[0]).type, std::move(dims));
}

Status InferResize(Graph& graph, const Node& node) {
  const std::string mode = TextOf(node, "mode", "nearest");
  if (mode == "nearest") return InferChosen(graph, node);
  if (mode != "linear" || IntOf(node, "antialias", 0) != 0) {
    return NodeError(node, "mode '" + mode.substr(0, 40) + "' is not supported, only nearest and linear without antialias");
  }
  std::vector<ResizeAxis> axes;
  CUTIS_TRY(ReadResize(graph, node, &axes));
  Dims dims;
  for (const ResizeAxis& axis : axes) dims.push_back(static_cast<int64_t>(axis.positions.size()));
  return SetOutput(graph, node, ElementType::kF32, std::move(dims));
}

Status InferGather(Graph& graph, const Node& node) {
  const Value& x = ValueOf(graph, node.inputs[0]);
  const Dims& indices = DimsOf(graph, node.inputs[1]);
  int64_t axis = IntOf(node, "axis", 0);
  const auto rank = static_cast<int64_t>(x.dims.size());
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return NodeError(node, "its axis lies outside its tensor", Code::kBadInput);
  Dims dims(x.dims.begin(), x.dims.begin() + axis);
  dims.insert(dims.end(), indices.begin(), indices.end());
  dims.insert(dims.end(), x.dims.begin() + axis + 1, x.dims.end());
  return SetOutput(graph, node, x.type, std::move(dims));
}

Status InferConcat(Graph& graph, const Node& node) {
  Dims dims = DimsOf(graph, node.inputs[0]);
  int64_t axis = IntOf(node, "axis", 1);
  const auto rank = static_cast<int64_t>(dims.size());
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return NodeError(node, "its axis lies outside its tensor", Code::kBadInput);
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    Dims more = DimsOf(graph, node.inputs[i]);
    if (more.size() != dims.size()) return NodeError(node, "its inputs have different ranks", Code::kBadInput);
    const int64_t extent = more[static_cast<size_t>(axis)];
    more[static_cast<size_t>(axis)] = dims[static_cast<size_t>(axis)];
    if (more != dims) return NodeError(node, "its inputs do not fit together", Code::kBadInput);
    dims[static_cast<size_t>(axis)] += extent;
  }
  return SetOutput(graph, node, ValueOf(graph, node.inputs[0]).type, std::move(dims));
}

Status InferExpand(Graph& graph, const Node& node) {
  const Value& x = ValueOf(graph, node.inputs[0]);
  const Constant* shape = ConstantInput(graph, node, 1);
  if (shape == nullptr) return NodeError(node, "its shape is computed at run time, only a constant one is supported");
  Dims target = ReadInts(*shape);
  if (target.size() > kMaxRank) return NodeError(node, "its output has too many dimensions");
  const Dims& dims = x.dims;
  if (target.size() < dims.size()) target.insert(target.begin(), dims.size() - target.size(), 1);
  for (size_t i = 0; i < dims.size(); ++i) {
    int64_t& extent = target[target.size() - dims.size() + i];
    if (extent == 1) extent = dims[i];
    if (dims[i] != 1 && dims[i] != extent) return NodeError(node, ToText(dims) + " does not expand so", Code::kBadInput);
  }
  return SetOutput(graph, node, x.type, std::move(target));
}

Status InferSplit(Graph& graph, const Node& node) {
  const Value& x = ValueOf(graph, node.inputs[0]);
  const Dims dims = x.dims;
  int64_t axis = IntOf(node, "axis", 0);
  const auto rank = static_cast<int64_t>(dims.size());
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return NodeError(node, "its axis lies outside its tensor", Code::kBadInput);
  const int64_t extent = dims[static_cast<size_t>(axis)];
  const auto parts = static_cast<int64_t>(node.outputs.size());
  std::vector<int64_t> sizes = IntsOf(node, "split", {});
  if (HasInput(node, 1)) {
    const Constant* constant = ConstantInput(graph, node, 1);
    if (constant == nullptr) return NodeError(node, "its sizes are computed at run time, only constant ones are supported");
    sizes = ReadInts(*constant);
  } else if (sizes.empty()) {
    // Equal parts, the last one smaller.
    const int64_t part = (extent + parts - 1) / parts;
    sizes.assign(static_cast<size_t>(parts), part);
    sizes.back() = extent - part * (parts - 1);
  }
  int64_t sum = 0;
  for (const int64_t size : sizes) sum += std::clamp<int64_t>(size, -kMaxDim, kMaxDim);
  if (static_cast<int64_t>(sizes.size()) != parts || sum != extent) {
    return NodeError(node, "its parts do not make up its input", Code::kBadInput);
  }
  const ElementType type = x.type;
  for (size_t i = 0; i < sizes.size(); ++i) {
    Dims part = dims;
    part[static_cast<size_t>(axis)] = sizes[i];
    Node one = node;
    one.outputs = {node.outputs[i]};
    if (node.outputs[i] != kNoValue) CUTIS_TRY(SetOutput(graph, one, type, std::move(part)));
  }
  return Status();
}

Status InferInstanceNorm(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  CUTIS_TRY(NeedImage(node, x));
  for (size_t i = 1; i < 3; ++i) {
    if (DimsOf(graph, node.inputs[i]) != Dims{x[1]}) return NodeError(node, "its parameters do not fit its input " + ToText(x));
  }
  return InferSame(graph, node);
}

Status InferGlobalPool(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  CUTIS_TRY(NeedImage(node, x));
  Dims y(x.size(), 1);
  y[0] = x[0], y[1] = x[1];
  return SetOutput(graph, node, ElementType::kF32, std::move(y));
}

Status InferReduce(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  std::vector<int64_t> axes;
  CUTIS_TRY(ReadReducedAxes(graph, node, x.size(), &axes));
  Dims y;
  for (size_t a = 0; a < x.size(); ++a) {
    const bool reduced = std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(a));
    if (!reduced) y.push_back(x[a]);
    if (reduced && IntOf(node, "keepdims", 1) != 0) y.push_back(1);
  }
  return SetOutput(graph, node, ElementType::kF32, std::move(y));
}

// As numpy.matmul: the last two axes are matrices, those before them broadcast.
Status InferMatMul(Graph& graph, const Node& node) {
  Dims a = DimsOf(graph, node.inputs[0]), b = DimsOf(graph, node.inputs[1]);
  if (a.empty() || b.empty()) return NodeError(node, "an input is a single number", Code::kBadInput);
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  const int64_t inner = b[b.size() - 2];
  if (a.back() != inner)
    return NodeError(node, "its inputs " + ToText(a) + " and " + ToText(b) + " do not fit together", Code::kBadInput);
  const size_t rank = std::max(a.size(), b.size());
  Dims y(rank, 1);
  for (size_t i = 0; i + 2 < rank; ++i) {
    const int64_t from_a = i + a.size() < rank ? 1 : a[i + a.size() - rank],
                  from_b = i + b.size() < rank ? 1 : b[i + b.size() - rank];
    if (from_a != from_b && from_a != 1 && from_b != 1) {
      return NodeError(node, "its inputs " + ToText(a) + " and " + ToText(b) + " do not fit together", Code::kBadInput);
    }
    y[i] = from_a == 1 ? from_b : from_a;
  }
  y[rank - 2] = a[a.size() - 2];
  y[rank - 1] = b.back();
  if (row) y.erase(y.end() - 2);
  if (column) y.pop_back();
  return SetOutput(graph, node, ElementType::kF32, std::move(y));
}

Status InferGemm(Graph& graph, const Node& node) {
  Dims a = DimsOf(graph, node.inputs[0]);
  Dims b = DimsOf(graph, node.inputs[1]);
  if (a.size() != 2 || b.size() != 2) {
    return NodeError(node, "its inputs are " + ToText(a) + " and " + ToText(b) + ", only two-dimensional ones are supported");
  }
  if (IntOf(node, "transA", 0) != 0) std::swap(a[0], a[1]);
  if (IntOf(node, "transB", 0) != 0) std::swap(b[0], b[1]);
  if (a[1] != b[0]) return NodeError(node, "its input " + ToText(a) + " does not fit its weights " + ToText(b));
  return SetOutput(graph, node, ElementType::kF32, {a[0], b[1]});
}

Status InferBroadcast(Graph& graph, const Node& node) {
  const Value& a = ValueOf(graph, node.inputs[0]);
  const Value& b = ValueOf(graph, node.inputs[1]);
  const size_t rank = std::max(a.dims.size(), b.dims.size());
  Dims dims(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t from_a = i < a.dims.size() ? a.dims[a.dims.size() - 1 - i] : 1;
    const int64_t from_b = i < b.dims.size() ? b.dims[b.dims.size() - 1 - i] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1) {
      return NodeError(node, "shapes " + ToText(a.dims) + " and " + ToText(b.dims) + " do not fit together", Code::kBadInput);
    }
    dims[rank - 1 - i] = from_a == 1 ? from_b : from_a;
  }
  return SetOutput(graph, node, a.type, std::move(dims));
}

Status InferBatchNorm(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  if (x.size() < 2) return NodeError(node, "its input " + ToText(x) + " has no channels");
  for (size_t i = 1; i < 5; ++i) {
    if (DimsOf(graph, node.inputs[i]) != Dims{x[1]}) {
      return NodeError(node, "parameter " + std::to_string(i) + " is " + ToText(DimsOf(graph, node.inputs[i])) +
                                 ", its input " + ToText(x) + " wants " + ToText({x[1]}));
    }
  }
  for (size_t i = 1; i < node.outputs.size(); ++i) {  // the mean and variance that follow from the batch
    Node one = node;
    one.outputs = {node.outputs[i]};
    if (node.outputs[i] != kNoValue) CUTIS_TRY(SetOutput(graph, one, ElementType::kF32, {x[1]}));
  }
  return InferSame(graph, node);
}

Status InferFlatten(Graph& graph, const Node& node) {
  const Value& input = ValueOf(graph, node.inputs[0]);
  const int64_t rank = static_cast<int64_t>(input.dims.size());
  int64_t axis = IntOf(node, "axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) return NodeError(node, "its axis lies outside its tensor");
  const auto middle = input.dims.begin() + axis;
  return SetOutput(graph, node, input.type,
                   {ElementCount(Dims(input.dims.begin(), middle)), ElementCount(Dims(middle, input.dims.end()))});
}

Status InferReshape(Graph& graph, const Node& node) {
  const Value& input = ValueOf(graph, node.inputs[0]);
  const Value& output = ValueOf(graph, node.outputs[0]);
  const int64_t count = ElementCount(input.dims);
  Dims target;
  if (Has(node, "shape")) {
    target = IntsOf(node, "shape", {});
  } else if (HasInput(node, 1)) {
    const Constant* constant = ConstantInput(graph, node, 1);
    if (constant == nullptr)
      return NodeError(node, "its target shape is computed at run time; export the model with fixed shapes");
    target = ReadInts(*constant);
  } else if (output.has_dims) {
    target = output.dims;  // the normal form
  } else {
    return NodeError(node, "its target shape is missing", Code::kBadInput);
  }
  const Dims stated = target;
  int64_t* unknown = nullptr;
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] == 0 && IntOf(node, "allowzero", 0) == 0 && i < input.dims.size()) target[i] = input.dims[i];
    if (target[i] == -1) {
      if (unknown != nullptr) return NodeError(node, "its target shape " + ToText(stated) + " has two unknown dimensions");
      unknown = &target[i];
    }
  }
  if (unknown != nullptr) {
    *unknown = 1;
    const int64_t known = ElementCount(target);
    if (known < 1 || count % known != 0) {
      return NodeError(node, "cannot make " + ToText(input.dims) + " into " + ToText(stated), Code::kBadInput);
    }
    *unknown = count / known;
  }
  if (ElementCount(target) != count) {
    return NodeError(node, "cannot make " + ToText(input.dims) + " into " + ToText(stated), Code::kBadInput);
  }
  return SetOutput(graph, node, input.type, std::move(target));
}

Status InferSqueeze(Graph& graph, const Node& node) {
  const Value& input = ValueOf(graph, node.inputs[0]);
  bool given = false;
  std::vector<int64_t> axes;
  CUTIS_TRY(ReadAxes(graph, node, input.dims.size(), &given, &axes));
  Dims dims;
  for (size_t i = 0; i < input.dims.size(); ++i) {
    const bool named = std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(i));
    if (named && input.dims[i] != 1) return NodeError(node, "an axis to remove has not the size 1", Code::kBadInput);
    if (!(given ? named : input.dims[i] == 1)) dims.push_back(input.dims[i]);
  }
  return SetOutput(graph, node, input.type, std::move(dims));
}

Status InferUnsqueeze(Graph& graph, const Node& node) {
  const Value& input = ValueOf(graph, node.inputs[0]);
  const Constant* constant = ConstantInput(graph, node, 1);
  const size_t added = Has(node, "axes")     ? IntsOf(node, "axes", {}).size()
                       : constant != nullptr ? ReadInts(*constant).size()
                                             : 0;
  const size_t rank = input.dims.size() + added;
  if (rank > kMaxRank) return NodeError(node, "its output has too many dimensions");
  bool given = false;
  std::vector<int64_t> axes;
  CUTIS_TRY(ReadAxes(graph, node, rank, &given, &axes));
  if (!given) return NodeError(node, "its axes are missing", Code::kBadInput);
  Dims dims;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) {
    const bool named = std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(i));
    dims.push_back(named ? 1 : input.dims[next++]);
  }
  return SetOutput(graph, node, input.type, std::move(dims));
}

Status InferTranspose(Graph& graph, const Node& node) {
  const Value& input = ValueOf(graph, node.inputs[0]);
  std::vector<int64_t> order;
  CUTIS_TRY(ReadPermutation(node, input.dims.size(), &order));
  Dims dims;
  for (const int64_t axis : order) dims.push_back(input.dims[static_cast<size_t>(axis)]);
  return SetOutput(graph, node, input.type, std::move(dims));
}

Status InferCast(Graph& graph, const Node& node) {
  const Value& input = ValueOf(graph, node.inputs[0]);
  const int64_t to = IntOf(node, "to", 0);
  // TensorProto.DataType: 1 float32, 10 float16, 11 float64, 16 bfloat16. The converter computes in float32 throughout.
  const bool number = IsFloat(input.type) || input.type == ElementType::kU8 || input.type == ElementType::kI8;
  if (!number || (to != 1 && to != 10 && to != 11 && to != 16)) {
    return NodeError(node, "only casts between floating-point types and casts of constants are supported");
  }
  return SetOutput(graph, node, ElementType::kF32, input.dims);
}

// Bytes of the type that the zero point has.
Status InferQuantize(Graph& graph, const Node& node) {
  constexpr int64_t kOnnxI8 = 3;
  const Value& x = ValueOf(graph, node.inputs[0]);
  const Constant* zero = ConstantInput(graph, node, 2);
  const ElementType stated = IntOf(node, "output_dtype", 0) == kOnnxI8 ? ElementType::kI8 : ElementType::kU8;
  return SetOutput(graph, node, zero != nullptr ? zero->type : stated, x.dims);
}

Status InferDequantize(Graph& graph, const Node& node) {
  return SetOutput(graph, node, ElementType::kF32, DimsOf(graph, node.inputs[0]));
}

Status ConstantsOnly(Graph&, const Node& node) { return NodeError(node, "it is supported for constants and shapes only"); }

Status InferWhere(Graph& graph, const Node& node) {
  Node pair = node;
  pair.inputs = {node.inputs[1], node.inputs[2]};
  CUTIS_TRY(InferBroadcast(graph, pair));
  pair.inputs = {node.outputs[0], node.inputs[0]};
  return InferBroadcast(graph, pair);
}

Status InferVariadic(Graph& graph, const Node& node) {
  CUTIS_TRY(InferSame(graph, node));
  Node pair = node;
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    pair.inputs = {node.outputs[0], node.inputs[i]};
    CUTIS_TRY(InferBroadcast(graph, pair));
  }
  return Status();
}

using InferFn = Status (*)(Graph&, const Node&);

const std::map<std::string, InferFn>& Table() {
  static const std::map<std::string, InferFn> table = {
      {"Abs", InferSame},
      {"Add", InferBroadcast},
      {"AveragePool", InferPool},
      {"BatchNormalization", InferBatchNorm},
      {"Cast", InferCast},
      {"Clip", InferSame},
      {"Concat", InferConcat},
      {"Constant", ConstantsOnly},
      {"ConstantOfShape", ConstantsOnly},
      {"Conv", InferConv},
      {"ConvTranspose", InferConvTranspose},
      {"DequantizeLinear", InferDequantize},
      {"Div", InferBroadcast},
      {"Dropout", InferSame},
      {"Elu", InferSame},
      {"Exp", InferSame},
      {"Expand", InferExpand},
      {"Flatten", InferFlatten},
      {"Gather", InferGather},
      {"Gemm", InferGemm},
      {"GlobalAveragePool", InferGlobalPool},
      {"GlobalMaxPool", InferGlobalPool},
      {"HardSigmoid", InferSame},
      {"HardSwish", InferSame},
      {"Identity", InferSame},
      {"InstanceNormalization", InferInstanceNorm},
      {"LRN", InferSame},
      {"LeakyRelu", InferSame},
      {"Log", InferSame},
      {"MatMul", InferMatMul},
      {"Max", InferVariadic},
      {"MaxPool", InferPool},
      {"Min", InferVariadic},
      {"Mish", InferSame},
      {"Mul", InferBroadcast},
      {"Neg", InferSame},
      {"PRelu", InferSame},
      {"Pad", InferChosen},
      {"Pow", InferBroadcast},
      {"Reciprocal", InferSame},
      {"QuantizeLinear", InferQuantize},
      {"ReduceMax", InferReduce},
      {"ReduceMean", InferReduce},
      {"ReduceMin", InferReduce},
      {"ReduceSum", InferReduce},
      {"Relu", InferSame},
      {"Reshape", InferReshape},
      {"Resize", InferResize},
      {"Shape", ConstantsOnly},
      {"Sigmoid", InferSame},
      {"Slice", InferChosen},
      {"Softmax", InferSame},
      {"Softplus", InferSame},
      {"Split", InferSplit},
      {"Sqrt", InferSame},
      {"Squeeze", InferSqueeze},
      {"Sub", InferBroadcast},
      {"Sum", InferVariadic},
      {"Swish", InferSame},
      {"Tanh", InferSame},
      {"Transpose", InferTranspose},
      {"Unsqueeze", InferUnsqueeze},
      {"Where", InferWhere},
      {"_Unfold", InferUnfold},
  };
  return table;
}

}  // namespace

Status ReadPermutation(const Node& node, size_t rank, std::vector<int64_t>* order) {
  std::vector<int64_t> reversed(rank);
  for (size_t i = 0; i < rank; ++i) reversed[i] = static_cast<int64_t>(rank - 1 - i);
  *order = IntsOf(node, "perm", reversed);
  std::vector<int64_t> sorted = *order;
  std::sort(sorted.begin(), sorted.end());
  std::reverse(reversed.begin(), reversed.end());
  if (sorted != reversed) return NodeError(node, "perm is not an order of its axes", Code::kBadInput);
  return Status();
}

Status ReadReducedAxes(const Graph& graph, const Node& node, size_t rank, std::vector<int64_t>* axes) {
  bool given = false;
  CUTIS_TRY(ReadAxes(graph, node, rank, &given, axes));
  if (!axes->empty() || IntOf(node, "noop_with_empty_axes", 0) != 0) return Status();
  axes->resize(rank);
  std::iota(axes->begin(), axes->end(), 0);
  return Status();
}

Status InferNode(Graph& graph, const Node& node) {
  const auto found = Table().find(node.op);
  if (found == Table().end()) return NodeError(node, "this operator is not supported");
  for (const ValueId id : node.inputs) {
    if (id != kNoValue && !ValueOf(graph, id).has_dims)
      return NodeError(node, "the shape of an input is unknown", Code::kInternal);
  }
  // Tensors without elements can be cut out, joined and counted; everything else wants some.
  static const std::set<std::string> kOfEmpty = {
      "Add", "Cast",      "Concat",  "Constant", "Div",   "Expand", "Flatten", "Gather", "Identity",  "Mul",
      "Neg", "ReduceSum", "Reshape", "Shape",    "Slice", "Split",  "Squeeze", "Sub",    "Transpose", "Unsqueeze"};
  if (!node.inputs.empty() && ElementCount(ValueOf(graph, node.inputs[0]).dims) == 0 && kOfEmpty.count(node.op) == 0) {
    return NodeError(node, "its input " + ToText(ValueOf(graph, node.inputs[0]).dims) + " has no elements");
  }
  // Nodes that make constants take none. ResolveQuantization sees to quantised values.
  const auto wrong = [&](ValueId id) {
    const ElementType type = ValueOf(graph, id).type;
    return !IsFloat(type) && type != ElementType::kU8 && type != ElementType::kI8;
  };
  if (!node.inputs.empty() && node.op != "Where" && wrong(node.inputs[0]) && ConstantInput(graph, node, 0) == nullptr) {
    return NodeError(node, "its input is not floating-point");
  }
  return found->second(graph, node);
}

}  // namespace cutis::convert
