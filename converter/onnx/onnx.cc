#include "converter/onnx/onnx.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/onnx/tensor.h"

namespace cutis::convert {
namespace {

// Protocol buffers cannot be larger.
constexpr uint64_t kMaxFile = 0x7fffffff;
constexpr int kMaxNodes = 1 << 14;
constexpr int64_t kOldestOpset = 6, kNewestOpset = 22;
constexpr int64_t kSoftmaxByAxis = 13;  // before it, Softmax worked on everything from `axis` on

class Importer {
 public:
  Importer(const onnx::ModelProto& model, const std::string& folder, const std::string& source)
      : model_(model), onnx_(model.graph()), folder_(folder), source_(source) {}

  Result<Graph> Run() {
    CUTIS_TRY(CheckModel());
    graph_.name = onnx_.name();
    for (const onnx::TensorProto& tensor : onnx_.initializer()) {
      CUTIS_ASSIGN(Constant constant, ReadTensorProto(tensor, folder_, Where("initializer", tensor.name())));
      CUTIS_TRY(AddName(tensor.name(), AddConstant(graph_, tensor.name(), std::move(constant))));
    }
    for (const onnx::ValueInfoProto& input : onnx_.input()) {
      // Before IR version 4 initializers stood among the inputs too.
      if (values_.count(input.name()) == 0) CUTIS_TRY(AddInput(input));
    }
    for (int i = 0; i < onnx_.node_size(); ++i) CUTIS_TRY(AddNode(onnx_.node(i), i));
    if (onnx_.output_size() == 0) return Status::Error(Code::kBadInput, "%s: the graph has no outputs", source_.c_str());
    for (const onnx::ValueInfoProto& output : onnx_.output()) {
      const auto found = values_.find(output.name());
      if (found == values_.end()) {
        return Status::Error(Code::kBadInput, "%s: output '%.100s' is made by no node", source_.c_str(), output.name().c_str());
      }
      graph_.outputs.push_back(found->second);
    }
    return std::move(graph_);
  }

 private:
  std::string Where(const char* what, const std::string& name) const {
    return source_ + ": " + what + " '" + name.substr(0, 100) + "'";
  }

  Status CheckModel() {
    if (!model_.has_graph()) return Status::Error(Code::kBadInput, "%s: no ONNX model: it holds no graph", source_.c_str());
    if (onnx_.node_size() > kMaxNodes)
      return Status::Error(Code::kBadInput, "%s: more than %d nodes", source_.c_str(), kMaxNodes);
    if (onnx_.sparse_initializer_size() > 0)
      return Status::Error(Code::kUnsupported, "%s: sparse initializers are not supported", source_.c_str());
    for (const onnx::OperatorSetIdProto& set : model_.opset_import()) {
      if (!DefaultDomain(set.domain())) continue;  // whether it matters is seen at the nodes
      opset_ = set.version();
    }
    if (opset_ < kOldestOpset || opset_ > kNewestOpset) {
      return Status::Error(Code::kUnsupported,
                           "%s: opset %lld, supported are %lld to %lld: export the model again with one of these",
                           source_.c_str(), static_cast<long long>(opset_), static_cast<long long>(kOldestOpset),
                           static_cast<long long>(kNewestOpset));
    }
    return {};
  }

  static bool DefaultDomain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

  Status AddName(const std::string& name, ValueId id) {
    if (!name.empty() && values_.emplace(name, id).second) return {};
    return Status::Error(Code::kBadInput, "%s: value '%.100s' is made twice, or has no name", source_.c_str(), name.c_str());
  }

  Status AddInput(const onnx::ValueInfoProto& input) {
    const std::string where = Where("input", input.name());
    if (!input.type().has_tensor_type() || !input.type().tensor_type().has_shape()) {
      return Status::Error(Code::kUnsupported, "%s: not a tensor of stated shape", where.c_str());
    }
    ElementType type = ElementType::kF32;
    switch (input.type().tensor_type().elem_type()) {
      case onnx::TensorProto::FLOAT:
        break;
      case onnx::TensorProto::UINT8:
        type = ElementType::kU8;
        break;
      case onnx::TensorProto::INT8:
        type = ElementType::kI8;
        break;
      default:
        return Status::Error(Code::kUnsupported, "%s: only float32, uint8 and int8 inputs are supported", where.c_str());
    }
    Dims dims;
    const onnx::TensorShapeProto& shape = input.type().tensor_type().shape();
    for (int i = 0; i < shape.dim_size(); ++i) {
      const bool known =
          shape.dim(i).value_case() == onnx::TensorShapeProto::Dimension::kDimValue && shape.dim(i).dim_value() > 0;
      if (!known && i > 0) {
        return Status::Error(Code::kUnsupported, "%s: dimension %d is '%.40s': export the model with a fixed image size",
                             where.c_str(), i, shape.dim(i).dim_param().c_str());
      }
      dims.push_back(known ? shape.dim(i).dim_value() : 1);
    }
    if (ElementCount(dims) < 1) return Status::Error(Code::kBadInput, "%s: its shape is too large", where.c_str());
    const ValueId id = AddValue(graph_, input.name(), type);
    graph_.values.back().has_dims = true;
    graph_.values.back().dims = std::move(dims);
    graph_.inputs.push_back(id);
    return AddName(input.name(), id);
  }

