// From outputs to verdicts.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "runtime/verdict.h"

namespace cutis {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

const char* const kLabels[] = {"bcc", "mel", "nv"};

VerdictRecipe RecipeOf(Scores scores, std::span<const OperatingPoint> points) {
  VerdictRecipe recipe;
  recipe.labels = kLabels;
  recipe.scores = scores;
  recipe.operating_points = points;
  return recipe;
}

const OperatingPoint kPoints[] = {{"balanced", 0.5f, 0.25f, 0.375f, "", true, {}, {}},
                                  {"sensitive", 0.125f, 0, 0, "", false, {}, {}}};

Judgement JudgeAt(float p, const char* point) {
  const float outputs[] = {p, 0.0f, 1.0f - p};
  float probabilities[3];
  const Result<Judgement> result = Judge(RecipeOf(Scores::kProbabilities, kPoints), outputs, point, probabilities);
  REQUIRE(result.ok());
  CHECK(result.value().p_bcc == p);
  CHECK(probabilities[2] == outputs[2]);
  return result.value();
}

TEST_CASE("the thresholds belong to the upper side") {
  CHECK(JudgeAt(0.5f, nullptr).verdict == Verdict::kBcc);
  CHECK(JudgeAt(std::nextafter(0.5f, 0.0f), nullptr).verdict == Verdict::kNotBcc);
  CHECK(JudgeAt(1.0f, nullptr).verdict == Verdict::kBcc);
  CHECK(JudgeAt(0.0f, nullptr).verdict == Verdict::kNotBcc);
  CHECK(JudgeAt(0.25f, nullptr).verdict == Verdict::kRefer);
  CHECK(JudgeAt(std::nextafter(0.25f, 0.0f), nullptr).verdict == Verdict::kNotBcc);
  CHECK(JudgeAt(std::nextafter(0.375f, 0.0f), nullptr).verdict == Verdict::kRefer);
  CHECK(JudgeAt(0.375f, nullptr).verdict == Verdict::kNotBcc);
}

TEST_CASE("a band over the threshold refers on both sides of it") {
  const OperatingPoint point = {"wide", 0.5f, 0.25f, 0.75f, "", true, {}, {}};
  const VerdictRecipe recipe = RecipeOf(Scores::kProbabilities, {&point, 1});
  float probabilities[3];
  for (const float p : {0.25f, 0.5f, 0.625f}) {
    const float outputs[] = {p, 0, 0};
    CHECK(Judge(recipe, outputs, nullptr, probabilities).value().verdict == Verdict::kRefer);
  }
  const float outputs[] = {0.75f, 0, 0};
  CHECK(Judge(recipe, outputs, nullptr, probabilities).value().verdict == Verdict::kBcc);
}

TEST_CASE("the reasons") {
  CHECK(JudgeAt(0.5f, nullptr).reasons == 0);
  CHECK(JudgeAt(0.25f, "balanced").reasons == kReasonReferBand);
  CHECK(JudgeAt(0.5f, "sensitive").reasons == kReasonUncalibrated);
  CHECK(JudgeAt(0.125f, "sensitive").verdict == Verdict::kBcc);
  CHECK(JudgeAt(0.0f, "sensitive").verdict == Verdict::kNotBcc);  // equal bounds: no band
  CHECK(JudgeAt(0.5f, "sensitive").operating_point == &kPoints[1]);
  VerdictRecipe recipe = RecipeOf(Scores::kProbabilities, kPoints);
  recipe.default_operating_point = 1;
  const float outputs[] = {0.2f, 0, 0};
  float probabilities[3];
  CHECK(Judge(recipe, outputs, nullptr, probabilities).value().operating_point == &kPoints[1]);
  CHECK(Judge(recipe, outputs, "balanced", probabilities).value().operating_point == &kPoints[0]);
}

TEST_CASE("without an operating point there is no verdict") {
  const float outputs[] = {0.9f, 0.05f, 0.05f};
  float probabilities[3];
  const Result<Judgement> result = Judge(RecipeOf(Scores::kProbabilities, {}), outputs, nullptr, probabilities);
  REQUIRE(result.ok());
  CHECK(result.value().verdict == Verdict::kNone);
  CHECK(result.value().operating_point == nullptr);
  CHECK(result.value().reasons == kReasonNoOperatingPoint);
  CHECK(result.value().p_bcc == 0.9f);
  CHECK(probabilities[1] == 0.05f);
  CHECK(Judge(RecipeOf(Scores::kProbabilities, {}), outputs, "any", probabilities).status().code() == Code::kUsage);
}

TEST_CASE("an unknown operating point lists the known ones") {
  const float outputs[] = {0.9f, 0.05f, 0.05f};
  float probabilities[3];
  const Result<Judgement> result = Judge(RecipeOf(Scores::kProbabilities, kPoints), outputs, "Balanced", probabilities);
  REQUIRE(!result.ok());
  CHECK(result.status().code() == Code::kUsage);
  CHECK(std::strstr(result.status().text(), "balanced, sensitive") != nullptr);
  // Many long names are cut, not overrun.
  const std::vector<OperatingPoint> many(50, {"a_rather_long_name_of_an_operating_point", 0.5f, 0, 0, "", true, {}, {}});
  const Result<Judgement> cut = Judge(RecipeOf(Scores::kProbabilities, many), outputs, "x", probabilities);
  CHECK(std::strstr(cut.status().text(), "...") != nullptr);
}

TEST_CASE("softmax with a temperature") {
  VerdictRecipe recipe = RecipeOf(Scores::kSoftmax, kPoints);
  recipe.positive = 1;
  const float logits[] = {1.5f, -0.75f, 3.0f};
  float probabilities[3];
  for (const float temperature : {1.0f, 0.5f, 2.5f}) {
    recipe.temperature = temperature;
    const Result<Judgement> result = Judge(recipe, logits, nullptr, probabilities);
    REQUIRE(result.ok());
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit) / static_cast<double>(temperature));
    for (int i = 0; i < 3; ++i) {
      const double expected = std::exp(static_cast<double>(logits[i]) / static_cast<double>(temperature)) / sum;
      CHECK(std::fabs(static_cast<double>(probabilities[i]) - expected) < 1e-6);
    }
    CHECK(result.value().p_bcc == probabilities[1]);
  }
}

