// Rounding against exhaustive search, the algebra under it against definitions, ranges on constructed histograms.
#include "converter/quant/round.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "converter/quant/entropy.h"
#include "converter/quant/input_moments.h"
#include "converter/quant/range.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

// X^T X / rows of random correlated inputs, plus a little on the diagonal.
Matrix Correlated(Random& random, size_t size, size_t rows) {
  Matrix matrix(size);
  for (size_t r = 0; r < rows; ++r) {
    std::vector<double> x(size);
    const double common = random.Real(-3, 3);
    for (double& value : x) value = common + random.Real(-1, 1);
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = 0; j < size; ++j) matrix.Row(i)[j] += x[i] * x[j] / static_cast<double>(rows);
    }
  }
  for (size_t i = 0; i < size; ++i) matrix.Row(i)[i] += 0.01;
  return matrix;
}

double ErrorOf(const Matrix& h, const std::vector<double>& weights, double scale, const std::vector<int8_t>& q) {
  double error = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    for (size_t j = 0; j < weights.size(); ++j)
      error += h.Row(i)[j] * (q[i] * scale - weights[i]) * (q[j] * scale - weights[j]);
  }
  return error;
}

// The least error over all roundings up or down of each weight.
double Exhaustive(const Matrix& h, const std::vector<double>& weights, double scale) {
  double least = std::numeric_limits<double>::infinity();
  for (size_t choice = 0; choice < size_t{1} << weights.size(); ++choice) {
    std::vector<int8_t> q;
    for (size_t i = 0; i < weights.size(); ++i) {
      const double down = std::floor(weights[i] / scale);
      q.push_back(static_cast<int8_t>(down + ((choice >> i & 1) != 0 ? 1 : 0)));
    }
    least = std::min(least, ErrorOf(h, weights, scale, q));
  }
  return least;
}

TensorStatistics Histogram(std::vector<uint32_t> bins, int32_t exponent, float max) {
  TensorStatistics statistics;
  statistics.max = max;
  statistics.exponent = exponent;
  statistics.bins = std::move(bins);
  uint32_t sum = 0;
  for (const uint32_t bin : statistics.bins) sum += bin;
  statistics.zeros = kHistogramTotal - sum;
  return statistics;
}

}  // namespace

TEST_CASE("Cholesky: L times its transpose is the matrix again, on any number of threads") {
  Random random(1);
  for (const size_t size : {size_t{1}, size_t{7}, size_t{33}, size_t{100}}) {
    const Matrix matrix = Correlated(random, size, 2 * size + 3);
    Matrix lower = matrix, other = matrix;
    REQUIRE(Cholesky(lower, 1));
    REQUIRE(Cholesky(other, 3));
    CHECK(lower.values == other.values);
    double worst = 0;
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = 0; j < size; ++j) {
        double sum = 0;
        for (size_t k = 0; k < size; ++k) sum += lower.Row(i)[k] * lower.Row(j)[k];
        worst = std::max(worst, std::fabs(sum - matrix.Row(i)[j]));
        if (j > i) CHECK(lower.Row(i)[j] == 0);
      }
    }
    CHECK(worst < 1e-10);
  }
  Matrix indefinite(2);
  indefinite.values = {1, 2, 2, 1};
  CHECK_FALSE(Cholesky(indefinite, 1));
}

TEST_CASE("rounding: between exhaustive search and rounding to nearest") {
  Random random(2);
  double found = 0, least = 0, nearest = 0;
  int optimal = 0;
  constexpr int kCases = 60;
  for (int i = 0; i < kCases; ++i) {
    const Matrix h = Correlated(random, 10, 40);
    const RoundingProblem problem(h, 1);
    REQUIRE(problem.ok());
    std::vector<double> weights;
    for (size_t k = 0; k < 10; ++k) weights.push_back(random.Real(-1, 1));
    const double scale = 1.0 / 7;
    std::vector<int8_t> q(10), near;
    const double error = problem.Round(weights, scale, q);
    CHECK(error == doctest::Approx(ErrorOf(h, weights, scale, q)));
    for (const double weight : weights) near.push_back(static_cast<int8_t>(std::nearbyint(weight / scale)));
    const double best = Exhaustive(h, weights, scale);
    CHECK(error <= ErrorOf(h, weights, scale, near) + 1e-12);
    found += error;
    least += best;
    nearest += ErrorOf(h, weights, scale, near);
    optimal += error <= best * (1 + 1e-9) ? 1 : 0;
  }
  CAPTURE(found);
  CAPTURE(least);
  CAPTURE(nearest);
  CHECK(found < 1.5 * least);
  CHECK(found < 0.25 * nearest);
  CHECK(optimal > kCases / 4);
}

TEST_CASE("rounding: with inputs that have nothing to do with each other it is rounding to nearest") {
  Matrix h(5);
  for (size_t i = 0; i < 5; ++i) h.Row(i)[i] = 1 + static_cast<double>(i);
  const RoundingProblem problem(h, 1);
  const std::vector<double> weights = {0.26, -0.74, 1.49, -3.6, 200};
  std::vector<int8_t> q(5);
  problem.Round(weights, 1, q);
  CHECK(q == std::vector<int8_t>{0, -1, 1, -4, 127});
}

TEST_CASE("rounding: pruned weights stay zero") {
  Random random(3);
  const RoundingProblem problem(Correlated(random, 12, 50), 1);
  std::vector<double> weights;
  for (size_t k = 0; k < 12; ++k) weights.push_back(k % 3 == 0 ? 0 : random.Real(-1, 1));
  std::vector<int8_t> q(12);
  problem.Round(weights, 1.0 / 5, q);
  for (size_t k = 0; k < 12; k += 3) CHECK(q[k] == 0);
}

