// quant.json: networks with scales of a quantisation-aware training, beside an independent simulation of docs/design.md,
// section 2.
#include "converter/quant/quant_json.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "converter/convert.h"
#include "converter/load.h"
#include "converter/progress.h"
#include "converter/quant/given.h"
#include "converter/recipe/recipe.h"
#include "runtime/golden.h"
#include "runtime/model.h"
#include "runtime/session.h"

namespace cutis::convert {
namespace {

using nlohmann::json;

// -- the network: a stem with Clip, depthwise with Clip, 1x1, sum, mean, fully connected
// ----------------------------------------

constexpr int kSide = 8, kChannels = 8, kLabels = 4;

struct Tensor {
  std::vector<int64_t> dims;
  std::vector<float> values;
  std::vector<float> scales;  // one an output channel, or one
  std::vector<int8_t> integers;

  size_t outputs() const { return static_cast<size_t>(dims[0]); }
  size_t terms() const { return values.size() / outputs(); }
  float scale(size_t n) const { return scales[scales.size() == 1 ? 0 : n]; }
};

struct Scale {
  float scale;
  int zero;
};

struct Example {
  std::map<std::string, Tensor> weights;
  std::map<std::string, std::vector<float>> biases;
  std::map<std::string, Scale> activations = {{"image", {0x1p-7f, 127}}, {"a", {0.03f, 0}},   {"d", {0.021f, 3}},
                                              {"p", {0.05f, 128}},       {"s", {0.06f, 120}}, {"g", {0.0301f, 100}},
                                              {"y", {0.04f, 131}}};

  Example() {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> uniform(-1, 1);
    const auto add = [&](const char* name, std::vector<int64_t> dims, float size, bool one_scale) {
      Tensor tensor{std::move(dims), {}, {}, {}};
      size_t count = 1;
      for (const int64_t dim : tensor.dims) count *= static_cast<size_t>(dim);
      for (size_t i = 0; i < count; ++i) tensor.values.push_back(size * uniform(random));
      for (size_t n = 0; n < (one_scale ? 1 : tensor.outputs()); ++n)
        tensor.scales.push_back(size / 127 * (1 + 0.2f * uniform(random)));  // some weights are cut
      for (size_t i = 0; i < count; ++i) {
        const double rounded =
            std::nearbyint(static_cast<double>(tensor.values[i]) / static_cast<double>(tensor.scale(i / tensor.terms())));
        tensor.integers.push_back(static_cast<int8_t>(std::clamp(rounded, -127.0, 127.0)));
      }
      std::vector<float>& bias = biases[std::string(name) + ".bias"];
      for (size_t n = 0; n < tensor.outputs(); ++n) bias.push_back(uniform(random));
      weights[std::string(name) + ".weight"] = std::move(tensor);
    };
    add("stem", {kChannels, 3, 3, 3}, 1.1f, false);
    add("dw", {kChannels, 1, 3, 3}, 0.6f, false);
    add("pw", {kChannels, kChannels, 1, 1}, 0.7f, true);
    add("fc", {kLabels, kChannels}, 1.5f, false);
  }

