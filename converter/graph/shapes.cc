#include "converter/graph/shapes.h"

#include <algorithm>
#include <map>
#include <utility>

#include "converter/graph/edit.h"

namespace cutis::convert {
namespace {

Value& ValueOf(Graph& graph, ValueId id) { return graph.values[static_cast<size_t>(id)]; }

Status SetOutput(Graph& graph, const Node& node, ElementType type, Dims dims) {
  if (ElementCount(dims) < 1) {
    return NodeError(node, "its output would be " + ToText(dims) + ", which is empty or too large");
  }
  Value& output = ValueOf(graph, node.outputs[0]);
  output.type = type;
  output.has_dims = true;
  output.dims = std::move(dims);
  return Status();
}

Status NeedImage(const Node& node, const Dims& dims) {
  if (dims.size() == 4) return Status();
  return NodeError(node, "its input is " + ToText(dims) + ", only images [1, channels, height, width] are supported");
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
  if (w.size() != 4) return NodeError(node, "its weights are " + ToText(w) + ", four dimensions are needed");
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
  return SetOutput(graph, node, ElementType::kF32, {x[0], w[0], window.output[0], window.output[1]});
}

Status InferPool(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  CUTIS_TRY(NeedImage(node, x));
  WindowAttributes window;
  CUTIS_TRY(ResolveWindow(node, x, nullptr, &window));
  return SetOutput(graph, node, ElementType::kF32, {x[0], x[1], window.output[0], window.output[1]});
}

Status InferGlobalPool(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  CUTIS_TRY(NeedImage(node, x));
  return SetOutput(graph, node, ElementType::kF32, {x[0], x[1], 1, 1});
}

Status InferReduceMean(Graph& graph, const Node& node) {
  const Dims& x = DimsOf(graph, node.inputs[0]);
  CUTIS_TRY(NeedImage(node, x));
  bool given = false;
  std::vector<int64_t> axes;
  CUTIS_TRY(ReadAxes(graph, node, x.size(), &given, &axes));
  if (axes != std::vector<int64_t>{2, 3})
    return NodeError(node, "only the mean over height and width (axes 2 and 3) is supported");
  return SetOutput(graph, node, ElementType::kF32, IntOf(node, "keepdims", 1) != 0 ? Dims{x[0], x[1], 1, 1} : Dims{x[0], x[1]});
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
  return InferSame(graph, node);
}

Status InferPad(Graph& graph, const Node& node) {
  Dims dims = DimsOf(graph, node.inputs[0]);
  std::vector<int64_t> pads;
  CUTIS_TRY(ReadPads(graph, node, &pads));
  for (size_t i = 0; i < dims.size(); ++i) dims[i] += pads[i] + pads[i + dims.size()];
  return SetOutput(graph, node, ElementType::kF32, std::move(dims));
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
  if (!IsFloat(input.type) || (to != 1 && to != 10 && to != 11 && to != 16)) {
    return NodeError(node, "only casts between floating-point types and casts of constants are supported");
  }
  return SetOutput(graph, node, ElementType::kF32, input.dims);
}

Status ConstantsOnly(Graph&, const Node& node) { return NodeError(node, "it is supported for constants and shapes only"); }

using InferFn = Status (*)(Graph&, const Node&);

const std::map<std::string, InferFn>& Table() {
  static const std::map<std::string, InferFn> table = {
      {"Add", InferBroadcast},
      {"AveragePool", InferPool},
      {"BatchNormalization", InferBatchNorm},
      {"Cast", InferCast},
      {"Clip", InferSame},
      {"Concat", ConstantsOnly},
      {"Constant", ConstantsOnly},
      {"Conv", InferConv},
      {"Div", InferBroadcast},
      {"Dropout", InferSame},
      {"Flatten", InferFlatten},
      {"Gather", ConstantsOnly},
      {"Gemm", InferGemm},
      {"GlobalAveragePool", InferGlobalPool},
      {"GlobalMaxPool", InferGlobalPool},
      {"Identity", InferSame},
      {"MatMul", InferGemm},
      {"MaxPool", InferPool},
      {"Mul", InferBroadcast},
      {"Pad", InferPad},
      {"ReduceMean", InferReduceMean},
      {"Relu", InferSame},
      {"Reshape", InferReshape},
      {"Shape", ConstantsOnly},
      {"Slice", ConstantsOnly},
      {"Softmax", InferSame},
      {"Squeeze", InferSqueeze},
      {"Sub", InferBroadcast},
      {"Transpose", InferTranspose},
      {"Unsqueeze", InferUnsqueeze},
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

Status ReadPads(const Graph& graph, const Node& node, std::vector<int64_t>* pads) {
  const size_t rank = DimsOf(graph, node.inputs[0]).size();
  if (Has(node, "pads")) {
    *pads = IntsOf(node, "pads", {});
  } else {
    const Constant* constant = ConstantInput(graph, node, 1);
    if (constant == nullptr) return NodeError(node, "its pads are missing or computed at run time");
    *pads = ReadInts(*constant);
  }
  if (HasInput(node, 3)) {
    const Constant* constant = ConstantInput(graph, node, 3);
    if (constant == nullptr) return NodeError(node, "its axes are computed at run time, only constant ones are supported");
    const std::vector<int64_t> axes = ReadInts(*constant);
    if (pads->size() != 2 * axes.size()) return NodeError(node, "its pads do not fit its axes", Code::kBadInput);
    std::vector<int64_t> all(2 * rank, 0);
    for (size_t i = 0; i < axes.size(); ++i) {
      const int64_t axis = axes[i] < 0 ? axes[i] + static_cast<int64_t>(rank) : axes[i];
      if (axis < 0 || axis >= static_cast<int64_t>(rank))
        return NodeError(node, "an axis lies outside its tensor", Code::kBadInput);
      all[static_cast<size_t>(axis)] = (*pads)[i];
      all[static_cast<size_t>(axis) + rank] = (*pads)[i + axes.size()];
    }
    *pads = std::move(all);
  }
  if (pads->size() != 2 * rank) return NodeError(node, "its pads do not fit its input", Code::kBadInput);
  for (const int64_t pad : *pads) {
    if (pad < 0 || pad > (1 << 16)) return NodeError(node, "a pad of " + std::to_string(pad) + " is not supported");
  }
  return Status();
}

Status InferNode(Graph& graph, const Node& node) {
  const auto found = Table().find(node.op);
  if (found == Table().end()) return NodeError(node, "this operator is not supported");
  for (const ValueId id : node.inputs) {
    if (id != kNoValue && !ValueOf(graph, id).has_dims)
      return NodeError(node, "the shape of an input is unknown", Code::kInternal);
  }
  if (!IsFloat(ValueOf(graph, node.inputs[0]).type) && ConstantInput(graph, node, 0) == nullptr) {
    return NodeError(node, "its input is not floating-point");
  }
  return found->second(graph, node);
}

}  // namespace cutis::convert
