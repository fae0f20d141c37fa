// Quantised small networks against their evaluation in double, and the numbers in them against the formulas.
#include "converter/quant/quantize.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "converter/plan/plan.h"
#include "converter/quant/channel.h"
#include "converter/quant/range.h"
#include "converter/write/encode.h"
#include "ops/requant.h"
#include "runtime/session.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The bytes of an image and the real input they stand for.
struct Sample {
  std::vector<uint8_t> bytes;
  std::vector<double> real;
};

std::vector<Sample> Samples(const Shape& shape, const std::vector<float>& mean, const std::vector<float>& std, int count,
                            uint64_t seed) {
  Random random(seed);
  std::vector<Sample> samples(static_cast<size_t>(count));
  for (Sample& sample : samples) {
    for (int32_t i = 0; i < shape.height * shape.width * shape.channels; ++i) {
      const auto c = static_cast<size_t>(i % shape.channels);
      sample.bytes.push_back(static_cast<uint8_t>(random.Below(256)));
      sample.real.push_back((sample.bytes.back() - static_cast<double>(mean[c])) / static_cast<double>(std[c]));
    }
  }
  return samples;
}

Recipe RecipeOf(const std::vector<float>& mean, const std::vector<float>& std, const Shape& shape) {
  Recipe recipe;
  PreprocessRecipe preprocess{
      "stb", {{PreprocessStep::Kind::kResize, shape.width, shape.height, Filter::kBilinear}}, mean, std};
  recipe.preprocess = preprocess;
  return recipe;
}

// Plans, encodes and opens; keeps the model that was written for a look inside.
std::unique_ptr<Model> OpenPlanned(FileModel file, const Recipe& recipe) {
  const auto plan = PlanMemory(file);
  INFO(std::string(plan.status().text()));
  REQUIRE(plan.ok());
  const auto bytes = EncodeModel(file, recipe, {});
  REQUIRE(bytes.ok());
  OpenOptions options;
  options.copy = true;
  auto model = Model::OpenMemory(bytes.value().data(), bytes.value().size(), options);
  INFO(std::string(model.status().text()));
  REQUIRE(model.ok());
  return std::move(model.value());
}

std::vector<float> RunOn(Session& session, const Sample& sample) {
  const Model& model = session.model();
  const Shape& shape = model.tensors()[static_cast<size_t>(model.outputs()[0])].info.shape;
  std::vector<float> output(static_cast<size_t>(shape.height * shape.width * shape.channels));
  REQUIRE(session.SetInputU8(0, sample.bytes.data(), sample.bytes.size()).ok());
  REQUIRE(session.Run(1).ok());
  REQUIRE(session.GetOutputF32(0, 0, output.data(), output.size()).ok());
  return output;
}

// Largest difference from the evaluation in double, in units of the largest value.
struct Errors {
  double real = 0, quantised = 0;
};

Errors ErrorsOf(const Net& net, const std::vector<float>& mean, const std::vector<float>& std) {
  const Shape& shape = net.tensors[static_cast<size_t>(net.inputs[0])].shape;
  const std::vector<Sample> samples = Samples(shape, mean, std, 6, 7);
  std::vector<std::vector<double>> inputs;
  for (const Sample& sample : samples) inputs.push_back(sample.real);
  const Calibration calibration = CalibrationOf(net, inputs);
  const Recipe recipe = RecipeOf(mean, std, shape);
  auto packed = PackFloat(net);
  REQUIRE(packed.ok());
  auto quantised = Quantize(net, calibration, {mean, std});
  INFO(std::string(quantised.status().text()));
  REQUIRE(quantised.ok());
  const auto real_model = OpenPlanned(std::move(packed.value()), recipe);
  const auto quantised_model = OpenPlanned(std::move(quantised.value()), recipe);
  auto real_session = Session::Create(*real_model), quantised_session = Session::Create(*quantised_model);
  REQUIRE(real_session.ok());
  REQUIRE(quantised_session.ok());
  Errors errors;
  double largest = 0;
  for (const Sample& sample : samples) {
    const std::vector<double> expected = Evaluate(net, sample.real)[static_cast<size_t>(net.outputs[0])];
    const std::vector<float> real = RunOn(*real_session.value(), sample), bytes = RunOn(*quantised_session.value(), sample);
    REQUIRE(real.size() == expected.size());
    REQUIRE(bytes.size() == expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      largest = std::max(largest, std::fabs(expected[i]));
      errors.real = std::max(errors.real, std::fabs(static_cast<double>(real[i]) - expected[i]));
      errors.quantised = std::max(errors.quantised, std::fabs(static_cast<double>(bytes[i]) - expected[i]));
    }
  }
  REQUIRE(largest > 0.01);
  return {errors.real / largest, errors.quantised / largest};
}