  json Graph() const {
    json tensors;
    for (const auto& [name, tensor] : weights) tensors[name] = tensor.dims;
    for (const auto& [name, bias] : biases) tensors[name] = {bias.size()};
    const json clip = {{"min", 0.0}, {"max", 6.0}};
    const json pads = {1, 1, 1, 1};
    return {{"name", "example"},
            {"input", {{"name", "image"}, {"shape", {1, 3, kSide, kSide}}}},
            {"outputs", {"y"}},
            {"tensors", tensors},
            {"nodes",
             {{{"op", "Conv"},
               {"name", "stem"},
               {"inputs", {"image", "stem.weight", "stem.bias"}},
               {"outputs", {"c"}},
               {"attributes", {{"strides", {2, 2}}, {"pads", pads}}}},
              {{"op", "Clip"}, {"name", "cut"}, {"inputs", {"c"}}, {"outputs", {"a"}}, {"attributes", clip}},
              {{"op", "Conv"},
               {"name", "dw"},
               {"inputs", {"a", "dw.weight", "dw.bias"}},
               {"outputs", {"e"}},
               {"attributes", {{"group", kChannels}, {"pads", pads}}}},
              {{"op", "Clip"}, {"inputs", {"e"}}, {"outputs", {"d"}}, {"attributes", clip}},
              {{"op", "Conv"}, {"name", "pw"}, {"inputs", {"d", "pw.weight", "pw.bias"}}, {"outputs", {"p"}}},
              {{"op", "Add"}, {"inputs", {"p", "a"}}, {"outputs", {"s"}}},
              {{"op", "GlobalAveragePool"}, {"inputs", {"s"}}, {"outputs", {"g"}}},
              {{"op", "Flatten"}, {"inputs", {"g"}}, {"outputs", {"f"}}},
              {{"op", "Gemm"},
               {"name", "fc"},
               {"inputs", {"f", "fc.weight", "fc.bias"}},
               {"outputs", {"y"}},
               {"attributes", {{"transB", 1}}}}}}};
  }

  // Numbers as a training script writes them: nine digits.
  json Quant() const {
    const auto digits = [](float value) {
      char text[32];
      std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
      return json::parse(text);
    };
    json quant = {{"format", "cutis-quant"}, {"version", 1}, {"activations", json::object()}, {"weights", json::object()}};
    for (const auto& [name, scale] : activations)
      quant["activations"][name] = {{"scale", digits(scale.scale)}, {"zero_point", scale.zero}};
    for (const auto& [name, tensor] : weights) {
      for (const float scale : tensor.scales) quant["weights"][name].push_back(digits(scale));
    }
    return quant;
  }
};

const char* const kRecipe = R"({"decoder": "stb", "steps": [{"step": "resize", "width": 8, "height": 8, "filter": "bilinear"}],
  "mean": [127, 127, 127], "std": [128, 128, 128], "labels": ["bcc", "nv", "mel", "bkl"], "positive": "bcc", "scores": "softmax"})";

// A models/NAME folder.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("cutis-quant-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directory(path_);
    Write("recipe.json", kRecipe);
  }
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string Path(const char* name) const { return (path_ / name).string(); }
  void Write(const char* name, const std::string& text) const { std::ofstream(Path(name), std::ios::binary) << text; }
  // The weights; those of `as_integers` as I8.
  void WriteWeights(const Example& example, const std::vector<std::string>& as_integers) const {
    json header;
    std::string body;
    const auto add = [&](const std::string& name, const char* type, const std::vector<int64_t>& dims, const void* data,
                         size_t bytes) {
      header[name] = {{"dtype", type}, {"shape", dims}, {"data_offsets", {body.size(), body.size() + bytes}}};
      body.append(static_cast<const char*>(data), bytes);
    };
    for (const auto& [name, bias] : example.biases)
      add(name, "F32", {static_cast<int64_t>(bias.size())}, bias.data(), 4 * bias.size());
    for (const auto& [name, tensor] : example.weights) {
      if (std::find(as_integers.begin(), as_integers.end(), name) != as_integers.end()) {
        add(name, "I8", tensor.dims, tensor.integers.data(), tensor.integers.size());
      } else {
        add(name, "F32", tensor.dims, tensor.values.data(), 4 * tensor.values.size());
      }
    }
    const std::string text = header.dump();
    const uint64_t size = text.size();
    std::string file(reinterpret_cast<const char*>(&size), 8);
    Write("weights.safetensors", file.append(text).append(body));
  }
  void WriteAll(const Example& example, const std::vector<std::string>& as_integers = {}) const {
    Write("graph.json", example.Graph().dump());
    Write("quant.json", example.Quant().dump());
    WriteWeights(example, as_integers);
  }

  Result<Summary> Run(const std::function<void(Options*)>& change = [](Options*) {}) const {
    Options options;
    options.input = path_.string();
    options.output = Path("model.cutis");
    options.threads = 1;
    change(&options);
    ProgressLine progress;
    return Convert(options, progress);
  }
  std::unique_ptr<Model> Converted(const std::function<void(Options*)>& change = [](Options*) {}) const {
    const auto summary = Run(change);
    INFO(std::string(summary.status().text()));
    REQUIRE(summary.ok());
    auto model = Model::Open(Path("model.cutis").c_str());
    INFO(std::string(model.status().text()));
    REQUIRE(model.ok());
    return std::move(model.value());
  }

 private:
  std::filesystem::path path_;
};

