#include "converter/quant/quant_json.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/recipe/json.h"

namespace cutis::convert {

using nlohmann::json;

namespace {

std::string Quoted(const std::string& name) { return std::string("'").append(name.substr(0, 100)).append("'"); }

// As float32, which is what the network computes with.
Result<float> ParseScale(const json& value, const std::string& where) {
  const float scale = value.is_number() ? static_cast<float>(value.get<double>()) : std::nanf("");
  if (!std::isnormal(scale) || scale < 0)
    return Status::Error(Code::kBadInput, "%s: a scale must be a finite positive number", where.c_str());
  return scale;
}

Status ParseActivations(const json& value, const std::string& where, QuantFile* quant) {
  if (!value.is_object()) return Status::Error(Code::kBadInput, "%s: must be an object of tensors", where.c_str());
  for (const auto& [name, entry] : value.items()) {
    CUTIS_ASSIGN(JsonObject object, JsonObject::From(entry, where + ": " + Quoted(name)));
    CUTIS_ASSIGN(const json* number, object.Get("scale"));
    CUTIS_ASSIGN(const float scale, ParseScale(*number, object.Where("scale")));
    CUTIS_ASSIGN(const int64_t zero_point, object.Integer("zero_point", 0, 255));
    CUTIS_TRY(object.Finish());
    quant->activations[name] = std::make_shared<const Quantization>(Quantization{{scale}, static_cast<int32_t>(zero_point), 0});
  }
  return {};
}

Status ParseWeights(const json& value, const std::string& where, QuantFile* quant) {
  if (!value.is_object()) return Status::Error(Code::kBadInput, "%s: must be an object of tensors", where.c_str());
  for (const auto& [name, entry] : value.items()) {
    const std::string place = where + ": " + Quoted(name);
    if (!entry.is_array() || entry.empty())
      return Status::Error(Code::kBadInput, "%s: must be a list of scales, one for each output channel, or one", place.c_str());
    std::vector<float>& scales = quant->weights[name];
    for (const json& element : entry) {
      CUTIS_ASSIGN(const float scale, ParseScale(element, place + "[" + std::to_string(scales.size()) + "]"));
      scales.push_back(scale);
    }
  }
  return {};
}

bool IsClip(const Node& node) { return node.op == "Clip" || node.op == "Relu"; }

// The computed values of the graph by name, with the nodes that make and read them.
class Applier {
 public:
  Applier(const QuantFile& quant, Graph& graph) : quant_(quant), graph_(graph), edges_(graph) {
    for (size_t i = 0; i < graph.values.size(); ++i) ids_.emplace(graph.values[i].name, static_cast<ValueId>(i));
  }

  Status Run() {
    for (const auto& [name, quantization] : quant_.activations) CUTIS_TRY(Activation(name, quantization));
    for (const auto& [name, scales] : quant_.weights) CUTIS_TRY(Weights(name, scales));
    return CheckIntegers();
  }

 private:
  Status Error(const char* part, const std::string& name, const std::string& text) const {
    return Status::Error(Code::kBadInput, "%s: %s: %s: %s", quant_.where.c_str(), part, Quoted(name).c_str(), text.c_str());
  }

  Result<ValueId> Find(const char* part, const std::string& name) const {
    const auto found = name.empty() ? ids_.end() : ids_.find(name);
    if (found == ids_.end()) return Error(part, name, "the network has no such tensor");
    return found->second;
  }

  // The scales of an int8 checkpoint are not overruled.
  Status CheckFree(const char* part, const std::string& name, const Value& value) const {
    return value.quantization == nullptr ? Status() : Error(part, name, "the source states a scale for it already");
  }

  Status Activation(const std::string& name, const std::shared_ptr<const Quantization>& quantization) {
    CUTIS_ASSIGN(const ValueId id, Find("activations", name));
    const auto at = static_cast<size_t>(id);
    if (graph_.values[at].constant != nullptr) return Error("activations", name, "is a constant: it belongs under \"weights\"");
    CUTIS_TRY(CheckFree("activations", name, graph_.values[at]));
    // A Clip or batch norm is computed with what it reads, in one step, whose result has one scale.
    const std::vector<int>& readers = edges_.readers[at];
    if (readers.size() == 1 && edges_.uses[at] == 1 && edges_.producer[at] >= 0) {
      const Node& reader = graph_.nodes[static_cast<size_t>(readers[0])];
      if (IsClip(reader) || reader.op == "BatchNormalization") {
        return Error("activations", name,
                     std::string(IsClip(reader) ? "is cut by " : "becomes one layer with the batch norm ")
                         .append(Quoted(reader.name))
                         .append(" in the same step: it is the scale of that one's output, ")
                         .append(Quoted(graph_.values[static_cast<size_t>(reader.outputs[0])].name))
                         .append(", that counts; leave this one out"));
      }
    }
    graph_.values[at].quantization = quantization;
    return {};
  }

