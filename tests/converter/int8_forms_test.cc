// Every operator in int8, as the runtime computes it, against what ONNX Runtime gives for the float32 network
// (make_onnx_fixtures.py); operators without an int8 form, and the regions that --mixed makes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "converter/graph/passes.h"
#include "converter/lower/layout.h"
#include "converter/onnx/onnx.h"
#include "converter/plan/plan.h"
#include "converter/quant/forms.h"
#include "converter/quant/quantize.h"
#include "converter/quant/refine.h"
#include "converter/quant/run_nodes.h"
#include "converter/quant/statistics.h"
#include "converter/write/encode.h"
#include "runtime/explain.h"
#include "runtime/session.h"
#include "tests/converter/net_eval.h"
#include "tests/converter/run_net.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

std::string Folder() {
  const char* tests = std::getenv("CUTIS_TESTS");
  REQUIRE_MESSAGE(tests != nullptr, "run by `meson test`, which sets CUTIS_TESTS");
  return std::string(tests) + "/converter/data/onnx/";
}

Net MustConvert(const std::string& name) {
  auto graph = ImportOnnx(Folder() + name + ".onnx");
  REQUIRE(graph.ok());
  REQUIRE(RunPasses(graph.value()).ok());
  auto net = Lower(graph.value());
  REQUIRE(net.ok());
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

size_t CountOf(const NetTensor& tensor) {
  return static_cast<size_t>(tensor.images) * static_cast<size_t>(tensor.shape.height) *
         static_cast<size_t>(tensor.shape.width) * static_cast<size_t>(tensor.shape.channels);
}

// Statistics of all tensors over `inputs` (in the order of memory), from the runtime's own float32 kernels.
Calibration CalibrationOf(const Net& net, const std::vector<std::vector<float>>& inputs) {
  auto packed = PackFloat(net);
  REQUIRE(packed.ok());
  const FileModel& real = packed.value();
  std::vector<ImageValues> values(net.tensors.size());
  ImageValues& images = values[static_cast<size_t>(net.inputs[0])];
  const TensorInfo& info = real.tensors[static_cast<size_t>(net.inputs[0])].info;
  for (const std::vector<float>& input : inputs) {
    AlignedBytes& bytes = images.emplace_back(EntryBytes(info));
    const size_t each = input.size() / static_cast<size_t>(info.images);
    for (size_t i = 0; i < static_cast<size_t>(info.images); ++i) {
      std::memcpy(bytes.data() + i * info.image_bytes, input.data() + i * each, each * sizeof(float));
    }
  }
  for (size_t i = 0; i < real.nodes.size(); ++i) REQUIRE(NodeRunner(1).Run(real, i, values).ok());
  Calibration calibration;
  calibration.images = static_cast<int64_t>(inputs.size());
  for (size_t t = 0; t < net.tensors.size(); ++t) {
    const TensorInfo& tensor = real.tensors[t].info;
    StatisticsCollector collector(tensor.shape.channels);
    const size_t each = CountOf(net.tensors[t]) / static_cast<size_t>(tensor.images);
    for (const AlignedBytes& bytes : values[t]) {
      for (size_t i = 0; i < static_cast<size_t>(tensor.images); ++i) {
        std::vector<float> floats(each);
        std::memcpy(floats.data(), bytes.data() + i * tensor.image_bytes, each * sizeof(float));
        REQUIRE(collector.Add(floats));
      }
    }
    if (values[t].empty()) REQUIRE(collector.Add(net.tensors[t].constant));
    calibration.tensors.push_back(collector.Reduce());
    calibration.tensors.back().name = net.tensors[t].name;
  }
  return calibration;
}

// The input of the fixtures and others of its kind.
std::vector<std::vector<float>> InputsOf(const Net& net, const Dims& dims) {
  const NetTensor& tensor = net.tensors[static_cast<size_t>(net.inputs[0])];
  std::vector<std::vector<float>> inputs = {ToMemory(MadeInput(CountOf(tensor)), tensor)};
  Random random(static_cast<uint64_t>(dims.size()));
  for (int i = 0; i < 7; ++i) {
    std::vector<float>& input = inputs.emplace_back(CountOf(tensor));
    for (float& value : input) value = random.Real(-1, 1);
  }
  return inputs;
}

double RootMeanSquare(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - (b.empty() ? 0.0 : static_cast<double>(b[i]));
    sum += difference * difference;
  }
  return std::sqrt(sum / static_cast<double>(a.size()));
}

// Within 3 % of the wanted values' size, or a step and a half of the output where those are small beside its range.
void CheckClose(const std::vector<float>& got, const std::vector<float>& wanted, const TensorInfo& output) {
  REQUIRE(got.size() == wanted.size());
  const double steps = output.type == DataType::kU8 ? 1.5 * static_cast<double>(output.scale) : 0;
  CHECK(RootMeanSquare(got, wanted) <= std::max(0.03 * RootMeanSquare(wanted, {}), steps));
}