TEST_CASE("extreme logits give probabilities, not NaN") {
  const VerdictRecipe recipe = RecipeOf(Scores::kSoftmax, kPoints);
  float probabilities[3];
  const float logits[] = {3e38f, -3e38f, 0.0f};
  REQUIRE(Judge(recipe, logits, nullptr, probabilities).ok());
  CHECK(probabilities[0] == 1.0f);
  CHECK(probabilities[1] == 0.0f);
  const float equal[] = {-1e30f, -1e30f, -1e30f};
  REQUIRE(Judge(recipe, equal, nullptr, probabilities).ok());
  CHECK(probabilities[0] == 1.0f / 3.0f);
  VerdictRecipe sigmoid = RecipeOf(Scores::kSigmoid, kPoints);
  sigmoid.temperature = 1e-30f;
  REQUIRE(Judge(sigmoid, logits, nullptr, probabilities).ok());
  CHECK(probabilities[0] == 1.0f);
  CHECK(probabilities[1] == 0.0f);
  CHECK(probabilities[2] == 0.5f);
}

// The definition, in double and without a thought for digits.
double PlattOf(std::span<const float> logits, int positive, double temperature, const PlattScaling& scaling) {
  double others = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (static_cast<int>(i) != positive) others += std::exp(static_cast<double>(logits[i]) / temperature);
  }
  const double z = static_cast<double>(logits[static_cast<size_t>(positive)]) / temperature - std::log(others);
  return 1 / (1 + std::exp(-(static_cast<double>(scaling.slope) * z + static_cast<double>(scaling.intercept))));
}

TEST_CASE("a calibration scales and moves the log-odds; the other labels share the rest") {
  uint32_t state = 1;
  const auto uniform = [&] {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(state >> 8) * 0x1p-24f;
  };
  double worst = 0, worst_rest = 0;
  for (int i = 0; i < 20000; ++i) {
    VerdictRecipe recipe = RecipeOf(Scores::kSoftmax, kPoints);
    recipe.positive = i % 3;
    recipe.temperature = 0.25f + 3 * uniform();
    recipe.calibration = PlattScaling{0.1f + 3 * uniform(), 4 * uniform() - 2, 0.3f, 100, ""};
    const float logits[] = {12 * uniform() - 6, 12 * uniform() - 6, 12 * uniform() - 6};
    float probabilities[3], plain[3];
    const Result<Judgement> result = Judge(recipe, logits, nullptr, probabilities);
    REQUIRE(result.ok());
    CHECK(result.value().p_bcc == probabilities[recipe.positive]);
    const double p = PlattOf(logits, recipe.positive, static_cast<double>(recipe.temperature), *recipe.calibration);
    worst = std::max(worst, std::fabs(static_cast<double>(result.value().p_bcc) - p));
    recipe.calibration.reset();
    REQUIRE(Judge(recipe, logits, nullptr, plain).ok());
    double sum = 0, plain_rest = 0;
    for (int k = 0; k < 3; ++k) {
      sum += static_cast<double>(probabilities[k]);
      if (k != recipe.positive) plain_rest += static_cast<double>(plain[k]);
    }
    CHECK(sum == doctest::Approx(1).epsilon(1e-6));
    for (int k = 0; k < 3; ++k) {
      if (k == recipe.positive || plain_rest < 1e-3) continue;
      const double want = (1 - p) * static_cast<double>(plain[k]) / plain_rest;
      worst_rest = std::max(worst_rest, std::fabs(static_cast<double>(probabilities[k]) - want));
    }
  }
  MESSAGE("largest errors: p_bcc " << worst << ", others " << worst_rest);
  CHECK(worst < 5e-7);
  CHECK(worst_rest < 5e-7);
}

