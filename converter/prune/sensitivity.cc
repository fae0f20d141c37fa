#include "converter/prune/sensitivity.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "converter/prune/channels.h"
#include "converter/prune/weights.h"
#include "converter/quant/images.h"
#include "runtime/session.h"

namespace cutis::convert {
namespace {

// All outputs, one after the other.
Result<std::vector<float>> OutputsOf(const Session& session) {
  const Model& model = session.model();
  std::vector<float> values;
  for (size_t i = 0; i < model.outputs().size(); ++i) {
    const Shape& shape = model.tensors()[static_cast<size_t>(model.outputs()[i])].info.shape;
    const size_t begin = values.size();
    values.resize(begin +
                  static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * static_cast<size_t>(shape.channels));
    CUTIS_TRY(session.GetOutputF32(static_cast<int32_t>(i), 0, values.data() + begin, values.size() - begin));
  }
  return values;
}

double Cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa == 0 && bb == 0) return 1;
  return aa == 0 || bb == 0 ? 0 : ab / std::sqrt(aa * bb);
}

// The images once decoded, and what the whole network says of them.
class Judge {
 public:
  Status Start(const Model& model, std::span<const std::string> images, int32_t threads) {
    threads_ = threads;
    const size_t count = std::min(images.size(), kSensitivityImages);
    const Shape shape = model.tensors()[static_cast<size_t>(model.input())].info.shape;
    for (size_t i = 0; i < count; ++i) {
      CUTIS_ASSIGN(std::vector<uint8_t> pixels, LoadImage(images[i * images.size() / count], *model.preprocess(), shape));
      pixels_.push_back(std::move(pixels));
    }
    CUTIS_ASSIGN(expected_, Run(model));
    return {};
  }

  Result<double> MeanCosine(const Model& model) const {
    CUTIS_ASSIGN(const std::vector<std::vector<float>> outputs, Run(model));
    double sum = 0;
    for (size_t i = 0; i < outputs.size(); ++i) sum += Cosine(outputs[i], expected_[i]);
    return sum / static_cast<double>(outputs.size());
  }

  size_t images() const { return pixels_.size(); }

 private:
  Result<std::vector<std::vector<float>>> Run(const Model& model) const {
    SessionOptions options;
    options.threads = threads_;
    CUTIS_ASSIGN(auto session, Session::Create(model, options));
    std::vector<std::vector<float>> outputs;
    for (const std::vector<uint8_t>& pixels : pixels_) {
      CUTIS_TRY(session->SetInputU8(0, pixels.data(), pixels.size()));
      CUTIS_TRY(session->Run(1));
      CUTIS_ASSIGN(std::vector<float> values, OutputsOf(*session));
      outputs.push_back(std::move(values));
    }
    return outputs;
  }

  int32_t threads_ = 1;
  std::vector<std::vector<uint8_t>> pixels_;
  std::vector<std::vector<float>> expected_;
};

// What may be pruned alone: a layer by its number in the network, or a family of channels.
struct Part {
  std::string name;
  int64_t units = 0;
  size_t node = 0;
  ChannelFamily family;
};

std::vector<Part> PartsOf(PruneMode mode, const Graph& graph, const Net& net) {
  std::vector<Part> parts;
  if (mode == PruneMode::kChannel) {
    for (const ChannelFamily& family : ListFamilies(graph)) parts.push_back({family.layer, family.channels, 0, family});
    return parts;
  }
  for (const WeightedLayer& layer : FindWeightedLayers(net)) {
    const NetNode& node = net.nodes[layer.node];
    const bool blocks = mode == PruneMode::kBlock;
    if (blocks && node.kind == OpKind::kDepthwise) continue;
    parts.push_back(
        {node.name, static_cast<int64_t>(blocks ? BlockGrid(net, node).count() : node.weights.size()), layer.node, {}});
  }
  return parts;
}

}  // namespace

Result<Sensitivity> MeasureSensitivity(PruneMode mode, PruneBy by, const Graph& graph, const Net& net, const Model& model,
                                       const Moments& moments, const OpenNet& open, std::span<const std::string> images,
                                       int32_t threads, const Progress& progress) {
  Judge judge;
  CUTIS_TRY(judge.Start(model, images, threads));
  Sensitivity result{mode, by, static_cast<int64_t>(judge.images()), {}};
  const std::vector<Part> parts = PartsOf(mode, graph, net);
  for (const Part& part : parts) {
    LayerSensitivity layer{part.name, part.units, {}};
    for (size_t i = 0; i < kSensitivityRates.size(); ++i) {
      Net changed;
      if (mode == PruneMode::kChannel) {
        Graph smaller = graph;
        CUTIS_TRY(PruneFamily(part.family, by, kSensitivityRates[i], &moments, smaller));
        CUTIS_ASSIGN(changed, Lower(smaller));
      } else {
        changed = net;
        PruneLayer(mode, by, kSensitivityRates[i], &moments, net, &changed.nodes[part.node]);
      }
      CUTIS_ASSIGN(const std::unique_ptr<Model> pruned, open(changed));
      CUTIS_ASSIGN(layer.cosine[i], judge.MeanCosine(*pruned));
    }
    result.layers.push_back(std::move(layer));
    progress(static_cast<int64_t>(result.layers.size()), static_cast<int64_t>(parts.size()));
  }
  return result;
}

std::string SensitivityJson(const Sensitivity& sensitivity) {
  nlohmann::ordered_json json;
  json["mode"] = NameOf(sensitivity.mode);
  json["by"] = NameOf(sensitivity.by);
  json["images"] = sensitivity.images;
  json["measure"] = "mean cosine of the float32 outputs with those of the whole network";
  json["rates"] = kSensitivityRates;
  json["layers"] = nlohmann::ordered_json::array();
  for (const LayerSensitivity& layer : sensitivity.layers) {
    json["layers"].push_back({{"layer", layer.layer}, {UnitOf(sensitivity.mode), layer.units}, {"cosine", layer.cosine}});
  }
  // What is no valid UTF-8 in a name becomes U+FFFD.
  return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string SensitivityText(const Sensitivity& sensitivity) {
  char line[256];
  std::snprintf(line, sizeof line, "sensitivity  one layer pruned by %s, %s; mean cosine on %lld images\n%13s%-40s %8s",
                UnitOf(sensitivity.mode), NameOf(sensitivity.by), static_cast<long long>(sensitivity.images), "", "layer",
                UnitOf(sensitivity.mode));
  std::string text = line;
  for (const double rate : kSensitivityRates) {
    std::snprintf(line, sizeof line, " %7.0f%%", 100 * rate);
    text += line;
  }
  text += "\n";
  for (const LayerSensitivity& layer : sensitivity.layers) {
    std::snprintf(line, sizeof line, "%13s%-40.60s %8lld", "", layer.layer.c_str(), static_cast<long long>(layer.units));
    text += line;
    for (const double cosine : layer.cosine) {
      std::snprintf(line, sizeof line, " %8.4f", cosine);
      text += line;
    }
    text += "\n";
  }
  return text;
}

}  // namespace cutis::convert
