// Models that state their scales, made by onnxruntime.quantization, against what ONNX Runtime gives for them (make_qdq.py).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "converter/graph/passes.h"
#include "converter/lower/layout.h"
#include "converter/onnx/onnx.h"
#include "converter/quant/given.h"
#include "converter/quant/quantize.h"
#include "tests/converter/net_eval.h"
#include "tests/converter/run_net.h"

namespace cutis::convert {
namespace {

std::string Folder() {
  const char* tests = std::getenv("CUTIS_TESTS");
  REQUIRE_MESSAGE(tests != nullptr, "run by `meson test`, which sets CUTIS_TESTS");
  return std::string(tests) + "/converter/data/qdq/";
}

std::vector<float> ReadFloatFile(const std::string& name) {
  std::ifstream file(Folder() + name, std::ios::binary | std::ios::ate);
  REQUIRE(file.good());
  std::vector<float> values(static_cast<size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

Net MustConvert(const std::string& name) {
  auto graph = ImportOnnx(Folder() + name + ".onnx");
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

nlohmann::json Expected() {
  std::ifstream file(Folder() + "expected.json");
  return nlohmann::json::parse(file);
}

bool HasInt8Weights(const std::string& name) { return name.find("u8u8") == std::string::npos; }

TEST_CASE("scales and zero points arrive bit for bit") {
  const nlohmann::json expected = Expected();
  REQUIRE(expected["models"].size() == 10);
  for (const auto& item : expected["models"].items()) {
    const std::string name = item.key();  // clang 14 captures no structured bindings
    CAPTURE(name);
    const Net net = MustConvert(name);
    const FileModel model = MustQuantize(net);
    // Names of values that passes have merged are gone; what a scale is for cannot be mistaken: no two are equal here.
    std::vector<std::pair<float, int32_t>> stated;
    for (const auto& entry : item.value()["activations"]) stated.emplace_back(entry[0].get<float>(), entry[1].get<int32_t>());
    for (const FileTensor& tensor : model.tensors) {
      if (tensor.info.type != DataType::kU8) continue;
      CAPTURE(tensor.name);
      CHECK(std::find(stated.begin(), stated.end(), std::pair{tensor.info.scale, tensor.info.zero_point}) != stated.end());
    }
    for (const auto& entry : item.value()["activations"].items()) {
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
    if (!HasInt8Weights(name)) continue;
    // Weight by weight: every list of scales is that of one layer.
    size_t layers = 0;
    for (const NetNode& node : net.nodes) {
      if (node.weights.empty()) continue;
      ++layers;
      const auto same = [&](const nlohmann::json& scales) { return scales.get<std::vector<float>>() == node.weight_scales; };
      const nlohmann::json& weights = item.value()["weights"];
      CHECK(std::any_of(weights.begin(), weights.end(), same));
    }
    CHECK(layers == item.value()["weights"].size());
  }
}

TEST_CASE("int8 outputs are within a step of ONNX Runtime's, 99 % of them equal") {
  const nlohmann::json expected = Expected();
  const size_t count = expected["inputs"];
  const std::vector<float> inputs = ReadFloatFile("inputs.bin");
  for (const auto& item : expected["models"].items()) {
    const std::string name = item.key();
    CAPTURE(name);
    const Net net = MustConvert(name);
    const std::unique_ptr<Model> model = Open(MustQuantize(net));
    auto packed = PackFloat(net);
    REQUIRE(packed.ok());
    const std::unique_ptr<Model> real = Open(std::move(packed.value()));
    double signal = 0, noise = 0;
    const std::vector<float> wanted = ReadFloatFile(name + ".bin");
    const size_t each = inputs.size() / count;
    size_t at = 0, equal = 0, outside = 0;
    for (size_t i = 0; i < count; ++i) {
      const std::vector<float> input(inputs.begin() + static_cast<ptrdiff_t>(i * each),
                                     inputs.begin() + static_cast<ptrdiff_t>((i + 1) * each));
      const auto outputs = RunOn(*model, ToMemory(input, net.tensors[static_cast<size_t>(net.inputs[0])]));
      const auto reals = RunOn(*real, ToMemory(input, net.tensors[static_cast<size_t>(net.inputs[0])]));
      for (size_t o = 0; o < outputs.size(); ++o) {
        for (size_t k = 0; k < outputs[o].size(); ++k) {
          const double value = reals[o][k], difference = static_cast<double>(outputs[o][k]) - value;
          signal += value * value;
          noise += difference * difference;
        }
        const std::vector<float> values = FromMemory(outputs[o], net.tensors[static_cast<size_t>(net.outputs[o])]);
        const float scale = model->tensors()[static_cast<size_t>(model->outputs()[o])].info.scale;
        REQUIRE(at + values.size() <= wanted.size());
        for (const float value : values) {
          const float steps = std::fabs(value - wanted[at++]) / scale;
          equal += steps < 0.01f ? 1 : 0;
          outside += steps > (HasInt8Weights(name) ? 1.01f : 2.01f) ? 1 : 0;
        }
      }
    }
    CHECK(at == wanted.size());
    CHECK(std::sqrt(noise / signal) < 0.02);
    CHECK(outside == 0);
    CAPTURE(static_cast<double>(equal) / static_cast<double>(at));
    // Weights that are quantised anew are other weights.
    CHECK(static_cast<double>(equal) >= (HasInt8Weights(name) ? 0.99 : 0.9) * static_cast<double>(at));
  }
}

}  // namespace
}  // namespace cutis::convert