void CheckNet(const Net& net, double tolerance) {
  for (const auto& [mean, std] :
       {std::pair{std::vector<float>(3, 127), std::vector<float>(3, 128)},
        std::pair{std::vector<float>{123.675f, 116.28f, 103.53f}, std::vector<float>{58.395f, 57.12f, 57.375f}}}) {
    const Errors errors = ErrorsOf(net, mean, std);
    CHECK(errors.real < 1e-5);
    CHECK(errors.quantised < tolerance);
  }
}

}  // namespace

TEST_CASE("one layer: within the steps of its input, weights and output") {
  for (const int32_t out : {1, 16, 37}) {
    NetBuilder builder(static_cast<uint64_t>(out), {9, 7, 3});
    const int y = builder.Conv(0, out, Square(3, 2, 0, 1));
    CheckNet(builder.Build(y), 0.02);
  }
  NetBuilder grouped(5, {6, 6, 3});
  CheckNet(grouped.Build(grouped.Conv(0, 6, Square(3, 1, 1, 1), 3)), 0.02);
  NetBuilder depthwise(6, {8, 8, 3});
  CheckNet(depthwise.Build(depthwise.Depthwise(0, Square(5, 2, 1, 2))), 0.02);
  NetBuilder dense(7, {1, 1, 3});
  CheckNet(dense.Build(dense.Dense(0, 11)), 0.02);
}

TEST_CASE("a network of all kinds of layers") {
  NetBuilder b(11, {16, 16, 3});
  const int stem = b.Conv(0, 24, Square(3, 2, 0, 1));
  b.Clamp(0, 6);
  const int depthwise = b.Depthwise(stem, Square(3, 1, 1, 1));
  b.Clamp(0, kInfinity);
  const int project = b.Conv(depthwise, 20, Square(1, 1, 0, 0));
  const int wide = b.Conv(project, 20, Square(3, 1, 1, 1), 2);
  const int sum = b.Add(project, wide);
  b.Clamp(-0.4f, 0.7f);
  const int largest = b.Pool(OpKind::kMaxPool, sum, Square(2, 2, 0, 0));
  const int mean = b.Pool(OpKind::kAveragePool, largest, Square(3, 1, 1, 1));
  const int padded = b.Pool(OpKind::kAveragePool, mean, Square(2, 2, 1, 1), true);
  const int clamp = b.Simple(OpKind::kClamp, padded, b.ShapeOf(padded));
  b.Clamp(-0.2f, 0.3f);
  const Shape shape = b.ShapeOf(clamp);
  const int flat = b.Simple(OpKind::kReshape, clamp, {1, 1, shape.height * shape.width * shape.channels});
  const int logits = b.Dense(flat, 7);
  CheckNet(b.Build(logits), 0.06);
  const int scores = b.Simple(OpKind::kSoftmax, logits, {1, 1, 7});
  CheckNet(b.Build(scores), 0.06);
}

