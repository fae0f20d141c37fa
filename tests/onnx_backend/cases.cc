#include "tests/onnx_backend/cases.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/onnx/tensor.h"

namespace cutis::convert {
namespace {

namespace fs = std::filesystem;
using Proto = onnx::TensorProto;

// TensorProto.DataType of newer versions of ONNX than the library's.
constexpr int kUint4 = 21, kInt4 = 22;
constexpr int64_t kNewestOpset = 22;

std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// PREFIX_0.pb, PREFIX_1.pb, ... of a folder, as far as they go.
std::vector<std::string> Numbered(const fs::path& prefix) {
  std::vector<std::string> paths;
  for (int i = 0;; ++i) {
    const std::string path = prefix.string() + std::to_string(i) + ".pb";
    if (!fs::is_regular_file(path)) return paths;
    paths.push_back(path);
  }
}

std::vector<fs::path> Sorted(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

Result<Constant> ReadTensor(const std::string& path) {
  Proto tensor;
  if (!tensor.ParseFromString(ReadBytes(path))) return Status::Error(Code::kBadInput, "%s: no tensor", path.c_str());
  return ReadTensorProto(tensor, "", path);
}

// Inputs without a stored value.
std::vector<const onnx::ValueInfoProto*> FreeInputs(const onnx::ModelProto& model) {
  std::set<std::string> stored;
  for (const Proto& tensor : model.graph().initializer()) stored.insert(tensor.name());
  std::vector<const onnx::ValueInfoProto*> inputs;
  for (const onnx::ValueInfoProto& input : model.graph().input()) {
    if (stored.count(input.name()) == 0) inputs.push_back(&input);
  }
  return inputs;
}

bool IsInteger(int type) {
  static const std::set<int> types = {Proto::BOOL,   Proto::INT8,  Proto::UINT8,  Proto::INT16, Proto::UINT16, Proto::INT32,
                                      Proto::UINT32, Proto::INT64, Proto::UINT64, kInt4,        kUint4};
  return types.count(type) != 0;
}

bool IsByte(int type) { return type == Proto::UINT8 || type == Proto::INT8; }

bool IsQuantizing(const onnx::ModelProto& model) {
  static const std::set<std::string> operators = {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul"};
  return std::any_of(model.graph().node().begin(), model.graph().node().end(),
                     [](const onnx::NodeProto& node) { return operators.count(node.op_type()) != 0; });
}

bool HasStaticShape(const onnx::ValueInfoProto& value) {
  if (!value.type().tensor_type().has_shape()) return false;
  const onnx::TensorShapeProto& shape = value.type().tensor_type().shape();
  return std::all_of(shape.dim().begin(), shape.dim().end(), [](const onnx::TensorShapeProto::Dimension& dim) {
    return dim.value_case() == onnx::TensorShapeProto::Dimension::kDimValue;
  });
}

const onnx::AttributeProto* Find(const onnx::NodeProto& node, const char* name) {
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

int64_t OpsetOf(const onnx::ModelProto& model) {
  int64_t version = 0;
  for (const onnx::OperatorSetIdProto& set : model.opset_import()) {
    if (set.domain().empty() || set.domain() == "ai.onnx") version = set.version();
  }
  return version;
}

// The inputs of a node, by position, whose values steer the conversion even where they are float32.
const std::map<std::string, std::vector<int>>& SteeringInputs() {
  static const std::map<std::string, std::vector<int>> table = {{"Resize", {1, 2}},
                                                                {"Dropout", {1}},
                                                                {"QuantizeLinear", {1, 2}},
                                                                {"DequantizeLinear", {1, 2}},
                                                                {"QLinearConv", {1, 2, 3, 4, 5, 6, 7, 8}},
                                                                {"QLinearMatMul", {1, 2, 3, 4, 5, 6, 7}}};
  return table;
}

std::set<std::string> SteeringNames(const onnx::ModelProto& model) {
  std::set<std::string> names;
  for (const onnx::NodeProto& node : model.graph().node()) {
    const auto found = SteeringInputs().find(node.op_type());
    if (found == SteeringInputs().end()) continue;
    for (const int i : found->second) {
      if (i < node.input_size()) names.insert(node.input(i));
    }
  }
  return names;
}

}  // namespace

const std::vector<std::string>& ListedOperators() {
  static const std::vector<std::string> operators = {"Add",
                                                     "AveragePool",
                                                     "BatchNormalization",
                                                     "Cast",
                                                     "Clip",
                                                     "Concat",
                                                     "Constant",
                                                     "ConstantOfShape",
                                                     "Conv",
                                                     "ConvTranspose",
                                                     "DequantizeLinear",
                                                     "Div",
                                                     "Dropout",
                                                     "Elu",
                                                     "Exp",
                                                     "Expand",
                                                     "Flatten",
                                                     "Gather",
                                                     "Gemm",
                                                     "GlobalAveragePool",
                                                     "GlobalMaxPool",
                                                     "HardSigmoid",
                                                     "HardSwish",
                                                     "Identity",
                                                     "InstanceNormalization",
                                                     "LRN",
                                                     "LeakyRelu",
                                                     "MatMul",
                                                     "Max",
                                                     "MaxPool",
                                                     "Min",
                                                     "Mish",
                                                     "Mul",
                                                     "Neg",
                                                     "PRelu",
                                                     "Pad",
                                                     "Pow",
                                                     "QLinearConv",
                                                     "QLinearMatMul",
                                                     "QuantizeLinear",
                                                     "ReduceMean",
                                                     "ReduceSum",
                                                     "Relu",
                                                     "Reshape",
                                                     "Resize",
                                                     "Shape",
                                                     "Sigmoid",
                                                     "Slice",
                                                     "Softmax",
                                                     "Split",
                                                     "Sqrt",
                                                     "Squeeze",
                                                     "Sub",
                                                     "Sum",
                                                     "Tanh",
                                                     "Transpose",
                                                     "Unsqueeze",
                                                     "Where"};
  return operators;
}

bool IsListed(const std::string& op) {
  const std::vector<std::string>& all = ListedOperators();
  return std::find(all.begin(), all.end(), op) != all.end();
}

Result<std::vector<Case>> ListCases(const std::string& root, bool light) {
  std::vector<Case> cases;
  for (const char* kind : {"node", "pytorch-converted", "pytorch-operator", "simple"}) {
    if (!fs::is_directory(fs::path(root) / kind)) {
      return Status::Error(Code::kBadInput, "%s: holds no folder '%s'; give onnx/backend/test/data", root.c_str(), kind);
    }
    for (const fs::path& folder : Sorted(fs::path(root) / kind)) {
      if (!fs::is_regular_file(folder / "model.onnx")) continue;
      Case test;
      test.kind = kind;
      test.name = folder.filename().string();
      test.model = (folder / "model.onnx").string();
      for (const fs::path& set : Sorted(folder)) {
        if (set.filename().string().rfind("test_data_set", 0) == 0) test.data_sets.push_back(set.string());
      }
      cases.push_back(std::move(test));
    }
  }
  if (!light) return cases;
  for (const fs::path& file : Sorted(fs::path(root) / "light")) {
    if (file.extension() != ".onnx") continue;
    Case test;
    test.kind = "light";
    test.name = file.stem().string();
    test.model = file.string();
    test.outputs = Numbered(file.parent_path() / (test.name + "_output_"));
    if (test.name == "light_densenet121") test.rtol = 2e-3;  // as in onnx/backend/test/case/model
    cases.push_back(std::move(test));
  }
  return cases;
}

Result<onnx::ModelProto> ReadModel(const std::string& path) {
  onnx::ModelProto model;
  if (!model.ParseFromString(ReadBytes(path))) return Status::Error(Code::kBadInput, "%s: no ONNX model", path.c_str());
  return model;
}

std::string ExclusionOf(const onnx::ModelProto& model) {
  const onnx::GraphProto& graph = model.graph();
  if (OpsetOf(model) > kNewestOpset) return "opset above 22";
  for (const onnx::NodeProto& node : graph.node()) {
    if (!(node.domain().empty() || node.domain() == "ai.onnx") || !IsListed(node.op_type()))
      return "an operator that is not in the list";
  }
  std::vector<const onnx::ValueInfoProto*> values = FreeInputs(model);
  for (const onnx::ValueInfoProto& output : graph.output()) values.push_back(&output);
  for (const onnx::ValueInfoProto* value : values) {
    if (!value->type().has_tensor_type()) return "a sequence, an optional or another value that is not a tensor";
  }
  for (const onnx::ValueInfoProto* value : values) {
    if (!HasStaticShape(*value)) return "a shape that is not static";
  }
  for (const onnx::NodeProto& node : graph.node()) {
    const onnx::AttributeProto *mode = Find(node, "mode"), *antialias = Find(node, "antialias");
    if (node.op_type() == "Resize" &&
        ((mode != nullptr && mode->s() == "cubic") || (antialias != nullptr && antialias->i() != 0))) {
      return "Resize, cubic or antialiased";
    }
  }
  const bool bytes = IsQuantizing(model);
  for (const onnx::ValueInfoProto& output : graph.output()) {
    const int type = output.type().tensor_type().elem_type();
    if (type != Proto::FLOAT && !(bytes && IsByte(type))) return "an output that is not float32";
  }
  for (const onnx::ValueInfoProto* input : FreeInputs(model)) {
    const int type = input->type().tensor_type().elem_type();
    if (type != Proto::FLOAT && !IsInteger(type)) return "an input that is neither float32 nor an integer to be folded";
  }
  return "";
}

Result<DataSet> ReadDataSet(const Case& test, const onnx::ModelProto& model, size_t index) {
  const std::vector<const onnx::ValueInfoProto*> inputs = FreeInputs(model);
  DataSet data;
  std::vector<std::string> input_files, output_files = test.outputs;
  if (test.kind == "light") {
    // arange(n) / n, as onnx.backend.test.runner makes it.
    for (const onnx::ValueInfoProto* input : inputs) {
      Dims dims;
      for (const auto& dim : input->type().tensor_type().shape().dim()) dims.push_back(dim.dim_value());
      std::vector<float> values(static_cast<size_t>(ElementCount(dims)));
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(static_cast<double>(i) / static_cast<double>(values.size()));
      }
      data.inputs.push_back({input->name(), MakeFloats(dims, values)});
    }
  } else {
    input_files = Numbered(fs::path(test.data_sets[index]) / "input_");
    output_files = Numbered(fs::path(test.data_sets[index]) / "output_");
    if (input_files.size() > inputs.size()) return Status::Error(Code::kBadInput, "more input files than inputs");
  }
  for (size_t i = 0; i < input_files.size(); ++i) {
    CUTIS_ASSIGN(Constant value, ReadTensor(input_files[i]));
    data.inputs.push_back({inputs[i]->name(), std::move(value)});
  }
  if (output_files.size() != static_cast<size_t>(model.graph().output_size())) {
    return Status::Error(Code::kBadInput, "%zu output files for %d outputs", output_files.size(), model.graph().output_size());
  }
  for (size_t i = 0; i < output_files.size(); ++i) {
    CUTIS_ASSIGN(Constant value, ReadTensor(output_files[i]));
    data.outputs.push_back({model.graph().output(static_cast<int>(i)).name(), std::move(value)});
  }
  return data;
}

void BindConstants(onnx::ModelProto* model, DataSet* data) {
  const std::set<std::string> steering = SteeringNames(*model);
  const bool bytes = IsQuantizing(*model);
  std::map<std::string, int> types;
  for (const onnx::ValueInfoProto* input : FreeInputs(*model)) types[input->name()] = input->type().tensor_type().elem_type();
  std::vector<NamedTensor> kept;
  for (NamedTensor& input : data->inputs) {
    const int type = types[input.name];
    const bool folded = type != Proto::FLOAT && !(bytes && IsByte(type));
    if (!folded && steering.count(input.name) == 0 && ElementCount(input.value.dims) > 0) {
      kept.push_back(std::move(input));
      continue;
    }
    Proto* tensor = model->mutable_graph()->add_initializer();
    tensor->set_name(input.name);
    for (const int64_t dim : input.value.dims) tensor->add_dims(dim);
    static const std::map<ElementType, int> kTypes = {
        {ElementType::kF32, Proto::FLOAT},     {ElementType::kF64, Proto::DOUBLE}, {ElementType::kF16, Proto::FLOAT16},
        {ElementType::kBF16, Proto::BFLOAT16}, {ElementType::kI64, Proto::INT64},  {ElementType::kI32, Proto::INT32},
        {ElementType::kI8, Proto::INT8},       {ElementType::kU8, Proto::UINT8},   {ElementType::kBool, Proto::BOOL}};
    tensor->set_data_type(kTypes.at(input.value.type));
    tensor->set_raw_data(input.value.data.data(), input.value.data.size());
  }
  data->inputs = std::move(kept);
}

}  // namespace cutis::convert
