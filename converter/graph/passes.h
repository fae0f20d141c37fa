// The passes that bring an imported graph to the normal form of graph.h.
#ifndef CUTIS_CONVERTER_GRAPH_PASSES_H_
#define CUTIS_CONVERTER_GRAPH_PASSES_H_

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "converter/graph/graph.h"
#include "ops/status.h"

namespace cutis::convert {

// What a step did with the graph.
struct PassTrace {
  std::string name;
  std::string what;  // it is there for, in a few words
  size_t nodes_before = 0, nodes_after = 0;
  std::map<std::string, int64_t> operators;  // how many more of each there are than before; none with 0
};

// Runs `step` on the graph and adds to `trace` (null: only runs it) what that did.
template <class Step>
Status Traced(Graph& graph, const char* name, const char* what, std::vector<PassTrace>* trace, const Step& step) {
  PassTrace entry{name, what, graph.nodes.size(), 0, {}};
  for (const Node& node : graph.nodes) --entry.operators[node.op];
  CUTIS_TRY(step());
  entry.nodes_after = graph.nodes.size();
  for (const Node& node : graph.nodes) ++entry.operators[node.op];
  std::erase_if(entry.operators, [](const auto& change) { return change.second == 0; });
  if (trace != nullptr) trace->push_back(std::move(entry));
  return {};
}

// All passes, in order, and the check of the normal form. An error names the node and says what is not supported; the graph is
// then half rewritten and of no further use. `trace` (may be null) gets an entry for each pass that changes graphs.
Status RunPasses(Graph& graph, std::vector<PassTrace>* trace = nullptr);

// The passes one by one, for RunPasses and for tests. Each expects what the ones before it leave.
Status ExpandQuantizedOperators(Graph& graph);  // QLinearConv, ... -> DequantizeLinear, Conv, QuantizeLinear
Status CheckOperators(Graph& graph);    // known operators, attributes, numbers of inputs and outputs
Status FoldConstants(Graph& graph);     // shapes of all values; nodes whose results are known become constants
Status ResolveQuantization(Graph& graph);  // integers between nodes -> real values that carry their scale
Status Canonicalize(Graph& graph);      // sums of simpler operators written as those; one form of every attribute
Status RemoveNoOps(Graph& graph);       // Identity, Dropout, Cast, ...; Flatten, Squeeze, Unsqueeze, Transpose -> Reshape
Status NormalizeWindows(Graph& graph);  // auto_pad, ceil_mode, defaults; global pools and ReduceMean -> pools
Status NormalizeMatMuls(Graph& graph);  // MatMul and every form of Gemm -> x * W^T + B
Status FoldAffines(Graph& graph);       // BatchNormalization, and Add, Sub, Mul, Div by constants, into Conv and Gemm
Status FuseGates(Graph& graph);         // x * sigmoid(x), x * relu6(x + 3) / 6, ... -> Swish, HardSwish, HardSigmoid, Mish
Status FuseActivations(Graph& graph);   // Relu -> Clip; Clip into Conv, Gemm, Add
Status FusePads(Graph& graph);          // Pad into Conv and pools
Status MergeReshapes(Graph& graph);     // chains of Reshape
Status ExpandQuantizedEdges(Graph& graph);  // several scales at an input or output of integers -> arithmetic
Status SpreadQuantization(Graph& graph);    // scales hold across what only moves elements
Status RemoveDeadCode(Graph& graph);    // nodes and values that no output needs
Status CheckNormalForm(const Graph& graph);

// After RunPasses, for a graph that is to be quantised: inputs and outputs of integers become real ones of the same scale.
Status TakeBytesAsReals(Graph& graph);

// Of QDQ and QOperator models: DequantizeLinear, QLinearConv, also those of the domain com.microsoft.
bool IsQuantizedOperator(const std::string& op);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_GRAPH_PASSES_H_
