#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/graph/shapes.h"

namespace cutis::convert {
namespace {

Status Normalize(const Graph& graph, Node* node) {
  const bool is_conv = node->op == "Conv";
  const int64_t* kernel = is_conv ? &DimsOf(graph, node->inputs[1])[2] : nullptr;
  WindowAttributes window;
  CUTIS_TRY(ResolveWindow(*node, DimsOf(graph, node->inputs[0]), kernel, &window));
  const int64_t include = IntOf(*node, "count_include_pad", 0);
  std::map<std::string, Attribute> attributes;
  attributes["kernel_shape"] = window.kernel;
  attributes["strides"] = window.stride;
  attributes["dilations"] = window.dilation;
  std::vector<int64_t> pads = window.begin;
  pads.insert(pads.end(), window.end.begin(), window.end.end());
  attributes["pads"] = std::move(pads);
  if (is_conv) attributes["group"] = IntOf(*node, "group", 1);
  if (node->op == "AveragePool") attributes["count_include_pad"] = int64_t{include != 0};
  node->attributes = std::move(attributes);
  return Status();
}

// A pool whose window is the whole image.
void MakeGlobal(const Graph& graph, const char* op, Node* node) {
  const Dims& dims = DimsOf(graph, node->inputs[0]);
  node->op = op;
  node->inputs.resize(1);
  node->attributes = {{"kernel_shape", Dims(dims.begin() + 2, dims.end())}};
}

}  // namespace

Status NormalizeWindows(Graph& graph) {
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].op == "GlobalAveragePool") MakeGlobal(graph, "AveragePool", &graph.nodes[n]);
    if (graph.nodes[n].op == "GlobalMaxPool") MakeGlobal(graph, "MaxPool", &graph.nodes[n]);
    if (graph.nodes[n].op == "ReduceMean" && DimsOf(graph, graph.nodes[n].inputs[0]).size() == 4 &&
        IntsOf(graph.nodes[n], "axes", {}) == std::vector<int64_t>{2, 3}) {
      const ValueId output = graph.nodes[n].outputs[0];
      MakeGlobal(graph, "AveragePool", &graph.nodes[n]);
      if (DimsOf(graph, output).size() == 2) {  // keepdims = 0
        const ValueId pooled = AddValue(graph, graph.nodes[n].name + "/pooled");
        const Dims& dims = DimsOf(graph, output);
        graph.values.back().dims = {dims[0], dims[1], 1, 1};
        graph.values.back().has_dims = true;
        graph.nodes[n].outputs[0] = pooled;
        Node reshape{"Reshape", graph.nodes[n].name + "/flatten", {pooled}, {output}, {}};
        graph.nodes.insert(graph.nodes.begin() + static_cast<std::ptrdiff_t>(n) + 1, std::move(reshape));
      }
    }
    const std::string& op = graph.nodes[n].op;
    if (op == "Conv" || op == "MaxPool" || op == "AveragePool") CUTIS_TRY(Normalize(graph, &graph.nodes[n]));
  }
  return Status();
}

}  // namespace cutis::convert
