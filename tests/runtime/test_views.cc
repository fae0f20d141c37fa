// Several views of an image, and verdicts from values that were kept.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "runtime/cutis.h"
#include "runtime/model.h"
#include "runtime/session.h"
#include "runtime/verdict.h"
#include "runtime/views.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

using test::Bytes;
using test::RawModel;

std::vector<uint8_t> View(const std::vector<uint8_t>& pixels, int32_t side, int32_t view) {
  std::vector<uint8_t> made(pixels.size());
  MakeView(pixels.data(), side, view, made.data());
  return made;
}

TEST_CASE("views are the eight symmetries of the square") {
  constexpr int32_t kSide = 5;
  std::vector<uint8_t> pixels(kSide * kSide * 3);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(3 * i + 1);
  const auto at = [](const std::vector<uint8_t>& from, int y, int x, int c) {
    return from[static_cast<size_t>((y * kSide + x) * 3 + c)];
  };
  CHECK(View(pixels, kSide, 0) == pixels);
  const auto text = [](const std::vector<uint8_t>& bytes) { return std::string(bytes.begin(), bytes.end()); };
  std::set<std::string> all;
  for (int32_t view = 0; view < kViews; ++view) all.insert(text(View(pixels, kSide, view)));
  CHECK(all.size() == 8);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      for (int c = 0; c < 3; ++c) {
        CHECK(at(View(pixels, kSide, 1), y, x, c) == at(pixels, y, kSide - 1 - x, c));
        CHECK(at(View(pixels, kSide, 2), y, x, c) == at(pixels, kSide - 1 - y, x, c));
        CHECK(at(View(pixels, kSide, 4), y, x, c) == at(pixels, x, y, c));
        CHECK(at(View(pixels, kSide, 3), y, x, c) == at(pixels, kSide - 1 - y, kSide - 1 - x, c));
        // A quarter turn, counter-clockwise: the right column becomes the upper row.
        CHECK(at(View(pixels, kSide, 6), y, x, c) == at(pixels, x, kSide - 1 - y, c));
      }
    }
  }
  // Closed: a view of a view is a view; four quarter turns are none.
  for (int32_t a = 0; a < kViews; ++a) {
    for (int32_t b = 0; b < kViews; ++b) CHECK(all.count(text(View(View(pixels, kSide, a), kSide, b))) == 1);
  }
  CHECK(View(View(View(View(pixels, kSide, 6), kSide, 6), kSide, 6), kSide, 6) == pixels);
}

TEST_CASE("the mean of views is summed in their order") {
  const std::vector<float> outputs = {1e8f, 1, 1, 2, -1e8f, 4};  // 3 views of 2 labels
  float mean[2];
  REQUIRE(MeanOfViews(outputs, 3, mean).ok());
  CHECK(mean[0] == 0);  // (1e8 + 1) - 1e8, in float32
  CHECK(mean[1] == 7.0f / 3.0f);
  CHECK(MeanOfViews(outputs, 2, mean).code() == Code::kUsage);
  CHECK(MeanOfViews(outputs, 0, mean).code() == Code::kUsage);
  const std::vector<float> nine(18);
  CHECK(MeanOfViews(nine, 9, mean).code() == Code::kUsage);
}

// Two labels: z is the difference of the logits.
struct Recipe {
  const char* labels[2] = {"bcc", "other"};
  OperatingPoint points[2] = {{"band", 0.5f, 0.25f, 0.75f, "", true, {}, {}}, {"line", 0.5f, 0, 0, "", true, {}, {}}};
  ViewStop stops[1] = {{1.0f, 2.0f}};
  VerdictRecipe recipe;
  Recipe() {
    recipe.labels = labels;
    recipe.operating_points = points;
    recipe.views.emplace();
    recipe.views->operating_points = points;
    recipe.views->stops = stops;
  }
  bool Suffice(float z, int32_t views, const char* point) const {
    const float mean[] = {z, 0};
    const Result<bool> found = ViewsSuffice(recipe, mean, views, point);
    REQUIRE(found.ok());
    return found.value();
  }
};

