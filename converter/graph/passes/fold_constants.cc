#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/indices.h"
#include "converter/graph/passes.h"
#include "converter/graph/passes/quantized.h"
#include "converter/graph/shapes.h"

namespace cutis::convert {
namespace {

// Each folder sets *result when the node's output is known; it leaves it empty when it is not, or says what is wrong.
using Folded = std::shared_ptr<const Constant>;
using FoldFn = Status (*)(Graph&, const Node&, Folded*);

Folded Share(Constant constant) { return std::make_shared<const Constant>(std::move(constant)); }

Status FoldConstant(Graph&, const Node& node, Folded* result) {
  if (node.attributes.size() != 1) return NodeError(node, "it must have exactly one attribute", Code::kBadInput);
  const Attribute& attribute = node.attributes.begin()->second;
  if (const auto* tensor = std::get_if<Folded>(&attribute)) *result = *tensor;
  if (const auto* number = std::get_if<float>(&attribute)) *result = Share(MakeFloats({}, {*number}));
  if (const auto* number = std::get_if<int64_t>(&attribute)) *result = Share(MakeInts({}, {*number}));
  if (const auto* list = std::get_if<std::vector<float>>(&attribute)) {
    *result = Share(MakeFloats({static_cast<int64_t>(list->size())}, *list));
  }
  if (const auto* list = std::get_if<std::vector<int64_t>>(&attribute)) {
    *result = Share(MakeInts({static_cast<int64_t>(list->size())}, *list));
  }
  return Status();
}

// The bounds [begin, end) that Shape and Slice take from possibly negative numbers.
int64_t ClampIndex(int64_t index, int64_t size) { return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size); }

Status FoldShape(Graph& graph, const Node& node, Folded* result) {
  const Dims& dims = DimsOf(graph, node.inputs[0]);
  const int64_t rank = static_cast<int64_t>(dims.size());
  const int64_t begin = ClampIndex(IntOf(node, "start", 0), rank);
  const int64_t end = std::max(begin, ClampIndex(IntOf(node, "end", rank), rank));
  *result = Share(MakeInts({end - begin}, std::vector<int64_t>(dims.begin() + begin, dims.begin() + end)));
  return Status();
}

// Walks over all indices of `dims`, row-major: visit(offset of the result in elements, offset of the source), the latter by
// `step` elements of the source for one step along each axis.
template <class Visit>
void Walk(const Dims& dims, const std::vector<int64_t>& step, Visit visit) {
  const size_t rank = dims.size();
  std::vector<int64_t> index(rank, 0);
  int64_t source = 0;
  const int64_t count = ElementCount(dims);
  for (int64_t offset = 0; offset < count; ++offset) {
    visit(static_cast<size_t>(offset), static_cast<size_t>(source));
    for (size_t i = rank; i-- > 0;) {
      source += step[i];
      if (++index[i] < dims[i]) break;
      source -= step[i] * dims[i];
      index[i] = 0;
    }
  }
}

std::vector<int64_t> RowMajorSteps(const Dims& dims) {
  std::vector<int64_t> steps(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) steps[i - 1] = steps[i] * dims[i];
  return steps;
}

// A small file must not ask for any amount of memory.
Status CheckGrowth(const Node& node, const Dims& dims, int64_t given) {
  if (ElementCount(dims) <= std::max(given, int64_t{1} << 20)) return Status();
  return NodeError(node, "its constant result " + ToText(dims) + " is much larger than its operands");
}

// Slice, Pad, Gather, Expand of a constant.
Status FoldChosen(Graph& graph, const Node& node, Folded* result) {
  const Constant* data = ConstantInput(graph, node, 0);
  if (data == nullptr) return Status();
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    if (HasInput(node, i) && ConstantInput(graph, node, i) == nullptr) return Status();
  }
  CUTIS_TRY(InferNode(graph, node));
  const Dims dims = DimsOf(graph, node.outputs[0]);
  CUTIS_TRY(CheckGrowth(node, dims, ElementCount(data->dims)));
  IndexLists lists;
  if (node.op == "Expand" && dims.size() > data->dims.size()) return Status();  // its data is reshaped first
  CUTIS_TRY(ReadIndexLists(graph, node, &lists));
  const size_t bytes = ElementBytes(data->type);
  const std::vector<int64_t> steps = RowMajorSteps(data->dims);
  Dims chosen;
  for (const std::vector<int32_t>& axis : lists.axes) chosen.push_back(static_cast<int64_t>(axis.size()));
  Constant made{data->type, dims, std::vector<std::byte>(static_cast<size_t>(ElementCount(dims)) * bytes)};
  const Constant fill = MakeFloats({}, {lists.fill});
  std::vector<size_t> index(chosen.size(), 0);
  for (size_t offset = 0; offset < made.data.size(); offset += bytes) {
    int64_t source = 0;
    bool filled = false;
    for (size_t a = 0; a < index.size(); ++a) {
      filled = filled || lists.axes[a][index[a]] == kFill;
      source += lists.axes[a][index[a]] * steps[a];
    }
    if (filled && data->type != ElementType::kF32 && lists.fill != 0) return NodeError(node, "padding constants of this type");
    if (!filled) std::memcpy(made.data.data() + offset, data->data.data() + static_cast<size_t>(source) * bytes, bytes);
    if (filled && data->type == ElementType::kF32) std::memcpy(made.data.data() + offset, fill.data.data(), bytes);
    for (size_t a = index.size(); a-- > 0;) {
      if (++index[a] < lists.axes[a].size()) break;
      index[a] = 0;
    }
  }
  *result = Share(std::move(made));
  return Status();
}