// -- the simulation: channels first, bytes as int, one loop for each formula of design.md
// -------------------------------------------

struct Bytes {
  int channels, side;
  std::vector<int> at;  // [channel][y][x]
  int operator()(int c, int y, int x) const { return at[static_cast<size_t>((c * side + y) * side + x)]; }
};

int Requantise(int64_t acc, float multiplier, const Scale& out, int lo, int hi) {
  const float product = static_cast<float>(acc) * multiplier;
  return std::clamp(static_cast<int>(std::nearbyint(product)) + out.zero, lo, hi);
}

class Simulation {
 public:
  explicit Simulation(const Example& example) : example_(example) {}

  std::map<std::string, Bytes> Run(const uint8_t* pixels) {
    Bytes image{3, kSide, {}};
    for (int c = 0; c < 3; ++c) {
      for (int i = 0; i < kSide * kSide; ++i) image.at.push_back(pixels[i * 3 + c]);
    }
    made_["image"] = image;
    Conv("stem", "image", "a", 3, 2, 1, false, true);
    Conv("dw", "a", "d", 3, 1, 1, true, true);
    Conv("pw", "d", "p", 1, 1, 0, false, false);
    Sum("p", "a", "s");
    Mean("s", "g");
    Conv("fc", "g", "y", 1, 1, 0, false, false);
    return made_;
  }

 private:
  Scale Of(const std::string& name) const { return example_.activations.at(name); }

  void Conv(const std::string& layer, const std::string& from, const std::string& to, int kernel, int stride, int pad,
            bool depthwise, bool clip) {
    const Tensor& w = example_.weights.at(layer + ".weight");
    const std::vector<float>& bias = example_.biases.at(layer + ".bias");
    const Bytes& x = made_.at(from);
    const Scale in = Of(from), out = Of(to);
    const int outputs = static_cast<int>(w.outputs()), inputs = depthwise ? 1 : x.channels;
    const int side = (x.side + 2 * pad - kernel) / stride + 1;
    const int lo = clip ? out.zero : 0;
    const int hi = clip ? std::min(255, out.zero + static_cast<int>(std::nearbyint(6 / static_cast<double>(out.scale)))) : 255;
    Bytes y{outputs, side, {}};
    for (int n = 0; n < outputs; ++n) {
      const int8_t* row = w.integers.data() + static_cast<size_t>(n) * w.terms();
      const double product = static_cast<double>(in.scale) * static_cast<double>(w.scale(static_cast<size_t>(n)));
      int64_t sum = 0;
      for (size_t k = 0; k < w.terms(); ++k) sum += row[k];
      const int64_t folded =
          static_cast<int64_t>(std::nearbyint(static_cast<double>(bias[static_cast<size_t>(n)]) / product)) - in.zero * sum;
      const float multiplier = static_cast<float>(product / static_cast<double>(out.scale));
      for (int oy = 0; oy < side; ++oy) {
        for (int ox = 0; ox < side; ++ox) {
          int64_t acc = folded;
          for (int c = 0; c < inputs; ++c) {
            for (int ky = 0; ky < kernel; ++ky) {
              for (int kx = 0; kx < kernel; ++kx) {
                const int iy = oy * stride + ky - pad, ix = ox * stride + kx - pad;
                const bool inside = iy >= 0 && iy < x.side && ix >= 0 && ix < x.side;
                acc += (inside ? x(depthwise ? n : c, iy, ix) : in.zero) * row[(c * kernel + ky) * kernel + kx];
              }
            }
          }
          y.at.push_back(Requantise(acc, multiplier, out, lo, hi));
        }
      }
    }
    made_[to] = y;
  }