TEST_CASE("int8 networks give nearly what ONNX Runtime gives in float32") {
  std::ifstream file(Folder() + "expected.json");
  const nlohmann::json expected = nlohmann::json::parse(file);
  std::set<std::string> mixed;
  for (const auto& item : expected["outputs"].items()) {
    const std::string name = item.key();  // clang 14 captures no structured bindings
    const nlohmann::json& entry = item.value();
    CAPTURE(name);
    Net net = MustConvert(name);
    if (!RealNodes(net).ok()) {
      mixed.insert(name);
      net.mixed = true;
    }
    const std::vector<std::vector<float>> inputs = InputsOf(net, entry["shape"]);
    auto quantised = Quantize(net, CalibrationOf(net, inputs), {});
    REQUIRE_MESSAGE(quantised.ok(), std::string(quantised.status().text()));
    const std::unique_ptr<Model> model = Open(std::move(quantised.value()));
    const auto outputs = RunOn(*model, inputs[0]);
    REQUIRE(outputs.size() == entry["outputs"].size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      const std::vector<float> values = entry["outputs"][i]["values"];
      const NetTensor& out = net.tensors[static_cast<size_t>(net.outputs[i])];
      CheckClose(FromMemory(outputs[i], out), values, model->tensors()[static_cast<size_t>(model->outputs()[i])].info);
    }
  }
  std::string names;
  for (const std::string& name : mixed) names += name + " ";
  // Quotients of two computed tensors, and a choice between tensors.
  CHECK(names == "batch_norm_statistics batch_norm_variance dynamic_scale instance_norm lrn where ");
}

TEST_CASE("an operator without an int8 form is named, or computed in float32 where that is allowed") {
  Net net = MustConvert("where");
  const auto refused = RealNodes(net);
  CHECK(refused.status().code() == Code::kUnsupported);
  CHECK(std::string(refused.status().text()).find("--mixed") != std::string::npos);
  net.mixed = true;
  auto quantised = Quantize(net, CalibrationOf(net, InputsOf(net, {1})), {});
  REQUIRE(quantised.ok());
  size_t dequantised = 0, selected = 0;
  for (const FileNode& node : quantised.value().nodes) {
    dequantised += node.kind == OpKind::kDequantize ? 1 : 0;
    if (node.kind != OpKind::kSelect) continue;
    ++selected;
    const FileModel& model = quantised.value();
    for (const int input : node.inputs) CHECK(model.tensors[static_cast<size_t>(input)].info.type == DataType::kF32);
  }
  CHECK(selected == 1);
  CHECK(dequantised >= 1);
}

TEST_CASE("what follows a softmax stays real until a layer reads it") {
  NetBuilder builder(3, {4, 4, 3});
  const int features = builder.Conv(0, 6, Square(3, 1, 1, 1));
  const int shares = builder.Simple(OpKind::kSoftmax, features, {4, 4, 6});
  const int clamped = builder.Simple(OpKind::kClamp, shares, {4, 4, 6});
  builder.Clamp(0.1f, 1);
  const Net net = builder.Build(builder.Conv(clamped, 2, Square(1, 1, 0, 0)));
  const std::vector<std::vector<float>> inputs = InputsOf(net, {1});
  auto quantised = Quantize(net, CalibrationOf(net, inputs), {});
  REQUIRE(quantised.ok());
  std::vector<OpKind> kinds;
  for (const FileNode& node : quantised.value().nodes) kinds.push_back(node.kind);
  CHECK(kinds == std::vector<OpKind>{OpKind::kConv, OpKind::kSoftmax, OpKind::kClamp, OpKind::kQuantize, OpKind::kConv});
  auto packed = PackFloat(net);
  REQUIRE(packed.ok());
  const std::unique_ptr<Model> real = Open(std::move(packed.value())), model = Open(std::move(quantised.value()));
  CheckClose(RunOn(*model, inputs[0])[0], RunOn(*real, inputs[0])[0],
             model->tensors()[static_cast<size_t>(model->outputs()[0])].info);
}