TEST_CASE("views are left out only far from the bounds of a decision") {
  const Recipe test;
  const float edge = std::log(3.0f);  // log-odds of 0.75; of 0.25 it is -edge
  // Below a bound by more than `rise`, above it by more than `fall`.
  CHECK(test.Suffice(-1.01f, 1, "line"));
  CHECK_FALSE(test.Suffice(-0.99f, 1, "line"));
  CHECK_FALSE(test.Suffice(0, 1, "line"));
  CHECK_FALSE(test.Suffice(1.99f, 1, "line"));
  CHECK(test.Suffice(2.01f, 1, "line"));
  CHECK(test.Suffice(-edge - 1.01f, 1, nullptr));
  CHECK_FALSE(test.Suffice(-edge - 0.99f, 1, nullptr));
  CHECK_FALSE(test.Suffice(0, 1, nullptr));  // within the band, near both edges
  CHECK_FALSE(test.Suffice(edge + 1.99f, 1, nullptr));
  CHECK(test.Suffice(edge + 2.01f, 1, nullptr));
  CHECK_FALSE(test.Suffice(NAN, 1, nullptr));
  CHECK_FALSE(test.Suffice(100, 2, nullptr));  // no limit for two views
  const float mean[] = {0, 0};
  CHECK(ViewsSuffice(test.recipe, mean, 1, "none").status().code() == Code::kUsage);
  CHECK(ViewsSuffice(test.recipe, mean, 0, nullptr).status().code() == Code::kUsage);
  // A threshold outside the band counts too; a bound at 0 or 1 does not: no probability crosses it.
  Recipe outside;
  outside.points[0].threshold = 0.1f;
  CHECK_FALSE(outside.Suffice(-edge - 1.01f, 1, nullptr));
  Recipe wide;
  wide.points[0].refer_low = 0;
  wide.points[0].refer_high = 1;
  CHECK(wide.Suffice(0, 1, nullptr));
  Recipe none;
  none.recipe.views.reset();
  CHECK_FALSE(none.Suffice(100, 1, nullptr));
}

TEST_CASE("the mean of views is judged by numbers of its own") {
  Recipe test;
  test.points[1].threshold = 0.25f;
  OperatingPoint of_views[2] = {test.points[0], test.points[1]};
  of_views[1].threshold = 0.9f;
  test.recipe.views->operating_points = of_views;
  test.recipe.views->calibration.slope = 2;
  const float mean[] = {1, 0};
  float probabilities[2];
  const auto one = Judge(test.recipe, mean, "line", probabilities).value();
  CHECK(one.p_bcc == doctest::Approx(1 / (1 + std::exp(-1.0))));
  CHECK(one.verdict == Verdict::kBcc);
  const auto several = Judge(test.recipe, mean, "line", probabilities, true).value();
  CHECK(several.p_bcc == doctest::Approx(1 / (1 + std::exp(-2.0))));
  CHECK(several.verdict == Verdict::kNotBcc);
  CHECK(several.reasons == 0);
  test.recipe.views.reset();
  const auto without = Judge(test.recipe, mean, "line", probabilities, true).value();
  CHECK(without.p_bcc == one.p_bcc);
  CHECK(without.reasons == kReasonUncalibrated);
}

