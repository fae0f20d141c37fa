// Scales and zero points as ONNX states them, and constants that are stored as integers.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/indices.h"
#include "converter/graph/passes/quantized.h"
#include "converter/graph/shapes.h"

namespace cutis::convert {
namespace {

constexpr int64_t kMostClaimed = int64_t{1} << 20;  // elements of a run-time tensor whose scales are repeated for each
constexpr int64_t kOnnxU8 = 2, kOnnxI8 = 3;         // TensorProto.DataType

bool IsByte(ElementType type) { return type == ElementType::kU8 || type == ElementType::kI8; }

int64_t ChannelStep(const Dims& dims, int64_t axis) {
  int64_t step = 1;
  for (size_t a = static_cast<size_t>(axis) + 1; a < dims.size(); ++a) step *= dims[a];
  return step;
}

// One for each block of that many indices of the axis; the last may be shorter.
Dims BlockedDims(Dims x, int64_t axis, int64_t block) {
  int64_t& extent = x[static_cast<size_t>(axis)];
  extent = extent / block + (extent % block != 0 ? 1 : 0);
  return x;
}

// The values of blocks, repeated for each element.
template <class T>
std::vector<T> OfEveryElement(const std::vector<T>& of_blocks, const Dims& x, int64_t axis, int64_t block) {
  const int64_t step = ChannelStep(x, axis), extent = x[static_cast<size_t>(axis)];
  const int64_t blocks = BlockedDims(x, axis, block)[static_cast<size_t>(axis)];
  std::vector<T> values(static_cast<size_t>(ElementCount(x)));
  for (int64_t i = 0; i < static_cast<int64_t>(values.size()); ++i) {
    const int64_t row = i / (step * extent), at = i / step % extent / block;
    values[static_cast<size_t>(i)] = of_blocks[static_cast<size_t>((row * blocks + at) * step + i % step)];
  }
  return values;
}

Status ReadScales(const Graph& graph, const Node& node, Linear* linear) {
  const Constant* scale = ConstantInput(graph, node, 1);
  if (scale == nullptr) return NodeError(node, "its scale is computed at run time, only constant ones are supported");
  if (!IsFloat(scale->type))
    return NodeError(node, "its scale is of type " + std::string(NameOf(scale->type)), Code::kBadInput);
  linear->scales = ReadFloats(*scale);
  const Dims& x = DimsOf(graph, node.inputs[0]);
  const auto rank = static_cast<int64_t>(x.size());
  int64_t axis = IntOf(node, "axis", 1);
  if (axis < 0) axis += rank;
  const int64_t block = IntOf(node, "block_size", 0);
  if (block < 0) return NodeError(node, "its block_size is " + std::to_string(block), Code::kBadInput);
  if (linear->scales.size() != 1 || block != 0) {
    if (axis < 0 || axis >= rank) return NodeError(node, "its axis lies outside its tensor " + ToText(x), Code::kBadInput);
  }
  if (block != 0) {
    const Dims wanted = BlockedDims(x, axis, block);
    if (scale->dims != wanted) {
      return NodeError(
          node, "its scales are " + ToText(scale->dims) + ", blocks of " + std::to_string(block) + " want " + ToText(wanted),
          Code::kBadInput);
    }
    // One scale may stand for any number of elements of a tensor that is only claimed.
    if (ElementCount(x) > kMostClaimed && ConstantInput(graph, node, 0) == nullptr) {
      return NodeError(node, "its tensor " + ToText(x) + " is too large for scales of blocks");
    }
    linear->scales = OfEveryElement(linear->scales, x, axis, block);
    linear->axis = Linear::kEveryElement;
  } else if (linear->scales.size() != 1) {
    if (scale->dims != Dims{x[static_cast<size_t>(axis)]}) {
      return NodeError(node,
                       "its scales are " + ToText(scale->dims) + ", axis " + std::to_string(axis) + " of its tensor " +
                           ToText(x) + " wants " + ToText({x[static_cast<size_t>(axis)]}),
                       Code::kBadInput);
    }
    linear->axis = axis;
  }
  for (const float value : linear->scales) {
    if (!(value > 0) || !std::isfinite(value)) {
      return NodeError(node, "its scale is " + std::to_string(value) + ", which is no positive number", Code::kBadInput);
    }
  }
  return Status();
}

// The type of what a QuantizeLinear gives.
Status ReadType(const Graph& graph, const Node& node, ElementType* type) {
  const int64_t wanted = IntOf(node, "output_dtype", 0);
  *type = wanted == kOnnxI8 ? ElementType::kI8 : ElementType::kU8;
  if (wanted != 0 && wanted != kOnnxU8 && wanted != kOnnxI8) {
    return NodeError(node, "it quantises to type " + std::to_string(wanted) + "; only uint8 and int8 are supported");
  }
  if (const Constant* zero = ConstantInput(graph, node, 2)) {
    if (!IsByte(zero->type)) {
      return NodeError(node, "it quantises to " + std::string(NameOf(zero->type)) + "; only uint8 and int8 are supported");
    }
    if (wanted != 0 && zero->type != *type) {
      return NodeError(node, "its zero point is of type " + std::string(NameOf(zero->type)) + ", its output is not",
                       Code::kBadInput);
    }
    *type = zero->type;
  }
  return Status();
}

// The index of the scale that element `i` has.
size_t ScaleAt(const Linear& linear, const Dims& dims, int64_t step, size_t i) {
  if (linear.per_tensor()) return 0;
  if (linear.axis == Linear::kEveryElement) return i;
  return i / static_cast<size_t>(step) % static_cast<size_t>(dims[static_cast<size_t>(linear.axis)]);
}

// Where the indices of axis `axis` of one shape are those of an axis of another shape of as many elements; -1: nowhere.
int64_t FollowAxis(const Dims& from, int64_t axis, const Dims& to) {
  const int64_t after = ChannelStep(from, axis);
  for (size_t a = 0; a < to.size(); ++a) {
    const auto at = static_cast<int64_t>(a);
    if (to[a] == from[static_cast<size_t>(axis)] && ChannelStep(to, at) == after) return at;
  }
  return -1;
}

int64_t AxisAfter(const Graph& graph, const Node& node, int64_t axis) {
  const Dims &from = DimsOf(graph, node.inputs[0]), &to = DimsOf(graph, node.outputs[0]);
  if (node.op == "Transpose") {
    std::vector<int64_t> order;
    if (!ReadPermutation(node, from.size(), &order).ok()) return -1;
    return std::find(order.begin(), order.end(), axis) - order.begin();
  }
  if (node.op == "Slice") {
    IndexLists lists;
    if (!ReadIndexLists(graph, node, &lists).ok()) return -1;
    const std::vector<int32_t>& kept = lists.axes[static_cast<size_t>(axis)];
    if (static_cast<int64_t>(kept.size()) != from[static_cast<size_t>(axis)]) return -1;
    for (size_t i = 0; i < kept.size(); ++i) {
      if (kept[i] != static_cast<int32_t>(i)) return -1;
    }
    return axis;
  }
  return FollowAxis(from, axis, to);
}

}  // namespace

Status ReadLinear(const Graph& graph, const Node& node, ElementType type, Linear* linear) {
  CUTIS_TRY(ReadScales(graph, node, linear));
  linear->type = type;
  if (node.op == "QuantizeLinear") CUTIS_TRY(ReadType(graph, node, &linear->type));
  linear->zero_points.assign(linear->scales.size(), 0);
  if (!HasInput(node, 2)) return Status();
  const Constant* zero = ConstantInput(graph, node, 2);
  if (zero == nullptr) return NodeError(node, "its zero point is computed at run time, only constant ones are supported");
  if (zero->type != linear->type) {
    return NodeError(
        node, "its zero point is of type " + std::string(NameOf(zero->type)) + ", its integers are " + NameOf(linear->type),
        Code::kBadInput);
  }
  std::vector<int64_t> values = ReadInts(*zero);
  if (linear->axis == Linear::kEveryElement) {
    const Dims& x = DimsOf(graph, node.inputs[0]);
    const auto rank = static_cast<int64_t>(x.size());
    const int64_t axis = (IntOf(node, "axis", 1) + rank) % rank, block = IntOf(node, "block_size", 0);
    if (zero->dims == BlockedDims(x, axis, block)) values = OfEveryElement(values, x, axis, block);
  }
  if (values.size() != linear->scales.size()) {
    return NodeError(
        node,
        "it has " + std::to_string(values.size()) + " zero points and " + std::to_string(linear->scales.size()) + " scales",
        Code::kBadInput);
  }
  linear->zero_points.assign(values.begin(), values.end());
  const bool shifted = std::any_of(values.begin(), values.end(), [](int64_t value) { return value != 0; });
  if (linear->type == ElementType::kI32 && shifted && graph.values[static_cast<size_t>(node.inputs[0])].constant == nullptr) {
    return NodeError(node, "its integers are int32, which have no zero point", Code::kBadInput);
  }
  return Status();
}

std::shared_ptr<const Quantization> BytesOf(const Linear& linear) {
  if (!linear.per_tensor()) return nullptr;
  const int32_t shift = linear.type == ElementType::kI8 ? 128 : 0;
  return std::make_shared<const Quantization>(Quantization{linear.scales, linear.zero_points[0] + shift, 0});
}

Status FoldQuantize(Graph& graph, const Node& node, std::shared_ptr<const Constant>* result) {
  const Constant* data = ConstantInput(graph, node, 0);
  if (data == nullptr) return Status();
  if (!IsFloat(data->type)) return NodeError(node, "its input is not floating-point", Code::kBadInput);
  Linear linear;
  CUTIS_TRY(ReadLinear(graph, node, ElementType::kU8, &linear));
  const std::vector<float> values = ReadFloats(*data);
  const int64_t step = ChannelStep(data->dims, linear.axis);
  const float low = linear.type == ElementType::kI8 ? -128.0f : 0.0f, high = low + 255.0f;
  Constant made{linear.type, data->dims, std::vector<std::byte>(values.size())};
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t at = ScaleAt(linear, data->dims, step, i);
    const float rounded = std::nearbyint(values[i] / linear.scales[at]);
    const float zero = static_cast<float>(linear.zero_points[at]);
    const float integer = std::isnan(rounded) ? zero : std::clamp(rounded + zero, low, high);
    made.data[i] = static_cast<std::byte>(static_cast<int32_t>(integer) & 255);
  }
  *result = std::make_shared<const Constant>(std::move(made));
  return Status();
}

