#include "converter/graph/passes/general_windows.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace cutis::convert {
namespace {

using Ints = std::vector<int64_t>;

// {begin of every axis, end of every axis} for a tensor of which only the spatial axes are padded.
Ints AllPads(const Ints& begin, const Ints& end) {
  const size_t rank = begin.size() + 2;
  Ints pads(2 * rank, 0);
  for (size_t a = 0; a < begin.size(); ++a) {
    pads[a + 2] = begin[a];
    pads[a + 2 + rank] = end[a];
  }
  return pads;
}

ValueId PadSpatial(Rewriter& rewriter, ValueId x, const Ints& begin, const Ints& end, float value) {
  const auto zero = [](int64_t pad) { return pad == 0; };
  if (std::all_of(begin.begin(), begin.end(), zero) && std::all_of(end.begin(), end.end(), zero)) return x;
  return rewriter.Emit("Pad", {x}, {{"pads", AllPads(begin, end)}, {"value", value}});
}

struct Patches {
  ValueId value = kNoValue;  // [N, C, kernel..., output...]
  WindowAttributes window;
};

Status Unfold(Rewriter& rewriter, const Node& node, const int64_t* kernel, float padding, Patches* patches) {
  WindowAttributes& window = patches->window;
  CUTIS_TRY(ResolveWindow(node, rewriter.DimsOf(node.inputs[0]), kernel, &window));
  const ValueId padded = PadSpatial(rewriter, node.inputs[0], window.begin, window.end, padding);
  patches->value = rewriter.Emit("_Unfold", {padded},
                                 {{"kernel_shape", window.kernel}, {"strides", window.stride}, {"dilations", window.dilation}});
  return Status();
}

}  // namespace

Status RewriteConv(Rewriter& rewriter, const Node& node) {
  const Dims x = rewriter.DimsOf(node.inputs[0]), w = rewriter.DimsOf(node.inputs[1]), y = rewriter.DimsOf(node.outputs[0]);
  const Graph& graph = rewriter.graph();
  const bool bias = HasInput(node, 2);
  const bool image = std::all_of(x.begin() + 2, x.end(), [](int64_t dim) { return dim <= kMostImageExtent; });
  const bool layer = x.size() <= 4 && image && ConstantInput(graph, node, 0) == nullptr &&
                     ConstantInput(graph, node, 1) != nullptr && (!bias || ConstantInput(graph, node, 2) != nullptr);
  if (layer) return rewriter.Keep(node), Status();
  const int64_t group = IntOf(node, "group", 1);
  Patches patches;
  CUTIS_TRY(Unfold(rewriter, node, &w[2], 0, &patches));
  const int64_t taps = ElementCount(w) / w[0];
  const int64_t pixels = ElementCount(y) / (y[0] * y[1]);
  const ValueId columns = rewriter.Reshape(patches.value, {x[0], group, taps, pixels});
  const ValueId rows = rewriter.Reshape(node.inputs[1], {1, group, w[0] / group, taps});
  const ValueId product = rewriter.Emit("MatMul", {rows, columns});
  if (!bias) {
    rewriter.EmitTo("Reshape", {product}, node.outputs[0], {{"shape", y}});
    return Status();
  }
  rewriter.EmitTo("Add", {rewriter.Reshape(product, y), rewriter.PerChannel(node.inputs[2], y.size())}, node.outputs[0]);
  return Status();
}

Status RewritePool(Rewriter& rewriter, const Node& node) {
  const Dims x = rewriter.DimsOf(node.inputs[0]);
  const bool average = node.op == "AveragePool";
  const bool include = average && IntOf(node, "count_include_pad", 0) != 0;
  WindowAttributes window;
  CUTIS_TRY(ResolveWindow(node, x, nullptr, &window));
  bool plain = x.size() <= 4 && !(include && window.extended);
  for (size_t a = 0; a < window.kernel.size(); ++a) {
    plain = plain && x[a + 2] <= kMostImageExtent;
    plain = plain && window.begin[a] < window.kernel[a] && window.end[a] < window.kernel[a];
  }
  if (plain) return rewriter.Keep(node), Status();
  Patches patches;
  CUTIS_TRY(Unfold(rewriter, node, nullptr, average ? 0 : -std::numeric_limits<float>::infinity(), &patches));
  Ints axes(window.kernel.size());
  std::iota(axes.begin(), axes.end(), 2);
  const Rewriter::Attributes reduced = {{"axes", axes}, {"keepdims", int64_t{0}}};
  if (!average) {
    rewriter.EmitTo("ReduceMax", {patches.value}, node.outputs[0], reduced);
    return Status();
  }
  // How many elements each window counts: a product over the axes.
  const Dims y = rewriter.DimsOf(node.outputs[0]);
  std::vector<double> counts = {1};
  for (size_t a = 0; a < axes.size(); ++a) {
    std::vector<double> next;
    for (const double outer : counts) {
      for (int64_t o = 0; o < y[a + 2]; ++o) {
        int64_t count = 0;
        for (int64_t k = 0; k < window.kernel[a]; ++k) {
          const int64_t p = o * window.stride[a] + k * window.dilation[a] - window.begin[a];
          const bool counted = include ? p < x[a + 2] + window.given_end[a] : p >= 0 && p < x[a + 2];
          count += counted ? 1 : 0;
        }
        next.push_back(outer * static_cast<double>(std::max<int64_t>(count, 1)));
      }
    }
    counts = std::move(next);
  }
  std::vector<float> divisors(counts.begin(), counts.end());
  Dims divisor_dims(y.begin() + 2, y.end());
  const ValueId sum = rewriter.Emit("ReduceSum", {patches.value}, reduced);
  rewriter.EmitTo("Div", {sum, rewriter.Floats(divisor_dims, divisors)}, node.outputs[0]);
  return Status();
}