  Status AddNode(const onnx::NodeProto& from, int index) {
    Node node;
    node.op = from.op_type();
    node.name = from.name().empty() ? from.op_type() + "_" + std::to_string(index) : from.name();
    const std::string where = Where("node", node.name);
    if (!DefaultDomain(from.domain()) && !(from.domain() == "com.microsoft" && IsQuantizedOperator(node.op))) {
      return Status::Error(Code::kUnsupported, "%s: operator %.60s of domain '%.60s' is not supported", where.c_str(),
                           node.op.c_str(), from.domain().c_str());
    }
    for (const std::string& input : from.input()) {
      if (input.empty()) {
        node.inputs.push_back(kNoValue);
        continue;
      }
      const auto found = values_.find(input);
      if (found == values_.end()) {
        return Status::Error(Code::kBadInput, "%s: input '%.100s' is made by no earlier node", where.c_str(), input.c_str());
      }
      node.inputs.push_back(found->second);
    }
    for (const onnx::AttributeProto& attribute : from.attribute()) CUTIS_TRY(AddAttribute(attribute, where, &node));
    if (node.op == "Softmax" && opset_ < kSoftmaxByAxis) {
      node.attributes.emplace("axis", int64_t{1});  // unless it was given
      node.attributes.emplace("_flatten", int64_t{1});
    }
    // Before opset 7 a slope of one axis belonged to the channels.
    if (node.op == "PRelu" && opset_ < 7) node.attributes.emplace("_channels", int64_t{1});
    if (node.op == "BatchNormalization" && opset_ < 7) node.attributes.emplace("is_test", int64_t{0});  // unless it was given
    for (const std::string& output : from.output()) {
      if (output.empty()) {
        node.outputs.push_back(kNoValue);
        continue;
      }
      const ValueId id = AddValue(graph_, output);
      CUTIS_TRY(AddName(output, id));
      node.outputs.push_back(id);
    }
    if (node.outputs.empty() || node.outputs[0] == kNoValue)
      return Status::Error(Code::kBadInput, "%s: it has no output", where.c_str());
    graph_.nodes.push_back(std::move(node));
    return {};
  }

  Status AddAttribute(const onnx::AttributeProto& from, const std::string& where, Node* node) {
    Attribute value;
    switch (from.type()) {
      case onnx::AttributeProto::FLOAT:
        value = from.f();
        break;
      case onnx::AttributeProto::INT:
        value = static_cast<int64_t>(from.i());
        break;
      case onnx::AttributeProto::STRING:
        value = from.s();
        break;
      case onnx::AttributeProto::FLOATS:
        value = std::vector<float>(from.floats().begin(), from.floats().end());
        break;
      case onnx::AttributeProto::INTS:
        value = std::vector<int64_t>(from.ints().begin(), from.ints().end());
        break;
      case onnx::AttributeProto::TENSOR: {
        CUTIS_ASSIGN(Constant constant,
                     ReadTensorProto(from.t(), folder_, where + ": attribute '" + from.name().substr(0, 40) + "'"));
        value = std::make_shared<const Constant>(std::move(constant));
        break;
      }
      default:
        return Status::Error(Code::kUnsupported, "%s: attribute '%.60s' is of a kind that is not supported", where.c_str(),
                             from.name().c_str());
    }
    if (!node->attributes.emplace(from.name(), std::move(value)).second) {
      return Status::Error(Code::kBadInput, "%s: attribute '%.60s' stands twice", where.c_str(), from.name().c_str());
    }
    return {};
  }

  const onnx::ModelProto& model_;
  const onnx::GraphProto& onnx_;
  const std::string& folder_;
  const std::string& source_;
  int64_t opset_ = 0;
  Graph graph_;
  std::map<std::string, ValueId> values_;
};

}  // namespace

Result<Graph> ParseOnnx(std::span<const std::byte> bytes, const std::string& folder, const std::string& source_name) {
  if (bytes.size() > kMaxFile) return Status::Error(Code::kBadInput, "%s: larger than 2 GiB", source_name.c_str());
  google::protobuf::io::ArrayInputStream array(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedInputStream stream(&array);
  stream.SetTotalBytesLimit(static_cast<int>(kMaxFile));
  stream.SetRecursionLimit(32);
  onnx::ModelProto model;
  if (bytes.empty() || !model.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) {
    return Status::Error(Code::kBadInput, "%s: no ONNX model, or damaged or cut off", source_name.c_str());
  }
  return Importer(model, folder, source_name).Run();
}

Result<Graph> ImportOnnx(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return Status::Error(Code::kBadInput, "%s: cannot be opened", path.c_str());
  const std::streamoff size = file.tellg();
  if (size < 0 || static_cast<uint64_t>(size) > kMaxFile) {
    return Status::Error(Code::kBadInput, "%s: not a plain file, or larger than 2 GiB", path.c_str());
  }
  std::vector<std::byte> bytes(static_cast<size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), size))
    return Status::Error(Code::kIo, "%s: cannot be read", path.c_str());
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return ParseOnnx(bytes, folder.empty() ? "." : folder.string(), path);
}

}  // namespace cutis::convert