// A list of indices of any shape chooses like the flat list of them.
Status FoldGather(Graph& graph, const Node& node, Folded* result) {
  const Constant* indices = ConstantInput(graph, node, 1);
  if (indices == nullptr || ConstantInput(graph, node, 0) == nullptr) return Status();
  CUTIS_TRY(FoldChosen(graph, node, result));
  return Status();
}

Status FoldConcat(Graph& graph, const Node& node, Folded* result) {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (ConstantInput(graph, node, i) == nullptr) return Status();
  }
  CUTIS_TRY(InferNode(graph, node));
  const Dims dims = DimsOf(graph, node.outputs[0]);
  const ElementType type = ConstantInput(graph, node, 0)->type;
  int64_t axis = IntOf(node, "axis", 1);
  if (axis < 0) axis += static_cast<int64_t>(dims.size());
  const size_t outer = static_cast<size_t>(ElementCount(Dims(dims.begin(), dims.begin() + axis)));
  Constant made{type, dims, {}};
  made.data.reserve(static_cast<size_t>(ElementCount(dims)) * ElementBytes(type));
  for (size_t o = 0; o < outer; ++o) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Constant& part = *ConstantInput(graph, node, i);
      if (part.type != type) return NodeError(node, "its inputs have different types", Code::kBadInput);
      const auto row = static_cast<std::ptrdiff_t>(part.data.size() / outer);
      const auto begin = part.data.begin() + static_cast<std::ptrdiff_t>(o) * row;
      made.data.insert(made.data.end(), begin, begin + row);
    }
  }
  *result = Share(std::move(made));
  return Status();
}

Status FoldConstantOfShape(Graph& graph, const Node& node, Folded* result) {
  const Constant* shape = ConstantInput(graph, node, 0);
  if (shape == nullptr) return NodeError(node, "its shape is computed at run time, only a constant one is supported");
  const Dims dims = ReadInts(*shape);
  if (ElementCount(dims) < 1) return NodeError(node, "its result " + ToText(dims) + " is empty or too large");
  Constant value = MakeFloats({1}, {0});
  if (const auto found = node.attributes.find("value"); found != node.attributes.end()) {
    value = *std::get<Folded>(found->second);
    if (ElementCount(value.dims) != 1) return NodeError(node, "its value is not one number", Code::kBadInput);
  }
  Constant made{value.type, dims, {}};
  made.data.resize(static_cast<size_t>(ElementCount(dims)) * value.data.size());
  for (size_t i = 0; i < made.data.size(); i += value.data.size())
    std::memcpy(made.data.data() + i, value.data.data(), value.data.size());
  *result = Share(std::move(made));
  return Status();
}

// Functions whose result is exact, so that it is the same on every machine.
Status FoldUnary(Graph& graph, const Node& node, Folded* result) {
  const Constant* data = ConstantInput(graph, node, 0);
  if (data == nullptr || !IsFloat(data->type)) return Status();
  std::vector<float> values = ReadFloats(*data);
  for (float& value : values) {
    if (node.op == "Neg") value = -value;
    if (node.op == "Abs") value = std::fabs(value);
    if (node.op == "Sqrt") value = std::sqrt(value);
    if (node.op == "Reciprocal") value = 1 / value;
  }
  *result = Share(MakeFloats(data->dims, values));
  return Status();
}

Status FoldCast(Graph& graph, const Node& node, Folded* result) {
  const Constant* data = ConstantInput(graph, node, 0);
  if (data == nullptr) return Status();
  switch (IntOf(node, "to", 0)) {  // TensorProto.DataType
    case 1:
    case 10:
    case 11:
    case 16:
      *result = Share(MakeFloats(data->dims, ReadFloats(*data)));
      return Status();
    case 6:
    case 7:
      *result = Share(MakeInts(data->dims, ReadInts(*data)));
      return Status();
    default:
      return NodeError(node, "a cast of constants to type " + std::to_string(IntOf(node, "to", 0)) + " is not supported");
  }
}