// Whatever the network takes, and the limits look at.
TEST_CASE("kept values give the same verdict as the session") {
  for (const bool f32 : {false, true}) {
    RawModel raw = f32 ? test::SmallF32Model() : test::SmallCalibratedModel();
    if (!f32) test::AddLimits(&raw), test::AddViews(&raw);
    const Bytes file = test::Write(raw);
    char error[300] = "";
    cutis_model* model = nullptr;
    REQUIRE_MESSAGE(cutis_model_open_memory(file.data.get(), file.size, nullptr, &model, error, sizeof error) == CUTIS_OK,
                    error);
    cutis_session* session = nullptr;
    REQUIRE(cutis_session_create(model, nullptr, &session, error, sizeof error) == CUTIS_OK);
    std::vector<uint8_t> pixels(12 * 12 * 3), again(pixels.size());
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 37 >> 2);
    REQUIRE(cutis_session_set_input_u8(session, 0, pixels.data(), pixels.size(), error, sizeof error) == CUTIS_OK);
    CHECK(cutis_session_get_input_u8(session, 0, again.data(), again.size(), error, sizeof error) == CUTIS_OK);
    CHECK(again == pixels);
    CHECK(cutis_session_get_input_u8(session, 1, again.data(), again.size(), error, sizeof error) == CUTIS_ERROR_USAGE);
    CHECK(cutis_session_get_input_u8(session, 0, again.data(), 3, error, sizeof error) == CUTIS_ERROR_USAGE);
    REQUIRE(cutis_session_run(session, 1, error, sizeof error) == CUTIS_OK);
    std::vector<float> outputs(7 * 8), features(19, 1.0f);
    REQUIRE(cutis_session_get_output_f32(session, 0, 0, outputs.data(), 7, error, sizeof error) == CUTIS_OK);
    for (size_t v = 1; v < 8; ++v) {
      for (size_t i = 0; i < 7; ++i) outputs[7 * v + i] = outputs[i] + (i == 0 && !f32 ? 0.25f * static_cast<float>(v) : 0.0f);
    }
    cutis_findings findings = CUTIS_FINDINGS_INIT;
    findings.outputs = outputs.data();
    findings.output_count = 7;
    cutis_judge_options options = CUTIS_JUDGE_OPTIONS_INIT;
    float expected[7], found[7];
    cutis_result result = CUTIS_RESULT_INIT;
    result.probabilities = found;
    result.probability_count = 7;
    if (!f32) {
      CHECK(cutis_model_judge(model, &findings, &options, &result, error, sizeof error) == CUTIS_ERROR_USAGE);
      CHECK(std::string(error).find("0 features where the model's limits look at 19") != std::string::npos);
      findings.features = features.data();
      findings.feature_count = features.size();
      features[4] = 100;  // within
    }
    REQUIRE_MESSAGE(cutis_model_judge(model, &findings, &options, &result, error, sizeof error) == CUTIS_OK, error);
    const Model& inside = *reinterpret_cast<const Model*>(model);
    const Judgement judged = Judge(*inside.verdict(), {outputs.data(), 7}, nullptr, expected).value();
    CHECK(std::memcmp(found, expected, sizeof found) == 0);
    CHECK(static_cast<int>(result.verdict) == static_cast<int>(judged.verdict));
    CHECK(result.reasons == judged.reasons);
    CHECK(result.bcc_share == (f32 ? 0.0f : 0.25f));
    if (!f32) {
      features[4] = 250;  // over-exposed
      REQUIRE(cutis_model_judge(model, &findings, &options, &result, error, sizeof error) == CUTIS_OK);
      CHECK(result.verdict == CUTIS_VERDICT_UNUSABLE);
      options.without_limits = 1;
      findings.features = nullptr;
      REQUIRE(cutis_model_judge(model, &findings, &options, &result, error, sizeof error) == CUTIS_OK);
      CHECK(static_cast<int>(result.verdict) == static_cast<int>(judged.verdict));
    }
    // Several views: by their numbers, or refused; how many suffice.
    findings.output_count = outputs.size();
    findings.views = 8;
    CHECK(cutis_model_judge(model, &findings, &options, &result, error, sizeof error) == CUTIS_ERROR_USAGE);
    options.of_views = 1;
    REQUIRE_MESSAGE(cutis_model_judge(model, &findings, &options, &result, error, sizeof error) == CUTIS_OK, error);
    std::vector<float> mean(7);
    REQUIRE(MeanOfViews(outputs, 8, mean).ok());
    const Judgement several = Judge(*inside.verdict(), mean, nullptr, expected, true).value();
    CHECK(std::memcmp(found, expected, sizeof found) == 0);
    CHECK(result.p_bcc == several.p_bcc);
    CHECK((result.reasons & CUTIS_REASON_UNCALIBRATED) != 0);  // the point is, or there are no numbers for views
    int suffice = -1;
    CHECK(cutis_model_views_suffice(model, &findings, &options, &suffice, error, sizeof error) == CUTIS_OK);
    CHECK(suffice == 1);  // there are no more
    findings.views = 1;
    findings.output_count = 7;
    outputs[0] = 1000;
    CHECK(cutis_model_views_suffice(model, &findings, &options, &suffice, error, sizeof error) == CUTIS_OK);
    CHECK(suffice == (f32 ? 0 : 1));
    outputs[0] = outputs[1];
    findings.output_count = 6;
    CHECK(cutis_model_views_suffice(model, &findings, &options, &suffice, error, sizeof error) == CUTIS_ERROR_USAGE);
    cutis_views views = {};
    CHECK(cutis_model_views(model, &views) == CUTIS_ERROR_USAGE);  // struct_size is not set, or there are none
    views.struct_size = sizeof views;
    CHECK(cutis_model_views(model, &views) == (f32 ? CUTIS_ERROR_USAGE : CUTIS_OK));
    if (!f32) {
      CHECK(views.stops == 2);
      CHECK(views.images == 900);
      CHECK(views.mean_views == 2.5f);
      CHECK(views.calibration.slope == 2);
      CHECK(std::string(views.note) == "made by a test");
    }
    cutis_session_destroy(session);
    cutis_model_close(model);
  }
}

TEST_CASE("the hash of bytes is that of the standard") {
  uint8_t digest[32];
  cutis_sha256("abc", 3, digest);  // FIPS 180-4, the first example
  const uint8_t start[] = {0xba, 0x78, 0x16, 0xbf}, end[] = {0xf2, 0x00, 0x15, 0xad};
  CHECK(std::memcmp(digest, start, 4) == 0);
  CHECK(std::memcmp(digest + 28, end, 4) == 0);
}

}  // namespace
}  // namespace cutis