TEST_CASE("Log2 without the system's library") {
  for (double x = 1e-9; x < 1e9; x *= 1.37) CHECK(Log2(x) == doctest::Approx(std::log2(x)).epsilon(1e-10));
  for (const double x : {0.5, 1.0, 2.0, 1024.0}) CHECK(std::fabs(Log2(x) - std::log2(x)) < 1e-13);
}

TEST_CASE("ranges: candidates of an even histogram and of one with a far outlier") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // 512 even bins of 1/64 up to 8: cutting anything costs more than it gains, for the error and for the information.
  const TensorStatistics even = Histogram(std::vector<uint32_t>(512, 2048), -6, 8);
  for (const RangeCandidate& candidate : RangeCandidates(even, -kInfinity, kInfinity)) {
    CHECK(candidate.range.low == 0);
    CHECK(candidate.range.high >= 7.9);
  }
  // All below 1 but for one in 2^14 at 8: everything but the full range and the widest percentile leaves that out.
  std::vector<uint32_t> bins(512);
  for (size_t i = 0; i < 64; ++i) bins[i] = (kHistogramTotal - 64) / 64 / 2 * (1 + i % 2 * 2) / 2;  // uneven, so that steps of two bins lose
  bins[511] = 64;
  const TensorStatistics outlier = Histogram(bins, -6, 8);
  size_t methods = 0;
  for (const RangeCandidate& candidate : RangeCandidates(outlier, -kInfinity, kInfinity)) {
    const std::string_view method = candidate.method;
    ++methods;
    if (method == "min-max" || method == "percentile 99.999") CHECK(candidate.range.high == 8);
    if (method == "percentile 99.99") CHECK(candidate.range.high == doctest::Approx(1));
    if (method == "entropy") CHECK(candidate.range.high < 4.1);
  }
  CHECK(methods == 6);
  // A clamp bounds them all.
  for (const RangeCandidate& candidate : RangeCandidates(outlier, 0, 6)) CHECK(candidate.range.high <= 6);
}

TEST_CASE("moments of a layer's inputs are those of the patches, on any number of threads") {
  Random random(4);
  NetNode node;
  node.kind = OpKind::kConv;
  node.window = Square(3, 2, 1, 0);
  node.weights.resize(4 * 27);
  node.bias.resize(4);
  LayerInput input;
  input.node = &node;
  input.output = {3, 2, 4};
  input.info.shape = {6, 5, 3};
  input.info.channel_stride = 4;
  input.info.scale = 0.5f;
  input.info.zero_point = 100;
  ImageValues bytes(3), floats(3);
  for (size_t i = 0; i < 3; ++i) {
    bytes[i].resize(ImageBytes(DataType::kU8, input.info.shape));
    floats[i].resize(ImageBytes(DataType::kF32, input.info.shape));
    for (size_t p = 0; p < 30; ++p) {
      for (size_t c = 0; c < 3; ++c) {
        const auto byte = static_cast<uint8_t>(random.Below(256));
        bytes[i][p * 4 + c] = static_cast<std::byte>(byte);
        reinterpret_cast<float*>(floats[i].data())[p * 3 + c] = 0.5f * (static_cast<float>(byte) - 100) + random.Real(-1, 1);
      }
    }
  }
  input.quantised = &bytes;
  input.real = &floats;
  const PatchSampler sampler(input, 1000);  // more than there are: every pixel once
  const auto pixels = static_cast<size_t>(input.output.height) * static_cast<size_t>(input.output.width);
  REQUIRE(sampler.patches() == 3 * pixels);
  const InputMoments moments = sampler.Measure(0, true, 1);
  CHECK(sampler.Measure(0, true, 4).covariances.values == moments.covariances.values);
  // By the definitions.
  const size_t terms = 27;
  std::vector<std::vector<double>> quantised, real;
  for (size_t i = 0; i < 3; ++i) {
    for (int32_t y = 0; y < input.output.height; ++y) {
      for (int32_t x = 0; x < input.output.width; ++x) {
        std::vector<double> q, r;
        for (int32_t ky = 0; ky < 3; ++ky) {
          for (int32_t kx = 0; kx < 3; ++kx) {
            for (size_t c = 0; c < 3; ++c) {
              const int32_t iy = 2 * y + ky - 1, ix = 2 * x + kx - 1;
              const bool inside = iy >= 0 && iy < 6 && ix >= 0 && ix < 5;
              const size_t p = inside ? static_cast<size_t>(iy * 5 + ix) : 0;
              q.push_back(inside ? std::to_integer<int>(bytes[i][p * 4 + c]) - 100 : 0);
              r.push_back(inside ? reinterpret_cast<const float*>(floats[i].data())[p * 3 + c] * 2 : 0);
            }
          }
        }
        quantised.push_back(q);
        real.push_back(r);
      }
    }
  }
  const double n = static_cast<double>(quantised.size());
  for (size_t k = 0; k < terms; ++k) {
    double q = 0, r = 0;
    for (size_t p = 0; p < quantised.size(); ++p) {
      q += quantised[p][k] / n;
      r += real[p][k] / n;
    }
    CHECK(moments.quantised_means[k] == doctest::Approx(q));
    CHECK(moments.real_means[k] == doctest::Approx(r));
  }
  for (size_t i = 0; i < terms; i += 5) {
    for (size_t j = 0; j < terms; ++j) {
      double sum = 0;
      for (const std::vector<double>& patch : quantised)
        sum += (patch[i] - moments.quantised_means[i]) * (patch[j] - moments.quantised_means[j]) / n;
      CHECK(std::fabs(moments.covariances.Row(i)[j] - sum) < 1e-6);
    }
  }
}

}  // namespace cutis::convert