  void Sum(const std::string& first, const std::string& second, const std::string& to) {
    const Bytes &a = made_.at(first), &b = made_.at(second);
    const Scale sa = Of(first), sb = Of(second), out = Of(to);
    const float ma = static_cast<float>(static_cast<double>(sa.scale) / static_cast<double>(out.scale));
    const float mb = static_cast<float>(static_cast<double>(sb.scale) / static_cast<double>(out.scale));
    Bytes y{a.channels, a.side, {}};
    for (size_t i = 0; i < a.at.size(); ++i) {
      const float left = static_cast<float>(a.at[i] - sa.zero) * ma, right = static_cast<float>(b.at[i] - sb.zero) * mb;
      y.at.push_back(std::clamp(static_cast<int>(std::nearbyint(left + right)) + out.zero, 0, 255));
    }
    made_[to] = y;
  }

  void Mean(const std::string& from, const std::string& to) {
    const Bytes& x = made_.at(from);
    const Scale in = Of(from), out = Of(to);
    const int count = x.side * x.side;
    const float multiplier = static_cast<float>(static_cast<double>(in.scale) / count / static_cast<double>(out.scale));
    Bytes y{x.channels, 1, {}};
    for (int c = 0; c < x.channels; ++c) {
      int64_t acc = -count * in.zero;
      for (int i = 0; i < count; ++i) acc += x.at[static_cast<size_t>(c * count + i)];
      y.at.push_back(Requantise(acc, multiplier, out, 0, 255));
    }
    made_[to] = y;
  }

  const Example& example_;
  std::map<std::string, Bytes> made_;
};

// The bytes of a tensor of the model, channels first.
Bytes BytesOf(const TensorInfo& info, const void* data) {
  Bytes bytes{info.shape.channels, info.shape.height, {}};
  for (int c = 0; c < info.shape.channels; ++c) {
    for (int i = 0; i < info.shape.height * info.shape.width; ++i)
      bytes.at.push_back(static_cast<const uint8_t*>(data)[i * info.channel_stride + c]);
  }
  return bytes;
}

struct Seen {
  const Model* model;
  std::map<std::string, Bytes> bytes;
};

void See(void* context, int32_t node, const void* data, int32_t) {
  Seen* seen = static_cast<Seen*>(context);
  const ModelTensor& tensor =
      seen->model->tensors()[static_cast<size_t>(seen->model->nodes()[static_cast<size_t>(node)].output)];
  seen->bytes[tensor.name] = BytesOf(tensor.info, data);
}

// Runs generated inputs and compares each tensor that the model has (all but the image where its layers run one by one).
void CompareWithSimulation(const Example& example, const Model& model, size_t least_tensors) {
  const auto session = Session::Create(model);
  REQUIRE(session.ok());
  Seen seen{&model, {}};
  session.value()->SetObserver(See, &seen);
  const TensorInfo& input = model.tensors()[static_cast<size_t>(model.input())].info;
  std::set<int> results;
  for (int32_t index = 0; index < kGoldenInputs; ++index) {
    uint8_t pixels[kSide * kSide * 3];
    GenerateInput(index, input.shape, pixels);
    REQUIRE(session.value()->SetInputU8(0, pixels, sizeof pixels).ok());
    REQUIRE(session.value()->Run(1).ok());
    const std::map<std::string, Bytes> expected = Simulation(example).Run(pixels);
    CHECK(seen.bytes.size() >= least_tensors);
    CHECK(seen.bytes.count("y") == 1);
    for (const auto& entry : seen.bytes) {
      const auto& name = entry.first;
      const auto& bytes = entry.second;
      CAPTURE(name);
      REQUIRE(expected.count(name) == 1);
      CHECK(bytes.at == expected.at(name).at);
      if (name == "y") results.insert(bytes.at.begin(), bytes.at.end());
    }
  }
  CHECK(results.size() > 10);  // the example says something
}

std::string HashOf(const Model& model) {
  uint8_t digest[32];
  REQUIRE(OutputHash(model, {}, digest).ok());
  return std::string(reinterpret_cast<const char*>(digest), 32);
}

