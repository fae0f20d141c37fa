// Small graphs around QuantizeLinear and DequantizeLinear: edges of integers, notes, biases, refusals.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/lower/net.h"
#include "converter/onnx/onnx.h"
#include "converter/plan/plan.h"
#include "converter/quant/channel.h"
#include "converter/quant/given.h"
#include "converter/quant/quantize.h"
#include "converter/write/encode.h"
#include "runtime/model.h"
#include "runtime/session.h"
#include "tests/converter/net_eval.h"

namespace cutis::convert {
namespace {

using Floats = std::vector<float>;

std::string Folder() {
  const char* tests = std::getenv("CUTIS_TESTS");
  return std::string(tests != nullptr ? tests : "tests") + "/converter/data/qdq/";
}

std::unique_ptr<Model> Open(FileModel file) {
  RemoveUnusedTensors(file);
  REQUIRE(PlanMemory(file).ok());
  const auto bytes = EncodeModel(file, Recipe(), Source());
  REQUIRE(bytes.ok());
  OpenOptions options;
  options.copy = true;
  auto model = Model::OpenMemory(bytes.value().data(), bytes.value().size(), options);
  INFO(std::string(model.status().text()));
  REQUIRE(model.ok());
  return std::move(model.value());
}

// All outputs as real values, in the order of the network's own dims.
Floats Run(Session& session, const Net& net, const Floats& input) {
  const Floats memory = ToMemory(input, net.tensors[static_cast<size_t>(net.inputs[0])]);
  REQUIRE(session.SetInputF32(0, memory.data(), memory.size()).ok());
  REQUIRE(session.Run(1).ok());
  Floats all;
  for (size_t i = 0; i < net.outputs.size(); ++i) {
    const NetTensor& tensor = net.tensors[static_cast<size_t>(net.outputs[i])];
    const Shape& shape = tensor.shape;
    Floats values(static_cast<size_t>(tensor.images) * static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) *
                  static_cast<size_t>(shape.channels));
    REQUIRE(session.GetOutputF32(static_cast<int32_t>(i), 0, values.data(), values.size()).ok());
    values = FromMemory(values, tensor);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

Floats RunFloat(const Net& net, const Floats& input) {
  auto file = PackFloat(net);
  REQUIRE(file.ok());
  const auto model = Open(std::move(file.value()));
  const auto session = Session::Create(*model);
  REQUIRE(session.ok());
  return Run(*session.value(), net, input);
}

Net QuantisedNet(const std::string& path) {
  auto graph = ImportOnnx(path);
  INFO(std::string(graph.status().text()));
  REQUIRE(graph.ok());
  const Status passed = RunPasses(graph.value());
  INFO(std::string(passed.text()));
  REQUIRE(passed.ok());
  REQUIRE(TakeBytesAsReals(graph.value()).ok());
  auto net = Lower(graph.value());
  REQUIRE(net.ok());
  return std::move(net.value());
}

TEST_CASE("tensors without a scale are found") {
  Net net = QuantisedNet(Folder() + "qdq_u8s8.onnx");
  size_t taken = 0;
  for (const NetNode& node : net.nodes) {
    if (node.kind != OpKind::kConv) continue;
    net.tensors[static_cast<size_t>(node.output)].quantization = nullptr;
    ++taken;
  }
  REQUIRE(taken > 2);
  net.tensors[static_cast<size_t>(net.inputs[0])].quantization = nullptr;
  const auto missing = TensorsWithoutScale(net, {});
  REQUIRE(missing.ok());
  CHECK(missing.value().size() == taken + 1);
}

TEST_CASE("int32 biases are the same integers after folding") {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> scales(1e-4f, 0.1f);
  std::uniform_int_distribution<int32_t> integers(-(1 << 22), 1 << 22);
  for (int i = 0; i < 20000; ++i) {
    const float x = scales(random), w = scales(random), product = x * w;
    const int32_t integer = integers(random);
    const auto bias = static_cast<float>(static_cast<double>(integer) * static_cast<double>(product));
    const int8_t weight = 0;
    const auto folded = FoldBias(std::span(&weight, 1), bias, w, {x, 100, 4});
    REQUIRE(folded.has_value());
    REQUIRE(*folded == integer);
  }
}

// -- small graphs ------------------------------------------------------------------------------------

struct Maker {
  Graph graph;

  explicit Maker(Dims dims, ElementType type = ElementType::kF32) {
    graph.inputs = {AddValue(graph, "x", type)};
    graph.values[0].has_dims = true;
    graph.values[0].dims = std::move(dims);
  }
  ValueId Number(float value) { return AddConstant(graph, "number", MakeFloats({}, {value})); }
  ValueId Numbers(const Floats& values) {
    return AddConstant(graph, "numbers", MakeFloats({static_cast<int64_t>(values.size())}, values));
  }
  ValueId Bytes(ElementType type, Dims dims, const std::vector<int>& values) {
    Constant constant{type, std::move(dims), {}};
    for (const int value : values) constant.data.push_back(static_cast<std::byte>(value & 255));
    return AddConstant(graph, "bytes", std::move(constant));
  }
  ValueId Add(const char* op, std::vector<ValueId> inputs, std::map<std::string, Attribute> attributes = {}) {
    const ValueId output = AddValue(graph, op + std::to_string(graph.nodes.size()) + ":0");
    graph.nodes.push_back({op, op + std::to_string(graph.nodes.size()), std::move(inputs), {output}, std::move(attributes)});
    return output;
  }
  std::string Refusal(ValueId output) {
    graph.outputs = {output};
    const Status status = RunPasses(graph);
    return status.ok() ? "" : status.text();
  }
  Net Lowered(ValueId output, bool reals) {
    graph.outputs = {output};
    const Status status = RunPasses(graph);
    INFO(std::string(status.text()));
    REQUIRE(status.ok());
    if (reals) REQUIRE(TakeBytesAsReals(graph).ok());
    auto net = Lower(graph);
    REQUIRE(net.ok());
    return std::move(net.value());
  }
};

bool Contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST_CASE("outputs of integers, one scale or one for each channel") {
  for (const ElementType type : {ElementType::kU8, ElementType::kI8}) {
    for (const bool channels : {false, true}) {
      const int shift = type == ElementType::kI8 ? 128 : 0;
      Maker maker({1, 3, 5, 5});
      const Floats scales = channels ? Floats{0.5f, 0.25f, 3} : Floats{0.5f};
      const std::vector<int> zeros = channels ? std::vector<int>{3, -7 + 128 - shift, 20} : std::vector<int>{5};
      const auto n = static_cast<int64_t>(scales.size());
      const ValueId y =
          maker.Add("QuantizeLinear", {0, maker.Numbers(scales), maker.Bytes(type, {n}, zeros)}, {{"axis", int64_t{1}}});
      const Net net = maker.Lowered(y, false);
      auto file = PackFloat(net);
      REQUIRE(file.ok());
      const auto model = Open(std::move(file.value()));
      const TensorInfo& info = model->tensors()[static_cast<size_t>(model->outputs()[0])].info;
      REQUIRE(info.type == DataType::kU8);
      auto session = Session::Create(*model);
      REQUIRE(session.ok());
      Floats input;
      for (int i = 0; i < 75; ++i) input.push_back(static_cast<float>(i % 2 == 0 ? i * 7 - 250 : (i - 37) * 3) * 0.125f);
      const Floats got = Run(*session.value(), net, input);
      for (size_t i = 0; i < input.size(); ++i) {
        const size_t c = channels ? i / 25 : 0;
        const double byte =
            std::clamp(std::nearbyint(static_cast<double>(input[i] / scales[c])) + zeros[c] + shift, 0.0, 255.0);
        CHECK(got[i] == static_cast<float>(info.scale * static_cast<float>(byte - info.zero_point)));
      }
    }
  }
}

TEST_CASE("inputs of integers, one scale or one for each channel") {
  for (const bool channels : {false, true}) {
    Maker maker({1, 2, 3, 3}, ElementType::kU8);
    const Floats scales = channels ? Floats{0.5f, 2} : Floats{0.5f};
    const std::vector<int> zeros = channels ? std::vector<int>{3, 200} : std::vector<int>{7};
    const ValueId y =
        maker.Add("DequantizeLinear",
                  {0, maker.Numbers(scales), maker.Bytes(ElementType::kU8, {static_cast<int64_t>(scales.size())}, zeros)});
    const Net net = maker.Lowered(maker.Add("Relu", {y}), false);
    auto file = PackFloat(net);
    REQUIRE(file.ok());
    const auto model = Open(std::move(file.value()));
    const TensorInfo& info = model->tensors()[static_cast<size_t>(model->input())].info;
    REQUIRE(info.type == DataType::kU8);
    auto session = Session::Create(*model);
    REQUIRE(session.ok());
    Floats bytes, real;
    for (int i = 0; i < 18; ++i) {
      bytes.push_back(static_cast<float>(i * 14));
      real.push_back(info.scale * (bytes.back() - static_cast<float>(info.zero_point)));
    }
    const Floats got = Run(*session.value(), net, real);
    for (size_t i = 0; i < got.size(); ++i) {
      const size_t c = channels ? i / 9 : 0;
      CHECK(got[i] == std::max(0.0f, scales[c] * (bytes[i] - static_cast<float>(zeros[c]))));
    }
  }
}

// Blocks of two along the columns; the last block of a row has one.
TEST_CASE("scales of blocks: outputs, inputs, constants") {
  constexpr int kRows = 2, kColumns = 5, kBlocks = 3;
  const Floats scales = {0.5f, 0.25f, 3, 1, 2, 0.125f};
  const std::vector<int> zeros = {3, 128, 20, 0, 255, 7};
  const auto block_of = [&](int i) { return static_cast<size_t>(i / kColumns * kBlocks + i % kColumns / 2); };
  const std::map<std::string, Attribute> blocks = {{"axis", int64_t{-1}}, {"block_size", int64_t{2}}};
  const auto parameters = [&](Maker& m, ValueId x) {
    return std::vector<ValueId>{x, AddConstant(m.graph, "scales", MakeFloats({kRows, kBlocks}, scales)),
                                m.Bytes(ElementType::kU8, {kRows, kBlocks}, zeros)};
  };
  Floats values;
  std::vector<int> bytes;
  for (int i = 0; i < kRows * kColumns; ++i) {
    values.push_back(static_cast<float>(i * 37 % 11 - 5) * 1.25f);
    bytes.push_back(i * 91 % 256);
  }
  const auto real_of = [&](int i) {
    return scales[block_of(i)] * static_cast<float>(bytes[static_cast<size_t>(i)] - zeros[block_of(i)]);
  };

  Maker to_bytes({kRows, kColumns});
  const Net quantizing = to_bytes.Lowered(to_bytes.Add("QuantizeLinear", parameters(to_bytes, 0), blocks), false);
  Floats got = RunFloat(quantizing, values);
  for (int i = 0; i < kRows * kColumns; ++i) {
    const double rounded = std::nearbyint(static_cast<double>(values[static_cast<size_t>(i)] / scales[block_of(i)]));
    CHECK(got[static_cast<size_t>(i)] == std::clamp(rounded + zeros[block_of(i)], 0.0, 255.0));
  }

  Maker of_bytes({kRows, kColumns}, ElementType::kU8);
  const Net dequantizing = of_bytes.Lowered(of_bytes.Add("DequantizeLinear", parameters(of_bytes, 0), blocks), false);
  got = RunFloat(dequantizing, Floats(bytes.begin(), bytes.end()));
  for (int i = 0; i < kRows * kColumns; ++i) CHECK(got[static_cast<size_t>(i)] == real_of(i));

  Maker constants({kRows, kColumns});
  const ValueId known = constants.Bytes(ElementType::kU8, {kRows, kColumns}, bytes);
  constants.graph.outputs = {
      constants.Add("Add", {0, constants.Add("DequantizeLinear", parameters(constants, known), blocks)})};
  REQUIRE(FoldConstants(constants.graph).ok());
  const Constant* folded = ConstantInput(constants.graph, constants.graph.nodes[0], 1);
  REQUIRE(folded != nullptr);
  got = ReadFloats(*folded);
  for (int i = 0; i < kRows * kColumns; ++i) CHECK(got[static_cast<size_t>(i)] == real_of(i));
}

TEST_CASE("weights with other zero points and of -128 are reported by name") {
  const auto notes = [](ElementType type, int zero, const std::vector<int>& weights) {
    Maker maker({1, 1, 4, 4});
    const ValueId scale = maker.Number(0.1f), zero_point = maker.Bytes(ElementType::kU8, {}, {30});
    const ValueId x = maker.Add("DequantizeLinear", {maker.Add("QuantizeLinear", {0, scale, zero_point}), scale, zero_point});
    const ValueId integers = maker.Bytes(type, {1, 1, 2, 2}, weights);
    maker.graph.values[static_cast<size_t>(integers)].name = "conv.weight";
    const ValueId w = maker.Add("DequantizeLinear", {integers, scale, maker.Bytes(type, {}, {zero})});
    const ValueId y = maker.Add("Conv", {x, w});
    return maker.Lowered(
        maker.Add("DequantizeLinear", {maker.Add("QuantizeLinear", {y, scale, zero_point}), scale, zero_point}), true);
  };
  CHECK(notes(ElementType::kI8, 0, {-127, 3, 127, 0}).scale_notes.empty());
  CHECK(notes(ElementType::kI8, 0, {-128, 3, -128, 0}).scale_notes ==
        std::vector<std::string>{"weights 'conv.weight': 2 of -128 become -127"});
  const Net exact = notes(ElementType::kU8, 128, {1, 128, 255, 100});
  CHECK(exact.scale_notes.empty());
  REQUIRE(exact.nodes[0].weight_scales == Floats{0.1f});
  CHECK(GivenWeights(exact.nodes[0]).weights == std::vector<int8_t>{-127, 0, 127, -28});
  const Net other = notes(ElementType::kU8, 131, {1, 128, 255, 100});
  CHECK(other.nodes[0].weight_scales.empty());
  REQUIRE(other.scale_notes.size() == 1);
  CHECK(Contains(other.scale_notes[0], "'conv.weight'"));
  CHECK(Contains(other.scale_notes[0], "quantised anew"));
}

TEST_CASE("damaged and unsupported quantisation is refused with the reason") {
  const auto quantize = [](auto make, std::map<std::string, Attribute> attributes = {}) {
    Maker maker({1, 2, 3, 3});
    std::vector<ValueId> inputs = {0};
    make(maker, inputs);
    return maker.Refusal(maker.Add("QuantizeLinear", inputs, std::move(attributes)));
  };
  const auto scale = [&](float value) {
    return quantize([value](Maker& m, std::vector<ValueId>& in) { in.push_back(m.Number(value)); });
  };
  CHECK(scale(0.5f).empty());
  for (const float bad : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    CHECK_MESSAGE(Contains(scale(bad), "no positive number"), bad);
  }
  const auto two = [](Maker& m, std::vector<ValueId>& in) { in.push_back(m.Numbers({1, 2})); };
  CHECK(quantize(two).empty());
  CHECK(Contains(quantize(two, {{"axis", int64_t{4}}}), "axis lies outside"));
  CHECK(Contains(quantize(two, {{"axis", INT64_MIN}}), "axis lies outside"));
  CHECK(Contains(quantize(two, {{"axis", int64_t{2}}}), "its scales are [2]"));
  CHECK(Contains(quantize(two, {{"block_size", int64_t{2}}}), "blocks of 2 want [1, 1, 3, 3]"));
  CHECK(Contains(quantize(two, {{"block_size", INT64_MAX}}), "blocks"));
  CHECK(Contains(quantize(two, {{"block_size", int64_t{-1}}}), "its block_size is -1"));
  CHECK(Contains(quantize(two, {{"block_size", int64_t{1}}, {"axis", int64_t{4}}}), "axis lies outside"));
  Maker vast({1, 1 << 15, 1 << 10});  // a small file that asks for a scale for each of 2^25 elements
  const ValueId scales = AddConstant(vast.graph, "scales", MakeFloats({1, 1, 1 << 10}, Floats(1 << 10, 1.0f)));
  const std::string refused =
      vast.Refusal(vast.Add("QuantizeLinear", {0, scales}, {{"axis", int64_t{1}}, {"block_size", int64_t{1} << 15}}));
  CHECK_MESSAGE(Contains(refused, "too large for scales of blocks"), refused);
  CHECK(Contains(quantize(two, {{"output_dtype", int64_t{17}}}), "only uint8 and int8"));
  CHECK(Contains(quantize([](Maker& m, std::vector<ValueId>& in) {
                   in.push_back(m.Number(1));
                   in.push_back(m.Bytes(ElementType::kU8, {3}, {0, 0, 0}));
                 }),
                 "3 zero points and 1 scales"));
  CHECK(Contains(quantize([](Maker& m, std::vector<ValueId>& in) {
                   in.push_back(m.Number(1));
                   in.push_back(m.Numbers({0}));
                 }),
                 "float32"));
  CHECK(Contains(quantize([](Maker&, std::vector<ValueId>& in) { in.push_back(0); }), "at run time"));
  CHECK(Contains(quantize([](Maker&, std::vector<ValueId>&) {}), "inputs"));

  const auto dequantize = [](float back, ElementType type, int zero) {
    Maker maker({1, 2, 3, 3});
    const ValueId one = maker.Number(1), first = maker.Bytes(ElementType::kU8, {}, {7});
    const ValueId bytes = maker.Add("QuantizeLinear", {0, one, first});
    return maker.Refusal(maker.Add("DequantizeLinear", {bytes, maker.Number(back), maker.Bytes(type, {}, {zero})}));
  };
  CHECK(dequantize(1, ElementType::kU8, 7).empty());
  CHECK(Contains(dequantize(2, ElementType::kU8, 7), "not that of the integers"));
  CHECK(Contains(dequantize(1, ElementType::kU8, 8), "not that of the integers"));
  CHECK(Contains(dequantize(1, ElementType::kI8, 7), "zero point is of type int8"));

  Maker softmax({1, 2, 3, 3});  // on integers
  CHECK(Contains(softmax.Refusal(softmax.Add("Softmax", {softmax.Add("QuantizeLinear", {0, softmax.Number(1)})})), "integers"));
  Maker short_one({1, 2, 3, 3});
  CHECK(Contains(short_one.Refusal(short_one.Add("QLinearConv", {0, 0, 0})), "inputs"));
}

}  // namespace
}  // namespace cutis::convert
