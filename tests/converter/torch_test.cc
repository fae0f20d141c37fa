// PyTorch's files through the importer, against what PyTorch computes (make_torch_fixtures.py); attacks and damage are refused.
#include "converter/torch/torch.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/json_graph/json_graph.h"
#include "converter/lower/net.h"
#include "tests/converter/net_eval.h"

namespace cutis::convert {
namespace {

std::string Folder() {
  const char* tests = std::getenv("CUTIS_TESTS");
  REQUIRE_MESSAGE(tests != nullptr, "run by `meson test`, which sets CUTIS_TESTS");
  return std::string(tests) + "/converter/data/torch/";
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

nlohmann::json Expected() { return nlohmann::json::parse(ReadAll(Folder() + "expected.json")); }

std::string GraphPath(const std::string& name) {
  return name == "bcc_cnn" ? Folder() + "../../../../models/bcc_cnn/graph.json" : Folder() + name + ".json";
}

Result<Checkpoint> Parse(const std::string& bytes) {
  return ParseTorch({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, "t.pth");
}

// The input of make_torch_fixtures.py; `from` is where the count starts.
std::vector<float> MadeInput(size_t count, size_t from = 0) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(((i + from) * 2654435761u & 0xffffffffu) >> 16) / 32768.0f - 1.0f;
  }
  return values;
}

std::vector<float> Run(Graph graph) {
  const Status passed = RunPasses(graph);
  REQUIRE_MESSAGE(passed.ok(), std::string(passed.text()));
  const auto net = Lower(graph);
  REQUIRE_MESSAGE(net.ok(), std::string(net.status().text()));
  const Shape shape = net.value().tensors[static_cast<size_t>(net.value().inputs[0])].shape;
  const auto image = MadeInput(static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * 3);
  const auto outputs = Evaluate(net.value(), ToNhwc(image, shape));
  return ToNchw(outputs[0], net.value().tensors[static_cast<size_t>(net.value().outputs[0])].shape);
}

const Value* FindValue(const Graph& graph, const std::string& name) {
  for (const Value& value : graph.values) {
    if (value.name == name) return &value;
  }
  return nullptr;
}

TEST_CASE("checkpoints give what PyTorch gives") {
  const nlohmann::json expected = Expected();
  REQUIRE(expected["outputs"].size() >= 35);
  for (const auto& item : expected["outputs"].items()) {
    const std::string name = item.key();
    const nlohmann::json& entry = item.value();
    CAPTURE(name);
    std::vector<std::string> notes;
    const std::string graph_name = entry["graph"];
    auto graph = ImportJsonGraph(GraphPath(graph_name), Folder() + name + ".pth", &notes);
    REQUIRE_MESSAGE(graph.ok(), std::string(graph.status().text()));
    if (!entry["notes"].is_null()) CHECK(notes == entry["notes"].get<std::vector<std::string>>());

    // Scales of weights arrive bit for bit, and only these.
    std::map<std::string, std::vector<float>> weights;
    for (const Value& value : graph.value().values) {
      if (value.constant == nullptr || value.quantization == nullptr) continue;
      CHECK(value.quantization->zero_point == 0);
      weights[value.name] = value.quantization->scales;
    }
    CHECK(weights == entry["weights"].get<std::map<std::string, std::vector<float>>>());

    // Those of activations lie on the values that graph.json names.
    const nlohmann::json modules =
        nlohmann::json::parse(ReadAll(GraphPath(graph_name))).value("quantization", nlohmann::json::object());
    size_t activations = 0;
    for (const auto& pair : modules.items()) {
      const std::string module = pair.value();
      const Value* value = FindValue(graph.value(), pair.key());
      REQUIRE(value != nullptr);
      const auto scale = entry["activations"].find(module);
      REQUIRE((value->quantization != nullptr) == (scale != entry["activations"].end()));
      if (value->quantization == nullptr) continue;
      CHECK(value->quantization->scales == std::vector<float>{(*scale)[0].get<float>()});
      CHECK(value->quantization->zero_point == (*scale)[1].get<int>());
      ++activations;
    }
    CHECK(activations == entry["activations"].size());

    CHECK(RelativeError(Run(std::move(graph.value())), entry["outputs"].get<std::vector<float>>()) <= 1e-5);
  }
}

TEST_CASE("int8 weights are multiples of their scale") {
  auto graph = ImportJsonGraph(GraphPath("plain"), Folder() + "static_fbgemm.pth");
  REQUIRE_MESSAGE(graph.ok(), std::string(graph.status().text()));
  for (const char* name : {"conv1.weight", "conv2.weight", "fc1.weight"}) {
    const Value* value = FindValue(graph.value(), name);
    REQUIRE((value != nullptr && value->quantization != nullptr));
    const std::vector<float> values = ReadFloats(*value->constant), scales = value->quantization->scales;
    REQUIRE(scales.size() == static_cast<size_t>(value->dims[0]));
    const size_t inner = values.size() / scales.size();
    int differing = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const float q = std::nearbyint(values[i] / scales[i / inner]);
      differing += q * scales[i / inner] == values[i] && std::abs(q) <= 127 ? 0 : 1;
    }
    CHECK(differing == 0);
  }
}

TEST_CASE("tied tensors are one constant") {
  const auto checkpoint = ReadTorch(Folder() + "tied.pth");
  REQUIRE_MESSAGE(checkpoint.ok(), std::string(checkpoint.status().text()));
  CHECK(checkpoint.value().tensors.at("a.weight") == checkpoint.value().tensors.at("b.weight"));
  CHECK(checkpoint.value().tensors.at("a.bias") != checkpoint.value().tensors.at("b.bias"));
}

TEST_CASE("tensors of every type, shape and layout are read") {
  const nlohmann::json expected = Expected();
  REQUIRE(expected["tensors"].size() == 4);
  for (const auto& item : expected["tensors"].items()) {
    const std::string name = item.key();
    CAPTURE(name);
    const auto checkpoint = ReadTorch(Folder() + name + ".pth");
    REQUIRE_MESSAGE(checkpoint.ok(), std::string(checkpoint.status().text()));
    CHECK(checkpoint.value().tensors.size() == item.value().size());
    for (const auto& tensor : item.value().items()) {
      const std::string key = tensor.key();
      CAPTURE(key);
      const auto found = checkpoint.value().tensors.find(key);
      REQUIRE(found != checkpoint.value().tensors.end());
      CHECK(found->second->dims == tensor.value()["dims"].get<Dims>());
      CHECK(ReadDoubles(*found->second) == tensor.value()["values"].get<std::vector<double>>());
    }
  }
}

// The numbers of made_weights in make_torch_fixtures.py.
Constant MadeWeights(const std::string& name, const Dims& dims, size_t seed) {
  std::vector<float> values = MadeInput(static_cast<size_t>(ElementCount(dims)), seed * 7919);
  const auto ends_with = [&](const std::string& end) {
    return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
  };
  float factor = 0.25f, offset = 0;
  if (ends_with("running_var")) {
    factor = 0.5f;
    offset = 1;
  } else if (dims.size() == 1) {
    offset = ends_with(".weight") ? 1 : 0;
  } else {
    const int64_t inputs = static_cast<int64_t>(values.size()) / dims[0];
    factor = 2;
    for (int64_t square = 1; square < inputs; square *= 4) factor /= 2;
  }
  for (float& value : values) value = offset + value * factor;
  return MakeFloats(dims, values);
}

TEST_CASE("the graphs of models/ are those of torchvision and efficientnet-lite-pytorch") {
  const nlohmann::json expected = Expected();
  REQUIRE(expected["graphs"].size() == 7);
  for (const auto& item : expected["graphs"].items()) {
    const std::string name = item.key();
    CAPTURE(name);
    nlohmann::json json = nlohmann::json::parse(ReadAll(Folder() + "../../../../models/" + name + "/graph.json"));
    // A smaller image costs less time; the architecture is the same.
    json["input"]["shape"][2] = json["input"]["shape"][3] = item.value()["size"];
    Checkpoint checkpoint;
    size_t seed = 0;  // json objects are sorted by their keys, as the script sorts them
    for (const auto& tensor : json["tensors"].items()) {
      checkpoint.tensors[tensor.key()] =
          std::make_shared<const Constant>(MadeWeights(tensor.key(), tensor.value().get<Dims>(), seed++));
    }
    auto graph = ParseJsonGraph(json.dump(), "graph.json", checkpoint, "made");
    REQUIRE_MESSAGE(graph.ok(), std::string(graph.status().text()));
    std::vector<float> outputs = Run(std::move(graph.value()));
    REQUIRE(outputs.size() == 1000);
    outputs.resize(16);
    CHECK(RelativeError(outputs, item.value()["outputs"].get<std::vector<float>>()) <= 1e-4);
  }
}

TEST_CASE("what does not fit is listed in one line") {
  const auto graph = ImportJsonGraph(GraphPath("plain"), Folder() + "data_parallel.pth");
  REQUIRE(!graph.ok());
  const std::string text = graph.status().text();
  CHECK(text.find("4 surplus: norm1.bias, ") != std::string::npos);  // num_batches_tracked is ignored
  const auto other = ImportJsonGraph(GraphPath("bcc_cnn"), Folder() + "dynamic_per_channel.pth");
  REQUIRE(!other.ok());
  const std::string shapes = other.status().text();
  CHECK(shapes.find("mis-shaped: conv1.bias [4] instead of [16], ") != std::string::npos);
}

TEST_CASE("graph.json says which module's scale a value has") {
  const auto checkpoint = ReadTorch(Folder() + "static_fbgemm.pth");
  REQUIRE_MESSAGE(checkpoint.ok(), std::string(checkpoint.status().text()));
  nlohmann::json json = nlohmann::json::parse(ReadAll(GraphPath("plain")));
  const auto error = [&] {
    const auto graph = ParseJsonGraph(json.dump(), "graph.json", checkpoint.value(), "w.pth");
    return graph.ok() ? std::string("accepted") : std::string(graph.status().text());
  };
  REQUIRE(error() == "accepted");
  json["quantization"]["relu1"] = "conv9";
  CHECK(error().find("1 missing: conv9") != std::string::npos);
  json["quantization"]["relu1"] = 1;
  CHECK(error().find("'relu1' is no value") != std::string::npos);
  json["quantization"].erase("relu1");
  json["quantization"]["relu9"] = "conv1";
  CHECK(error().find("'relu9' is no value") != std::string::npos);
  json["quantization"] = {"relu1"};
  CHECK(error().find("not an object") != std::string::npos);
  json.erase("quantization");
  std::vector<std::string> notes;
  REQUIRE(ParseJsonGraph(json.dump(), "graph.json", checkpoint.value(), "w.pth", &notes).ok());
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("4 modules: conv1, conv2, fc1, quant") != std::string::npos);
}

