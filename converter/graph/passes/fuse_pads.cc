#include <algorithm>
#include <limits>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/graph/shapes.h"

namespace cutis::convert {
namespace {

// The rows and columns of zeros that the node adds: {top, left, bottom, right}.
Status SpatialPads(const Graph& graph, const Node& node, std::vector<int64_t>* pads) {
  const Dims& dims = DimsOf(graph, node.inputs[0]);
  std::vector<int64_t> all;
  CUTIS_TRY(ReadPads(graph, node, &all));
  if (dims.size() != 4 || all[0] != 0 || all[1] != 0 || all[4] != 0 || all[5] != 0) {
    return NodeError(node, "it pads other axes than height and width, which is not supported");
  }
  float value = FloatOf(node, "value", 0);
  if (HasInput(node, 2)) {
    const Constant* constant = ConstantInput(graph, node, 2);
    if (constant == nullptr) return NodeError(node, "its value is computed at run time, only a constant one is supported");
    const std::vector<float> values = ReadFloats(*constant);
    value = values.size() == 1 ? values[0] : std::numeric_limits<float>::quiet_NaN();
  }
  if (!(value == 0)) return NodeError(node, "only padding with zeros is supported");
  *pads = {all[2], all[3], all[6], all[7]};
  return Status();
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

// The Pad as a layer of its own: a 1x1 depthwise convolution with weights of one.
void MakeConvolution(Graph& graph, const std::vector<int64_t>& pads, Node* node) {
  const int64_t channels = DimsOf(graph, node->inputs[0])[1];
  const std::vector<float> ones(static_cast<size_t>(channels), 1.0f);
  node->op = "Conv";
  node->inputs.resize(1);
  const ValueId weights = AddConstant(graph, node->name + "/weights", MakeFloats({channels, 1, 1, 1}, ones));
  node->inputs.push_back(weights);
  const std::vector<int64_t> one = {1, 1};
  node->attributes = {{"kernel_shape", one}, {"strides", one}, {"dilations", one}, {"pads", pads}, {"group", channels}};
}

}  // namespace

Status FusePads(Graph& graph) {
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].op != "Pad") continue;
    const Edges edges(graph);
    const Node& node = graph.nodes[n];
    std::vector<int64_t> pads;
    CUTIS_TRY(SpatialPads(graph, node, &pads));
    const std::vector<int>& readers = edges.readers[static_cast<size_t>(node.outputs[0])];
    bool all = edges.uses[static_cast<size_t>(node.outputs[0])] == static_cast<int>(readers.size());
    for (const int reader : readers) all = all && CanTake(graph, edges, node, graph.nodes[static_cast<size_t>(reader)], pads);
    if (!all) {
      MakeConvolution(graph, pads, &graph.nodes[n]);
      continue;
    }
    for (const int reader : readers) Take(node, pads, &graph.nodes[static_cast<size_t>(reader)]);
    dead[n] = true;
  }
  RemoveNodes(graph, dead);
  return Status();
}

}  // namespace cutis::convert
