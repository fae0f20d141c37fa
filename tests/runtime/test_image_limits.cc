// Images that are not to be judged: which limits a set of features exceeds, what that does to a verdict, where features come
// from.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "runtime/classify.h"
#include "runtime/image.h"
#include "runtime/image_limits.h"
#include "runtime/verdict.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr uint32_t kBlurred = 1, kUnderExposed = 2, kOverExposed = 4, kUnlike = 8;

uint32_t Exceeded(const Limit& limit, const std::vector<float>& features) {
  Limits limits;
  limits.features = features.size();
  limits.rules = {&limit, 1};
  return ExceededLimits(limits, features);
}

TEST_CASE("a bound of one feature belongs to the good side") {
  Limit limit;
  limit.reason = LimitReason::kBlurred;
  limit.feature = 1;
  limit.least = -1;
  limit.most = 2;
  CHECK(Exceeded(limit, {9, -1, 9}) == 0);
  CHECK(Exceeded(limit, {9, 2, 9}) == 0);
  CHECK(Exceeded(limit, {9, std::nextafter(-1.0f, -2.0f), 9}) == kBlurred);
  CHECK(Exceeded(limit, {9, std::nextafter(2.0f, 3.0f), 9}) == kBlurred);
  CHECK(Exceeded(limit, {kNan, 0, kNan}) == 0);  // it looks at nothing else
  CHECK(Exceeded(limit, {0, kNan, 0}) == kBlurred);
  limit.most = kInfinity;
  CHECK(Exceeded(limit, {9, 3e38f, 9}) == 0);
  limit.least = -kInfinity;
  CHECK(Exceeded(limit, {9, -3e38f, 9}) == 0);
  CHECK(Exceeded(limit, {9, kNan, 9}) == kBlurred);
}

TEST_CASE("a linear limit") {
  const float weights[] = {1, -2, 0.5f};
  Limit limit;
  limit.reason = LimitReason::kOverExposed;
  limit.kind = Limit::Kind::kLinear;
  limit.weights = weights;
  limit.most = 1;
  CHECK(Exceeded(limit, {1, 0, 0}) == 0);
  CHECK(Exceeded(limit, {1, 0, 0.25f}) == kOverExposed);
  CHECK(Exceeded(limit, {1, 1, 4}) == 0);
  CHECK(Exceeded(limit, {1, 1, kNan}) == kOverExposed);
  CHECK(Exceeded(limit, {kInfinity, kInfinity, 0}) == kOverExposed);
}

TEST_CASE("a distance limit: a lower triangle, row after row") {
  const float center[] = {1, 2}, weights[] = {2, /**/ 1, 3};  // |(2 a, a + 3 b)| of a = x - 1, b = y - 2
  Limit limit;
  limit.kind = Limit::Kind::kDistance;
  limit.center = center;
  limit.weights = weights;
  limit.most = 5;
  CHECK(Exceeded(limit, {1, 2}) == 0);
  CHECK(Exceeded(limit, {1 + 1.5f, 2 + 2.5f / 3}) == 0);         // (3, 4): just there
  CHECK(Exceeded(limit, {1 + 1.5f, 2 + 2.75f / 3}) == kUnlike);  // (3, 4.25)
  CHECK(Exceeded(limit, {1, 2 - 1.75f}) == kUnlike);             // (0, -5.25)
  CHECK(Exceeded(limit, {kNan, 2}) == kUnlike);
  CHECK(Exceeded(limit, {1, 3e38f}) == kUnlike);  // its square is infinite
}

TEST_CASE("several limits: each says its reason") {
  Limit rules[3];
  rules[0].reason = LimitReason::kBlurred;
  rules[0].least = 1;
  rules[0].most = kInfinity;
  rules[1].reason = LimitReason::kUnderExposed;
  rules[1].feature = 1;
  rules[1].least = 10;
  rules[1].most = kInfinity;
  rules[2] = rules[1];
  rules[2].least = 5;
  Limits limits;
  limits.features = 2;
  limits.rules = rules;
  const auto exceeded = [&](std::vector<float> features) { return ExceededLimits(limits, features); };
  CHECK(exceeded({1, 10}) == 0);
  CHECK(exceeded({0, 10}) == kBlurred);
  CHECK(exceeded({0, 7}) == (kBlurred | kUnderExposed));
  CHECK(exceeded({2, 1}) == kUnderExposed);
}

