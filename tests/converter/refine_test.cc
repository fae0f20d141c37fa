// Quantisation by images: what is promised of every step, on small networks.
#include "converter/quant/refine.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "converter/quant/auc.h"
#include "converter/quant/given.h"
#include "converter/quant/search_ranges.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const InputRecipe kRecipe = {{127, 127, 127}, {128, 128, 128}};

PixelImages Pictures(const Shape& shape, size_t count, uint64_t seed) {
  Random random(seed);
  PixelImages images(count);
  for (std::vector<uint8_t>& image : images) {
    float base[3];
    for (float& channel : base) channel = random.Real(10, 245);
    const float across = random.Real(-6, 6), down = random.Real(-6, 6);
    for (int32_t y = 0; y < shape.height; ++y) {
      for (int32_t x = 0; x < shape.width; ++x) {
        for (int32_t c = 0; c < shape.channels; ++c) {
          const float value = base[c] + across * static_cast<float>(x) + down * static_cast<float>(y) + random.Real(-25, 25);
          image.push_back(static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f)));
        }
      }
    }
  }
  return images;
}

std::vector<double> RealInput(const std::vector<uint8_t>& image) {
  std::vector<double> real;
  for (const uint8_t byte : image) real.push_back((static_cast<double>(byte) - 127) / 128);
  return real;
}

Calibration CalibrationOn(const Net& net, const PixelImages& images) {
  std::vector<std::vector<double>> inputs;
  for (const std::vector<uint8_t>& image : images) inputs.push_back(RealInput(image));
  return CalibrationOf(net, inputs);
}

// Two blocks like MobileNet's, an average pool and a head.
Net Blocks(uint64_t seed, int32_t classes, float clamp = 6) {
  NetBuilder b(seed, {12, 12, 3});
  int x = b.Conv(0, 12, Square(3, 1, 1, 1));
  b.Clamp(0, clamp);
  for (int block = 0; block < 2; ++block) {
    int y = b.Conv(x, 24, Square(1, 1, 0, 0));
    b.Clamp(0, clamp);
    y = b.Depthwise(y, Square(3, 1, 1, 1));
    b.Clamp(0, clamp);
    y = b.Conv(y, 12, Square(1, 1, 0, 0));
    x = block == 0 ? y : b.Add(x, y);
  }
  const int pooled = b.Pool(OpKind::kAveragePool, x, Square(12, 1, 0, 0));
  return b.Build(b.Dense(pooled, classes));
}

std::vector<std::byte> WeightBytes(const FileModel& model) {
  std::vector<std::byte> bytes;
  for (const AlignedBytes& storage : model.storage) bytes.insert(bytes.end(), storage.begin(), storage.end());
  for (const FileTensor& tensor : model.tensors) {
    const auto* scale = reinterpret_cast<const std::byte*>(&tensor.info.scale);
    bytes.insert(bytes.end(), scale, scale + sizeof(float));
    bytes.push_back(static_cast<std::byte>(tensor.info.zero_point));
  }
  return bytes;
}

FileModel Refined(const Net& net, const Calibration& calibration, const PixelImages& images, bool adaptive, int32_t threads,
                  const std::vector<std::optional<Affine>>* affines = nullptr) {
  const auto real = PackFloat(net);
  REQUIRE(real.ok());
  Refiner refiner(net, real.value(), kRecipe, images, {adaptive, threads}, [](int64_t, int64_t) {});
  if (affines != nullptr) refiner.SetAffines(*affines);
  auto model = Quantize(net, calibration, kRecipe, &refiner);
  INFO(std::string(model.status().text()));
  REQUIRE(model.ok());
  CHECK(refiner.sqnr_db().size() == net.nodes.size());
  return std::move(model.value());
}

