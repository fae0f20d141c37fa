// Statistics, and calibration.json: what is written comes back, and what does not fit is refused.
#include "converter/quant/calibration.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "converter/quant/auc.h"
#include "converter/quant/quantize.h"
#include "converter/quant/range.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

Net TwoLayers() {
  NetBuilder b(31, {6, 6, 3});
  const int x = b.Conv(0, 5, Square(3, 1, 1, 1));
  b.Clamp(0, 6);
  return b.Build(b.Conv(x, 4, Square(1, 1, 0, 0)));
}

Calibration SmallCalibration(const Net& net) {
  Random random(8);
  std::vector<std::vector<double>> inputs(3, std::vector<double>(6 * 6 * 3));
  for (std::vector<double>& input : inputs) {
    for (double& value : input) value = static_cast<double>(random.Real(-2, 2));
  }
  Calibration calibration = CalibrationOf(net, inputs);
  calibration.source_sha256 = "0123";
  return calibration;
}

bool SameTensors(const Calibration& a, const Calibration& b) {
  return std::equal(a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end(),
                    [](const TensorStatistics& x, const TensorStatistics& y) {
                      return x.name == y.name && x.min == y.min && x.max == y.max && x.zeros == y.zeros &&
                             x.exponent == y.exponent && x.first_bin == y.first_bin && x.bins == y.bins &&
                             x.channel_means == y.channel_means;
                    });
}

