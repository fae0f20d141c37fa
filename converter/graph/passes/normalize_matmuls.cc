#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/graph/passes/quantized.h"

namespace cutis::convert {
namespace {

// The weights as [out, in], times alpha.
Constant TakeWeights(const Constant& given, bool transposed, double alpha) {
  const size_t in = static_cast<size_t>(given.dims[transposed ? 1 : 0]);
  const size_t out = static_cast<size_t>(given.dims[transposed ? 0 : 1]);
  const std::vector<float> values = ReadFloats(given);
  std::vector<float> weights(values.size());
  for (size_t n = 0; n < out; ++n) {
    for (size_t k = 0; k < in; ++k) {
      const double value = values[transposed ? n * in + k : k * out + n];
      weights[n * in + k] = static_cast<float>(value * alpha);
    }
  }
  return MakeFloats({static_cast<int64_t>(out), static_cast<int64_t>(in)}, weights);
}

// The bias as [out], times beta, from anything that broadcasts to [1, out].
Status TakeBias(const Node& node, const Constant& given, int64_t out, double beta, Constant* bias) {
  const int64_t count = ElementCount(given.dims);
  const bool fits = given.dims.empty() || (given.dims.back() == count && (count == 1 || count == out));
  if (!fits || given.dims.size() > 2) {
    return NodeError(node, "its bias is " + ToText(given.dims) + ", the weights want " + ToText({out}), Code::kBadInput);
  }
  const std::vector<float> values = ReadFloats(given);
  std::vector<float> all(static_cast<size_t>(out));
  for (size_t n = 0; n < all.size(); ++n) all[n] = static_cast<float>(values[count == 1 ? 0 : n] * beta);
  *bias = MakeFloats({out}, all);
  return Status();
}

Status Normalize(Graph& graph, size_t index) {
  Node& node = graph.nodes[index];
  const Constant* weights = ConstantInput(graph, node, 1);
  Constant bias;
  const bool has_bias = HasInput(node, 2);
  Constant taken = TakeWeights(*weights, IntOf(node, "transB", 0) != 0, FloatOf(node, "alpha", 1));
  const Value given_weights = graph.values[static_cast<size_t>(node.inputs[1])];
  auto scales = ScalesOfRows(given_weights, IntOf(node, "transB", 0) == 0, static_cast<double>(FloatOf(node, "alpha", 1)));
  const int64_t out = taken.dims[0];
  if (has_bias) {
    const Constant* given = ConstantInput(graph, node, 2);
    CUTIS_TRY(TakeBias(node, *given, out, FloatOf(node, "beta", 1), &bias));
  }
  node.op = "Gemm";
  node.attributes = {{"transB", int64_t{1}}};
  node.inputs.resize(1);
  const std::string name = node.name;
  const ValueId weight_id =
      AddConstant(graph, given_weights.quantization != nullptr ? given_weights.name : name + "/weights", std::move(taken));
  graph.values[static_cast<size_t>(weight_id)].quantization = std::move(scales);
  node.inputs.push_back(weight_id);
  if (has_bias) node.inputs.push_back(AddConstant(graph, name + "/bias", std::move(bias)));
  return Status();
}

}  // namespace

Status NormalizeMatMuls(Graph& graph) {
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    // What Canonicalize has left as Gemm is a layer; a MatMul is one where its weights are a constant matrix.
    const Node& node = graph.nodes[n];
    const bool layer = node.op == "MatMul" && ConstantInput(graph, node, 1) != nullptr &&
                       ConstantInput(graph, node, 0) == nullptr && DimsOf(graph, node.inputs[0]).size() == 2 &&
                       DimsOf(graph, node.inputs[1]).size() == 2;
    if (layer || node.op == "Gemm") CUTIS_TRY(Normalize(graph, n));
  }
  return Status();
}

}  // namespace cutis::convert
