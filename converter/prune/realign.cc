#include "converter/prune/realign.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "converter/prune/moments.h"
#include "converter/prune/weights.h"

namespace cutis::convert {
namespace {

std::string RawName(const Net& net, const NetNode& node) {
  return net.tensors[static_cast<size_t>(node.output)].name + " before its clamp";
}

// The same network with the clamps of layers with weights in nodes of their own, so that what comes before can be seen.
Net SplitClamps(const Net& net) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Net split = net;
  split.nodes.clear();
  for (const NetNode& node : net.nodes) {
    split.nodes.push_back(node);
    if (!HasWeights(node.kind)) continue;
    NetNode& layer = split.nodes.back();
    const int clamped = layer.output;
    layer.output = static_cast<int>(split.tensors.size());
    layer.min = -kInfinity;
    layer.max = kInfinity;
    NetTensor raw = split.tensors[static_cast<size_t>(clamped)];
    raw.name = RawName(net, node);
    split.tensors.push_back(std::move(raw));
    NetNode clamp;
    clamp.kind = OpKind::kClamp;
    clamp.name = node.name + " clamp";
    clamp.inputs = {layer.output};
    clamp.output = clamped;
    clamp.min = node.min;
    clamp.max = node.max;
    split.nodes.push_back(std::move(clamp));
  }
  return split;
}

// The first nodes of a network, up to the one that makes `output`; tensors that nothing makes are gone.
Net Until(const Net& net, int output) {
  Net part;
  part.name = net.name;
  std::vector<int> moved(net.tensors.size(), -1);
  const auto move = [&](int tensor) {
    int& to = moved[static_cast<size_t>(tensor)];
    if (to < 0) {
      to = static_cast<int>(part.tensors.size());
      part.tensors.push_back(net.tensors[static_cast<size_t>(tensor)]);
    }
    return to;
  };
  part.inputs = {move(net.inputs[0])};
  // Only what the output needs.
  std::vector<bool> needed(net.tensors.size(), false);
  needed[static_cast<size_t>(output)] = true;
  for (size_t i = net.nodes.size(); i-- > 0;) {
    if (!needed[static_cast<size_t>(net.nodes[i].output)]) continue;
    for (const int input : net.nodes[i].inputs) needed[static_cast<size_t>(input)] = true;
  }
  for (const NetNode& node : net.nodes) {
    if (!needed[static_cast<size_t>(node.output)]) continue;
    part.nodes.push_back(node);
    for (int& input : part.nodes.back().inputs) input = move(input);
    part.nodes.back().output = move(node.output);
  }
  part.outputs = {moved[static_cast<size_t>(output)]};
  return part;
}

// y of the pruned layer becomes a*y + b.
void Adjust(const TensorMoments& before, const TensorMoments& now, const std::vector<size_t>* kept, NetNode* node) {
  const size_t terms = node->weights.size() / node->bias.size();
  for (size_t n = 0; n < node->bias.size(); ++n) {
    const size_t source = kept == nullptr ? n : (*kept)[n];
    const double mean = before.mean[source], variance = std::max(0.0, before.mean_square[source] - mean * mean);
    const double mean_now = now.mean[n], variance_now = std::max(0.0, now.mean_square[n] - mean_now * mean_now);
    // What has next to no variance left would only be noise made louder.
    const double scale = variance_now > 1e-9 * now.mean_square[n] && variance > 0
                             ? std::clamp(std::sqrt(variance / variance_now), 1 / kMostRescale, kMostRescale)
                             : 1;
    for (size_t k = n * terms; k < (n + 1) * terms; ++k) {
      node->weights[k] = static_cast<float>(static_cast<double>(node->weights[k]) * scale);
    }
    if (!node->weight_scales.empty()) {  // those of the source follow, so that its integers stay
      if (node->weight_scales.size() == 1) node->weight_scales.resize(node->bias.size(), node->weight_scales[0]);
      node->weight_scales[n] = static_cast<float>(static_cast<double>(node->weight_scales[n]) * scale);
    }
    node->bias[n] = static_cast<float>(scale * (static_cast<double>(node->bias[n]) - mean_now) + mean);
  }
}

}  // namespace

Status Realign(const Net& whole, const KeptChannels& kept, const OpenNet& open, std::span<const std::string> images,
               int32_t threads, const Progress& progress, Net* pruned) {
  std::vector<std::string> chosen;
  const size_t count = std::min(images.size(), kRealignImages);
  for (size_t i = 0; i < count; ++i) chosen.push_back(images[i * images.size() / count]);
  const Progress silent = [](int64_t, int64_t) {};
  const Net split_whole = SplitClamps(whole);
  CUTIS_ASSIGN(const std::unique_ptr<Model> model, open(split_whole));
  CUTIS_ASSIGN(const Moments before, CollectMoments(split_whole, *model, chosen, threads, silent));

  const std::vector<WeightedLayer> layers = FindWeightedLayers(*pruned);
  for (size_t i = 0; i < layers.size(); ++i) {
    NetNode& node = pruned->nodes[layers[i].node];
    const std::string name = RawName(*pruned, node);
    const Net split = SplitClamps(*pruned);
    const auto raw =
        std::find_if(split.tensors.begin(), split.tensors.end(), [&](const NetTensor& t) { return t.name == name; });
    const Net part = Until(split, static_cast<int>(raw - split.tensors.begin()));
    CUTIS_ASSIGN(const std::unique_ptr<Model> running, open(part));
    CUTIS_ASSIGN(const Moments now, CollectMoments(part, *running, chosen, threads, silent, part.outputs[0]));
    const auto entry = kept.find(pruned->tensors[static_cast<size_t>(node.output)].name);
    Adjust(before.at(name), now.at(name), entry == kept.end() ? nullptr : &entry->second, &node);
    progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(layers.size()));
  }
  return {};
}

}  // namespace cutis::convert