TEST_CASE("networks with constants and real regions are refined by images, too") {
  for (const char* name : {"squeeze_excite", "where", "functions", "scaled_by_constants"}) {
    CAPTURE(name);
    Net net = MustConvert(name);
    net.mixed = true;
    REQUIRE(CanRefine(net));
    const NetTensor& input = net.tensors[static_cast<size_t>(net.inputs[0])];
    const auto channels = static_cast<size_t>(input.shape.channels);
    const InputRecipe recipe = {std::vector<float>(channels, 128), std::vector<float>(channels, 128)};
    Random random(5);
    PixelImages pixels;
    std::vector<std::vector<float>> inputs;
    for (int i = 0; i < 8; ++i) {
      std::vector<uint8_t>& bytes = pixels.emplace_back(CountOf(input));
      std::vector<float>& values = inputs.emplace_back();
      for (uint8_t& byte : bytes) {
        byte = static_cast<uint8_t>(random.Below(256));
        values.push_back((static_cast<float>(byte) - 128) / 128);
      }
    }
    auto packed = PackFloat(net);
    REQUIRE(packed.ok());
    for (const bool adaptive : {false, true}) {
      Refiner refiner(net, packed.value(), recipe, pixels, {adaptive, 2}, [](int64_t, int64_t) {});
      auto quantised = Quantize(net, CalibrationOf(net, inputs), recipe, &refiner);
      REQUIRE_MESSAGE(quantised.ok(), std::string(quantised.status().text()));
      CHECK(refiner.sqnr_db().size() == net.nodes.size());
      const std::unique_ptr<Model> model = Open(std::move(quantised.value()));
      auto again = PackFloat(net);
      REQUIRE(again.ok());
      const std::unique_ptr<Model> real = Open(std::move(again.value()));
      for (const std::vector<float>& values : inputs) {
        CheckClose(RunOn(*model, values)[0], RunOn(*real, values)[0],
                   model->tensors()[static_cast<size_t>(model->outputs()[0])].info);
      }
    }
  }
}

// With a second plan, as the last step of a conversion makes it.
std::unique_ptr<Model> OpenExplained(FileModel file) {
  const std::unique_ptr<Model> plain = Open(file);
  const auto layers = FindExplainedLayers(plain->tensors(), plain->nodes(), plain->outputs()[0]);
  REQUIRE_MESSAGE(layers.ok(), std::string(layers.status().text()));
  RemoveUnusedTensors(file);
  REQUIRE(PlanMemory(file).ok());
  REQUIRE(PlanExplanation(file, layers.value().map).ok());
  std::unique_ptr<Model> model = Open(std::move(file));
  CHECK(model->ArenaBytes(1, 1) == plain->ArenaBytes(1, 1));
  return model;
}