void CheckScales(const Example& example, const Model& model) {
  for (const ModelTensor& tensor : model.tensors()) {
    const auto given = example.activations.find(tensor.name);
    CAPTURE(std::string(tensor.name));
    REQUIRE(given != example.activations.end());
    CHECK(tensor.info.scale == given->second.scale);
    CHECK(tensor.info.zero_point == given->second.zero);
  }
}

}  // namespace

TEST_CASE("a network with a quant.json computes what the integers say, byte by byte") {
  const Example example;
  const Folder folder;
  folder.WriteAll(example);
  const auto apart = folder.Converted([](Options* options) { options->fuse = false; });
  CheckScales(example, *apart);
  CompareWithSimulation(example, *apart, 6);
  const auto together = folder.Converted();
  CompareWithSimulation(example, *together, 1);
  const auto summary = folder.Run();
  CHECK(SummaryText(summary.value()).find("quant.json: its scales of 7 activations and 4 layers' weights are kept") !=
        std::string::npos);
}

TEST_CASE("integers as weights are these very integers") {
  const Example example;
  const Folder folder;
  folder.WriteAll(example, {"stem.weight", "dw.weight", "pw.weight", "fc.weight"});
  const auto integers = folder.Converted([](Options* options) { options->fuse = false; });
  CompareWithSimulation(example, *integers, 6);
  // A float32 network of them has their real values, and is what the file is checked against.
  CHECK(folder.Run([](Options* options) { options->float32 = true; }).ok());
  Example spoilt = example;
  spoilt.weights["dw.weight"].integers[5] = -128;
  folder.WriteAll(spoilt, {"dw.weight"});
  CHECK(std::string(folder.Run().status().text()).find("quant.json: weights: 'dw.weight': holds -128") != std::string::npos);
  json unnamed = example.Quant();
  unnamed["weights"].erase("dw.weight");
  folder.WriteAll(example, {"dw.weight"});
  folder.Write("quant.json", unnamed.dump());
  CHECK(std::string(folder.Run().status().text()).find("weights: 'dw.weight': is int8 and has no scale here") !=
        std::string::npos);
}

TEST_CASE("the axis of the output channels follows from the layer") {
  const Example example;
  const Folder folder;
  folder.WriteAll(example);
  const std::string hash = HashOf(*folder.Converted());
  // The same matrix the other way round, as Gemm has it by default.
  Example turned = example;
  Tensor& fc = turned.weights["fc.weight"];
  const Tensor& old = example.weights.at("fc.weight");
  fc.dims = {kChannels, kLabels};
  for (size_t n = 0; n < kLabels; ++n) {
    for (size_t k = 0; k < kChannels; ++k) {
      fc.values[k * kLabels + n] = old.values[n * kChannels + k];
      fc.integers[k * kLabels + n] = old.integers[n * kChannels + k];
    }
  }
  for (const bool integers : {false, true}) {
    folder.WriteAll(turned, integers ? std::vector<std::string>{"fc.weight"} : std::vector<std::string>{});
    json graph = turned.Graph();
    graph["nodes"].back().erase("attributes");
    folder.Write("graph.json", graph.dump());
    CHECK(HashOf(*folder.Converted()) == hash);
  }
}