  // Along which axis of its weights the output channels of a layer lie.
  Result<int64_t> OutputAxis(const std::string& name, ValueId id, const Node& node, size_t rank) const {
    const bool first = node.op == "Conv" || (node.op == "Gemm" && IntOf(node, "transB", 0) != 0);
    const bool known = node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul";
    const auto times = std::count(node.inputs.begin(), node.inputs.end(), id);
    if (!known || node.inputs.size() < 2 || node.inputs[1] != id || times != 1 || rank < 2) {
      return Error("weights", name,
                   "is read by " + Quoted(node.name) + " (" + node.op.substr(0, 40) +
                       "), and not as the weights of a Conv, Gemm or MatMul: leave it out");
    }
    return first ? int64_t{0} : node.op == "Gemm" ? int64_t{1} : static_cast<int64_t>(rank) - 1;
  }

  Status Weights(const std::string& name, const std::vector<float>& scales) {
    CUTIS_ASSIGN(const ValueId id, Find("weights", name));
    Value& value = graph_.values[static_cast<size_t>(id)];
    if (value.constant == nullptr)
      return Error("weights", name, "is computed by the network: it belongs under \"activations\"");
    CUTIS_TRY(CheckFree("weights", name, value));
    const Dims& dims = value.constant->dims;
    int64_t axis = -1;
    for (const int reader : edges_.readers[static_cast<size_t>(id)]) {
      const Node& node = graph_.nodes[static_cast<size_t>(reader)];
      CUTIS_ASSIGN(const int64_t here, OutputAxis(name, id, node, dims.size()));
      if (axis >= 0 && here != axis) return Error("weights", name, "two layers read it in different ways");
      axis = here;
      CUTIS_TRY(CheckBatchNorm(name, node));
    }
    if (axis < 0) return Error("weights", name, "no layer reads it");
    const auto outputs = static_cast<size_t>(dims[static_cast<size_t>(axis)]);
    if (scales.size() != 1 && scales.size() != outputs) {
      return Error("weights", name,
                   std::to_string(scales.size()) + " scales for " + std::to_string(outputs) +
                       " output channels: there must be as many, or one");
    }
    if (value.constant->type == ElementType::kI8) CUTIS_TRY(TakeIntegers(name, scales, axis, value));
    value.quantization = std::make_shared<const Quantization>(Quantization{scales, 0, axis});
    return {};
  }

  // Weights that a batch norm still scales are not those that are multiplied.
  Status CheckBatchNorm(const std::string& name, const Node& layer) const {
    for (const int reader : edges_.readers[static_cast<size_t>(layer.outputs[0])]) {
      const Node& node = graph_.nodes[static_cast<size_t>(reader)];
      if (node.op != "BatchNormalization") continue;
      return Error("weights", name,
                   "the batch norm " + Quoted(node.name) + " after " + Quoted(layer.name) +
                       " is not folded into it, so these are not the weights that are multiplied: fold it and give the scales "
                       "of the product, or leave them out");
    }
    return {};
  }

  // Integers whose scale nobody states would be taken for the real weights.
  Status CheckIntegers() const {
    for (const Node& node : graph_.nodes) {
      if (node.op != "Conv" && node.op != "Gemm" && node.op != "MatMul") continue;
      const Constant* weights = ConstantInput(graph_, node, 1);
      if (weights == nullptr || weights->type != ElementType::kI8) continue;
      return Error("weights", graph_.values[static_cast<size_t>(node.inputs[1])].name, "is int8 and has no scale here");
    }
    return {};
  }

  // The integers of the source are the weights: real = q * scale, which rounds back to q.
  Status TakeIntegers(const std::string& name, const std::vector<float>& scales, int64_t axis, Value& value) const {
    const std::vector<int64_t> integers = ReadInts(*value.constant);
    const Dims& dims = value.constant->dims;
    size_t inner = 1;
    for (size_t d = static_cast<size_t>(axis) + 1; d < dims.size(); ++d) inner *= static_cast<size_t>(dims[d]);
    std::vector<float> reals(integers.size());
    for (size_t i = 0; i < integers.size(); ++i) {
      if (integers[i] < -127) return Error("weights", name, "holds -128; int8 weights go from -127 to 127");
      const size_t channel = i / inner % static_cast<size_t>(dims[static_cast<size_t>(axis)]);
      reals[i] =
          static_cast<float>(static_cast<double>(integers[i]) * static_cast<double>(scales[scales.size() == 1 ? 0 : channel]));
    }
    value.constant = std::make_shared<const Constant>(MakeFloats(dims, reals));
    value.type = ElementType::kF32;
    return {};
  }

