#include "tests/onnx_backend/evaluate.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/lower/layout.h"
#include "converter/lower/net.h"
#include "converter/onnx/onnx.h"
#include "converter/plan/plan.h"
#include "converter/quant/quantize.h"
#include "converter/recipe/recipe.h"
#include "converter/write/encode.h"
#include "runtime/model.h"
#include "runtime/session.h"

namespace cutis::convert {
namespace {

Status Compare(const NamedTensor& wanted, const Dims& dims, const std::vector<float>& values, double rtol, double atol) {
  const char* name = wanted.name.c_str();
  if (dims != wanted.value.dims) {
    return Status::Error(Code::kBadInput, "output '%s' is %s, not %s", name, ToText(dims).c_str(),
                         ToText(wanted.value.dims).c_str());
  }
  const std::vector<double> expected = ReadDoubles(wanted.value);
  if (values.size() != expected.size()) return Status::Error(Code::kBadInput, "output '%s' has another size", name);
  size_t wrong = 0, first = 0;
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto a = static_cast<double>(values[i]), b = expected[i];
    if (a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= atol + rtol * std::abs(b)) continue;
    if (wrong++ == 0) first = i;
    worst = std::max(worst, std::abs(a - b));
  }
  if (wrong == 0) return {};
  return Status::Error(Code::kBadInput, "output '%s': %zu of %zu elements differ, by up to %g; element %zu is %g, not %g", name,
                       wrong, values.size(), worst, first, static_cast<double>(values[first]), expected[first]);
}

// Where the elements of a value lie in its tensor, in tight memory, in the order of the value.
std::vector<size_t> Places(const Dims& dims, const NetTensor& tensor) {
  Layout layout = ImageLayout(dims);
  if (!(layout.shape == tensor.shape) && dims.size() == 4) {
    // A network that begins by turning rows of pixels into planes takes the rows (converter/lower).
    layout = ImageLayout({dims[0], dims[3], dims[1], dims[2]});
    layout.axes = {layout.axes[0], layout.axes[2], layout.axes[3], layout.axes[1]};
  }
  std::vector<size_t> places(static_cast<size_t>(ElementCount(dims)));
  for (size_t i = 0; i < places.size(); ++i) {
    size_t at[4] = {0, 0, 0, 0}, rest = i;
    for (size_t a = dims.size(); a-- > 0;) {
      const size_t index = rest % static_cast<size_t>(dims[a]);
      rest /= static_cast<size_t>(dims[a]);
      at[static_cast<size_t>(layout.axes[a].dim)] += index * static_cast<size_t>(layout.axes[a].step);
    }
    const size_t image = at[static_cast<size_t>(Dim::kImage)], y = at[static_cast<size_t>(Dim::kHeight)],
                 x = at[static_cast<size_t>(Dim::kWidth)], c = at[static_cast<size_t>(Dim::kChannel)];
    places[i] = ((image * static_cast<size_t>(layout.shape.height) + y) * static_cast<size_t>(layout.shape.width) + x) *
                    static_cast<size_t>(layout.shape.channels) +
                c;
  }
  return places;
}

struct Edge {
  Dims dims;
  NetTensor tensor;  // without its values
};

// Bytes travel through the session as the real values that they stand for; int8 is uint8 shifted by 128.
struct Bytes {
  Bytes(const NetTensor& tensor, const Constant& value) {
    if (tensor.type != DataType::kU8) return;
    scale = tensor.quantization->scales[0];
    zero_point = tensor.quantization->zero_point - (value.type == ElementType::kI8 ? 128 : 0);
  }
  float ToReal(float byte) const { return scale == 0 ? byte : scale * (byte - static_cast<float>(zero_point)); }
  float ToByte(float real) const { return scale == 0 ? real : std::nearbyint(real / scale) + static_cast<float>(zero_point); }