// The same bytes under the shape that inference gives.
Status FoldSameBytes(Graph& graph, const Node& node, Folded* result) {
  const Constant* data = ConstantInput(graph, node, 0);
  if (data == nullptr) return Status();
  CUTIS_TRY(InferNode(graph, node));
  Constant copy = *data;
  copy.dims = DimsOf(graph, node.outputs[0]);
  *result = Share(std::move(copy));
  return Status();
}

Status FoldTranspose(Graph& graph, const Node& node, Folded* result) {
  const Constant* data = ConstantInput(graph, node, 0);
  if (data == nullptr) return Status();
  CUTIS_TRY(InferNode(graph, node));
  const Dims& dims = DimsOf(graph, node.outputs[0]);
  std::vector<int64_t> order;
  CUTIS_TRY(ReadPermutation(node, dims.size(), &order));
  const std::vector<int64_t> source_steps = RowMajorSteps(data->dims);
  std::vector<int64_t> step;
  for (const int64_t axis : order) step.push_back(source_steps[static_cast<size_t>(axis)]);
  const size_t bytes = ElementBytes(data->type);
  Constant moved{data->type, dims, std::vector<std::byte>(data->data.size())};
  Walk(dims, step,
       [&](size_t to, size_t from) { std::memcpy(moved.data.data() + to * bytes, data->data.data() + from * bytes, bytes); });
  *result = Share(std::move(moved));
  return Status();
}

// One step of integer arithmetic; false when the result is not an int64.
bool Calculate(char op, int64_t a, int64_t b, int64_t* result) {
  switch (op) {
    case 'A':
      return !__builtin_add_overflow(a, b, result);
    case 'S':
      return !__builtin_sub_overflow(a, b, result);
    case 'M':
      return !__builtin_mul_overflow(a, b, result);
    default:
      if (b == 0 || (b == -1 && a == INT64_MIN)) return false;
      *result = a / b;
      return true;
  }
}

float Calculate(char op, float a, float b) { return op == 'A' ? a + b : op == 'S' ? a - b : op == 'M' ? a * b : a / b; }

Status FoldArithmetic(Graph& graph, const Node& node, Folded* result) {
  const Constant* a = ConstantInput(graph, node, 0);
  const Constant* b = ConstantInput(graph, node, 1);
  if (a == nullptr || b == nullptr) return Status();
  CUTIS_TRY(InferNode(graph, node));
  const Dims& dims = DimsOf(graph, node.outputs[0]);
  const size_t rank = dims.size();
  // Steps of both operands along each axis of the result; 0 where they are repeated.
  std::vector<size_t> step_a(rank, 0), step_b(rank, 0);
  for (const auto& [operand, step] : {std::pair{a, &step_a}, std::pair{b, &step_b}}) {
    size_t product = 1;
    for (size_t i = 0; i < operand->dims.size(); ++i) {
      const size_t extent = static_cast<size_t>(operand->dims[operand->dims.size() - 1 - i]);
      if (extent != 1) (*step)[rank - 1 - i] = product;
      product *= extent;
    }
  }
  const bool is_float = IsFloat(a->type);
  if (is_float != IsFloat(b->type)) return NodeError(node, "its operands have different types", Code::kBadInput);
  const size_t count = static_cast<size_t>(ElementCount(dims));
  // A column and a row broadcast to their product: a small file could ask for any amount of memory.
  if (ElementCount(dims) > std::max({ElementCount(a->dims), ElementCount(b->dims), int64_t{1} << 20})) {
    return NodeError(node, "its constant result " + ToText(dims) + " is much larger than its operands");
  }
  const std::vector<float> float_a = is_float ? ReadFloats(*a) : std::vector<float>(),
                           float_b = is_float ? ReadFloats(*b) : float_a;
  const std::vector<int64_t> int_a = is_float ? std::vector<int64_t>() : ReadInts(*a), int_b = is_float ? int_a : ReadInts(*b);
  std::vector<float> floats(is_float ? count : 0);
  std::vector<int64_t> ints(is_float ? 0 : count);
  for (size_t n = 0; n < count; ++n) {
    size_t rest = n, at_a = 0, at_b = 0;
    for (size_t i = rank; i-- > 0;) {
      const size_t index = rest % static_cast<size_t>(dims[i]);
      rest /= static_cast<size_t>(dims[i]);
      at_a += index * step_a[i];
      at_b += index * step_b[i];
    }
    if (is_float) {
      floats[n] = Calculate(node.op[0], float_a[at_a], float_b[at_b]);
    } else if (!Calculate(node.op[0], int_a[at_a], int_b[at_b], &ints[n])) {
      return NodeError(node, "its constant result is not a number", Code::kBadInput);
    }
  }
  *result = Share(is_float ? MakeFloats(dims, floats) : MakeInts(dims, ints));
  return Status();
}