TEST_CASE("the numbers of a layer follow the formulas") {
  NetBuilder b(3, {5, 5, 3});
  const int y = b.Conv(0, 5, Square(3, 1, 1, 1));
  b.Clamp(0, 6);
  const Net net = b.Build(y);
  const std::vector<float> mean = {124, 116, 104}, std = {58, 57, 60};
  std::vector<std::vector<double>> inputs;
  for (const Sample& sample : Samples({5, 5, 3}, mean, std, 4, 1)) inputs.push_back(sample.real);
  Calibration calibration = CalibrationOf(net, inputs);
  auto file = Quantize(net, calibration, {mean, std});
  REQUIRE(file.ok());
  const TensorInfo &in = file.value().tensors[0].info, &out = file.value().tensors[static_cast<size_t>(y)].info;
  CHECK(in.scale == 1.0f);
  CHECK(in.zero_point == 0);
  CHECK(out.zero_point == 0);
  const auto& options = std::get<ConvU8Options>(file.value().nodes[0].options);
  REQUIRE(options.padding.size() == 3);
  CHECK(options.padding[0] == 124);
  CHECK(options.padding[1] == 116);
  CHECK(options.padding[2] == 104);
  CHECK(options.out.lo == 0);
  CHECK(options.out.hi == std::min(255, static_cast<int>(std::nearbyint(6 / static_cast<double>(out.scale)))));
  const NetNode& node = net.nodes[0];
  for (size_t n = 0; n < 5; ++n) {
    double largest = 0;
    for (size_t k = 0; k < 27; ++k)
      largest = std::max(largest, std::fabs(node.weights[n * 27 + k] / static_cast<double>(std[k % 3])));
    const double scale = largest / 127;
    CHECK(options.multiplier[n] == static_cast<float>(scale / static_cast<double>(out.scale)));
    double bias = node.bias[n], correction = 0;
    for (size_t k = 0; k < 27; ++k) {
      const double real = node.weights[n * 27 + k] / static_cast<double>(std[k % 3]);
      const int8_t byte = options.weights[(k / 3) * 64 + n * 4 + k % 3];
      CHECK(byte == static_cast<int8_t>(std::nearbyint(real / scale)));
      bias -=
          static_cast<double>(node.weights[n * 27 + k]) * static_cast<double>(mean[k % 3]) / static_cast<double>(std[k % 3]);
      const double byte_mean =
          calibration.tensors[0].ChannelMean(k % 3) * static_cast<double>(std[k % 3]) + static_cast<double>(mean[k % 3]);
      correction += (real - byte * scale) * byte_mean;
    }
    CHECK(std::fabs(options.bias[n] - (bias + correction) / scale) <= 0.51);
  }
}

TEST_CASE("a common whole mean is the scale and zero point of the image") {
  NetBuilder b(4, {4, 4, 3});
  const Net net = b.Build(b.Pool(OpKind::kMaxPool, 0, Square(2, 2, 0, 0)));
  std::vector<std::vector<double>> inputs;
  for (const Sample& sample : Samples({4, 4, 3}, {127, 127, 127}, {128, 128, 128}, 2, 1)) inputs.push_back(sample.real);
  const Calibration calibration = CalibrationOf(net, inputs);
  const auto file = Quantize(net, calibration, {{127, 127, 127}, {128, 128, 128}});
  REQUIRE(file.ok());
  CHECK(file.value().tensors[0].info.scale == 1.0f / 128);
  CHECK(file.value().tensors[0].info.zero_point == 127);
  CHECK(file.value().tensors[1].info.scale == 1.0f / 128);
  CHECK(file.value().tensors[1].info.zero_point == 127);
  // A mean for each channel has no place in a pool.
  const auto refused = Quantize(net, calibration, {{127, 120, 127}, {128, 128, 128}});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().code() == Code::kUnsupported);
  CHECK(std::string(refused.status().text()).find("node0") != std::string::npos);
}

TEST_CASE("channels: all-zero, huge bias, tiny weights keep their value and fit 32 bits") {
  const ChannelInput input = {0.02, 77, 1152};
  const std::vector<double> means(1152, 0.5);
  std::vector<int8_t> out(1152);
  for (const double weight : {0.0, 1e-30, 1e-6, 0.1, 30.0}) {
    for (const double bias : {0.0, 1e-12, -0.4, 300.0, -1e7, 1e15}) {
      std::vector<double> weights(1152);
      for (size_t k = 0; k < weights.size(); ++k) weights[k] = weight * (k % 5 == 0 ? 1 : -0.3);
      const ChannelResult result = QuantizeChannel(weights, means, bias, input, 0, out);
      CHECK(std::fabs(static_cast<double>(result.bias)) + 32512.0 * 1152 < 0x1p31);
      double sum = 0, real = bias;
      for (size_t k = 0; k < weights.size(); ++k) {
        CHECK(out[k] >= -127);
        sum += out[k];
        real += weights[k] * means[k];
      }
      if (weight == 0 && bias == 0) {
        CHECK(result.weight_scale == 0);
        continue;
      }
      REQUIRE(result.weight_scale > 0);
      // The sum of the mean input, in real units: x = z_x + mean / s_x.
      const double acc = result.bias + (input.zero_point + 0.5 / input.scale) * sum;
      const double step = result.weight_scale * input.scale;
      CHECK(std::fabs(acc * step - real) <= step * 0.51 + std::fabs(real) * 1e-6);
    }
  }
}