// Replaces the first `from` by `to`.
std::string Edited(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("statistics: order and grouping of the values do not matter") {
  Random random(2);
  std::vector<float> values;
  for (int i = 0; i < 3000; ++i) values.push_back(i % 5 == 0 ? 0.0f : std::ldexp(random.Real(-1, 1), random.Below(12) - 6));
  StatisticsCollector whole(1), pieces(1), backwards(1);
  REQUIRE(whole.Add(values));
  for (size_t i = 0; i < values.size(); i += 100) REQUIRE(pieces.Add(std::span(values).subspan(i, 100)));
  std::vector<float> reversed(values.rbegin(), values.rend());
  REQUIRE(backwards.Add(reversed));
  const TensorStatistics a = whole.Reduce(), b = pieces.Reduce(), c = backwards.Reduce();
  CHECK(a.bins == b.bins);
  CHECK(a.bins == c.bins);
  CHECK(a.exponent == c.exponent);
  CHECK(a.min == *std::min_element(values.begin(), values.end()));
  CHECK(a.max == *std::max_element(values.begin(), values.end()));
  CHECK(a.zeros == kHistogramTotal / 5);
  uint64_t total = a.zeros;
  for (const uint32_t count : a.bins) total += count;
  CHECK(total == kHistogramTotal);
  // Each bin against a count of its own.
  const double width = std::ldexp(1.0, a.exponent);
  for (size_t i = 0; i < a.bins.size(); ++i) {
    const double low = (a.first_bin + static_cast<double>(i)) * width;
    const auto inside = std::count_if(values.begin(), values.end(), [&](float value) {
      return value != 0 && static_cast<double>(value) >= low && static_cast<double>(value) < low + width;
    });
    CHECK(std::fabs(a.bins[i] - static_cast<double>(inside) * kHistogramTotal / 3000) <= 1.001);
  }
  StatisticsCollector broken(1);
  const std::vector<float> infinite = {1, std::numeric_limits<float>::infinity()};
  CHECK_FALSE(broken.Add(infinite));
}

TEST_CASE("means of channels") {
  StatisticsCollector collector(2);
  const std::vector<float> first = {1, -1, 3, -1}, second = {5, 7, 5, 7};
  REQUIRE(collector.Add(first));
  REQUIRE(collector.Add(second));
  const TensorStatistics statistics = collector.Reduce();
  CHECK(std::fabs(statistics.ChannelMean(0) - 3.5) < 0.002);
  CHECK(std::fabs(statistics.ChannelMean(1) - 3.0) < 0.002);
}

TEST_CASE("calibration.json comes back as it was, and gives the same model") {
  const Net net = TwoLayers();
  const Calibration calibration = SmallCalibration(net);
  const std::string text = WriteCalibrationJson(calibration);
  auto read = ParseCalibrationJson(text, "calibration.json");
  INFO(std::string(read.status().text()));
  REQUIRE(read.ok());
  CHECK(SameTensors(read.value(), calibration));
  CHECK(read.value().images == 3);
  CHECK(WriteCalibrationJson(read.value()) == text);
  REQUIRE(FitCalibration(read.value(), net, "0123", nullptr, "calibration.json").ok());
  auto a = Quantize(net, calibration, {{127, 127, 127}, {64, 64, 64}}),
       b = Quantize(net, read.value(), {{127, 127, 127}, {64, 64, 64}});
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  CHECK(std::equal(a.value().storage.begin(), a.value().storage.end(), b.value().storage.begin(), b.value().storage.end()));
}

TEST_CASE("a calibration of another network is refused") {
  const Net net = TwoLayers();
  const std::string text = WriteCalibrationJson(SmallCalibration(net));
  const auto fit = [&](const Net& other, const std::string& sha, const nlohmann::json& preprocessing) {
    auto read = ParseCalibrationJson(text, "calibration.json");
    REQUIRE(read.ok());
    return FitCalibration(read.value(), other, sha, preprocessing, "calibration.json").code();
  };
  CHECK(fit(net, "0123", nullptr) == Code::kOk);
  CHECK(fit(net, "0124", nullptr) == Code::kBadInput);
  CHECK(fit(net, "0123", {{"decoder", "stb"}}) == Code::kBadInput);
  Net other = net;
  other.tensors[1].name = "renamed";
  CHECK(fit(other, "0123", nullptr) == Code::kBadInput);
  other = net;
  other.tensors[1].shape.channels = 6;
  CHECK(fit(other, "0123", nullptr) == Code::kBadInput);
  other = net;
  other.tensors.pop_back();
  CHECK(fit(other, "0123", nullptr) == Code::kBadInput);
}

TEST_CASE("a damaged calibration.json is refused with its place") {
  const std::string text = WriteCalibrationJson(SmallCalibration(TwoLayers()));
  const auto refused = [&](const std::string& damaged, const char* word) {
    const auto read = ParseCalibrationJson(damaged, "calibration.json");
    REQUIRE_FALSE(read.ok());
    CHECK(read.status().code() == Code::kBadInput);
    const std::string message = read.status().text();
    CHECK(message.find("calibration.json") == 0);
    INFO(message);
    CHECK(message.find(word) != std::string::npos);
  };
  refused(text.substr(0, text.size() / 2), "JSON");
  refused(Edited(text, "cutis-calibration-1", "cutis-calibration-9"), "version");
  refused(Edited(text, "\"images\": 3", "\"images\": 0"), "images");
  refused(Edited(text, "\"images\": 3", "\"images\": 3, \"colour\": 1"), "colour");
  refused(Edited(text, "\"exponent\":", "\"exponent\":99999,\"e\":"), "exponent");
  refused(Edited(text, "\"bins\":[", "\"bins\":[-1,"), "bins");
  refused(Edited(text, "\"bins\":[", "\"bins\":[1000,"), "add up");
  refused(Edited(text, "\"zeros\":", "\"zeros\":1.5,\"z\":"), "zeros");
  refused(Edited(text, "\"min\":", "\"min\":9e9,\"m\":"), "min");
  refused(Edited(text, "\"min\":", "\"min\":0,\"min\":"), "twice");
}

TEST_CASE("AUC: by hand, ties, and a paired difference") {
  // Pairs (positive, negative): 0.9>0.8, 0.9>0.3, 0.5<0.8, 0.5>0.3; by the second score all are equal.
  const std::vector<Scored> images = {{true, 0.9f, 1}, {true, 0.5f, 1}, {false, 0.8f, 1}, {false, 0.3f, 1}};
  const AucComparison result = CompareAuc(images);
  CHECK(result.first == 0.75);
  CHECK(result.second == 0.5);
  CHECK(result.positives == 2);
  CHECK(result.negatives == 2);
  CHECK(result.low <= -0.25);
  CHECK(result.high >= -0.25);
  Random random(4);
  std::vector<Scored> same;
  for (int i = 0; i < 300; ++i) {
    const float score = random.Real(0, 1);
    same.push_back({i % 7 == 0, score, score});
  }
  CHECK(CompareAuc(same).low == 0);
  CHECK(CompareAuc(same).high == 0);
}

}  // namespace cutis::convert