// The real values of output 0 of each image.
std::vector<std::vector<double>> RunModel(const Net& net, const FileModel& model, const PixelImages& images) {
  const NodeRunner runner(2);
  std::vector<ImageValues> values(net.tensors.size());
  LoadInputs(net, kRecipe, model, images, 1, nullptr, &values[static_cast<size_t>(net.inputs[0])]);
  for (size_t i = 0; i < model.nodes.size(); ++i) REQUIRE(runner.Run(model, i, values).ok());
  const auto output = static_cast<size_t>(net.outputs[0]);
  const TensorInfo& info = model.tensors[output].info;
  std::vector<std::vector<double>> rows;
  for (const AlignedBytes& image : values[output]) {
    std::vector<double>& row = rows.emplace_back();
    for (int32_t c = 0; c < info.shape.channels; ++c)
      row.push_back(static_cast<double>(info.scale) * (std::to_integer<int>(image[static_cast<size_t>(c)]) - info.zero_point));
  }
  return rows;
}

// Mean squared error, and the squared mean error (the bias) of each output, summed.
struct ErrorSums {
  double squared = 0, bias = 0;
};
ErrorSums ErrorOn(const Net& net, const FileModel& model, const PixelImages& images) {
  const auto got = RunModel(net, model, images);
  std::vector<double> means(got[0].size());
  ErrorSums error;
  for (size_t i = 0; i < images.size(); ++i) {
    const std::vector<double> expected = Evaluate(net, RealInput(images[i]))[static_cast<size_t>(net.outputs[0])];
    for (size_t c = 0; c < expected.size(); ++c) {
      const double difference = got[i][c] - expected[c];
      error.squared += difference * difference / static_cast<double>(images.size());
      means[c] += difference / static_cast<double>(images.size());
    }
  }
  for (const double mean : means) error.bias += mean * mean;
  return error;
}

}  // namespace

TEST_CASE("images: biases lose their error; weights by the error of their sums beat the nearest ones on other images") {
  double statistics = 0, corrected = 0, adaptive = 0, bias_before = 0, bias_after = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const Net net = Blocks(seed, 10);
    const PixelImages images = Pictures({12, 12, 3}, 48, seed + 10), others = Pictures({12, 12, 3}, 48, seed + 50);
    const Calibration calibration = CalibrationOn(net, images);
    auto plain = Quantize(net, calibration, kRecipe);
    REQUIRE(plain.ok());
    const FileModel nearest = Refined(net, calibration, images, false, 2), rounded = Refined(net, calibration, images, true, 2);
    const ErrorSums a = ErrorOn(net, plain.value(), others), b = ErrorOn(net, nearest, others),
                      c = ErrorOn(net, rounded, others);
    statistics += a.squared;
    corrected += b.squared;
    adaptive += c.squared;
    bias_before += ErrorOn(net, plain.value(), images).bias;
    bias_after += ErrorOn(net, nearest, images).bias;
  }
  CAPTURE(statistics);
  CAPTURE(corrected);
  CAPTURE(adaptive);
  CAPTURE(bias_before);
  CHECK(bias_after < bias_before / 2);
  CHECK(adaptive < corrected);
  CHECK(adaptive < statistics);
}

TEST_CASE("the number of threads changes no byte") {
  const Net net = Blocks(5, 4);
  // Fewer images than the most threads, and not a multiple of two: searching ranges is slow under sanitizers.
  const PixelImages images = Pictures({12, 12, 3}, 3, 3);
  const Calibration calibration = CalibrationOn(net, images);
  const auto real = PackFloat(net);
  REQUIRE(real.ok());
  std::vector<std::vector<std::byte>> results;
  for (const int32_t threads : {1, 2, 5}) {
    const auto ranges = SearchRanges(net, real.value(), calibration, kRecipe, images, threads, [](int64_t, int64_t) {});
    REQUIRE(ranges.ok());
    results.push_back(WeightBytes(Refined(net, calibration, images, true, threads, &ranges.value().affines)));
    CHECK(results.back() == results[0]);
    CHECK(WeightBytes(Refined(net, calibration, images, false, threads)) != results[0]);
  }
}

