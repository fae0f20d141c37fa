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

}  // namespace

Status RunPasses(Graph& graph) {
  CUTIS_TRY(ExpandQuantizedOperators(graph));
  CUTIS_TRY(CheckOperators(graph));
  CUTIS_TRY(FoldConstants(graph));
  CUTIS_TRY(ResolveQuantization(graph));
  CUTIS_TRY(Canonicalize(graph));
  CUTIS_TRY(FoldConstants(graph));
  CUTIS_TRY(RemoveNoOps(graph));
  CUTIS_TRY(FuseGates(graph));
  CUTIS_TRY(RemoveDeadCode(graph));
  CUTIS_TRY(NormalizeWindows(graph));
  CUTIS_TRY(NormalizeMatMuls(graph));
  CUTIS_TRY(FoldAffines(graph));
  CUTIS_TRY(FuseActivations(graph));
  CUTIS_TRY(FusePads(graph));
  CUTIS_TRY(MergeReshapes(graph));
  CUTIS_TRY(ExpandQuantizedEdges(graph));
  CUTIS_TRY(SpreadQuantization(graph));
  CUTIS_TRY(RemoveDeadCode(graph));
  CUTIS_TRY(CheckNormalForm(graph));
  return CheckShapes(graph);
}

}  // namespace cutis::convert
