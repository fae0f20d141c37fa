#include "converter/graph/edit.h"

#include <cmath>
#include <cstring>
#include <utility>

namespace cutis::convert {

size_t ElementBytes(ElementType type) {
  switch (type) {
    case ElementType::kF64:
    case ElementType::kI64:
      return 8;
    case ElementType::kF32:
    case ElementType::kI32:
      return 4;
    case ElementType::kF16:
    case ElementType::kBF16:
      return 2;
    case ElementType::kI8:
    case ElementType::kU8:
    case ElementType::kBool:
      return 1;
  }
  return 1;
}

const char* NameOf(ElementType type) {
  switch (type) {
    case ElementType::kF32:
      return "float32";
    case ElementType::kF64:
      return "float64";
    case ElementType::kF16:
      return "float16";
    case ElementType::kBF16:
      return "bfloat16";
    case ElementType::kI64:
      return "int64";
    case ElementType::kI32:
      return "int32";
    case ElementType::kI8:
      return "int8";
    case ElementType::kU8:
      return "uint8";
    case ElementType::kBool:
      return "bool";
  }
  return "?";
}

bool IsFloat(ElementType type) {
  return type == ElementType::kF32 || type == ElementType::kF64 || type == ElementType::kF16 || type == ElementType::kBF16;
}

int64_t ElementCount(const Dims& dims) {
  if (dims.size() > kMaxRank) return -1;
  int64_t count = 1;
  bool empty = false;
  for (const int64_t dim : dims) {
    if (dim < 0 || dim > kMaxDim) return -1;
    if (dim == 0) {
      empty = true;
      continue;
    }
    if (count > kMaxElements / dim) return -1;
    count *= dim;
  }
  return empty ? 0 : count;
}

std::string ToText(const Dims& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(dims[i]);
  }
  return text + "]";
}

