// ONNX files through import, passes and lowering, against what ONNX Runtime computed (make_onnx_fixtures.py).
#include "converter/onnx/onnx.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/lower/layout.h"
#include "converter/lower/net.h"
#include "tests/converter/net_eval.h"

namespace cutis::convert {
namespace {

std::string Folder() {
  const char* tests = std::getenv("CUTIS_TESTS");
  REQUIRE_MESSAGE(tests != nullptr, "run by `meson test`, which sets CUTIS_TESTS");
  return std::string(tests) + "/converter/data/onnx/";
}

nlohmann::json Expected() {
  std::ifstream file(Folder() + "expected.json");
  return nlohmann::json::parse(file);
}

Result<Net> Convert(const std::string& path) {
  CUTIS_ASSIGN(Graph graph, ImportOnnx(path));
  CUTIS_TRY(RunPasses(graph));
  return Lower(graph);
}

Net MustConvert(const std::string& name) {
  auto net = Convert(Folder() + name + ".onnx");
  REQUIRE_MESSAGE(net.ok(), name << ": " << std::string(net.status().text()));
  return std::move(net.value());
}

// The input of make_onnx_fixtures.py.
std::vector<float> MadeInput(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>((i * 2654435761u & 0xffffffffu) >> 16) / 32768.0f - 1.0f;
  }
  return values;
}

TEST_CASE("networks give what ONNX Runtime gives") {
  const nlohmann::json expected = Expected();
  REQUIRE(expected["outputs"].size() > 60);
  for (const auto& item : expected["outputs"].items()) {
    const std::string name = item.key();  // clang 14 captures no structured bindings
    const nlohmann::json& entry = item.value();
    CAPTURE(name);
    const Net net = MustConvert(name);
    const Dims dims = entry["shape"];
    const NetTensor& input = net.tensors[static_cast<size_t>(net.inputs[0])];
    const Layout layout = ImageLayout(dims);
    REQUIRE(input.shape == layout.shape);
    REQUIRE(input.images == layout.images);
    const auto outputs = Evaluate(net, ToMemory(MadeInput(static_cast<size_t>(ElementCount(dims))), input));
    REQUIRE(outputs.size() == entry["outputs"].size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      const std::vector<float> values = entry["outputs"][i]["values"];
      const Dims out_dims = entry["outputs"][i]["dims"];
      const NetTensor& out = net.tensors[static_cast<size_t>(net.outputs[i])];
      const Layout wanted = ImageLayout(out_dims);
      CHECK(out.shape == wanted.shape);
      CHECK(out.images == wanted.images);
      CHECK(RelativeError(FromMemory(outputs[i], out), values) <= 1e-5);
    }
  }
}

TEST_CASE("what is not supported or damaged is refused with the reason") {
  const nlohmann::json expected = Expected();
  REQUIRE(expected["rejections"].size() > 25);
  for (const auto& item : expected["rejections"].items()) {
    const std::string file = item.key();
    const nlohmann::json& reason = item.value();
    const auto net = Convert(Folder() + file);
    REQUIRE_MESSAGE(!net.ok(), file);
    const std::string text = net.status().text();
    CHECK_MESSAGE(text.find(reason.get<std::string>()) != std::string::npos, file << ": " << text);
    CHECK_MESSAGE((net.status().code() == Code::kUnsupported || net.status().code() == Code::kBadInput), file << ": " << text);
    CHECK_MESSAGE(text.find('\n') == std::string::npos, file);
  }
  CHECK(!Convert(Folder() + "no_such_file.onnx").ok());
  CHECK(!Convert(Folder()).ok());
}

TEST_CASE("every cut of a file is refused") {
  std::ifstream file(Folder() + "gemm_after_flatten.onnx", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string whole = text.str();
  int refused = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    auto graph = ParseOnnx({reinterpret_cast<const std::byte*>(whole.data()), size}, "", "cut");
    // A cut between two fields is a model in itself; then something is missing from it.
    if (graph.ok()) CHECK_MESSAGE(!RunPasses(graph.value()).ok(), size);
    refused += graph.ok() ? 0 : 1;
  }
  CHECK(refused > 0);
}

std::vector<OpKind> Kinds(const Net& net) {
  std::vector<OpKind> kinds;
  for (const NetNode& node : net.nodes) kinds.push_back(node.kind);
  return kinds;
}

TEST_CASE("nodes are fused and lowered to the fewest") {
  using K = OpKind;
  const std::pair<const char*, std::vector<OpKind>> wanted[] = {
      {"conv_depthwise", {K::kDepthwise}},
      {"conv_depthwise_multiplier", {K::kConv}},
      {"conv_one_channel", {K::kConv}},
      {"conv_two_clips", {K::kConv}},
      {"residual_clip", {K::kConv, K::kConv, K::kAdd}},
      {"relu_after_flatten", {K::kConv, K::kConv}},
      {"relu_beside_reader", {K::kConv, K::kClamp, K::kAdd}},
      {"batch_norm_after_conv", {K::kConv}},
      {"batch_norm_after_depthwise", {K::kDepthwise}},
      {"batch_norm_before_conv", {K::kConv}},
      {"batch_norm_before_padded_conv", {K::kDepthwise, K::kConv}},
      {"batch_norm_of_vector", {K::kAveragePool, K::kDense}},
      {"batch_norm_chain", {K::kConv}},
      {"normalized_input", {K::kConv}},
      {"scaled_by_constants", {K::kConv}},
      {"gemm_after_flatten", {K::kConv}},
      {"matmul_one_channel_image", {K::kConv}},
      {"matmul_add", {K::kAveragePool, K::kDense}},
      {"flatten_computed_shape", {K::kAveragePool, K::kDense}},
      {"pad_conv", {K::kConv}},
      {"pad_average_pool", {K::kAveragePool}},
      {"pad_max_pool_of_relu", {K::kClamp, K::kMaxPool}},
      {"pad_max_pool", {K::kMove, K::kMaxPool}},
      {"pad_two_readers", {K::kConv, K::kConv, K::kAdd}},
      {"identity_dropout", {K::kConv}},
      {"dead_branch", {K::kConv}},
      {"softmax", {K::kAveragePool, K::kSoftmax}},
      {"squeeze_unsqueeze", {K::kAveragePool, K::kClamp, K::kConv}},
      {"reshape_rows", {K::kMove, K::kConv}},
      {"transpose", {K::kMove}},
      {"transpose_conv", {K::kMove, K::kConv}},
      {"concat_channels", {K::kConv, K::kClamp, K::kMove}},
      {"squeeze_excite", {K::kConv, K::kAveragePool, K::kUnary, K::kBinary}},
      {"batch_2", {K::kConv, K::kConv}},
      {"swish", {K::kConv, K::kUnary}},
      {"gate_swish_scaled", {K::kConv, K::kUnary}},
      {"gate_hard_swish_product_first", {K::kConv, K::kUnary}},
      {"gate_hard_swish_gate_first", {K::kConv, K::kUnary}},
      {"gate_hard_sigmoid", {K::kConv, K::kUnary}},
      {"gate_hard_swish_of_hard_sigmoid", {K::kConv, K::kUnary}},
      {"gate_mish", {K::kConv, K::kUnary}},
      {"gate_read_elsewhere", {K::kConv, K::kUnary, K::kBinary, K::kAdd}},
      {"gate_of_another", {K::kConv, K::kConv, K::kUnary, K::kBinary}},
  };
  for (const auto& entry : wanted) {
    const std::string name = entry.first;
    CAPTURE(name);
    std::string kinds;
    for (const OpKind kind : Kinds(MustConvert(name))) kinds += std::to_string(static_cast<int>(kind)) + " ";
    CAPTURE(kinds);
    CHECK(Kinds(MustConvert(name)) == entry.second);
  }
}

TEST_CASE("outputs keep their names and order") {
  const Net net = MustConvert("two_heads");
  REQUIRE(net.outputs.size() == 2);
  CHECK(net.tensors[static_cast<size_t>(net.outputs[0])].name == "z");
  CHECK(net.tensors[static_cast<size_t>(net.outputs[1])].name == "y");
  const Net renamed = MustConvert("identity_dropout");
  CHECK(renamed.tensors[static_cast<size_t>(renamed.outputs[0])].name == "y");
}

}  // namespace
}  // namespace cutis::convert
