// graph.json with a checkpoint: the format, its errors, and the shipped model against PyTorch and ONNX Runtime.
#include "converter/json_graph/json_graph.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/lower/net.h"
#include "runtime/golden.h"
#include "tests/converter/net_eval.h"

namespace cutis::convert {
namespace {

Checkpoint Weights() {
  Checkpoint checkpoint;
  checkpoint.tensors["w"] = std::make_shared<const Constant>(MakeFloats({2, 3, 1, 1}, {1, 2, 3, 4, 5, 6}));
  checkpoint.tensors["b"] = std::make_shared<const Constant>(MakeFloats({2}, {0.5f, -0.5f}));
  checkpoint.tensors["norm.num_batches_tracked"] = std::make_shared<const Constant>(MakeInts({}, {7}));
  return checkpoint;
}

const char* const kGraph = R"({
  "name": "small",
  "input": {"name": "image", "shape": [1, 3, 2, 2]},
  "outputs": ["y"],
  "ignore": ["*.num_batches_tracked"],
  "tensors": {"w": [2, 3, 1, 1], "b": [2]},
  "nodes": [
    {"op": "Conv", "name": "stem", "inputs": ["image", "w", "b"], "outputs": ["c"]},
    {"op": "Clip", "inputs": ["c"], "outputs": ["y"], "attributes": {"min": 0, "max": 6}}
  ]
})";

std::string ErrorOf(const nlohmann::json& graph, const Checkpoint& weights) {
  auto imported = ParseJsonGraph(graph.dump(), "graph.json", weights, "w.safetensors");
  if (!imported.ok()) return imported.status().text();
  const Status passed = RunPasses(imported.value());
  return passed.ok() ? "accepted" : passed.text();
}

bool Holds(const std::string& text, const char* part) {
  INFO(text);
  const bool holds = text.find(part) != std::string::npos;
  CHECK(holds);
  return holds;
}

TEST_CASE("a small graph computes what it says") {
  auto graph = ParseJsonGraph(kGraph, "graph.json", Weights(), "w.safetensors");
  REQUIRE_MESSAGE(graph.ok(), std::string(graph.status().text()));
  REQUIRE(RunPasses(graph.value()).ok());
  const auto net = Lower(graph.value());
  REQUIRE(net.ok());
  CHECK(net.value().name == "small");
  REQUIRE(net.value().nodes.size() == 1);
  // Pixel 0 is (1, 0, -1), the others are 0: 1 - 3 + 0.5 and 4 - 6 - 0.5 are clipped to 0.
  const auto outputs = Evaluate(net.value(), {1, 0, -1, 1, 1, 1, 0, 0, 0, 0, 1, 0});
  CHECK(outputs[0] == std::vector<float>{0, 0, 6, 6, 0.5f, 0, 2.5f, 4.5f});
}

TEST_CASE("a checkpoint that does not fit is described in one line") {
  Checkpoint weights = Weights();
  weights.tensors.erase("b");
  weights.tensors["w"] = std::make_shared<const Constant>(MakeFloats({3, 2, 1, 1}, {1, 2, 3, 4, 5, 6}));
  weights.tensors["extra"] = std::make_shared<const Constant>(MakeFloats({1}, {1}));
  const std::string text = ErrorOf(nlohmann::json::parse(kGraph), weights);
  Holds(text, "1 missing: b");
  Holds(text, "1 mis-shaped: w [3, 2, 1, 1] instead of [2, 3, 1, 1]");
  Holds(text, "1 surplus: extra");
  for (int i = 0; i < 500; ++i) weights.tensors["more" + std::to_string(i)] = weights.tensors["extra"];
  const std::string bounded = ErrorOf(nlohmann::json::parse(kGraph), weights);
  Holds(bounded, "501 surplus: extra, ");
  Holds(bounded, "...");
  // Without the pattern the tensor is surplus too.
  nlohmann::json strict = nlohmann::json::parse(kGraph);
  strict.erase("ignore");
  Holds(ErrorOf(strict, Weights()), "1 surplus: norm.num_batches_tracked");
}

