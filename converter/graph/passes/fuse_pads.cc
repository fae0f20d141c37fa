#include <algorithm>

#include "converter/graph/edit.h"
#include "converter/graph/indices.h"
#include "converter/graph/passes.h"
#include "converter/graph/passes/quantized.h"

namespace cutis::convert {
namespace {

// The rows and columns of zeros that the node adds: {top, left, bottom, right}; false when it does something else.
bool SpatialPads(const Dims& dims, const IndexLists& lists, std::vector<int64_t>* pads) {
  if (dims.size() != 4 || lists.fill != 0) return false;
  pads->assign(4, 0);
  for (size_t a = 0; a < 4; ++a) {
    const std::vector<int32_t>& list = lists.axes[a];
    const auto begin =
        static_cast<size_t>(std::find_if(list.begin(), list.end(), [](int32_t i) { return i != kFill; }) - list.begin());
    const auto dim = static_cast<size_t>(dims[a]);
    if (begin + dim > list.size()) return false;
    for (size_t i = 0; i < list.size(); ++i) {
      const bool inside = i >= begin && i < begin + dim;
      if (list[i] != (inside ? static_cast<int32_t>(i - begin) : kFill)) return false;
    }
    const auto end = list.size() - begin - dim;
    if (a < 2 && (begin != 0 || end != 0)) return false;
    if (a >= 2) (*pads)[a - 2] = static_cast<int64_t>(begin), (*pads)[a] = static_cast<int64_t>(end);
  }
  return true;
}

bool NeverNegative(const Graph& graph, const Edges& edges, ValueId id) {
  const int producer = edges.producer[static_cast<size_t>(id)];
  if (producer < 0) return false;
  const Node& node = graph.nodes[static_cast<size_t>(producer)];
  return FloatOf(node, node.op == "Clip" ? "min" : "clip_min", -1) >= 0;
}

// Whether `reader` gives the same when it pads by itself.
bool CanTake(const Graph& graph, const Edges& edges, const Node& pad, const Node& reader, const std::vector<int64_t>& pads) {
  if (reader.op == "Conv") return reader.inputs[0] == pad.outputs[0];
  if (reader.op != "MaxPool" && reader.op != "AveragePool") return false;
  const std::vector<int64_t> kernel = IntsOf(reader, "kernel_shape", {});
  const std::vector<int64_t> own = IntsOf(reader, "pads", {});
  for (size_t i = 0; i < 4; ++i) {
    // Pools need at least one pixel of the image in every window.
    if (pads[i] + own[i] >= kernel[i % 2]) return false;
  }
  const bool unpadded = std::all_of(own.begin(), own.end(), [](int64_t value) { return value == 0; });
  // The zeros count in an average, so all padding has to.
  if (reader.op == "AveragePool") return unpadded || IntOf(reader, "count_include_pad", 0) != 0;
  // The zeros take part in a maximum; they change nothing where no pixel is negative. A window whose own padding hides all
  // pixels but these zeros cannot occur, see above.
  return NeverNegative(graph, edges, pad.inputs[0]);
}

void Take(const Node& pad, const std::vector<int64_t>& pads, Node* reader) {
  std::vector<int64_t> own = IntsOf(*reader, "pads", {});
  for (size_t i = 0; i < 4; ++i) own[i] += pads[i];
  reader->attributes["pads"] = own;
  if (reader->op == "AveragePool") reader->attributes["count_include_pad"] = int64_t{1};
  reader->inputs[0] = pad.inputs[0];
}

}  // namespace

Status FusePads(Graph& graph) {
  const Edges edges(graph);
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (node.op != "Pad") continue;
    IndexLists lists;
    CUTIS_TRY(ReadIndexLists(graph, node, &lists));
    std::vector<int64_t> pads;
    if (!SpatialPads(DimsOf(graph, node.inputs[0]), lists, &pads)) continue;
    const std::vector<int>& readers = edges.readers[static_cast<size_t>(node.outputs[0])];
    bool all = edges.uses[static_cast<size_t>(node.outputs[0])] == static_cast<int>(readers.size());
    for (const int reader : readers) all = all && CanTake(graph, edges, node, graph.nodes[static_cast<size_t>(reader)], pads);
    if (!all || !JoinScales(graph, node.outputs[0], node.inputs[0])) continue;  // a move of its own
    for (const int reader : readers) Take(node, pads, &graph.nodes[static_cast<size_t>(reader)]);
    dead[n] = true;
  }
  RemoveNodes(graph, dead);
  return Status();
}

}  // namespace cutis::convert
