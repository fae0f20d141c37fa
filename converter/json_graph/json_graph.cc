#include "converter/json_graph/json_graph.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "converter/graph/edit.h"
#include "converter/recipe/json.h"
#include "converter/torch/torch.h"

namespace cutis::convert {
namespace {

constexpr size_t kMaxFile = 16 << 20;
constexpr size_t kMaxNodes = 1 << 14;

// "*" stands for any run of characters; there may be one.
bool Matches(const std::string& pattern, const std::string& name) {
  const size_t star = pattern.find('*');
  if (star == std::string::npos) return pattern == name;
  const size_t tail = pattern.size() - star - 1;
  return name.size() >= star + tail && name.compare(0, star, pattern, 0, star) == 0 &&
         name.compare(name.size() - tail, tail, pattern, star + 1, tail) == 0;
}

Result<Dims> ReadDims(const nlohmann::json& value, const std::string& where) {
  Dims dims;
  bool good = value.is_array();
  for (size_t i = 0; good && i < value.size(); ++i) {
    good = value[i].is_number_unsigned() && value[i].get<uint64_t>() <= static_cast<uint64_t>(kMaxDim);
    if (good) dims.push_back(static_cast<int64_t>(value[i].get<uint64_t>()));
  }
  if (!good || ElementCount(dims) < 1) return Status::Error(Code::kBadInput, "%s: not a list of sizes", where.c_str());
  return dims;
}

Result<Attribute> ReadAttribute(const nlohmann::json& value, const std::string& where) {
  if (value.is_boolean()) return Attribute(static_cast<int64_t>(value.get<bool>()));
  if (value.is_number_integer()) return Attribute(value.get<int64_t>());
  if (value.is_number_float()) return Attribute(value.get<float>());
  if (value.is_string()) return Attribute(value.get<std::string>());
  const auto all = [&](bool (nlohmann::json::*is)() const) {
    return std::all_of(value.begin(), value.end(), [&](const nlohmann::json& item) { return (item.*is)(); });
  };
  if (value.is_array() && all(&nlohmann::json::is_number_integer)) return Attribute(value.get<std::vector<int64_t>>());
  if (value.is_array() && all(&nlohmann::json::is_number)) return Attribute(value.get<std::vector<float>>());
  return Status::Error(Code::kBadInput, "%s: an attribute is a number, a text or a list of numbers", where.c_str());
}

// Names while they fit one line, then how many more there are.
class NameList {
 public:
  void Add(const std::string& name) {
    ++count_;
    if (text_.size() < 60) {
      text_ += (text_.empty() ? "" : ", ") + name.substr(0, 60);
      ++shown_;
    }
  }
  size_t count() const { return count_; }
  std::string Text(const char* what) const {
    if (count_ == 0) return "";
    std::string text = "; " + std::to_string(count_) + " " + what + ": " + text_;
    if (count_ > shown_) text += ", ...";
    return text;
  }

 private:
  std::string text_;
  size_t count_ = 0, shown_ = 0;
};

class Importer {
 public:
  Importer(const std::string& name, const Checkpoint& weights, const std::string& weights_name, std::vector<std::string>* notes)
      : where_(name), weights_(weights), weights_name_(weights_name), notes_(notes) {}

  Result<Graph> Run(const nlohmann::json& json) {
    CUTIS_ASSIGN(JsonObject root, JsonObject::From(json, where_));
    CUTIS_ASSIGN(graph_.name, root.String("name"));
    CUTIS_ASSIGN(const nlohmann::json* input, root.Get("input"));
    CUTIS_TRY(ReadInput(*input));
    CUTIS_ASSIGN(const nlohmann::json* tensors, root.Get("tensors"));
    std::vector<std::string> ignored;
    if (root.Has("ignore")) {
      CUTIS_ASSIGN(ignored, root.Strings("ignore"));
    }
    CUTIS_TRY(ReadTensors(*tensors, ignored));
    CUTIS_ASSIGN(const nlohmann::json* nodes, root.Array("nodes"));
    if (nodes->size() > kMaxNodes) return Status::Error(Code::kBadInput, "%s: more than %zu nodes", where_.c_str(), kMaxNodes);
    for (size_t i = 0; i < nodes->size(); ++i) CUTIS_TRY(ReadNode((*nodes)[i], i));
    CUTIS_ASSIGN(const std::vector<std::string> outputs, root.Strings("outputs"));
    CUTIS_TRY(ReadQuantization(root));
    CUTIS_TRY(root.Finish());
    for (const std::string& output : outputs) {
      const auto found = values_.find(output);
      if (found == values_.end()) {
        return Status::Error(Code::kBadInput, "%s: output '%.100s' is made by no node", where_.c_str(), output.c_str());
      }
      graph_.outputs.push_back(found->second);
    }
    if (graph_.outputs.empty()) return Status::Error(Code::kBadInput, "%s: there are no outputs", where_.c_str());
    for (const auto& [name, used] : used_) {
      if (!used) return Status::Error(Code::kBadInput, "%s: tensor '%.100s' is read by no node", where_.c_str(), name.c_str());
    }
    return std::move(graph_);
  }