TEST_CASE("attacks and damaged files are refused by name") {
  const nlohmann::json expected = Expected();
  REQUIRE(expected["rejections"].size() > 65);
  for (const auto& item : expected["rejections"].items()) {
    const std::string file = item.key();
    const std::string reason = item.value();
    const auto checkpoint = ReadTorch(Folder() + file);
    REQUIRE_MESSAGE(!checkpoint.ok(), file);
    const std::string text = checkpoint.status().text();
    CHECK_MESSAGE(text.find(reason) != std::string::npos, file << ": " << text);
    CHECK_MESSAGE((checkpoint.status().code() == Code::kUnsupported || checkpoint.status().code() == Code::kBadInput), text);
    CHECK_MESSAGE(text.find('\n') == std::string::npos, text);
  }
  CHECK(!ReadTorch(Folder() + "no_such_file.pth").ok());
  CHECK(!ReadTorch(Folder()).ok());
}

TEST_CASE("every cut of a file is refused") {
  for (const char* name : {"hand_made.pth", "legacy_tensors.pth", "deflated.pth"}) {
    CAPTURE(name);
    const std::string whole = ReadAll(Folder() + name);
    REQUIRE(Parse(whole).ok());
    for (size_t size = 0; size < whole.size(); ++size) {
      // A copy of its own, so that reading beyond the end is found.
      const auto checkpoint = Parse(std::string(whole, 0, size));
      if (checkpoint.ok()) FAIL_CHECK(size);
    }
  }
}

TEST_CASE("changed bytes do no harm") {
  uint32_t random = 1;
  const auto next = [&] { return random = random * 1664525u + 1013904223u; };
  for (const char* name : {"hand_made.pth", "legacy_tensors.pth", "legacy_module.pth"}) {
    const std::string whole = ReadAll(Folder() + name);
    for (int round = 0; round < 3000; ++round) {
      std::string changed = whole;
      for (uint32_t flips = 1 + (next() >> 30); flips-- > 0;)
        changed[next() % changed.size()] ^= static_cast<char>(1u << (next() >> 29));
      const auto checkpoint = Parse(changed);
      if (!checkpoint.ok()) continue;
      for (const auto& entry : checkpoint.value().tensors) {
        const Constant& tensor = *entry.second;
        REQUIRE(static_cast<size_t>(ElementCount(tensor.dims)) * ElementBytes(tensor.type) == tensor.data.size());
      }
    }
  }
}

}  // namespace
}  // namespace cutis::convert