Status FoldDequantize(Graph& graph, const Node& node, std::shared_ptr<const Constant>* result) {
  const Constant* data = ConstantInput(graph, node, 0);
  if (data == nullptr) return Status();
  if (!IsByte(data->type) && data->type != ElementType::kI32) {
    return NodeError(node,
                     "its integers are " + std::string(NameOf(data->type)) + "; only uint8, int8 and int32 are supported");
  }
  Linear linear;
  CUTIS_TRY(ReadLinear(graph, node, data->type, &linear));
  const std::vector<int64_t> integers = ReadInts(*data);
  const int64_t step = ChannelStep(data->dims, linear.axis);
  std::vector<float> values(integers.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t at = ScaleAt(linear, data->dims, step, i);
    const auto integer = static_cast<double>(integers[i] - linear.zero_points[at]);
    values[i] = static_cast<float>(integer * static_cast<double>(linear.scales[at]));
  }
  *result = std::make_shared<const Constant>(MakeFloats(data->dims, values));
  Value& value = graph.values[static_cast<size_t>(node.outputs[0])];
  value.name = graph.values[static_cast<size_t>(node.inputs[0])].name;
  if (data->type == ElementType::kI32 || linear.axis == Linear::kEveryElement) return Status();
  // As int8. Where zero points differ from channel to channel, one that is not 0 stands for them all.
  const int32_t shift = data->type == ElementType::kU8 ? 128 : 0;
  int32_t zero_point = linear.zero_points[0] - shift;
  for (const int32_t zero : linear.zero_points) {
    if (zero != shift) zero_point = zero - shift;
  }
  value.quantization = std::make_shared<const Quantization>(Quantization{linear.scales, zero_point, linear.axis});
  return Status();
}