TEST_CASE("a calibration that changes nothing gives the softmax, but for the rounding") {
  VerdictRecipe recipe = RecipeOf(Scores::kSoftmax, kPoints);
  const float logits[] = {1.5f, -0.75f, 3.0f};
  float plain[3], calibrated[3];
  REQUIRE(Judge(recipe, logits, nullptr, plain).ok());
  // The bits of a file without a calibration, on every machine.
  CHECK(std::bit_cast<uint32_t>(plain[0]) == 0x3e37479cu);
  recipe.calibration = PlattScaling{1, 0, 0.5f, 1, ""};
  REQUIRE(Judge(recipe, logits, nullptr, calibrated).ok());
  for (int i = 0; i < 3; ++i) CHECK(calibrated[i] == doctest::Approx(plain[i]).epsilon(1e-6));
}

TEST_CASE("calibrated probabilities have the same bits on every machine") {
  VerdictRecipe recipe = RecipeOf(Scores::kSoftmax, kPoints);
  recipe.temperature = 1.3f;
  recipe.calibration = PlattScaling{0.8125f, -0.4375f, 0.25f, 100, ""};
  uint32_t hash = 2166136261u;
  for (int i = 0; i < 1000; ++i) {
    const float logits[] = {static_cast<float>(i * 37 % 101) * 0.17f - 8, static_cast<float>(i * 53 % 89) * 0.11f - 4,
                            static_cast<float>(i * 71 % 97) * 0.13f - 6};
    float probabilities[3];
    REQUIRE(Judge(recipe, logits, nullptr, probabilities).ok());
    for (const float p : probabilities) hash = (hash ^ std::bit_cast<uint32_t>(p)) * 16777619u;
  }
  CHECK(hash == 0x1e617a13u);
}

TEST_CASE("calibrated: extreme logits give probabilities, not NaN") {
  VerdictRecipe recipe = RecipeOf(Scores::kSoftmax, kPoints);
  float p[3];
  for (const float slope : {1e-30f, 1.0f, 3e38f}) {
    for (const float intercept : {-3e38f, 0.0f, 3e38f}) {
      recipe.calibration = PlattScaling{slope, intercept, 0.5f, 1, ""};
      for (const float a : {-3e38f, 0.0f, 3e38f}) {
        for (const float b : {-3e38f, 0.0f, 3e38f}) {
          for (const float temperature : {1e-30f, 1.0f, 1e30f}) {
            recipe.temperature = temperature;
            const float logits[] = {a, b, 1.0f};
            REQUIRE(Judge(recipe, logits, nullptr, p).ok());
            float sum = 0;
            for (const float value : p) {
              CHECK((value >= 0 && value <= 1));
              sum += value;
            }
            CHECK(sum == doctest::Approx(1).epsilon(1e-6));
          }
        }
      }
    }
  }
  // The positive label far below and far above: digits stay where the softmax has lost them.
  recipe.temperature = 1;
  recipe.calibration = PlattScaling{0.125f, 0, 0.5f, 1, ""};
  const float below[] = {-100, 0, -3}, above[] = {100, 0, -3};
  REQUIRE(Judge(recipe, below, nullptr, p).ok());
  CHECK(p[0] == doctest::Approx(PlattOf(below, 0, 1, *recipe.calibration)).epsilon(1e-5));
  REQUIRE(Judge(recipe, above, nullptr, p).ok());
  CHECK(p[1] == doctest::Approx(3.4e-6).epsilon(0.1));
}