TEST_CASE("an exceeded limit takes the verdict back") {
  Judgement judgement;
  judgement.verdict = Verdict::kRefer;
  judgement.p_bcc = 0.25f;
  judgement.reasons = kReasonReferBand | kReasonUncalibrated;
  Judgement same = judgement;
  Refuse(0, &same);
  CHECK(same.verdict == Verdict::kRefer);
  CHECK(same.reasons == judgement.reasons);
  Refuse(kBlurred | kUnlike, &judgement);
  CHECK(judgement.verdict == Verdict::kUnusable);
  CHECK(judgement.p_bcc == 0.25f);
  CHECK((judgement.reasons & kReasonReferBand) == 0);
  std::string names;
  for (int bit = 0; bit < kReasonCount; ++bit) {
    if (judgement.reasons & 1u << bit) names += std::string(NameOf(static_cast<Reason>(1u << bit))) + " ";
  }
  CHECK(names == "uncalibrated blurred unlike_training ");
  CHECK(NameOf(static_cast<Reason>(1u << kReasonCount)) == nullptr);
  CHECK(NameOf(static_cast<LimitReason>(kLimitReasons)) == nullptr);
}

// -- in a session
// -------------------------------------------------------------------------------------------------------------------------

struct Opened {
  test::Bytes file;
  std::unique_ptr<Model> model;
  std::unique_ptr<Session> session;
};

Opened Open(const test::RawModel& raw, const SessionOptions& options = {}) {
  Opened opened{test::Write(raw), nullptr, nullptr};
  auto model = Model::OpenMemory(opened.file.data.get(), opened.file.size);
  REQUIRE_MESSAGE(model.ok(), model.status().text());
  opened.model = std::move(model.value());
  auto session = Session::Create(*opened.model, options);
  REQUIRE_MESSAGE(session.ok(), session.status().text());
  opened.session = std::move(session.value());
  return opened;
}

Image Picture(uint8_t first) {
  Image image;
  image.width = 30;
  image.height = 24;
  image.rgb.reset(static_cast<uint8_t*>(std::malloc(30 * 24 * 3)));
  for (int i = 0; i < 30 * 24 * 3; ++i) image.rgb[static_cast<size_t>(i)] = static_cast<uint8_t>(first + 7 * i % 90);
  return image;
}

TEST_CASE("features are those of the pixels that the network sees, and of the output that the limits name") {
  for (const bool u8 : {true, false}) {
    test::RawModel raw = u8 ? test::SmallU8Model() : test::SmallF32Model();
    test::AddLimits(&raw);
    SessionOptions options;
    options.batch = 2;
    const Opened o = Open(raw, options);
    const Limits& limits = *o.model->verdict()->limits;
    const size_t labels = o.model->verdict()->labels.size();
    REQUIRE(limits.features == kPixelFeatures + labels);
    const Image pictures[] = {Picture(20), Picture(120)};
    for (int32_t i = 0; i < 2; ++i) REQUIRE(o.session->SetInputImage(i, pictures[i]).ok());
    REQUIRE(o.session->Run(2).ok());
    for (int32_t i = 0; i < 2; ++i) {
      std::vector<float> features(limits.features), outputs(labels);
      REQUIRE(GetFeatures(*o.session, limits, i, features).ok());
      const TensorInfo& input = o.model->tensors()[static_cast<size_t>(o.model->input())].info;
      const int32_t width = input.shape.width, height = input.shape.height;
      std::vector<uint8_t> pixels(static_cast<size_t>(width * height * 3));
      REQUIRE(PreprocessImage(*o.model->preprocess(), pictures[i], o.model->cpu(), width, height, 3, pixels.data()).ok());
      std::vector<std::byte> scratch(PixelScratchBytes(width));
      float expected[kPixelFeatures];
      PixelFeaturesOf(SumPixels(pixels.data(), width, height, 3, scratch.data()), expected);
      CHECK(std::memcmp(features.data(), expected, sizeof expected) == 0);
      REQUIRE(o.session->GetOutputF32(0, i, outputs.data(), labels).ok());
      CHECK(std::memcmp(features.data() + kPixelFeatures, outputs.data(), labels * sizeof(float)) == 0);
    }
    std::vector<float> few(limits.features - 1);
    CHECK(GetFeatures(*o.session, limits, 0, few).code() == Code::kInternal);
  }
}