TEST_CASE("degenerate tensors: always zero, tiny, far below their bias") {
  for (const float size : {0.0f, 1e-38f, 1e-20f, 1e-5f, 1e5f}) {
    NetBuilder b(9, {4, 4, 3});
    const int x = b.Conv(0, 4, Square(1, 1, 0, 0));
    b.Clamp(0, kInfinity);
    NetNode& first = b.Last();
    for (float& weight : first.weights) weight *= size;
    for (float& bias : first.bias) bias = -std::fabs(bias) * size;  // dead for most inputs
    first.bias[1] = 0;
    std::fill(first.weights.begin(), first.weights.begin() + 3, 0.0f);
    const int y = b.Conv(x, 3, Square(1, 1, 0, 0));
    const Net net = b.Build(y);
    const std::vector<float> mean(3, 127), std(3, 128);
    const std::vector<Sample> samples = Samples({4, 4, 3}, mean, std, 3, 2);
    std::vector<std::vector<double>> inputs;
    for (const Sample& sample : samples) inputs.push_back(sample.real);
    auto file = Quantize(net, CalibrationOf(net, inputs), {mean, std});
    REQUIRE(file.ok());
    const auto model = OpenPlanned(std::move(file.value()), RecipeOf(mean, std, {4, 4, 3}));
    auto session = Session::Create(*model);
    REQUIRE(session.ok());
    for (const Sample& sample : samples) {
      const std::vector<double> expected = Evaluate(net, sample.real)[static_cast<size_t>(y)];
      const std::vector<float> got = RunOn(*session.value(), sample);
      double largest = 0;
      for (const double value : expected) largest = std::max(largest, std::fabs(value));
      for (size_t i = 0; i < got.size(); ++i)
        CHECK(std::fabs(static_cast<double>(got[i]) - expected[i]) < 0.02 * largest + 1e-30);
    }
  }
}

TEST_CASE("ranges: zero is exact, outliers are cut only where that pays") {
  const Affine relu = AffineOf({0, 6});
  CHECK(relu.zero_point == 0);
  CHECK(relu.scale == static_cast<float>(6.0 / 255));
  const Affine both = AffineOf({-1, 3});
  CHECK(both.zero_point == 64);
  CHECK(AffineOf({-2, 0}).zero_point == 255);
  CHECK(AffineOf({0, 0}).scale > 0);
  CHECK(AffineOf({0, 1e-44}).scale >= 0x1p-100f);

  Random random(1);
  std::vector<float> values;
  for (int i = 0; i < 100'000; ++i) values.push_back(random.Real(-1, 1));
  StatisticsCollector flat(1);
  REQUIRE(flat.Add(values));
  const Range whole = ChooseRange(flat.Reduce(), -kInfinity, kInfinity);
  CHECK(whole.high > 0.98);
  CHECK(whole.low < -0.98);
  values.push_back(50);
  StatisticsCollector outlier(1);
  REQUIRE(outlier.Add(values));
  const Range cut = ChooseRange(outlier.Reduce(), -kInfinity, kInfinity);
  CHECK(cut.high < 50);
  CHECK(ExpectedError(outlier.Reduce(), AffineOf(cut)) < ExpectedError(outlier.Reduce(), AffineOf({-1, 50})));
  CHECK(ChooseRange(flat.Reduce(), 0, 0.5f).high <= 0.5);
  CHECK(ChooseRange(flat.Reduce(), 0, 0.5f).low == 0);
  // Values that never reach zero: the range does.
  StatisticsCollector above(1);
  const std::vector<float> high = {5, 6, 7, 6, 5};
  REQUIRE(above.Add(high));
  CHECK(ChooseRange(above.Reduce(), -kInfinity, kInfinity).low == 0);
}

TEST_CASE("an empty clamp, a wrong weight count and a weight without value are refused") {
  NetBuilder b(4, {4, 4, 3});
  const Net net = b.Build(b.Conv(0, 4, Square(1, 1, 0, 0)));
  Net bad = net;
  bad.nodes[0].weights.pop_back();
  CHECK_FALSE(PackFloat(bad).ok());
  bad = net;
  bad.nodes[0].weights[3] = std::nanf("");
  CHECK(PackFloat(bad).status().code() == Code::kBadInput);
  bad = net;
  bad.nodes[0].min = 2;
  bad.nodes[0].max = 1;
  CHECK(PackFloat(bad).status().code() == Code::kBadInput);
}

}  // namespace cutis::convert
