#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"

namespace cutis::convert {

Status MergeReshapes(Graph& graph) {
  Edges edges(graph);
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    Node& node = graph.nodes[n];
    if (node.op != "Reshape") continue;
    // The reshape before it may stay for others; this one no longer needs it.
    const int before = edges.producer[static_cast<size_t>(node.inputs[0])];
    if (before >= 0 && graph.nodes[static_cast<size_t>(before)].op == "Reshape") {
      node.inputs[0] = graph.nodes[static_cast<size_t>(before)].inputs[0];
    }
    const ValueId input = node.inputs[0];
    const bool of_node = edges.producer[static_cast<size_t>(input)] >= 0;
    if (of_node && DimsOf(graph, input) == DimsOf(graph, node.outputs[0])) {
      ReplaceValue(graph, node.outputs[0], input);
      dead[n] = true;
    }
  }
  RemoveNodes(graph, dead);
  return Status();
}

Status RemoveDeadCode(Graph& graph) {
  std::vector<bool> needed(graph.values.size(), false);
  for (const ValueId id : graph.outputs) needed[static_cast<size_t>(id)] = true;
  std::vector<bool> dead(graph.nodes.size(), true);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    if (!needed[static_cast<size_t>(node.outputs[0])]) continue;
    dead[n] = false;
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) needed[static_cast<size_t>(id)] = true;
    }
  }
  RemoveNodes(graph, dead);
  for (const ValueId id : graph.inputs) needed[static_cast<size_t>(id)] = true;

  // Values that nothing needs go, and their constants with them.
  std::vector<ValueId> moved(graph.values.size(), kNoValue);
  std::vector<Value> kept;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (!needed[i]) continue;
    moved[i] = static_cast<ValueId>(kept.size());
    kept.push_back(std::move(graph.values[i]));
  }
  graph.values = std::move(kept);
  const auto rename = [&moved](std::vector<ValueId>& ids) {
    for (ValueId& id : ids) {
      if (id != kNoValue) id = moved[static_cast<size_t>(id)];
    }
  };
  for (Node& node : graph.nodes) {
    rename(node.inputs);
    rename(node.outputs);
  }
  rename(graph.inputs);
  rename(graph.outputs);
  return Status();
}

}  // namespace cutis::convert
