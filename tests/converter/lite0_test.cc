// EfficientNet-Lite0 with its ImageNet weights, made by make_lite0.py: the ONNX file and safetensors with graph.json against
// what ONNX Runtime and PyTorch computed. Exit code 77 (skipped) where the folder is not there.
//   lite0_test FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "converter/graph/passes.h"
#include "converter/json_graph/json_graph.h"
#include "converter/lower/net.h"
#include "converter/onnx/onnx.h"
#include "runtime/golden.h"
#include "tests/converter/net_eval.h"

namespace cutis::convert {
namespace {

// The number of failures.
int Check(const char* name, Result<Graph> graph, const nlohmann::json& expected) {
  const auto convert = [&graph]() -> Result<Net> {
    if (!graph.ok()) return graph.status();
    CUTIS_TRY(RunPasses(graph.value()));
    return Lower(graph.value());
  };
  const Result<Net> net = convert();
  if (!net.ok()) {
    std::printf("%s: %s\n", name, net.status().text());
    return 1;
  }
  int failures = 0;
  const Shape shape = net.value().tensors[static_cast<size_t>(net.value().input)].shape;
  std::vector<uint8_t> bytes(static_cast<size_t>(shape.height * shape.width * shape.channels));
  std::vector<float> image(bytes.size());
  for (size_t i = 0; i < expected["onnxruntime"].size(); ++i) {
    GenerateInput(static_cast<int32_t>(i), shape, bytes.data());
    for (size_t k = 0; k < bytes.size(); ++k) image[k] = static_cast<float>(bytes[k] - 127) / 128.0f;
    const std::vector<float> logits = Evaluate(net.value(), image)[0];
    for (const char* engine : {"onnxruntime", "pytorch"}) {
      const double error = RelativeError(logits, expected[engine][i].get<std::vector<float>>());
      std::printf("%s: input %zu, against %s: max|a-b| / max|b| = %.2g\n", name, i, engine, error);
      if (!(error <= 1e-4)) ++failures;
    }
  }
  return failures;
}

}  // namespace
}  // namespace cutis::convert

int main(int argc, char** argv) {
  using namespace cutis::convert;
  const std::string folder = argc > 1 ? argv[1] : "";
  if (!std::filesystem::exists(folder + "/expected.json")) {
    std::printf("skipped: no %s; tests/converter/make_lite0.py makes it\n", folder.c_str());
    return 77;
  }
  std::ifstream file(folder + "/expected.json");
  const nlohmann::json expected = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (expected.is_discarded() || expected["onnxruntime"].empty()) {
    std::printf("%s/expected.json is damaged\n", folder.c_str());
    return 1;
  }
  const int failures = Check("ONNX", ImportOnnx(folder + "/lite0.onnx"), expected) +
                       Check("safetensors", ImportJsonGraph(folder + "/graph.json", folder + "/lite0.safetensors"), expected);
  return failures == 0 ? 0 : 1;
}