TEST_CASE("ranges by measured error: no choice makes the outputs worse, and some make them better") {
  const Net net = Blocks(7, 6);
  const PixelImages images = Pictures({12, 12, 3}, 24, 5);
  const Calibration calibration = CalibrationOn(net, images);
  const auto real = PackFloat(net);
  REQUIRE(real.ok());
  const auto ranges = SearchRanges(net, real.value(), calibration, kRecipe, images, 2, [](int64_t, int64_t) {});
  REQUIRE(ranges.ok());
  double error = std::numeric_limits<double>::infinity();
  bool better = false;
  for (const NetNode& node : net.nodes) {
    const auto tensor = static_cast<size_t>(node.output);
    REQUIRE(ranges.value().affines[tensor].has_value());
    const Affine chosen = *ranges.value().affines[tensor];
    const std::vector<RangeTried>& tried = ranges.value().tried[tensor];
    CHECK(tried.size() >= 2);
    double least = std::numeric_limits<double>::infinity(), of_chosen = 0;
    for (const RangeTried& entry : tried) {
      CHECK(entry.measured_error >= 0);
      least = std::min(least, entry.measured_error);
      if (entry.scale == chosen.scale && entry.zero_point == chosen.zero_point) of_chosen = entry.measured_error;
    }
    // The least of all that was tried, unless that is so on some of the images only.
    CHECK(of_chosen >= least);
    CHECK(of_chosen <= error);
    better = better || of_chosen < error;
    error = of_chosen;
  }
  CHECK(better);
}

TEST_CASE("equalisation: the same float bits out, channels alike in size; ReLU6 is left alone") {
  for (const float clamp : {kInfinity, 6.0f}) {
    Net net = Blocks(9, 5, clamp);
    // Channels of very different size where the first block ends.
    NetNode& project = net.nodes[3];
    for (size_t n = 0; n < project.bias.size(); ++n) {
      const float factor = n % 3 == 0 ? 0.01f : 1.0f;
      for (size_t k = 0; k < 24; ++k) project.weights[n * 24 + k] *= factor;
      project.bias[n] *= factor;
    }
    const Net before = net;
    const PixelImages images = Pictures({12, 12, 3}, 6, 8);
    const auto real = PackFloat(net);
    REQUIRE(real.ok());
    const auto ranges = MeasureChannels(net, real.value(), kRecipe, images, 2);
    REQUIRE(ranges.ok());
    CHECK(Equalise(net, ranges.value(), 0) == 0);
    CHECK(net.nodes[3].weights == before.nodes[3].weights);
    CHECK(Equalise(net, ranges.value(), 1) >= 4);
    CHECK((net.nodes[0].weights == before.nodes[0].weights) == (clamp == 6));
    CHECK(net.nodes[3].weights != before.nodes[3].weights);
    const auto equal = PackFloat(net);
    REQUIRE(equal.ok());
    const NodeRunner runner(2);
    std::vector<ImageValues> values(net.tensors.size()), scaled(net.tensors.size());
    LoadInputs(net, kRecipe, real.value(), images, 1, &values[0], nullptr);
    LoadInputs(net, kRecipe, equal.value(), images, 1, &scaled[0], nullptr);
    for (size_t i = 0; i < net.nodes.size(); ++i) {
      REQUIRE(runner.Run(real.value(), i, values).ok());
      REQUIRE(runner.Run(equal.value(), i, scaled).ok());
    }
    const auto output = static_cast<size_t>(net.outputs[0]);
    for (size_t i = 0; i < images.size(); ++i) CHECK(std::memcmp(values[output][i].data(), scaled[output][i].data(), 20) == 0);
    const auto after = MeasureChannels(net, equal.value(), kRecipe, images, 2);
    REQUIRE(after.ok());
    // The three tensors that the addition ties together are scaled as one.
    const auto spread = [&](const ChannelRanges& all) {
      std::vector<float> largest(12);
      for (const size_t node : {size_t{3}, size_t{6}, size_t{7}}) {
        const std::vector<float>& of = all[static_cast<size_t>(net.nodes[node].output)];
        for (size_t c = 0; c < 12; ++c) largest[c] = std::max(largest[c], of[c]);
      }
      return *std::max_element(largest.begin(), largest.end()) / *std::min_element(largest.begin(), largest.end());
    };
    CHECK(spread(ranges.value()) > 2.5f);
    CHECK(spread(after.value()) < 2.1f);
  }
}