namespace {

template <class T>
Constant Pack(ElementType type, Dims dims, const std::vector<T>& values) {
  Constant constant{type, std::move(dims), std::vector<std::byte>(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(constant.data.data(), values.data(), constant.data.size());
  return constant;
}

template <class T>
T Load(const Constant& constant, size_t index) {
  T value;
  std::memcpy(&value, constant.data.data() + index * sizeof(T), sizeof(T));
  return value;
}

double HalfToDouble(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  double value;
  if (exponent == 31) {
    value = mantissa != 0 ? std::nan("") : HUGE_VAL;
  } else if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

double BFloatToDouble(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

double ElementAsDouble(const Constant& constant, size_t index) {
  switch (constant.type) {
    case ElementType::kF32:
      return Load<float>(constant, index);
    case ElementType::kF64:
      return Load<double>(constant, index);
    case ElementType::kF16:
      return HalfToDouble(Load<uint16_t>(constant, index));
    case ElementType::kBF16:
      return BFloatToDouble(Load<uint16_t>(constant, index));
    case ElementType::kI64:
      return static_cast<double>(Load<int64_t>(constant, index));
    case ElementType::kI32:
      return Load<int32_t>(constant, index);
    case ElementType::kI8:
      return Load<int8_t>(constant, index);
    case ElementType::kU8:
    case ElementType::kBool:
      return Load<uint8_t>(constant, index);
  }
  return 0;
}

int64_t ElementAsInt(const Constant& constant, size_t index) {
  switch (constant.type) {
    case ElementType::kI64:
      return Load<int64_t>(constant, index);
    case ElementType::kI32:
      return Load<int32_t>(constant, index);
    case ElementType::kI8:
      return Load<int8_t>(constant, index);
    case ElementType::kU8:
    case ElementType::kBool:
      return Load<uint8_t>(constant, index);
    default: {
      const double value = ElementAsDouble(constant, index);
      // Outside int64 (NaN included) the conversion would be undefined.
      return value > -9e18 && value < 9e18 ? static_cast<int64_t>(value) : 0;
    }
  }
}

}  // namespace

Constant MakeFloats(Dims dims, const std::vector<float>& values) { return Pack(ElementType::kF32, std::move(dims), values); }
Constant MakeInts(Dims dims, const std::vector<int64_t>& values) { return Pack(ElementType::kI64, std::move(dims), values); }

std::vector<double> ReadDoubles(const Constant& constant) {
  std::vector<double> values(constant.data.size() / ElementBytes(constant.type));
  for (size_t i = 0; i < values.size(); ++i) values[i] = ElementAsDouble(constant, i);
  return values;
}

std::vector<float> ReadFloats(const Constant& constant) {
  std::vector<float> values(constant.data.size() / ElementBytes(constant.type));
  if (constant.type == ElementType::kF32) {
    if (!values.empty()) std::memcpy(values.data(), constant.data.data(), constant.data.size());
    return values;
  }
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(ElementAsDouble(constant, i));
  return values;
}

std::vector<int64_t> ReadInts(const Constant& constant) {
  std::vector<int64_t> values(constant.data.size() / ElementBytes(constant.type));
  for (size_t i = 0; i < values.size(); ++i) values[i] = ElementAsInt(constant, i);
  return values;
}

ValueId AddValue(Graph& graph, std::string name, ElementType type) {
  Value value;
  value.name = std::move(name);
  value.type = type;
  graph.values.push_back(std::move(value));
  return static_cast<ValueId>(graph.values.size() - 1);
}

ValueId AddConstant(Graph& graph, std::string name, Constant constant) {
  const ValueId id = AddValue(graph, std::move(name), constant.type);
  Value& value = graph.values.back();
  value.has_dims = true;
  value.dims = constant.dims;
  value.constant = std::make_shared<const Constant>(std::move(constant));
  return id;
}

const Constant* ConstantOf(const Graph& graph, ValueId id) {
  return id == kNoValue ? nullptr : graph.values[static_cast<size_t>(id)].constant.get();
}

ValueId InputOf(const Node& node, size_t index) { return index < node.inputs.size() ? node.inputs[index] : kNoValue; }
bool HasInput(const Node& node, size_t index) { return InputOf(node, index) != kNoValue; }
const Constant* ConstantInput(const Graph& graph, const Node& node, size_t index) {
  return ConstantOf(graph, InputOf(node, index));
}
const Dims& DimsOf(const Graph& graph, ValueId id) { return graph.values[static_cast<size_t>(id)].dims; }

bool Has(const Node& node, const char* name) { return node.attributes.count(name) != 0; }

namespace {

template <class T>
const T* Find(const Node& node, const char* name) {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? nullptr : std::get_if<T>(&found->second);
}

}  // namespace

int64_t IntOf(const Node& node, const char* name, int64_t otherwise) {
  const int64_t* value = Find<int64_t>(node, name);
  return value != nullptr ? *value : otherwise;
}

float FloatOf(const Node& node, const char* name, float otherwise) {
  const float* value = Find<float>(node, name);
  return value != nullptr ? *value : otherwise;
}

std::string TextOf(const Node& node, const char* name, const char* otherwise) {
  const std::string* value = Find<std::string>(node, name);
  return value != nullptr ? *value : otherwise;
}

std::vector<int64_t> IntsOf(const Node& node, const char* name, std::vector<int64_t> otherwise) {
  const std::vector<int64_t>* value = Find<std::vector<int64_t>>(node, name);
  return value != nullptr ? *value : std::move(otherwise);
}

Edges::Edges(const Graph& graph)
    : producer(graph.values.size(), -1), readers(graph.values.size()), uses(graph.values.size(), 0) {
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const ValueId id : graph.nodes[n].inputs) {
      if (id == kNoValue) continue;
      readers[static_cast<size_t>(id)].push_back(static_cast<int>(n));
      ++uses[static_cast<size_t>(id)];
    }
    for (const ValueId id : graph.nodes[n].outputs) {
      if (id != kNoValue) producer[static_cast<size_t>(id)] = static_cast<int>(n);
    }
  }
  for (const ValueId id : graph.outputs) ++uses[static_cast<size_t>(id)];
}

void ReplaceValue(Graph& graph, ValueId from, ValueId to) {
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs) {
      if (id == from) id = to;
    }
  }
  bool is_output = false;
  for (ValueId& id : graph.outputs) {
    if (id != from) continue;
    id = to;
    is_output = true;
  }
  Value& source = graph.values[static_cast<size_t>(to)];
  if (source.quantization == nullptr && source.constant == nullptr)
    source.quantization = graph.values[static_cast<size_t>(from)].quantization;
  const bool is_input = !graph.inputs.empty() && graph.inputs[0] == to;
  if (is_output && !is_input && source.constant == nullptr)
    std::swap(source.name, graph.values[static_cast<size_t>(from)].name);
}

void RemoveNodes(Graph& graph, const std::vector<bool>& dead) {
  std::vector<Node> kept;
  kept.reserve(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!dead[i]) kept.push_back(std::move(graph.nodes[i]));
  }
  graph.nodes = std::move(kept);
}

Status NodeError(const Node& node, const std::string& text, Code code) {
  return Status::Error(code, "node '%.100s' (%.40s): %s", node.name.c_str(), node.op.c_str(), text.c_str());
}

}  // namespace cutis::convert
