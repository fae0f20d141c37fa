#include "tests/converter/graph_text.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <sstream>
#include <type_traits>

#include "converter/graph/edit.h"

namespace cutis::convert {
namespace {

const std::map<std::string, ElementType> kTypes = {
    {"u8", ElementType::kU8}, {"i8", ElementType::kI8}, {"i32", ElementType::kI32}, {"i64", ElementType::kI64}};

// "i64 2,3" or "2,3" or "-".
Dims ParseType(std::istringstream& words, ElementType* type) {
  std::string word;
  words >> word;
  if (const auto found = kTypes.find(word); found != kTypes.end()) {
    *type = found->second;
    words >> word;
  }
  Dims dims;
  std::istringstream extents(word == "-" ? "" : word);
  for (std::string extent; std::getline(extents, extent, ',');) dims.push_back(std::stoll(extent));
  return dims;
}

template <typename T>
void Append(std::vector<std::byte>& data, double value) {
  const T element = static_cast<T>(value);
  const size_t at = data.size();
  data.resize(at + sizeof element);
  std::memcpy(data.data() + at, &element, sizeof element);
}

Constant ParseConstant(std::istringstream& words) {
  Constant constant;
  constant.dims = ParseType(words, &constant.type);
  std::string colon;
  words >> colon;
  std::vector<double> values;
  for (std::string value; words >> value;) values.push_back(std::stod(value));
  REQUIRE((colon == ":" && !values.empty()));
  for (size_t i = 0; i < static_cast<size_t>(ElementCount(constant.dims)); ++i) {
    const double value = values[i % values.size()];
    switch (constant.type) {
      case ElementType::kU8:
        Append<uint8_t>(constant.data, value);
        break;
      case ElementType::kI8:
        Append<int8_t>(constant.data, value);
        break;
      case ElementType::kI32:
        Append<int32_t>(constant.data, value);
        break;
      case ElementType::kI64:
        Append<int64_t>(constant.data, value);
        break;
      default:
        Append<float>(constant.data, value);
    }
  }
  return constant;
}

Attribute ParseAttribute(const std::string& text) {
  if (text[0] == '[') {
    std::vector<int64_t> list;
    std::istringstream numbers(text.substr(1, text.size() - 2));
    for (std::string number; std::getline(numbers, number, ',');) list.push_back(std::stoll(number));
    return list;
  }
  if (text.find_first_not_of("0123456789-+.") != std::string::npos) return text;
  if (text.find('.') != std::string::npos) return std::stof(text);
  return int64_t{std::stoll(text)};
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

template <typename T>
std::string List(const std::vector<T>& values, const char* between) {
  std::ostringstream text;
  for (size_t i = 0; i < values.size(); ++i) text << (i == 0 ? "" : between) << Number(static_cast<double>(values[i]));
  return text.str();
}

std::string TextOfAttribute(const Attribute& attribute) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return value;
        } else if constexpr (std::is_arithmetic_v<T>) {
          const std::string number = Number(static_cast<double>(value));
          const bool plain = number.find_first_not_of("0123456789-") == std::string::npos;
          return std::is_floating_point_v<T> && plain ? number + ".0" : number;
        } else if constexpr (std::is_same_v<T, std::shared_ptr<const Constant>>) {
          return "constant";
        } else {
          return std::string("[").append(List(value, ",")).append("]");
        }
      },
      attribute);
}

std::string TypeText(ElementType type) {
  for (const auto& entry : kTypes) {
    if (entry.second == type) return entry.first + " ";
  }
  return "";
}

}  // namespace

Graph GraphOf(const std::string& text) {
  Graph graph;
  std::map<std::string, ValueId> ids = {{"-", kNoValue}};
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    std::istringstream words(line);
    std::vector<std::string> names;
    std::string word;
    while (words >> word && word != ":" && word != ":=" && word != "=") names.push_back(word);
    if (names.empty()) continue;
    if (names[0] == "out") {
      for (size_t i = 1; i < names.size(); ++i) graph.outputs.push_back(ids.at(names[i]));
    } else if (word == ":=") {
      ids[names[0]] = AddConstant(graph, names[0], ParseConstant(words));
    } else if (word == ":") {
      ElementType type = ElementType::kF32;
      const Dims dims = ParseType(words, &type);
      const ValueId id = ids[names[0]] = AddValue(graph, names[0], type);
      graph.values[static_cast<size_t>(id)].dims = dims;
      graph.values[static_cast<size_t>(id)].has_dims = true;
      graph.inputs.push_back(id);
    } else {
      Node node;
      words >> node.op;
      node.name = names[0];
      while (words >> word && word != ";") node.inputs.push_back(ids.at(word));
      while (words >> word) node.attributes[word.substr(0, word.find('='))] = ParseAttribute(word.substr(word.find('=') + 1));
      for (const std::string& name : names) node.outputs.push_back(ids[name] = AddValue(graph, name));
      graph.nodes.push_back(std::move(node));
    }
  }
  return graph;
}

std::string TextOfGraph(const Graph& graph) {
  std::map<ValueId, std::string> made;
  std::ostringstream text;
  const auto add = [&](ValueId id, const char* before = " ") {
    text << before;
    if (id == kNoValue) {
      text << '-';
      return;
    }
    const Value& value = graph.values[static_cast<size_t>(id)];
    if (value.constant != nullptr) {
      const Constant& constant = *value.constant;
      text << '{' << TypeText(constant.type) << (constant.dims.empty() ? "-" : List(constant.dims, ","));
      if (ElementCount(constant.dims) <= 6) text << " : " << List(ReadDoubles(constant), " ");
      text << '}';
    } else {
      text << (made.count(id) != 0 ? made[id] : value.name);
    }
    if (value.quantization != nullptr)
      text << '@' << List(value.quantization->scales, "/") << ',' << value.quantization->zero_point;
  };
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.outputs) made.emplace(id, std::string("%").append(std::to_string(made.size())));
    for (const ValueId id : node.outputs) add(id, id == node.outputs[0] ? "" : " ");
    text << " = " << node.op;
    for (const ValueId id : node.inputs) add(id);
    if (!node.attributes.empty()) text << " ;";
    for (const auto& entry : node.attributes) text << ' ' << entry.first << '=' << TextOfAttribute(entry.second);
    text << '\n';
  }
  text << "out";
  for (const ValueId id : graph.outputs) add(id);
  text << '\n';
  return text.str();
}

}  // namespace cutis::convert