TEST_CASE("a calibration without sense is refused") {
  const float outputs[] = {0.5f, 0.25f, 0.25f};
  float p[3];
  VerdictRecipe recipe = RecipeOf(Scores::kSigmoid, kPoints);
  recipe.calibration = PlattScaling{};
  CHECK(Judge(recipe, outputs, nullptr, p).status().code() == Code::kInternal);
  recipe.scores = Scores::kSoftmax;
  CHECK(Judge(recipe, outputs, nullptr, p).ok());
  for (const float wrong : {0.0f, -1.0f, kInfinity, std::nanf("")}) {
    recipe.calibration->slope = wrong;
    CHECK(Judge(recipe, outputs, nullptr, p).status().code() == Code::kInternal);
  }
  recipe.calibration = PlattScaling{1, kInfinity, 0.5f, 1, ""};
  CHECK(Judge(recipe, outputs, nullptr, p).status().code() == Code::kInternal);
  recipe.calibration = PlattScaling{};
  recipe.labels = {kLabels, 1};
  CHECK(Judge(recipe, {outputs, 1}, nullptr, {p, 1}).status().code() == Code::kInternal);
}

TEST_CASE("sigmoid: each label for itself") {
  VerdictRecipe recipe = RecipeOf(Scores::kSigmoid, kPoints);
  recipe.temperature = 2.0f;
  const float logits[] = {0.0f, 4.0f, -4.0f};
  float probabilities[3];
  const Result<Judgement> result = Judge(recipe, logits, nullptr, probabilities);
  REQUIRE(result.ok());
  CHECK(result.value().p_bcc == 0.5f);
  CHECK(result.value().verdict == Verdict::kBcc);
  CHECK(std::fabs(static_cast<double>(probabilities[1]) - 1 / (1 + std::exp(-2.0))) < 1e-6);
  CHECK(std::fabs(static_cast<double>(probabilities[2]) - 1 / (1 + std::exp(2.0))) < 1e-6);
}

TEST_CASE("outputs that are no scores are refused, naming the label") {
  float probabilities[3];
  for (const Scores scores : {Scores::kProbabilities, Scores::kSoftmax, Scores::kSigmoid}) {
    for (const float wrong : {std::nanf(""), kInfinity, -kInfinity}) {
      const float outputs[] = {0.5f, wrong, 0.25f};
      const Result<Judgement> result = Judge(RecipeOf(scores, kPoints), outputs, nullptr, probabilities);
      REQUIRE(!result.ok());
      CHECK(result.status().code() == Code::kBadInput);
      CHECK(std::strstr(result.status().text(), "\"mel\"") != nullptr);
    }
  }
  for (const float wrong : {-0.001f, 1.001f}) {
    const float outputs[] = {0.5f, wrong, 0.25f};
    CHECK(!Judge(RecipeOf(Scores::kProbabilities, kPoints), outputs, nullptr, probabilities).ok());
    CHECK(Judge(RecipeOf(Scores::kSoftmax, kPoints), outputs, nullptr, probabilities).ok());
  }
}

TEST_CASE("sizes that do not belong together are refused") {
  float probabilities[3];
  const float outputs[] = {0.5f, 0.25f, 0.25f, 0};
  const VerdictRecipe recipe = RecipeOf(Scores::kProbabilities, kPoints);
  CHECK(Judge(recipe, outputs, nullptr, probabilities).status().code() == Code::kInternal);
  CHECK(Judge(recipe, {outputs, 2}, nullptr, probabilities).status().code() == Code::kInternal);
  CHECK(Judge(recipe, {outputs, 3}, nullptr, {probabilities, 2}).status().code() == Code::kInternal);
  VerdictRecipe cold = recipe;
  cold.temperature = 0;
  CHECK(Judge(cold, {outputs, 3}, nullptr, probabilities).status().code() == Code::kInternal);
}

TEST_CASE("names") {
  CHECK(NameOf(Verdict::kNone) == nullptr);
  CHECK(std::strcmp(NameOf(Verdict::kBcc), "bcc") == 0);
  CHECK(std::strcmp(NameOf(Verdict::kNotBcc), "not_bcc") == 0);
  CHECK(std::strcmp(NameOf(Verdict::kRefer), "refer") == 0);
  CHECK(std::strcmp(NameOf(Verdict::kUnusable), "unusable") == 0);
  const char* const reasons[kReasonCount] = {"no_operating_point", "uncalibrated", "refer_band",     "blurred",
                                             "under_exposed",      "over_exposed", "unlike_training"};
  for (int i = 0; i < kReasonCount; ++i) CHECK(std::strcmp(NameOf(static_cast<Reason>(1u << i)), reasons[i]) == 0);
}

}  // namespace
}  // namespace cutis
