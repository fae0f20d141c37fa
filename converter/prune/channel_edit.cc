#include "converter/prune/channel_edit.h"

#include <memory>
#include <string>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/shapes.h"

namespace cutis::convert {
namespace {

using Kept = std::vector<size_t>;  // channels that stay, ascending

class Editor {
 public:
  Editor(Graph& graph, const ChannelGroups& groups, const std::vector<bool>& dead, const Substitute& substitute)
      : graph_(graph), substitute_(substitute), kept_(graph.values.size()) {
    for (size_t id = 0; id < kept_.size(); ++id) {
      const std::vector<int>& channels = groups.of_value[id];
      for (size_t c = 0; c < channels.size(); ++c) {
        if (!dead[static_cast<size_t>(channels[c])]) kept_[id].push_back(c);
      }
    }
  }

  Status Run() {
    // Weights first: they are read in the old shapes.
    for (Node& node : graph_.nodes) {
      if (IsMixing(node)) {
        CutMixing(node);
      } else if (IsDepthwise(graph_, node)) {
        CutDepthwise(node);
      } else {
        CutConstants(node);
      }
    }
    for (size_t id = 0; id < kept_.size(); ++id) {
      if (!kept_[id].empty()) graph_.values[id].dims[1] = static_cast<int64_t>(kept_[id].size());
    }
    for (const Node& node : graph_.nodes) {
      const Dims before = DimsOf(graph_, node.outputs[0]);
      CUTIS_TRY(InferNode(graph_, node));
      if (DimsOf(graph_, node.outputs[0]) != before) {
        return NodeError(
            node,
            "removing channels left " + ToText(DimsOf(graph_, node.outputs[0])) + " where " + ToText(before) + " was meant",
            Code::kInternal);
      }
    }
    return {};
  }

 private:
  const Kept& KeptOf(ValueId id) const { return kept_[static_cast<size_t>(id)]; }
  bool IsWhole(ValueId id) const { return KeptOf(id).size() == static_cast<size_t>(ChannelsOf(graph_, id)); }

  // The constant behind an input, replaced by a copy (another node may read the same one); per-channel scales are cut along.
  void Replace(Node& node, size_t input, Dims dims, const std::vector<float>& values, const Kept* rows) {
    const Value old = input < node.inputs.size() && node.inputs[input] != kNoValue
                          ? graph_.values[static_cast<size_t>(node.inputs[input])]
                          : Value{node.name + ".bias", ElementType::kF32, false, {}, nullptr, nullptr};
    const ValueId id = AddConstant(graph_, old.name, MakeFloats(std::move(dims), values));
    if (rows != nullptr && old.quantization != nullptr) {
      auto scales = std::make_shared<Quantization>(*old.quantization);
      if (scales->scales.size() > 1) {
        std::vector<float> cut;
        for (const size_t n : *rows) cut.push_back(old.quantization->scales[n]);
        scales->scales = std::move(cut);
      }
      graph_.values[static_cast<size_t>(id)].quantization = std::move(scales);
    }
    if (node.inputs.size() <= input) node.inputs.resize(input + 1, kNoValue);
    node.inputs[input] = id;
  }