  float scale = 0;  // 0: real values
  int32_t zero_point = 0;
};

// The outputs of a network, in the order of `outputs`.
Result<std::vector<std::vector<float>>> Run(const Net& net, const std::vector<Edge>& inputs, const std::vector<Edge>& outputs,
                                            const DataSet& data, const std::vector<const NamedTensor*>& wanted) {
  std::vector<std::byte> bytes;
  {
    CUTIS_ASSIGN(FileModel file, PackFloat(net));
    CUTIS_TRY(PlanMemory(file).status());
    Recipe recipe;
    recipe.name = "backend test";
    CUTIS_ASSIGN(bytes, EncodeModel(file, recipe, {"model.onnx", std::string(64, '0')}));
  }
  CUTIS_ASSIGN(const std::unique_ptr<Model> model, Model::OpenMemory(bytes.data(), bytes.size(), {0, true}));
  bytes = {};  // the model has its copy
  CUTIS_ASSIGN(const std::unique_ptr<Session> session, Session::Create(*model));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<float> given = ReadFloats(data.inputs[i].value);
    const std::vector<size_t> places = Places(inputs[i].dims, inputs[i].tensor);
    std::vector<float> values(given.size());
    if (places.size() != given.size()) return Status::Error(Code::kBadInput, "input %zu has another size", i);
    const Bytes bytes_of(inputs[i].tensor, data.inputs[i].value);
    for (size_t k = 0; k < given.size(); ++k) values[places[k]] = bytes_of.ToReal(given[k]);
    CUTIS_TRY(session->SetInputF32(static_cast<int32_t>(i), 0, values.data(), values.size()));
  }
  CUTIS_TRY(session->Run(1));
  std::vector<std::vector<float>> results;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::vector<size_t> places = Places(outputs[i].dims, outputs[i].tensor);
    std::vector<float> values(places.size()), result(places.size());
    CUTIS_TRY(session->GetOutputF32(static_cast<int32_t>(i), 0, values.data(), values.size()));
    const Bytes bytes_of(outputs[i].tensor, wanted[i]->value);
    for (size_t k = 0; k < places.size(); ++k) result[k] = bytes_of.ToByte(values[places[k]]);
    results.push_back(std::move(result));
  }
  return results;
}

std::vector<Edge> EdgesOf(const Graph& graph, const std::vector<ValueId>& ids, const Net& net,
                          const std::vector<int>& tensors) {
  std::vector<Edge> edges;
  for (size_t i = 0; i < ids.size(); ++i) {
    const NetTensor& tensor = net.tensors[static_cast<size_t>(tensors[i])];
    NetTensor edge = tensor;
    edge.constant.clear();
    edges.push_back({DimsOf(graph, ids[i]), std::move(edge)});
  }
  return edges;
}

}  // namespace

Status Evaluate(const onnx::ModelProto& model, const std::string& folder, const DataSet& data, double rtol, double atol) {
  const std::string bytes = model.SerializeAsString();
  CUTIS_ASSIGN(Graph graph, ParseOnnx(std::as_bytes(std::span(bytes)), folder, "model.onnx"));
  if (graph.inputs.size() != data.inputs.size()) return Status::Error(Code::kBadInput, "not every input has a value");
  const bool known = graph.inputs.empty();
  if (known) {
    CUTIS_TRY(ExpandQuantizedOperators(graph));
    CUTIS_TRY(CheckOperators(graph));
    CUTIS_TRY(FoldConstants(graph));
    CUTIS_TRY(ResolveQuantization(graph));
    CUTIS_TRY(Canonicalize(graph));
    CUTIS_TRY(FoldConstants(graph));
  } else {
    CUTIS_TRY(RunPasses(graph));
  }
  std::vector<ValueId> computed;
  std::vector<const NamedTensor*> wanted;
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const Constant* constant = ConstantOf(graph, graph.outputs[i]);
    if (constant != nullptr && (known || ElementCount(constant->dims) == 0)) {
      CUTIS_TRY(Compare(data.outputs[i], constant->dims, ReadFloats(*constant), rtol, atol));
      continue;
    }
    if (known) return Status::Error(Code::kUnsupported, "it has no inputs, but its output is not folded");
    computed.push_back(graph.outputs[i]);
    wanted.push_back(&data.outputs[i]);
  }
  if (computed.empty()) return {};
  graph.outputs = computed;
  CUTIS_ASSIGN(const Net net, Lower(graph));
  const std::vector<Edge> inputs = EdgesOf(graph, graph.inputs, net, net.inputs),
                          outputs = EdgesOf(graph, graph.outputs, net, net.outputs);
  graph = Graph();  // the weights of a large model need not be held twice
  CUTIS_ASSIGN(const std::vector<std::vector<float>> results, Run(net, inputs, outputs, data, wanted));
  for (size_t i = 0; i < results.size(); ++i) CUTIS_TRY(Compare(*wanted[i], outputs[i].dims, results[i], rtol, atol));
  return {};
}

}  // namespace cutis::convert