 private:
  Status ReadInput(const nlohmann::json& json) {
    CUTIS_ASSIGN(JsonObject object, JsonObject::From(json, where_ + ": input"));
    CUTIS_ASSIGN(const std::string name, object.String("name"));
    CUTIS_ASSIGN(const nlohmann::json* shape, object.Get("shape"));
    CUTIS_TRY(object.Finish());
    CUTIS_ASSIGN(Dims dims, ReadDims(*shape, object.Where("shape")));
    if (dims.size() != 4 || dims[0] != 1) {
      return Status::Error(Code::kBadInput, "%s: input: its shape must be [1, channels, height, width]", where_.c_str());
    }
    const ValueId id = AddValue(graph_, name);
    graph_.values.back().has_dims = true;
    graph_.values.back().dims = std::move(dims);
    graph_.inputs.push_back(id);
    values_.emplace(name, id);
    return {};
  }

  // All that does not fit is named in one message, since it is usually one mistake: the wrong file.
  Status ReadTensors(const nlohmann::json& json, const std::vector<std::string>& ignored) {
    if (!json.is_object())
      return Status::Error(Code::kBadInput, "%s: tensors: not an object of names and shapes", where_.c_str());
    NameList missing, surplus, misshaped;
    for (const auto& [name, shape] : json.items()) {
      CUTIS_ASSIGN(const Dims dims, ReadDims(shape, where_ + ": tensors: '" + name.substr(0, 100) + "'"));
      const auto found = weights_.tensors.find(name);
      if (found == weights_.tensors.end()) {
        missing.Add(name);
        continue;
      }
      if (found->second->dims != dims) {
        misshaped.Add(name + " " + ToText(found->second->dims) + " instead of " + ToText(dims));
        continue;
      }
      if (values_.count(name) != 0)
        return Status::Error(Code::kBadInput, "%s: '%.100s' is both input and tensor", where_.c_str(), name.c_str());
      const ValueId id = AddValue(graph_, name, found->second->type);
      graph_.values.back().has_dims = true;
      graph_.values.back().dims = dims;
      graph_.values.back().constant = found->second;
      if (const auto scales = weights_.quantizations.find(name); scales != weights_.quantizations.end())
        graph_.values.back().quantization = std::make_shared<const Quantization>(scales->second);
      values_.emplace(name, id);
      used_.emplace(name, false);
    }
    for (const auto& entry : weights_.tensors) {
      const std::string& name = entry.first;
      const bool known = json.contains(name);
      const bool passed =
          std::any_of(ignored.begin(), ignored.end(), [&](const std::string& pattern) { return Matches(pattern, name); });
      if (!known && !passed) surplus.Add(name);
    }
    if (missing.count() + surplus.count() + misshaped.count() == 0) return {};
    const std::string text = missing.Text("missing") + misshaped.Text("mis-shaped") + surplus.Text("surplus");
    return Status::Error(Code::kBadInput, "%.80s does not fit %.80s%s", weights_name_.c_str(), where_.c_str(), text.c_str());
  }

  Status ReadNode(const nlohmann::json& json, size_t index) {
    const std::string where = where_ + ": node " + std::to_string(index);
    CUTIS_ASSIGN(JsonObject object, JsonObject::From(json, where));
    Node node;
    CUTIS_ASSIGN(node.op, object.String("op"));
    node.name = node.op + "_" + std::to_string(index);
    if (object.Has("name")) {
      CUTIS_ASSIGN(node.name, object.String("name"));
    }
    CUTIS_ASSIGN(const std::vector<std::string> inputs, object.Strings("inputs"));
    CUTIS_ASSIGN(const std::vector<std::string> outputs, object.Strings("outputs"));
    if (object.Has("attributes")) {
      CUTIS_ASSIGN(const nlohmann::json* attributes, object.Get("attributes"));
      if (!attributes->is_object()) return Status::Error(Code::kBadInput, "%s: attributes: not an object", where.c_str());
      for (const auto& [name, value] : attributes->items()) {
        CUTIS_ASSIGN(Attribute attribute, ReadAttribute(value, where + ": attributes: '" + name.substr(0, 100) + "'"));
        node.attributes.emplace(name, std::move(attribute));
      }
    }
    CUTIS_TRY(object.Finish());
    for (const std::string& input : inputs) {
      const auto found = values_.find(input);
      if (input.empty()) {
        node.inputs.push_back(kNoValue);
      } else if (found != values_.end()) {
        node.inputs.push_back(found->second);
        if (const auto tensor = used_.find(input); tensor != used_.end()) tensor->second = true;
      } else {
        return Status::Error(Code::kBadInput, "%s: input '%.100s' is neither a tensor nor made by an earlier node",
                             where.c_str(), input.c_str());
      }
    }
    if (outputs.empty()) return Status::Error(Code::kBadInput, "%s: it has no outputs", where.c_str());
    for (const std::string& output : outputs) {
      if (output.empty() || values_.count(output) != 0) {
        return Status::Error(Code::kBadInput, "%s: output '%.100s' exists already, or has no name", where.c_str(),
                             output.c_str());
      }
      const ValueId id = AddValue(graph_, output);
      values_.emplace(output, id);
      node.outputs.push_back(id);
    }
    graph_.nodes.push_back(std::move(node));
    return {};
  }

