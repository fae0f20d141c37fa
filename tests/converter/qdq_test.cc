// Models that state their scales, made by onnxruntime.quantization, against what ONNX Runtime gives for them (make_qdq.py,
// make_qdq_operators.py).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>

#include "converter/graph/passes.h"
#include "converter/lower/layout.h"
#include "converter/onnx/onnx.h"
#include "converter/quant/given.h"
#include "converter/quant/quantize.h"
#include "tests/converter/net_eval.h"
#include "tests/converter/run_net.h"

namespace cutis::convert {
namespace {

struct Fixtures {
  const char* folder;
  size_t models;
  double noise;  // the most that rounding may add to the outputs, relative to them
};
constexpr Fixtures kFixtures[] = {{"qdq/", 10, 0.02}, {"qdq_operators/", 6, 0.03}};

std::string PathOf(const std::string& name) {
  const char* tests = std::getenv("CUTIS_TESTS");
  REQUIRE_MESSAGE(tests != nullptr, "run by `meson test`, which sets CUTIS_TESTS");
  return std::string(tests) + "/converter/data/" + name;
}

std::vector<float> ReadFloatFile(const std::string& name) {
  std::ifstream file(PathOf(name), std::ios::binary | std::ios::ate);
  REQUIRE(file.good());
  std::vector<float> values(static_cast<size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

Net MustConvert(const std::string& name) {
  auto graph = ImportOnnx(PathOf(name) + ".onnx");
  REQUIRE_MESSAGE(graph.ok(), std::string(graph.status().text()));
  const Status passed = RunPasses(graph.value());
  REQUIRE_MESSAGE(passed.ok(), std::string(passed.text()));
  REQUIRE(TakeBytesAsReals(graph.value()).ok());
  auto net = Lower(graph.value());
  REQUIRE_MESSAGE(net.ok(), std::string(net.status().text()));
  return std::move(net.value());
}

FileModel MustQuantize(const Net& net) {
  const auto missing = TensorsWithoutScale(net, {});
  REQUIRE(missing.ok());
  CHECK(missing.value().empty());
  auto model = Quantize(net, WithoutStatistics(net), {});
  REQUIRE_MESSAGE(model.ok(), std::string(model.status().text()));
  return std::move(model.value());
}

nlohmann::json Expected(const std::string& folder) {
  std::ifstream file(PathOf(folder + "expected.json"));
  return nlohmann::json::parse(file);
}

bool HasInt8Weights(const std::string& name) { return name.find("u8u8") == std::string::npos; }
bool HasScalesOfOperand(const std::string& name) {  // a constant operand of a product, with a scale for each column
  return name.find("operators") != std::string::npos && name.find("_channel") != std::string::npos;
}

void CheckScales(const std::string& name, const nlohmann::json& expected) {
  CAPTURE(name);
  const Net net = MustConvert(name);
  const FileModel model = MustQuantize(net);
  // Names of values that passes have merged are gone; what a scale is for cannot be mistaken: no two are equal here.
  std::vector<std::pair<float, int32_t>> stated;
  for (const auto& entry : expected["activations"]) stated.emplace_back(entry[0].get<float>(), entry[1].get<int32_t>());
  for (const FileTensor& tensor : model.tensors) {
    if (tensor.info.type != DataType::kU8 || !tensor.constant.empty()) continue;
    CAPTURE(tensor.name);
    CHECK(std::find(stated.begin(), stated.end(), std::pair{tensor.info.scale, tensor.info.zero_point}) != stated.end());
  }
  for (const auto& entry : expected["activations"].items()) {
    const auto tensor = std::find_if(model.tensors.begin(), model.tensors.end(), [&](const FileTensor& candidate) {
      return candidate.info.scale == entry.value()[0].get<float>() &&
             candidate.info.zero_point == entry.value()[1].get<int32_t>();
    });
    const std::string what = entry.key();
    CAPTURE(what);
    CHECK(tensor != model.tensors.end());
  }
  // uint8 weights whose zero point is not 128 are quantised anew, which is said.
  const auto anew = std::count_if(net.scale_notes.begin(), net.scale_notes.end(), [](const std::string& note) {
    return note.find("weights") != std::string::npos && note.find("anew") != std::string::npos;
  });
  CHECK((anew > 0) == !HasInt8Weights(name));
  if (!HasInt8Weights(name)) return;
  // Weight by weight: every list of scales is that of one layer, or of a constant operand, which is uint8 and has one scale.
  size_t found = 0, several = 0;
  for (const auto& entry : expected["weights"]) {
    const auto scales = entry.get<std::vector<float>>();
    const bool layer = std::any_of(net.nodes.begin(), net.nodes.end(),
                                   [&](const NetNode& node) { return !node.weights.empty() && node.weight_scales == scales; });
    const bool operand = std::any_of(model.tensors.begin(), model.tensors.end(), [&](const FileTensor& tensor) {
      return scales.size() == 1 && tensor.info.scale == scales[0] && tensor.info.zero_point == 128;
    });
    found += layer || operand ? 1 : 0;
    several += layer || operand || scales.size() == 1 ? 0 : 1;
  }
  CHECK(found + several == expected["weights"].size());
  const auto noted = std::count_if(net.scale_notes.begin(), net.scale_notes.end(), [](const std::string& note) {
    return note.find("constant 'head_quantized': has several scales") != std::string::npos;
  });
  CHECK(static_cast<size_t>(noted) == several);
  CHECK(several == (HasScalesOfOperand(name) ? 1 : 0));
}

TEST_CASE("scales and zero points arrive bit for bit") {
  for (const auto& fixtures : kFixtures) {
    const nlohmann::json expected = Expected(fixtures.folder);
    REQUIRE(expected["models"].size() == fixtures.models);
    for (const auto& item : expected["models"].items()) CheckScales(fixtures.folder + item.key(), item.value());
  }
}

// What `values` holds of input after input, as memory holds it.
std::vector<std::vector<float>> InputsOf(const Net& net, std::span<const float> values) {
  std::vector<std::vector<float>> inputs;
  for (const int input : net.inputs) {
    const NetTensor& tensor = net.tensors[static_cast<size_t>(input)];
    const auto count = static_cast<size_t>(tensor.images) * static_cast<size_t>(tensor.shape.height) *
                       static_cast<size_t>(tensor.shape.width) * static_cast<size_t>(tensor.shape.channels);
    REQUIRE(count <= values.size());
    inputs.push_back(ToMemory({values.begin(), values.begin() + static_cast<ptrdiff_t>(count)}, tensor));
    values = values.subspan(count);
  }
  CHECK(values.empty());
  return inputs;
}

struct Equality {
  size_t equal = 0, all = 0;
  double Share() const { return static_cast<double>(equal) / static_cast<double>(all); }
};

// Of an output's elements. Weights that are quantised anew are other weights: all of u8u8, and those with several scales of
// the product that makes the first output of qdq_operators.
double EqualShareWanted(const std::string& name, size_t output) {
  if (!HasInt8Weights(name)) return output == 0 ? 0.75 : 0.9;
  return output == 0 && HasScalesOfOperand(name) ? 0.8 : 0.99;
}

// The step of an output by the source: that of a softmax is real in the file, and nearer to what the source rounds.
float StatedStep(const nlohmann::json& expected, const std::string& output) {
  for (const auto& entry : expected["activations"].items()) {
    if (entry.key().compare(0, output.size(), output) == 0) return entry.value()[0].get<float>();
  }
  FAIL("no scale is stated for " << output);
  return 0;
}

void CheckOutputs(const std::string& name, const nlohmann::json& expected, std::span<const float> inputs, size_t count,
                  double limit) {
  CAPTURE(name);
  const Net net = MustConvert(name);
  const std::unique_ptr<Model> model = Open(MustQuantize(net));
  auto packed = PackFloat(net);
  REQUIRE(packed.ok());
  const std::unique_ptr<Model> real = Open(std::move(packed.value()));
  double signal = 0, noise = 0;
  const std::vector<float> wanted = ReadFloatFile(name + ".bin");
  const size_t each = inputs.size() / count;
  size_t at = 0, outside = 0;
  std::vector<Equality> counts(net.outputs.size());
  for (size_t i = 0; i < count; ++i) {
    const auto input = InputsOf(net, inputs.subspan(i * each, each));
    const auto outputs = RunOn(*model, input);
    const auto reals = RunOn(*real, input);
    for (size_t o = 0; o < outputs.size(); ++o) {
      for (size_t k = 0; k < outputs[o].size(); ++k) {
        const double value = reals[o][k], difference = static_cast<double>(outputs[o][k]) - value;
        signal += value * value;
        noise += difference * difference;
      }
      const std::vector<float> values = FromMemory(outputs[o], net.tensors[static_cast<size_t>(net.outputs[o])]);
      const ModelTensor& tensor = model->tensors()[static_cast<size_t>(model->outputs()[o])];
      const bool is_real = tensor.info.type == DataType::kF32;
      const std::string label = net.tensors[static_cast<size_t>(net.outputs[o])].name;
      const float scale = is_real ? StatedStep(expected, label.substr(0, label.find('/'))) : tensor.info.scale;
      REQUIRE(at + values.size() <= wanted.size());
      for (const float value : values) {
        const float steps = std::fabs(value - wanted[at++]) / scale;
        counts[o].equal += steps < (is_real ? 0.51f : 0.01f) ? 1 : 0;
        outside += steps > (HasInt8Weights(name) ? 1.01f : 2.01f) ? 1 : 0;
      }
      counts[o].all += values.size();
    }
  }
  CHECK(at == wanted.size());
  CHECK(std::sqrt(noise / signal) < limit);
  CHECK(outside == 0);
  for (size_t o = 0; o < counts.size(); ++o) {
    CAPTURE(o);
    CAPTURE(counts[o].Share());
    CHECK(counts[o].Share() >= EqualShareWanted(name, o));
  }
}

TEST_CASE("int8 outputs are within a step of ONNX Runtime's, 99 % of them equal") {
  for (const auto& fixtures : kFixtures) {
    const nlohmann::json expected = Expected(fixtures.folder);
    const std::vector<float> inputs = ReadFloatFile(std::string(fixtures.folder) + "inputs.bin");
    for (const auto& item : expected["models"].items())
      CheckOutputs(fixtures.folder + item.key(), item.value(), inputs, expected["inputs"], fixtures.noise);
  }
}

}  // namespace
}  // namespace cutis::convert