void CarryScales(Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.inputs[0] == kNoValue) return;
  const std::shared_ptr<const Quantization> given = graph.values[static_cast<size_t>(node.inputs[0])].quantization;
  static constexpr const char* kMoves[] = {"Flatten", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"};
  const auto moves = [&](const char* op) { return node.op == op; };
  if (given == nullptr || std::none_of(std::begin(kMoves), std::end(kMoves), moves)) return;
  Quantization carried = *given;
  if (carried.scales.size() > 1) carried.axis = AxisAfter(graph, node, carried.axis);
  if (carried.axis < 0) return;
  Value& value = graph.values[static_cast<size_t>(node.outputs[0])];
  value.name = graph.values[static_cast<size_t>(node.inputs[0])].name;
  value.quantization = std::make_shared<const Quantization>(std::move(carried));
}

std::shared_ptr<const Quantization> ScalesOfRows(const Value& matrix, bool transposed, double factor) {
  if (matrix.quantization == nullptr || !(factor > 0)) return nullptr;
  Quantization rows = *matrix.quantization;
  if (rows.scales.size() > 1 && rows.axis != (transposed ? 1 : 0)) return nullptr;
  rows.axis = 0;
  for (float& scale : rows.scales) scale = static_cast<float>(scale * factor);
  return std::make_shared<const Quantization>(std::move(rows));
}

bool JoinScales(Graph& graph, ValueId inner, ValueId outer) {
  const std::shared_ptr<const Quantization>& from = graph.values[static_cast<size_t>(inner)].quantization;
  std::shared_ptr<const Quantization>& to = graph.values[static_cast<size_t>(outer)].quantization;
  if (from == nullptr) return true;
  if (to == nullptr) to = from;
  return *from == *to;
}

}  // namespace cutis::convert