// Integers only: what shapes are computed with. Others stay for the runtime's own arithmetic.
Status FoldExtremes(Graph& graph, const Node& node, Folded* result) {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Constant* constant = ConstantInput(graph, node, i);
    if (constant == nullptr || IsFloat(constant->type)) return Status();
    if (constant->dims != ConstantInput(graph, node, 0)->dims && ElementCount(constant->dims) != 1) return Status();
  }
  std::vector<int64_t> values = ReadInts(*ConstantInput(graph, node, 0));
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const std::vector<int64_t> others = ReadInts(*ConstantInput(graph, node, i));
    for (size_t k = 0; k < values.size(); ++k) {
      const int64_t other = others[others.size() == 1 ? 0 : k];
      values[k] = node.op == "Max" ? std::max(values[k], other) : std::min(values[k], other);
    }
  }
  *result = Share(MakeInts(ConstantInput(graph, node, 0)->dims, values));
  return Status();
}

// A sum of nothing is 0.
Status FoldEmptySum(Graph& graph, const Node& node, Folded* result) {
  const Constant* data = ConstantInput(graph, node, 0);
  if (data == nullptr || ElementCount(data->dims) != 0) return Status();
  CUTIS_TRY(InferNode(graph, node));
  const Dims& dims = DimsOf(graph, node.outputs[0]);
  CUTIS_TRY(CheckGrowth(node, dims, 0));
  *result = Share(MakeFloats(dims, std::vector<float>(static_cast<size_t>(ElementCount(dims)), 0.0f)));
  return Status();
}

// Outputs without elements are known whatever the inputs are. True when no output of the node is left to be computed.
bool FoldEmpty(Graph& graph, const Node& node) {
  bool all = true;
  for (const ValueId id : node.outputs) {
    if (id == kNoValue) continue;
    Value& value = graph.values[static_cast<size_t>(id)];
    if (value.has_dims && ElementCount(value.dims) == 0) {
      value.constant = Share(Constant{value.type, value.dims, {}});
    } else {
      all = false;
    }
  }
  return all;
}

const std::map<std::string, FoldFn>& Table() {
  static const std::map<std::string, FoldFn> table = {
      {"Abs", FoldUnary},
      {"Add", FoldArithmetic},
      {"Cast", FoldCast},
      {"Concat", FoldConcat},
      {"Constant", FoldConstant},
      {"ConstantOfShape", FoldConstantOfShape},
      {"DequantizeLinear", FoldDequantize},
      {"QuantizeLinear", FoldQuantize},
      {"Div", FoldArithmetic},
      {"Expand", FoldChosen},
      {"Flatten", FoldSameBytes},
      {"Gather", FoldGather},
      {"Identity", FoldSameBytes},
      {"Max", FoldExtremes},
      {"Min", FoldExtremes},
      {"Mul", FoldArithmetic},
      {"Neg", FoldUnary},
      {"Pad", FoldChosen},
      {"Reciprocal", FoldUnary},
      {"ReduceSum", FoldEmptySum},
      {"Reshape", FoldSameBytes},
      {"Shape", FoldShape},
      {"Slice", FoldChosen},
      {"Sqrt", FoldUnary},
      {"Squeeze", FoldSameBytes},
      {"Sub", FoldArithmetic},
      {"Transpose", FoldTranspose},
      {"Unsqueeze", FoldSameBytes},
  };
  return table;
}

}  // namespace

Status FoldConstants(Graph& graph) {
  for (Value& value : graph.values) {
    // Everything floating-point is float32 from here on.
    if (!IsFloat(value.type)) continue;
    value.type = ElementType::kF32;
    if (value.constant != nullptr && value.constant->type != ElementType::kF32) {
      value.constant = Share(MakeFloats(value.constant->dims, ReadFloats(*value.constant)));
    }
  }
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    Folded folded;
    if (const auto found = Table().find(node.op); found != Table().end()) CUTIS_TRY(found->second(graph, node, &folded));
    if (folded == nullptr) {
      CUTIS_TRY(InferNode(graph, node));
      dead[n] = FoldEmpty(graph, node);
      continue;
    }
    if (IsFloat(folded->type) && folded->type != ElementType::kF32)
      folded = Share(MakeFloats(folded->dims, ReadFloats(*folded)));
    Value& value = graph.values[static_cast<size_t>(node.outputs[0])];
    value.type = folded->type;
    value.has_dims = true;
    value.dims = folded->dims;
    value.constant = std::move(folded);
    CarryScales(graph, node);
    dead[n] = true;
  }
  RemoveNodes(graph, dead);
  return Status();
}

}  // namespace cutis::convert
