#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/graph/shapes.h"

namespace cutis::convert {
namespace {

// Recomputes every shape: the passes must not have changed what the graph means.
Status CheckShapes(Graph& graph) {
  for (const Node& node : graph.nodes) {
    const Dims before = DimsOf(graph, node.outputs[0]);
    CUTIS_TRY(InferNode(graph, node));
    if (DimsOf(graph, node.outputs[0]) != before) {
      return NodeError(node, "a pass changed its shape from " + ToText(before), Code::kInternal);
    }
  }
  return Status();
}

struct Pass {
  const char* name;
  const char* what;
  Status (*run)(Graph& graph);
};

constexpr Pass kPasses[] = {
    {"FoldConstants", "nodes whose results are known become constants", FoldConstants},
    {"ResolveQuantization", "integers between nodes become real values that carry their scale", ResolveQuantization},
    {"Canonicalize", "operators that are sums of simpler ones are written as those", Canonicalize},
    {"FoldConstants", "the same for what that made", FoldConstants},
    {"RemoveNoOps", "nodes that change nothing go; Flatten, Squeeze and the like become Reshape", RemoveNoOps},
    {"FuseGates", "x * sigmoid(x), x * relu6(x + 3) / 6 and the like become one activation", FuseGates},
    {"RemoveDeadCode", "nodes that no output needs go", RemoveDeadCode},
    {"NormalizeWindows", "global pools and means become pools; padding becomes explicit", NormalizeWindows},
    {"NormalizeMatMuls", "products with constant matrices become Gemm", NormalizeMatMuls},
    {"FoldAffines", "batch normalisations and constant factors and sums go into the weights beside them", FoldAffines},
    {"FuseActivations", "Relu and Clip go into the node before them", FuseActivations},
    {"FusePads", "Pad goes into the convolution or pool after it", FusePads},
    {"MergeReshapes", "chains of Reshape become one", MergeReshapes},
    {"ExpandQuantizedEdges", "several scales at an input or output of integers become arithmetic", ExpandQuantizedEdges},
    {"SpreadQuantization", "scales hold across what only moves elements", SpreadQuantization},
    {"RemoveDeadCode", "nodes that no output needs any more go", RemoveDeadCode},
};

}  // namespace

Status RunPasses(Graph& graph, std::vector<PassTrace>* trace) {
  CUTIS_TRY(Traced(graph, "ExpandQuantizedOperators", "QLinear operators become real ones between quantisations", trace,
                   [&] { return ExpandQuantizedOperators(graph); }));
  CUTIS_TRY(CheckOperators(graph));
  for (const Pass& pass : kPasses) {
    CUTIS_TRY(Traced(graph, pass.name, pass.what, trace, [&] { return pass.run(graph); }));
  }
  CUTIS_TRY(CheckNormalForm(graph));
  return CheckShapes(graph);
}

}  // namespace cutis::convert