Status RewriteGlobalPool(Rewriter& rewriter, const Node& node) {
  const size_t rank = rewriter.DimsOf(node.inputs[0]).size();
  if (rank <= 4) return rewriter.Keep(node), Status();
  Ints axes(rank - 2);
  std::iota(axes.begin(), axes.end(), 2);
  rewriter.EmitTo(node.op == "GlobalMaxPool" ? "ReduceMax" : "ReduceMean", node.inputs, node.outputs[0],
                  {{"axes", axes}, {"keepdims", int64_t{1}}});
  return Status();
}

Status RewriteConvTranspose(Rewriter& rewriter, const Node& node) {
  const Dims x = rewriter.DimsOf(node.inputs[0]), w = rewriter.DimsOf(node.inputs[1]);
  const size_t axes = x.size() - 2;
  TransposedWindow window;
  CUTIS_TRY(ResolveTransposed(node, x, w, &window));
  const int64_t group = IntOf(node, "group", 1), in = x[1] / group, out = w[1];

  // Zeros between the elements: every axis d becomes [d, stride] with one element set, and loses the zeros after its end.
  Dims spread = {x[0], x[1]}, joined = {x[0], x[1]};
  Ints pads = {0, 0}, ends;
  bool strided = false;
  for (size_t a = 0; a < axes; ++a) {
    spread.insert(spread.end(), {x[a + 2], 1});
    pads.insert(pads.end(), {0, 0});
    joined.push_back(x[a + 2] * window.stride[a]);
    ends.push_back((x[a + 2] - 1) * window.stride[a] + 1);
    strided = strided || window.stride[a] > 1;
  }
  const size_t spread_rank = pads.size();
  pads.resize(2 * spread_rank, 0);
  for (size_t a = 0; a < axes; ++a) pads[spread_rank + 3 + 2 * a] = window.stride[a] - 1;
  ValueId data = node.inputs[0];
  Ints spatial(axes);
  std::iota(spatial.begin(), spatial.end(), 2);
  if (strided) {
    const ValueId padded = rewriter.Emit("Pad", {rewriter.Reshape(data, spread)}, {{"pads", pads}, {"value", 0.0f}});
    data = rewriter.Emit("Slice", {rewriter.Reshape(padded, joined)},
                         {{"starts", Ints(axes, 0)}, {"ends", ends}, {"axes", spatial}});
  }
  data = PadSpatial(rewriter, data, window.begin, window.end, 0);

  // [C, out, kernel...] -> [group * out, in, kernel reversed...]
  Dims grouped = {group, in, out}, turned = {group * out, in};
  Ints order = {0, 2, 1};
  for (size_t a = 0; a < axes; ++a) {
    grouped.push_back(w[a + 2]);
    turned.push_back(w[a + 2]);
    order.push_back(static_cast<int64_t>(a) + 3);
  }
  ValueId weights =
      rewriter.Reshape(rewriter.Emit("Transpose", {rewriter.Reshape(node.inputs[1], grouped)}, {{"perm", order}}), turned);
  weights = rewriter.Emit("Slice", {weights, rewriter.Ints(Ints(axes, -1)), rewriter.Ints(Ints(axes, INT64_MIN + 1)),
                                    rewriter.Ints(spatial), rewriter.Ints(Ints(axes, -1))});
  std::vector<ValueId> inputs = {data, weights};
  if (HasInput(node, 2)) inputs.push_back(node.inputs[2]);
  const Rewriter::Attributes attributes = {
      {"kernel_shape", Ints(w.begin() + 2, w.end())}, {"dilations", window.dilation}, {"group", group}};
  const Dims spread_out = rewriter.status().ok() ? rewriter.DimsOf(data) : Dims();
  const bool image = std::all_of(spread_out.begin() + (spread_out.empty() ? 0 : 2), spread_out.end(),
                                 [](int64_t dim) { return dim <= kMostImageExtent; });
  const bool layer = x.size() <= 4 && image && ConstantInput(rewriter.graph(), node, 0) == nullptr &&
                     ConstantInput(rewriter.graph(), node, 1) != nullptr &&
                     (!HasInput(node, 2) || ConstantInput(rewriter.graph(), node, 2) != nullptr);
  if (layer) {
    rewriter.EmitTo("Conv", inputs, node.outputs[0], attributes);
    return Status();
  }
  if (!rewriter.status().ok()) return Status();  // Finish says it
  return RewriteConv(rewriter, {"Conv", node.name, inputs, node.outputs, attributes});
}

}  // namespace cutis::convert