  // [out][in][taps...]
  void CutMixing(Node& node) {
    const ValueId in = node.inputs[0], out = node.outputs[0];
    if (IsWhole(in) && IsWhole(out)) return;
    Dims dims = DimsOf(graph_, node.inputs[1]);
    const std::vector<float> weights = ReadFloats(*ConstantInput(graph_, node, 1));
    const size_t ins = static_cast<size_t>(dims[1]), taps = weights.size() / (static_cast<size_t>(dims[0]) * ins);
    const Constant* bias = ConstantInput(graph_, node, 2);
    const std::vector<float> biases = bias != nullptr ? ReadFloats(*bias) : std::vector<float>(static_cast<size_t>(dims[0]));
    // What the removed inputs add to every output.
    std::vector<double> substitutes(ins);
    std::vector<bool> stays(ins, false);
    for (const size_t c : KeptOf(in)) stays[c] = true;
    for (size_t c = 0; c < ins; ++c) substitutes[c] = stays[c] ? 0 : substitute_(in, static_cast<int32_t>(c));

    std::vector<float> cut, cut_bias;
    for (const size_t n : KeptOf(out)) {
      double sum = static_cast<double>(biases[n]);
      for (size_t c = 0; c < ins; ++c) {
        const float* from = weights.data() + (n * ins + c) * taps;
        if (stays[c]) {
          cut.insert(cut.end(), from, from + taps);
          continue;
        }
        if (substitutes[c] == 0) continue;
        for (size_t tap = 0; tap < taps; ++tap) sum += static_cast<double>(from[tap]) * substitutes[c];
      }
      cut_bias.push_back(static_cast<float>(sum));
    }
    dims[0] = static_cast<int64_t>(KeptOf(out).size());
    dims[1] = static_cast<int64_t>(KeptOf(in).size());
    Replace(node, 1, std::move(dims), cut, &KeptOf(out));
    Replace(node, 2, {static_cast<int64_t>(cut_bias.size())}, cut_bias, nullptr);
  }

  void CutDepthwise(Node& node) {
    const ValueId out = node.outputs[0];
    if (IsWhole(out)) return;
    Dims dims = DimsOf(graph_, node.inputs[1]);
    const std::vector<float> weights = ReadFloats(*ConstantInput(graph_, node, 1));
    const size_t taps = weights.size() / static_cast<size_t>(dims[0]);
    const Constant* bias = ConstantInput(graph_, node, 2);
    const std::vector<float> biases = bias != nullptr ? ReadFloats(*bias) : std::vector<float>();
    std::vector<float> cut, cut_bias;
    for (const size_t n : KeptOf(out)) {
      cut.insert(cut.end(), weights.data() + n * taps, weights.data() + (n + 1) * taps);
      if (bias != nullptr) cut_bias.push_back(biases[n]);
    }
    dims[0] = static_cast<int64_t>(KeptOf(out).size());
    Replace(node, 1, std::move(dims), cut, &KeptOf(out));
    if (bias != nullptr) Replace(node, 2, {static_cast<int64_t>(cut_bias.size())}, cut_bias, nullptr);
    node.attributes["group"] = static_cast<int64_t>(KeptOf(node.inputs[0]).size());
  }

  // Constants that an elementwise operator broadcasts against its data: those with a value for each channel.
  void CutConstants(Node& node) {
    const ValueId out = node.outputs[0];
    if (graph_.values[static_cast<size_t>(out)].constant != nullptr || IsWhole(out)) return;
    const size_t rank = DimsOf(graph_, out).size(), channels = static_cast<size_t>(ChannelsOf(graph_, out));
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Constant* constant = ConstantInput(graph_, node, i);
      if (constant == nullptr || constant->dims.size() + 1 < rank || constant->dims.size() > rank) continue;
      const size_t axis = 1 - (rank - constant->dims.size());
      if (static_cast<size_t>(constant->dims[axis]) != channels || channels == 1) continue;
      size_t inner = 1;
      for (size_t d = axis + 1; d < constant->dims.size(); ++d) inner *= static_cast<size_t>(constant->dims[d]);
      const std::vector<float> values = ReadFloats(*constant);
      std::vector<float> cut;
      for (size_t begin = 0; begin < values.size(); begin += channels * inner) {
        for (const size_t c : KeptOf(out)) {
          const auto from = values.begin() + static_cast<ptrdiff_t>(begin + c * inner);
          cut.insert(cut.end(), from, from + static_cast<ptrdiff_t>(inner));
        }
      }
      Dims dims = constant->dims;
      dims[axis] = static_cast<int64_t>(KeptOf(out).size());
      Replace(node, i, std::move(dims), cut, nullptr);
    }
  }

  Graph& graph_;
  const Substitute& substitute_;
  std::vector<Kept> kept_;  // by value; none for constants
};

}  // namespace

Status RemoveChannels(Graph& graph, const ChannelGroups& groups, const std::vector<bool>& dead, const Substitute& substitute) {
  return Editor(graph, groups, dead, substitute).Run();
}

}  // namespace cutis::convert