  // "quantization" says which module of a quantised checkpoint puts out which value. Other checkpoints leave it unused.
  Status ReadQuantization(JsonObject& root) {
    std::set<std::string> used;
    if (root.Has("quantization")) {
      CUTIS_ASSIGN(const nlohmann::json* modules, root.Get("quantization"));
      const std::string where = where_ + ": quantization";
      if (!modules->is_object())
        return Status::Error(Code::kBadInput, "%s: not an object of values and modules", where.c_str());
      NameList missing;
      for (const auto& [name, module] : modules->items()) {
        const auto value = values_.find(name);
        if (!module.is_string() || value == values_.end() || used_.count(name) != 0) {  // tensors have their own scales
          return Status::Error(Code::kBadInput, "%s: '%.100s' is no value of the graph, or its module no text", where.c_str(),
                               name.c_str());
        }
        const auto scales = weights_.activations.find(module.get_ref<const std::string&>());
        if (scales == weights_.activations.end()) {
          missing.Add(module.get_ref<const std::string&>());
          continue;
        }
        used.insert(scales->first);
        graph_.values[static_cast<size_t>(value->second)].quantization = std::make_shared<const Quantization>(scales->second);
      }
      if (missing.count() > 0 && !weights_.activations.empty()) {
        return Status::Error(Code::kBadInput, "%.80s states no scale for modules that %.80s names%s", weights_name_.c_str(),
                             where_.c_str(), missing.Text("missing").c_str());
      }
    }
    NameList unused;
    for (const auto& entry : weights_.activations) {
      if (used.count(entry.first) == 0) unused.Add(entry.first);
    }
    if (unused.count() > 0 && notes_ != nullptr)
      notes_->push_back("scales of modules that \"quantization\" does not name are chosen anew" + unused.Text("modules"));
    return {};
  }

  std::string where_;
  const Checkpoint& weights_;
  std::string weights_name_;
  std::vector<std::string>* notes_;
  Graph graph_;
  std::map<std::string, ValueId> values_;
  std::map<std::string, bool> used_;  // tensors of the checkpoint
};

}  // namespace

Result<Graph> ParseJsonGraph(const std::string& json_text, const std::string& json_name, const Checkpoint& weights,
                             const std::string& weights_name, std::vector<std::string>* notes) {
  CUTIS_ASSIGN(const nlohmann::json json, ParseJson(json_text, json_name));
  return Importer(json_name, weights, weights_name, notes).Run(json);
}

Result<Checkpoint> ReadCheckpoint(const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  return ending == ".pth" || ending == ".pt" ? ReadTorch(path) : ReadSafetensors(path);
}

Result<Graph> ImportJsonGraph(const std::string& graph_json_path, const std::string& weights_path,
                              std::vector<std::string>* notes) {
  std::ifstream file(graph_json_path, std::ios::binary | std::ios::ate);
  if (!file) return Status::Error(Code::kBadInput, "%s: cannot be opened", graph_json_path.c_str());
  const std::streamoff size = file.tellg();
  if (size < 0 || static_cast<uint64_t>(size) > kMaxFile) {
    return Status::Error(Code::kBadInput, "%s: not a plain file, or larger than 16 MiB", graph_json_path.c_str());
  }
  std::string text(static_cast<size_t>(size), '\0');
  file.seekg(0);
  if (!file.read(text.data(), size)) return Status::Error(Code::kIo, "%s: cannot be read", graph_json_path.c_str());
  CUTIS_ASSIGN(const Checkpoint weights, ReadCheckpoint(weights_path));
  if (notes != nullptr) notes->insert(notes->end(), weights.notes.begin(), weights.notes.end());
  return ParseJsonGraph(text, graph_json_path, weights, weights_path, notes);
}

}  // namespace cutis::convert