  const QuantFile& quant_;
  Graph& graph_;
  const Edges edges_;
  std::map<std::string, ValueId> ids_;
};

// Whether the passes have left `scales` as they were; they may have repeated a single one.
bool SameScales(const std::vector<float>& given, const std::vector<float>& now) {
  if (given.size() == now.size()) return given == now;
  return given.size() == 1 && std::all_of(now.begin(), now.end(), [&](float scale) { return scale == given[0]; });
}

}  // namespace

Result<QuantFile> ParseQuantJson(std::string_view text, const std::string& where) {
  CUTIS_ASSIGN(const json document, ParseJson(text, where));
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(document, where));
  CUTIS_ASSIGN(const std::string format, object.String("format"));
  if (format != "cutis-quant")
    return Status::Error(Code::kBadInput, "%s: must be \"cutis-quant\"", object.Where("format").c_str());
  CUTIS_ASSIGN(const int64_t version, object.Integer("version", 1, std::numeric_limits<int32_t>::max()));
  if (version != 1) {
    return Status::Error(Code::kUnsupported, "%s: is %lld, this version of cutis-convert knows 1",
                         object.Where("version").c_str(), static_cast<long long>(version));
  }
  QuantFile quant;
  quant.where = where;
  if (object.Has("activations")) {
    CUTIS_ASSIGN(const json* activations, object.Get("activations"));
    CUTIS_TRY(ParseActivations(*activations, object.Where("activations"), &quant));
  }
  if (object.Has("weights")) {
    CUTIS_ASSIGN(const json* weights, object.Get("weights"));
    CUTIS_TRY(ParseWeights(*weights, object.Where("weights"), &quant));
  }
  CUTIS_TRY(object.Finish());
  if (quant.activations.empty() && quant.weights.empty())
    return Status::Error(Code::kBadInput, "%s: names no tensor", where.c_str());
  return quant;
}

Status ApplyQuant(const QuantFile& quant, Graph& graph) { return Applier(quant, graph).Run(); }

Status CheckQuantKept(const QuantFile& quant, const Graph& graph) {
  std::vector<const Quantization*> values, layers;
  const auto note = [&](ValueId id) {
    const auto& quantization = id == kNoValue ? nullptr : graph.values[static_cast<size_t>(id)].quantization;
    if (quantization != nullptr) values.push_back(quantization.get());
  };
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.inputs) note(id);
    for (const ValueId id : node.outputs) note(id);
    if (node.op != "Conv" && node.op != "Gemm") continue;
    const auto& weights = graph.values[static_cast<size_t>(node.inputs[1])].quantization;
    if (weights != nullptr) layers.push_back(weights.get());
  }
  for (const ValueId id : graph.inputs) note(id);
  for (const auto& [name, given] : quant.activations) {
    const auto same = [&, wanted = given.get()](const Quantization* now) { return *now == *wanted; };
    if (std::any_of(values.begin(), values.end(), same)) continue;
    return Status::Error(Code::kBadInput,
                         "%s: activations: %s: its scale cannot be kept: the network is computed without this tensor, or with "
                         "another scale that is stated for the same values",
                         quant.where.c_str(), Quoted(name).c_str());
  }
  for (const auto& [name, given] : quant.weights) {
    const auto same = [&, wanted = &given](const Quantization* now) { return SameScales(*wanted, now->scales); };
    if (std::any_of(layers.begin(), layers.end(), same)) continue;
    return Status::Error(
        Code::kBadInput,
        "%s: weights: %s: they are not multiplied as they stand: a batch norm, factor or the like is folded into "
        "them, or no output needs the layer; fold it before, or leave the scales out",
        quant.where.c_str(), Quoted(name).c_str());
  }
  return {};
}

Status CheckQuantOfImage(const QuantFile& quant, const Net& net, const std::vector<float>& mean,
                         const std::vector<float>& std) {
  if (mean.empty()) return {};
  const int image = net.inputs[0];
  const bool one = std::all_of(mean.begin(), mean.end(), [&](float m) { return m == mean[0]; }) &&
                   std::all_of(std.begin(), std.end(), [&](float s) { return s == std[0]; }) &&
                   mean[0] == std::nearbyint(mean[0]);
  const auto given = quant.activations.find(net.tensors[static_cast<size_t>(image)].name);
  if (one) {
    const auto scale = static_cast<float>(1 / static_cast<double>(std[0]));
    if (given == quant.activations.end() ||
        (given->second->scales[0] == scale && static_cast<float>(given->second->zero_point) == mean[0])) {
      return {};
    }
    return Status::Error(
        Code::kBadInput,
        "%s: activations: %s: is the image, whose scale %.9g and zero point %g follow from the recipe's mean and "
        "std; stated are %.9g and %d",
        quant.where.c_str(), Quoted(given->first).c_str(), static_cast<double>(scale), static_cast<double>(mean[0]),
        static_cast<double>(given->second->scales[0]), given->second->zero_point);
  }
  const auto reads = [&](const NetNode& node) { return node.inputs[0] == image && !node.weight_scales.empty(); };
  const auto layer = std::find_if(net.nodes.begin(), net.nodes.end(), reads);
  if (given == quant.activations.end() && layer == net.nodes.end()) return {};
  return Status::Error(
      Code::kBadInput,
      "%s: %s: the recipe's mean and std are not one whole number and one number for all channels, so they go into "
      "the weights of the first layer, which with the image cannot have stated scales",
      quant.where.c_str(), Quoted(layer == net.nodes.end() ? given->first : layer->name).c_str());
}

}  // namespace cutis::convert