TEST_CASE("quant.json wins over a calibration, and is enough without one") {
  const Example example;
  const Folder folder;
  folder.WriteAll(example);
  const std::string hash = HashOf(*folder.Converted());
  Sources paths;
  paths.weights = folder.Path("weights.safetensors");
  paths.graph = folder.Path("graph.json");
  const auto job = LoadNetwork(paths, false);
  REQUIRE(job.ok());
  Calibration calibration = WithoutStatistics(job.value().net);
  for (TensorStatistics& statistics : calibration.tensors) {  // evenly from -1 to 1
    statistics.min = -1, statistics.max = 1;
    statistics.zeros = 0, statistics.exponent = -3, statistics.first_bin = -8;
    statistics.bins.assign(16, kHistogramTotal / 16);
  }
  calibration.images = 1;
  calibration.source_sha256 = job.value().source.sha256;
  calibration.preprocessing = ParseRecipe(kRecipe, "recipe.json").value().preprocess->ToJson();
  folder.Write("calibration.json", WriteCalibrationJson(calibration));
  const auto both = folder.Converted();
  CheckScales(example, *folder.Converted([](Options* options) { options->fuse = false; }));
  CHECK(HashOf(*both) == hash);
  // What quant.json leaves out is chosen by the calibration; with neither that is an error.
  json part = example.Quant();
  part["activations"].erase("d");
  folder.Write("quant.json", part.dump());
  CHECK(folder.Run().ok());
  std::filesystem::remove(folder.Path("calibration.json"));
  const auto missing = folder.Run();
  CHECK(missing.status().code() == Code::kUsage);
  CHECK(std::string(missing.status().text()).find("states no scale for 1 of") != std::string::npos);
  // By name, from elsewhere.
  folder.Write("other.json", example.Quant().dump());
  CHECK(HashOf(*folder.Converted([&](Options* options) { options->quant = folder.Path("other.json"); })) == hash);
}

TEST_CASE("of a layer and its Clip the scale of the Clip's output counts") {
  const Example example;
  const Folder folder;
  folder.WriteAll(example);
  json quant = example.Quant();
  quant["activations"]["c"] = quant["activations"]["a"];
  folder.Write("quant.json", quant.dump());
  const std::string text = folder.Run().status().text();
  INFO(text);
  CHECK(
      text.find("quant.json: activations: 'c': is cut by 'cut' in the same step: it is the scale of that one's output, 'a'") !=
      std::string::npos);
}

TEST_CASE("errors of a quant.json name the place") {
  const Example example;
  const Folder folder;
  folder.WriteAll(example);
  const auto refused = [&](const std::string& text, const char* word, Code code = Code::kBadInput) {
    folder.Write("quant.json", text);
    const auto result = folder.Run();
    INFO(text.substr(0, 2000));
    REQUIRE_FALSE(result.ok());
    const std::string message = result.status().text();
    INFO(message);
    CHECK(result.status().code() == code);
    CHECK(message.find("quant.json") != std::string::npos);
    CHECK(message.find(word) != std::string::npos);
  };
  const auto edited = [&](const std::function<void(json&)>& change) {
    json quant = example.Quant();
    change(quant);
    return quant.dump();
  };
  refused("", "JSON");
  refused("[]", "object");
  refused(edited([](json& q) { q["format"] = "cutis"; }), "format");
  refused(edited([](json& q) { q.erase("version"); }), "version");
  refused(edited([](json& q) { q["version"] = 2; }), "version", Code::kUnsupported);
  refused(edited([](json& q) { q["scales"] = 1; }), "unknown key \"scales\"");
  refused(edited([](json& q) { q["activations"]["a"]["axis"] = 0; }), "activations: 'a': unknown key \"axis\"");
  refused(edited([](json& q) { q["activations"] = 1; }), "activations: must be an object");
  refused(edited([](json& q) { q["weights"] = json::array(); }), "weights: must be an object");
  refused(R"({"format": "cutis-quant", "version": 1})", "names no tensor");
  refused(R"({"format": "cutis-quant", "version": 1, "weights": {"pw.weight": [1], "pw.weight": [1]}})", "stands twice");
  for (const json& wrong : {json(0), json(-0.5), json(1e-50), json(1e39), json("1"), json(nullptr)}) {
    refused(edited([&](json& q) { q["activations"]["a"]["scale"] = wrong; }), "activations: 'a': scale");
    refused(edited([&](json& q) { q["weights"]["stem.weight"][3] = wrong; }), "weights: 'stem.weight'[3]");
  }
  for (const json& wrong : {json(256), json(-1), json(1.5), json("0")})
    refused(edited([&](json& q) { q["activations"]["a"]["zero_point"] = wrong; }), "activations: 'a': zero_point");
  refused(edited([](json& q) { q["activations"]["a"].erase("zero_point"); }), "\"zero_point\" is missing");
  refused(edited([](json& q) { q["weights"]["stem.weight"].erase(0); }),
          "weights: 'stem.weight': 7 scales for 8 output channels");
  refused(edited([](json& q) { q["weights"]["stem.weight"] = json::array(); }), "weights: 'stem.weight': must be a list");
  refused(edited([](json& q) { q["weights"]["stem.weight"] = 0.5; }), "weights: 'stem.weight': must be a list");
  refused(edited([](json& q) { q["activations"]["z"] = q["activations"]["a"]; }),
          "activations: 'z': the network has no such tensor");
  refused(edited([](json& q) { q["weights"]["z"] = {1}; }), "weights: 'z': the network has no such tensor");
  refused(edited([](json& q) { q["weights"][""] = {1}; }), "the network has no such tensor");
  refused(edited([](json& q) { q["activations"]["pw.weight"] = q["activations"]["a"]; }), "'pw.weight': is a constant");
  refused(edited([](json& q) { q["weights"]["a"] = {1}; }), "weights: 'a': is computed");
  refused(edited([](json& q) { q["weights"]["pw.bias"] = {1}; }),
          "weights: 'pw.bias': is read by 'pw' (Conv), and not as the weights");
  // The image's scale is the recipe's.
  refused(edited([](json& q) { q["activations"]["image"]["zero_point"] = 128; }), "activations: 'image': is the image");
  refused(edited([](json& q) { q["activations"]["image"]["scale"] = 0.0078; }), "activations: 'image': is the image");
  std::string uneven = kRecipe;
  uneven.replace(uneven.find("127, 127, 127"), 13, "127, 126, 127");
  folder.Write("recipe.json", uneven);
  refused(edited([](json&) {}), "'stem': the recipe's mean and std are not one");
  refused(edited([](json& q) { q["weights"].erase("stem.weight"); }), "'image': the recipe's mean and std are not one");
  folder.Write("quant.json", edited([](json& q) { q["weights"].erase("stem.weight"), q["activations"].erase("image"); }));
  CHECK(folder.Run().ok());
}