TEST_CASE("pixels that are given as they are have the same features, and the same verdict, as the image that they come of") {
  for (const bool u8 : {true, false}) {
    test::RawModel raw = u8 ? test::SmallU8Model() : test::SmallF32Model();
    test::AddLimits(&raw);
    const Opened o = Open(raw);
    const TensorInfo& input = o.model->tensors()[static_cast<size_t>(o.model->input())].info;
    const int32_t width = input.shape.width, height = input.shape.height;
    std::vector<uint8_t> pixels(static_cast<size_t>(width * height * 3));
    std::vector<float> probabilities(o.model->verdict()->labels.size());
    for (const uint8_t shade : {uint8_t{20}, uint8_t{120}}) {
      const Image picture = Picture(shade);
      float features[2][kPixelFeatures];
      Judgement judgements[2];
      REQUIRE(PreprocessImage(*o.model->preprocess(), picture, o.model->cpu(), width, height, 3, pixels.data()).ok());
      for (const bool whole : {true, false}) {
        REQUIRE(
            (whole ? o.session->SetInputImage(0, picture) : o.session->SetInputPixels(0, pixels.data(), pixels.size())).ok());
        REQUIRE(o.session->GetPixelFeatures(0, features[whole]).ok());
        REQUIRE(o.session->Run(1).ok());
        const Result<Judgement> judged = JudgeImage(*o.session, 0, nullptr, probabilities);
        REQUIRE(judged.ok());
        judgements[whole] = judged.value();
      }
      CHECK(std::memcmp(features[0], features[1], sizeof features[0]) == 0);
      CHECK(judgements[0].verdict == judgements[1].verdict);
      CHECK(judgements[0].reasons == judgements[1].reasons);
      CHECK(judgements[0].p_bcc == judgements[1].p_bcc);
    }
    // What is no image has none of them.
    REQUIRE(o.session->SetInputU8(0, pixels.data(), pixels.size()).ok());
    REQUIRE(o.session->Run(1).ok());
    CHECK(JudgeImage(*o.session, 0, nullptr, probabilities).status().code() == Code::kUsage);
    CHECK(o.session->SetInputPixels(0, pixels.data(), pixels.size() - 1).code() == Code::kUsage);
    CHECK(o.session->SetInputPixels(1, pixels.data(), pixels.size()).code() == Code::kUsage);
  }
}

TEST_CASE("features are there only for images, and where somebody looks at them") {
  float features[kPixelFeatures];
  const Image picture = Picture(20);
  const Opened plain = Open(test::SmallU8Model());
  REQUIRE(plain.session->SetInputImage(0, picture).ok());
  CHECK(plain.session->GetPixelFeatures(0, features).code() == Code::kUsage);
  SessionOptions options;
  options.pixel_features = true;
  const Opened asked = Open(test::SmallU8Model(), options);
  CHECK(asked.session->GetPixelFeatures(0, features).code() == Code::kUsage);  // no input yet
  REQUIRE(asked.session->SetInputImage(0, picture).ok());
  CHECK(asked.session->GetPixelFeatures(0, features).ok());
  CHECK(asked.session->GetPixelFeatures(1, features).code() == Code::kUsage);
  REQUIRE(asked.session->Run(1).ok());
  CHECK(asked.session->GetPixelFeatures(0, features).ok());  // the pixels are used up, what they said is not
  const std::vector<uint8_t> pixels(12 * 12 * 3);
  REQUIRE(asked.session->SetInputU8(0, pixels.data(), pixels.size()).ok());
  CHECK(asked.session->GetPixelFeatures(0, features).code() == Code::kUsage);
  REQUIRE(asked.session->SetInputPixels(0, pixels.data(), pixels.size()).ok());
  CHECK(asked.session->GetPixelFeatures(0, features).ok());
  const std::vector<float> values(12 * 12 * 3);
  REQUIRE(asked.session->SetInputF32(0, values.data(), values.size()).ok());
  CHECK(asked.session->GetPixelFeatures(0, features).code() == Code::kUsage);
  test::RawModel tensors = test::SmallU8Model();
  tensors.has_preprocess = tensors.has_verdict = false;
  const Opened bare = Open(tensors);
  CHECK(Session::Create(*bare.model, options).status().code() == Code::kUsage);
}

}  // namespace
}  // namespace cutis