TEST_CASE("scales of the source are kept bit for bit, whatever the statistics or images say") {
  Net net = Blocks(11, 5);
  Random random(1);
  for (NetNode& node : net.nodes) {
    auto quantization = std::make_shared<Quantization>();
    quantization->scales = {random.Real(0.02f, 0.05f)};
    quantization->zero_point = node.min == 0 ? 0 : 120;
    net.tensors[static_cast<size_t>(node.output)].quantization = quantization;
    if (node.weights.empty()) continue;
    const size_t terms = node.weights.size() / node.bias.size();
    for (size_t n = 0; n < node.bias.size(); ++n) {
      node.weight_scales.push_back(random.Real(0.001f, 0.01f));
      for (size_t k = 0; k < terms; ++k)
        node.weights[n * terms + k] = static_cast<float>(random.Below(255) - 127) * node.weight_scales[n];
    }
  }
  const PixelImages images = Pictures({12, 12, 3}, 4, 9);
  const Calibration calibration = CalibrationOn(net, images);
  ChannelRanges ranges(net.tensors.size());
  for (size_t t = 0; t < ranges.size(); ++t) {
    ranges[t].assign(static_cast<size_t>(net.tensors[t].shape.channels), 1.0f);
    ranges[t][0] = 100;
  }
  CHECK(Equalise(net, ranges, 1) == 0);
  auto plain = Quantize(net, calibration, kRecipe);
  REQUIRE(plain.ok());
  CHECK(WeightBytes(plain.value()) == WeightBytes(Refined(net, calibration, images, true, 2)));
  for (size_t i = 0; i < net.nodes.size(); ++i) {
    const NetNode& node = net.nodes[i];
    const auto tensor = static_cast<size_t>(node.output);
    CHECK(plain.value().tensors[tensor].info.scale == net.tensors[tensor].quantization->scales[0]);
    CHECK(plain.value().tensors[tensor].info.zero_point == net.tensors[tensor].quantization->zero_point);
    if (node.weights.empty()) continue;
    const RoundedLayer given = GivenWeights(node);
    for (size_t k = 0; k < node.weights.size(); ++k) {
      const float scale = node.weight_scales[k / (node.weights.size() / node.bias.size())];
      CHECK(static_cast<float>(given.weights[k]) * scale == node.weights[k]);
    }
  }
}

TEST_CASE("a head of two classes still ranks as in float32") {
  Net net = Blocks(13, 2);
  const PixelImages images = Pictures({12, 12, 3}, 40, 21), others = Pictures({12, 12, 3}, 300, 77);
  // As after training: the two outputs lie around zero.
  std::vector<double> means(2);
  for (const std::vector<uint8_t>& image : images) {
    const std::vector<double> row = Evaluate(net, RealInput(image))[static_cast<size_t>(net.outputs[0])];
    for (size_t c = 0; c < 2; ++c) means[c] += row[c] / static_cast<double>(images.size());
  }
  for (size_t c = 0; c < 2; ++c) net.nodes.back().bias[c] -= static_cast<float>(means[c]);
  const Calibration calibration = CalibrationOn(net, images);
  for (const bool adaptive : {false, true}) {
    const FileModel model = Refined(net, calibration, images, adaptive, 2);
    const auto got = RunModel(net, model, others);
    std::vector<Scored> scores;
    std::vector<float> reals;
    for (size_t i = 0; i < others.size(); ++i) {
      const std::vector<double> real = Evaluate(net, RealInput(others[i]))[static_cast<size_t>(net.outputs[0])];
      reals.push_back(static_cast<float>(real[0] - real[1]));
      scores.push_back({false, reals.back(), static_cast<float>(got[i][0] - got[i][1])});
    }
    std::vector<float> sorted = reals;
    std::sort(sorted.begin(), sorted.end());
    // Labels that float32 ranks well but not perfectly: its own order with noise.
    Random random(5);
    const float spread = sorted[225] - sorted[75];
    for (size_t i = 0; i < scores.size(); ++i) scores[i].positive = reals[i] + spread * random.Real(-1, 1) > sorted[150];
    const AucComparison auc = CompareAuc(scores);
    CHECK(auc.first > 0.75);
    // The pooled features of such a network vary by about two steps of theirs: a hard case.
    CHECK(std::fabs(auc.second - auc.first) < 0.02);
  }
}

}  // namespace cutis::convert