TEST_CASE("mistakes in graph.json are named") {
  const nlohmann::json good = nlohmann::json::parse(kGraph);
  REQUIRE(ErrorOf(good, Weights()) == "accepted");
  const auto with = [&](const char* pointer, const nlohmann::json& value) {
    nlohmann::json changed = good;
    changed[nlohmann::json::json_pointer(pointer)] = value;
    return ErrorOf(changed, Weights());
  };
  Holds(with("/surprise", 1), "unknown key \"surprise\"");
  Holds(with("/input/shape", {1, 3, 2}), "its shape must be [1, channels, height, width]");
  Holds(with("/input/shape", nlohmann::json::array()), "its shape must be [1, channels, height, width]");
  Holds(with("/input/shape", {2, 3, 2, 2}), "its shape must be [1, channels, height, width]");
  Holds(with("/input/shape", {1, 3, -2, 2}), "not a list of sizes");
  Holds(with("/tensors/w", {2, 3, 1, 0}), "not a list of sizes");
  Holds(with("/input/name", "w"), "is both input and tensor");
  Holds(with("/outputs", nlohmann::json::array()), "there are no outputs");
  Holds(with("/outputs", {"z"}), "output 'z' is made by no node");
  Holds(with("/nodes/0/inputs/0", "c"), "node 0: input 'c' is neither a tensor nor made by an earlier node");
  Holds(with("/nodes/1/outputs/0", "c"), "output 'c' exists already");
  Holds(with("/nodes/0/op", "Conv3D"), "node 'stem' (Conv3D): this operator is not supported");
  Holds(with("/nodes/0/attributes", {{"strides", 2}}), "attribute 'strides' has the wrong type");
  Holds(with("/nodes/0/attributes", {{"strides", {2, "x"}}}), "an attribute is a number, a text or a list of numbers");
  Holds(with("/nodes/1/attributes/maximum", 6), "attribute 'maximum' is not supported");
  Holds(with("/nodes/0/inputs", {"image", "w"}), "tensor 'b' is read by no node");
  Holds(with("/nodes", 1), "must be an array");
  CHECK(!ParseJsonGraph("{", "graph.json", Weights(), "w").ok());
  CHECK(!ImportJsonGraph("no/such/graph.json", "no/such/weights").ok());
}

TEST_CASE("bcc_lite0_dense gives the logits of PyTorch and of ONNX Runtime") {
  const char* tests = std::getenv("CUTIS_TESTS");
  REQUIRE_MESSAGE(tests != nullptr, "run by `meson test`, which sets CUTIS_TESTS");
  const std::string folder = tests;
  auto graph = ImportJsonGraph(folder + "/../models/bcc_lite0_dense/graph.json", folder + "/../models/bcc_lite0_dense/weights.safetensors");
  REQUIRE_MESSAGE(graph.ok(), std::string(graph.status().text()));
  const Status passed = RunPasses(graph.value());
  REQUIRE_MESSAGE(passed.ok(), std::string(passed.text()));
  const auto net = Lower(graph.value());
  REQUIRE_MESSAGE(net.ok(), std::string(net.status().text()));
  CHECK(net.value().nodes.size() == 60);  // 1 + 16*3 - 1 + 1 convolutions, 9 additions, the pool, the classifier
  CHECK(net.value().tensors[static_cast<size_t>(net.value().outputs[0])].name == "logits");

  std::ifstream file(folder + "/converter/data/bcc_lite0_dense_logits.json");
  const nlohmann::json expected = nlohmann::json::parse(file);
  const Shape shape = net.value().tensors[static_cast<size_t>(net.value().inputs[0])].shape;
  REQUIRE(shape == Shape{192, 192, 3});
  std::vector<uint8_t> bytes(192 * 192 * 3);
  std::vector<float> image(bytes.size());
  REQUIRE(expected["pytorch"].size() == 4);
  for (int i = 0; i < 4; ++i) {
    GenerateInput(i, shape, bytes.data());
    for (size_t k = 0; k < bytes.size(); ++k) image[k] = static_cast<float>(bytes[k] - 127) / 128.0f;
    const std::vector<float> logits = Evaluate(net.value(), image)[0];
    for (const char* engine : {"pytorch", "onnxruntime"}) {
      CHECK(RelativeError(logits, expected[engine][static_cast<size_t>(i)].get<std::vector<float>>()) <= 1e-5);
    }
  }
}

}  // namespace
}  // namespace cutis::convert