TEST_CASE("weights that something is still folded into cannot have scales") {
  const Example example;
  const Folder folder;
  folder.WriteAll(example);
  // A batch norm (whose numbers are those of a bias) and a factor, after the 1x1 convolution.
  const auto with = [&](const json& node) {
    json graph = example.Graph();
    json& nodes = graph["nodes"];
    nodes[4]["outputs"][0] = "before";
    nodes.insert(nodes.begin() + 5, node);
    return graph.dump();
  };
  folder.Write("graph.json", with({{"op", "BatchNormalization"},
                                   {"name", "bn"},
                                   {"inputs", {"before", "pw.bias", "pw.bias", "pw.bias", "stem.bias"}},
                                   {"outputs", {"p"}}}));
  std::string text = folder.Run().status().text();
  INFO(text);
  CHECK(text.find("quant.json: weights: 'pw.weight': the batch norm 'bn' after 'pw' is not folded into it") !=
        std::string::npos);
  json quant = example.Quant();
  quant["activations"]["before"] = quant["activations"]["p"];
  quant["weights"].erase("pw.weight");
  folder.Write("quant.json", quant.dump());
  text = folder.Run().status().text();
  CHECK(text.find("quant.json: activations: 'before': becomes one layer with the batch norm 'bn'") != std::string::npos);
  folder.Write("quant.json", example.Quant().dump());
  json graph = json::parse(with({{"op", "Mul"}, {"name", "factor"}, {"inputs", {"before", "dw.factor"}}, {"outputs", {"p"}}}));
  Example more = example;
  more.biases["dw.factor"] = {1.5f};
  graph["tensors"] = more.Graph()["tensors"];
  folder.WriteWeights(more, {});
  folder.Write("graph.json", graph.dump());
  text = folder.Run().status().text();
  INFO(text);
  CHECK(text.find("quant.json: weights: 'pw.weight': they are not multiplied as they stand") != std::string::npos);
}

}  // namespace cutis::convert