double Mean(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

// By how much the mean of a label's map may miss its lead in the logits: the rounding of the pool, half a step of each mean,
// and that of the logit and of the others'.
double RoundingOf(const Net& net, const Model& model, size_t label) {
  const cutis::Node& dense = model.nodes()[static_cast<size_t>(model.explanation()->dense)].node;
  const TensorInfo &mean = *dense.inputs[0], &logits = *dense.output;
  if (logits.type == DataType::kF32) return 1e-5;
  const auto found =
      std::find_if(net.nodes.begin(), net.nodes.end(), [](const NetNode& node) { return node.kind == OpKind::kDense; });
  const auto labels = static_cast<size_t>(logits.shape.channels), channels = static_cast<size_t>(mean.shape.channels);
  double weights = 0;
  for (size_t c = 0; c < channels; ++c) {
    double all = 0;
    for (size_t l = 0; l < labels; ++l) all += static_cast<double>(found->weights[l * channels + c]);
    weights += std::abs(static_cast<double>(found->weights[label * channels + c]) - all / static_cast<double>(labels));
  }
  return 1.05 * weights * static_cast<double>(mean.scale) / 2 + static_cast<double>(logits.scale);
}

// The maps of all labels, one after the other, for an input of the network.
std::vector<float> MapsOf(const Model& model, const std::vector<float>& input, size_t labels, size_t cells) {
  SessionOptions options;
  options.explain = true;
  const auto session = Session::Create(model, options);
  REQUIRE(session.ok());
  REQUIRE(session.value()->SetInputF32(0, input.data(), input.size()).ok());
  REQUIRE(session.value()->Run(1).ok());
  std::vector<float> all, map(cells);
  for (size_t label = 0; label < labels; ++label) {
    REQUIRE(session.value()->GetExplanation(0, static_cast<int32_t>(label), map).ok());
    all.insert(all.end(), map.begin(), map.end());
  }
  return all;
}

TEST_CASE("class activation maps are those that ONNX Runtime computes as a layer of their own") {
  std::ifstream file(Folder() + "expected.json");
  const nlohmann::json entry = nlohmann::json::parse(file)["outputs"]["class_activation"];
  const std::vector<float> wanted = entry["outputs"][1]["values"];  // [label][cell]
  Net net = MustConvert("class_activation");
  const std::vector<std::vector<float>> inputs = InputsOf(net, entry["shape"]);
  auto packed = PackFloat(net);
  auto quantised = Quantize(net, CalibrationOf(net, inputs), {});
  REQUIRE(packed.ok());
  REQUIRE(quantised.ok());
  for (const bool real : {true, false}) {
    CAPTURE(real);
    const std::unique_ptr<Model> model = OpenExplained(std::move(real ? packed.value() : quantised.value()));
    const auto outputs = RunOn(*model, inputs[0]);
    const std::vector<float> all = MapsOf(*model, inputs[0], 5, 30);
    for (size_t label = 0; label < 5; ++label) {
      const std::vector<float> map(all.begin() + static_cast<ptrdiff_t>(label * 30),
                                   all.begin() + static_cast<ptrdiff_t>(label * 30 + 30));
      const double lead = static_cast<double>(outputs[0][label]) - Mean(outputs[0]);
      CHECK(std::abs(Mean(map) - lead) <= RoundingOf(net, *model, label));
    }
    REQUIRE(all.size() == wanted.size());
    CHECK(RootMeanSquare(all, wanted) <= (real ? 1e-5 : 0.02) * RootMeanSquare(wanted, {}));
  }
}

TEST_CASE("maps of one label, and of more than a panel, with weights that are stored by blocks and such that are not") {
  for (const int32_t labels : {1, 20, 40}) {
    for (const bool pruned : {false, true}) {
      CAPTURE(labels);
      CAPTURE(pruned);
      NetBuilder builder(static_cast<uint64_t>(labels), {9, 8, 3});
      const int features = builder.Conv(0, 22, Square(3, 1, 1, 1));
      builder.Clamp(0, 6);
      const int logits = builder.Dense(builder.Pool(OpKind::kAveragePool, features, {9, 8, 1, 1, 1, 1, 0, 0, 0, 0}), labels);
      std::vector<float>& weights = builder.Last().weights;
      for (size_t i = 0; pruned && i < weights.size(); ++i) {
        if ((i / 22 / 16 + i % 22 / 4) % 3 != 0) weights[i] = 0;  // blocks of 16 labels and 4 channels
      }
      const NetNode dense = builder.Last();
      Net net = builder.Build(logits);
      net.outputs.push_back(features);
      const std::vector<std::vector<float>> inputs = InputsOf(net, {1});
      auto packed = PackFloat(net);
      auto quantised = Quantize(net, CalibrationOf(net, inputs), {});
      REQUIRE(packed.ok());
      REQUIRE(quantised.ok());
      const std::unique_ptr<Model> real = OpenExplained(std::move(packed.value()));
      const std::unique_ptr<Model> model = OpenExplained(std::move(quantised.value()));
      const auto& stored =
          std::get<ConvU8Options>(model->nodes()[static_cast<size_t>(model->explanation()->dense)].node.options);
      CHECK(stored.panel_starts.empty() != pruned);
      // By definition, from the plain weights and the features that the network gives.
      const std::vector<float> cells = RunOn(*real, inputs[0])[1];
      const auto count = static_cast<size_t>(labels);
      std::vector<double> wanted(count * 72);
      for (size_t cell = 0; cell < 72; ++cell) {
        double mean = 0;
        for (size_t l = 0; l < count; ++l) {
          double& logit = wanted[l * 72 + cell] = static_cast<double>(dense.bias[l]);
          for (size_t c = 0; c < 22; ++c)
            logit += static_cast<double>(dense.weights[l * 22 + c]) * static_cast<double>(cells[cell * 22 + c]);
          mean += logit / labels;
        }
        for (size_t l = 0; labels > 1 && l < count; ++l) wanted[l * 72 + cell] -= mean;
      }
      const std::vector<float> exact(wanted.begin(), wanted.end());
      const std::vector<float> maps = MapsOf(*real, inputs[0], count, 72), near = MapsOf(*model, inputs[0], count, 72);
      CHECK(RootMeanSquare(maps, exact) <= 1e-5 * RootMeanSquare(exact, {}));
      CHECK(RootMeanSquare(near, exact) <= 0.02 * RootMeanSquare(exact, {}));
    }
  }
}

TEST_CASE("networks whose labels are not read from the mean of a feature map explain nothing") {
  const auto found = [](const char* name) {
    auto packed = PackFloat(MustConvert(name));
    REQUIRE(packed.ok());
    const std::unique_ptr<Model> model = Open(std::move(packed.value()));
    return FindExplainedLayers(model->tensors(), model->nodes(), model->outputs()[0]).status();
  };
  CHECK(found("two_heads").ok());
  CHECK(std::string(found("conv_relu").text()) == "output 0 is not made by a dense layer");
  CHECK(std::string(found("gemm_twice_after_relu").text()).find("does not read the mean") != std::string::npos);
}

}  // namespace
}  // namespace cutis::convert
