// recipe.json and labels: what is read, and what is refused with its place.
#include "converter/recipe/recipe.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "converter/recipe/fitted.h"
#include "converter/recipe/labels.h"
#include "converter/recipe/of_model.h"

namespace cutis::convert {
namespace {

const std::string kRecipe = R"({
  "name": "n", "licence": "l", "card": "c", "decoder": "stb",
  "steps": [{"step": "center_square"}, {"step": "resize", "width": 184, "height": 180, "filter": "bicubic"},
            {"step": "center_crop", "width": 160, "height": 150}],
  "mean": [127, 126.5, 127], "std": [128, 128, 127.5],
  "labels": ["bcc", "nv"], "positive": "nv", "scores": "sigmoid", "temperature": 1.25,
  "operating_points": [{"name": "a", "threshold": 0.5, "calibrated": false},
                       {"name": "b", "threshold": 0.25, "refer_low": 0.125, "refer_high": 0.5,
                        "note": "why", "calibrated": true,
                        "sensitivity": {"value": 0.9375, "low": 0.875, "high": 0.96875}}],
  "default_operating_point": "b",
  "output_hash": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
})";

const std::string kCalibrated = R"({
  "labels": ["bcc", "nv"], "positive": "bcc", "scores": "softmax",
  "calibration": {"slope": 0.75, "intercept": -0.5, "bcc_share": 0.25, "images": 1200, "note": "where from"},
  "output_hash": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
})";

std::string Edited(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void Refused(const std::string& text, const char* word) {
  const auto recipe = ParseRecipe(text, "recipe.json");
  INFO(text);
  REQUIRE_FALSE(recipe.ok());
  const std::string message = recipe.status().text();
  INFO(message);
  CHECK(message.find("recipe.json") == 0);
  CHECK(message.find(word) != std::string::npos);
}

}  // namespace

TEST_CASE("a recipe with everything") {
  const auto parsed = ParseRecipe(kRecipe, "recipe.json");
  INFO(std::string(parsed.status().text()));
  REQUIRE(parsed.ok());
  const Recipe& recipe = parsed.value();
  REQUIRE(recipe.preprocess.has_value());
  REQUIRE(recipe.preprocess->steps.size() == 3);
  CHECK(recipe.preprocess->steps[1].width == 184);
  CHECK(recipe.preprocess->steps[1].height == 180);
  CHECK(recipe.preprocess->steps[1].filter == Filter::kBicubic);
  CHECK(recipe.preprocess->steps[2].kind == PreprocessStep::Kind::kCenterCrop);
  CHECK(recipe.preprocess->mean[1] == 126.5f);
  REQUIRE(recipe.verdict.has_value());
  CHECK(recipe.verdict->positive == 1);
  CHECK(recipe.verdict->scores == Scores::kSigmoid);
  CHECK(recipe.verdict->temperature == 1.25f);
  CHECK(recipe.verdict->default_operating_point == 1);
  // No band: both bounds are the threshold.
  CHECK(recipe.verdict->operating_points[0].refer_low == 0.5f);
  CHECK(recipe.verdict->operating_points[0].refer_high == 0.5f);
  CHECK(recipe.verdict->operating_points[1].note == "why");
  CHECK(recipe.name == "n");
  REQUIRE(recipe.verdict->operating_points[1].sensitivity.has_value());
  CHECK(recipe.verdict->operating_points[1].sensitivity->value == 0.9375f);
  CHECK(recipe.verdict->operating_points[1].sensitivity->low == 0.875f);
  CHECK(recipe.verdict->operating_points[1].sensitivity->high == 0.96875f);
  CHECK_FALSE(recipe.verdict->operating_points[1].specificity.has_value());
  CHECK(recipe.verdict->output_hash.substr(0, 8) == "00112233");
  // The preprocessing, written and read again.
  const auto again = ParseRecipe(recipe.preprocess->ToJson().dump(), "again");
  REQUIRE(again.ok());
  CHECK(again.value().preprocess->ToJson() == recipe.preprocess->ToJson());
  CHECK_FALSE(again.value().verdict.has_value());
  CHECK(ParseRecipe("{}", "recipe.json").ok());
}

TEST_CASE("errors in a recipe name their place") {
  Refused("", "JSON");
  Refused("[]", "object");
  Refused(kRecipe + "x", "JSON");
  Refused(Edited(kRecipe, "\"name\"", "\"nmae\": 1, \"name\""), "nmae");
  Refused(Edited(kRecipe, "\"name\": \"n\"", "\"name\": 7"), "name");
  Refused(Edited(kRecipe, "\"name\": \"n\"", "\"name\": \"n\", \"name\": \"m\""), "twice");
  Refused(Edited(kRecipe, "\"stb\"", "\"libjpeg\""), "is no decoder; there are stb, libjpeg-turbo, libjpeg-turbo-scaled");
  CHECK(ParseRecipe(Edited(kRecipe, "\"stb\"", "\"libjpeg-turbo-scaled\""), "r").ok());
  Refused(Edited(kRecipe, "\"decoder\": \"stb\",", ""), "decoder");
  Refused(Edited(kRecipe, "center_square", "center_triangle"), "steps[0]");
  Refused(Edited(kRecipe, "\"width\": 184", "\"width\": 0"), "steps[1]");
  Refused(Edited(kRecipe, "\"width\": 184", "\"width\": 18446744073709551615"), "width");
  Refused(Edited(kRecipe, "bicubic", "lanczos"), "lanczos");
  Refused(Edited(kRecipe, "\"filter\": \"bicubic\"", "\"flter\": \"bicubic\""), "filter");
  Refused(Edited(kRecipe, "\"step\": \"center_square\"", "\"step\": \"center_square\", \"width\": 3"), "width");
  Refused(Edited(kRecipe, "[128, 128, 127.5]", "[128, 128]"), "std");
  Refused(Edited(kRecipe, "[128, 128, 127.5]", "[128, 128, 0]"), "std");
  Refused(Edited(kRecipe, "126.5", "256"), "mean");
  Refused(Edited(kRecipe, "126.5", "\"a\""), "mean");
  Refused(Edited(kRecipe, "[\"bcc\", \"nv\"]", "[\"nv\", \"nv\"]"), "labels");
  Refused(Edited(kRecipe, "\"positive\": \"nv\"", "\"positive\": \"mel\""), "positive");
  Refused(Edited(kRecipe, "sigmoid", "logits"), "scores");
  Refused(Edited(kRecipe, "1.25", "0"), "temperature");
  Refused(Edited(kRecipe, "0.25", "1.5"), "operating_points[1]");
  Refused(Edited(kRecipe, "0.125", "0.75"), "refer_low");
  Refused(Edited(kRecipe, "\"refer_low\": 0.125,", ""), "refer_low");
  Refused(Edited(kRecipe, "\"name\": \"b\"", "\"name\": \"a\""), "twice");
  Refused(Edited(kRecipe, "\"default_operating_point\": \"b\"", "\"default_operating_point\": \"z\""),
          "default_operating_point");
  Refused(Edited(kRecipe, "\"labels\": [\"bcc\", \"nv\"],", ""), "labels");
}

TEST_CASE("what was measured at an operating point") {
  const std::string text = Edited(kRecipe, "\"sensitivity\"", "\"specificity\"");
  const auto parsed = ParseRecipe(text, "recipe.json");
  REQUIRE(parsed.ok());
  CHECK(parsed.value().verdict->operating_points[1].specificity->value == 0.9375f);
  for (const char* wrong : {"0.5", "1.5", "\"1\"", "-0.1"})
    Refused(Edited(text, "0.9375", wrong), "operating_points[1]: specificity");
  for (const char* wrong : {"0.95", "-1", "1e39"}) Refused(Edited(text, "0.875", wrong), "operating_points[1]: specificity");
  for (const char* wrong : {"0.9", "1.01", "null"}) Refused(Edited(text, "0.96875", wrong), "operating_points[1]: specificity");
  Refused(Edited(text, "\"low\": 0.875, ", ""), "\"low\" is missing");
  Refused(Edited(text, "\"low\": 0.875, ", "\"low\": 0.875, \"n\": 3, "), "unknown key \"n\"");
  Refused(Edited(text, "{\"value\": 0.9375, \"low\": 0.875, \"high\": 0.96875}", "0.9"), "must be an object");
  // Degenerate intervals are intervals.
  CHECK(ParseRecipe(Edited(text, "0.9375, \"low\": 0.875, \"high\": 0.96875", "1, \"low\": 1, \"high\": 1"), "r").ok());
}

TEST_CASE("fitted numbers name their network") {
  const std::string hash = ",\n  \"output_hash\": \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"";
  Refused(Edited(kCalibrated, hash, ""), "output_hash: is missing");
  Refused(Edited(kRecipe, hash, ""), "output_hash: is missing");
  const std::string plain = Edited(Edited(kRecipe, hash, ""), "\"calibrated\": true", "\"calibrated\": false");
  Refused(plain, "output_hash: is missing");  // something was measured
  const std::string bare =
      Edited(plain, ",\n                        \"sensitivity\": {\"value\": 0.9375, \"low\": 0.875, \"high\": 0.96875}", "");
  CHECK(ParseRecipe(bare, "r").ok());
  for (const char* wrong : {"\"00112233\"", "\"00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\"", "17",
                            "\"\"", "\"g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\""}) {
    Refused(Edited(kRecipe, "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"", wrong), "output_hash");
  }
  Refused("{\"output_hash\": \"\"}", "needs \"labels\"");
}

TEST_CASE("fitted numbers go, the others stay") {
  VerdictSettings verdict = *ParseRecipe(kRecipe, "r").value().verdict;
  CHECK(HasFitted(verdict));
  CHECK(TakeOutFitted(verdict) == "operating point \"b\"; the default is now \"a\"");
  CHECK_FALSE(HasFitted(verdict));
  CHECK(verdict.output_hash.empty());
  REQUIRE(verdict.operating_points.size() == 1);
  CHECK(verdict.operating_points[0].name == "a");
  CHECK(verdict.default_operating_point == 0);
  CHECK(TakeOutFitted(verdict).empty());
  VerdictSettings calibrated = *ParseRecipe(kCalibrated, "r").value().verdict;
  CHECK(TakeOutFitted(calibrated) == "the calibration");
  CHECK_FALSE(calibrated.calibration.has_value());
  // One point alone: no verdicts any more. Measurements at an uncalibrated one go, the point stays the default.
  VerdictSettings alone = *ParseRecipe(kRecipe, "r").value().verdict;
  alone.operating_points.erase(alone.operating_points.begin());
  alone.default_operating_point = 0;
  CHECK(TakeOutFitted(alone).find("no operating point is left") != std::string::npos);
  CHECK(alone.operating_points.empty());
  VerdictSettings measured = *ParseRecipe(kRecipe, "r").value().verdict;
  measured.operating_points[1].calibrated = false;
  CHECK(TakeOutFitted(measured) == "what was measured at \"b\"");
  CHECK(measured.operating_points.size() == 2);
  CHECK(measured.default_operating_point == 1);
  CHECK_FALSE(HasFitted(measured));
}

TEST_CASE("a calibration") {
  const auto parsed = ParseRecipe(kCalibrated, "recipe.json");
  INFO(std::string(parsed.status().text()));
  REQUIRE(parsed.ok());
  REQUIRE(parsed.value().verdict->calibration.has_value());
  const CalibrationRecipe& calibration = *parsed.value().verdict->calibration;
  CHECK(calibration.slope == 0.75f);
  CHECK(calibration.intercept == -0.5f);
  CHECK(calibration.bcc_share == 0.25f);
  CHECK(calibration.images == 1200);
  CHECK(calibration.note == "where from");
  CHECK(ParseRecipe(Edited(kCalibrated, ", \"note\": \"where from\"", ""), "r").ok());
  Refused(Edited(kCalibrated, "softmax", "sigmoid"), "recipe.json: calibration: has a meaning only with");
  Refused(Edited(kCalibrated, "softmax", "probabilities"), "softmax");
  Refused(Edited(kCalibrated, "[\"bcc\", \"nv\"]", "[\"bcc\"]"), "two labels");
  for (const char* wrong : {"0", "-1", "1e39", "1e-50", "1e-45", "\"1\"", "null"})
    Refused(Edited(kCalibrated, "\"slope\": 0.75", std::string("\"slope\": ") + wrong), "calibration: slope");
  for (const char* wrong : {"1e39", "-1e39", "[]"}) Refused(Edited(kCalibrated, "-0.5", wrong), "calibration: intercept");
  for (const char* wrong : {"0", "1", "-0.25", "1.5", "25", "1e-60", "0.99999999999"})
    Refused(Edited(kCalibrated, "0.25", wrong), "calibration: bcc_share");
  for (const char* wrong : {"0", "-5", "1.5", "4294967296"}) Refused(Edited(kCalibrated, "1200", wrong), "calibration: images");
  for (const char* key : {"\"slope\": 0.75, ", "\"intercept\": -0.5, ", "\"bcc_share\": 0.25, ", "\"images\": 1200, "})
    Refused(Edited(kCalibrated, key, ""), "is missing");
  Refused(Edited(kCalibrated, "\"slope\"", "\"scale\": 1, \"slope\""), "scale");
  Refused(
      Edited(kCalibrated,
             "{\"slope\": 0.75, \"intercept\": -0.5, \"bcc_share\": 0.25, \"images\": 1200, \"note\": \"where from\"}", "0.75"),
      "must be an object");
  Refused(R"({"calibration": {}})", "needs \"labels\"");
}

const std::string kViews = R"({
  "labels": ["bcc", "nv"], "positive": "bcc", "scores": "softmax", "temperature": 1.5,
  "operating_points": [{"name": "a", "threshold": 0.5, "calibrated": true}], "default_operating_point": "a",
  "views": {"calibration": {"slope": 1.5, "intercept": -1, "bcc_share": 0.25, "images": 1200},
            "operating_points": [{"name": "a", "threshold": 0.25, "calibrated": true}],
            "stops": [{"rise": 2, "fall": 1.5}, {"rise": 0, "fall": 0.5}], "images": 1200, "mean_views": 2.5, "note": "of eight"},
  "output_hash": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
})";

TEST_CASE("several views") {
  const auto parsed = ParseRecipe(kViews, "recipe.json");
  INFO(std::string(parsed.status().text()));
  REQUIRE(parsed.ok());
  VerdictSettings verdict = *parsed.value().verdict;
  REQUIRE(verdict.views.has_value());
  CHECK(verdict.views->calibration.slope == 1.5f);
  REQUIRE(verdict.views->operating_points.size() == 1);
  CHECK(verdict.views->operating_points[0].threshold == 0.25f);
  REQUIRE(verdict.views->stops.size() == 2);
  CHECK(verdict.views->stops[0].fall == 1.5f);
  CHECK(verdict.views->stops[1].rise == 0);
  CHECK(verdict.views->images == 1200);
  CHECK(verdict.views->mean_views == 2.5f);
  CHECK(verdict.views->note == "of eight");
  CHECK(VerdictJson(verdict) == ParseJson(kViews, "r").value());
  CHECK(TakeOutFitted(verdict) ==
        "the numbers for several views, operating point \"a\"; no operating point is left, so there are no verdicts");
  CHECK_FALSE(verdict.views.has_value());
  Refused(Edited(kViews, "\"a\", \"threshold\": 0.25", "\"b\", \"threshold\": 0.25"), "names of those for one view");
  Refused(Edited(kViews, "\"rise\": 2", "\"rise\": -2"), "views: stops[0]: rise");
  Refused(Edited(kViews, "\"fall\": 0.5", "\"fall\": 1e39"), "views: stops[1]: fall");
  Refused(Edited(kViews, "2.5", "9"), "views: mean_views");
  Refused(Edited(kViews, "\"stops\"", "\"stop\""), "stops");
  Refused(Edited(kViews, "\"note\"", "\"notes\""), "notes");
  Refused(Edited(kViews, "softmax", "sigmoid"), "views: calibration: has a meaning only with");
  std::string eight = "{\"rise\": 2, \"fall\": 1.5}";
  for (int i = 0; i < 6; ++i) eight += ", {\"rise\": 2, \"fall\": 1.5}";
  Refused(Edited(kViews, "{\"rise\": 2, \"fall\": 1.5}", eight), "at most 7 stops");
  Refused(R"({"views": {}})", "needs \"labels\"");
}

// Twelve features of pixels and two of the output "e".
std::string LimitsText() {
  const auto numbers = [](size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += (i == 0 ? "[" : ", ") + std::to_string(i) + ".5";
    return text + "]";
  };
  std::string triangle;
  for (size_t row = 1; row <= 14; ++row) triangle += (row == 1 ? "[" : ", ") + numbers(row);
  return R"({"embedding": "e", "rules": [{"reason": "blurred", "feature": "detail", "least": -1.5},
    {"reason": "over_exposed", "feature": "luminance", "least": 10, "most": 230},
    {"reason": "unlike_training", "weights": )" +
         numbers(14) + R"(, "most": -0.25}, {"reason": "unlike_training", "center": )" + numbers(14) +
         ", \"weights\": " + triangle +
         R"(], "most": 7}], "refused": {"value": 0.03, "low": 0.02, "high": 0.04}, "images": 900, "note": "why"})";
}

std::string WithLimits(const std::string& limits) {
  return Edited(kRecipe, "\"temperature\"", "\"limits\": " + limits + ", \"temperature\"");
}

TEST_CASE("limits") {
  const auto parsed = ParseRecipe(WithLimits(LimitsText()), "recipe.json");
  INFO(std::string(parsed.status().text()));
  REQUIRE(parsed.ok());
  REQUIRE(parsed.value().verdict->limits.has_value());
  const LimitsRecipe& limits = *parsed.value().verdict->limits;
  REQUIRE(limits.rules.size() == 4);
  CHECK(limits.rules[0].reason == LimitReason::kBlurred);
  CHECK(limits.rules[0].least == -1.5f);
  CHECK(std::isinf(limits.rules[0].most));
  CHECK(limits.rules[1].feature == 4);
  CHECK(limits.rules[2].kind == Limit::Kind::kLinear);
  CHECK(limits.rules[2].most == -0.25f);
  CHECK(limits.rules[3].kind == Limit::Kind::kDistance);
  CHECK(limits.rules[3].weights.size() == 105);
  CHECK(limits.rules[3].weights[104] == 13.5f);
  CHECK(limits.refused->low == 0.02f);
  CHECK(limits.images == 900);
  // What is written says the same.
  CHECK(LimitsJson(ParseLimits(LimitsJson(limits), "again").value()) == LimitsJson(limits));
  CHECK(LimitsJson(limits)["rules"][0].count("most") == 0);
  const auto wrong = [](const std::string& from, const std::string& to, const char* word) {
    Refused(WithLimits(Edited(LimitsText(), from, to)), word);
  };
  wrong("blurred", "foggy", "limits: rules[0]: reason: \"foggy\" is unknown; there are blurred, under_exposed");
  wrong("\"detail\"", "\"sharpness\"", "rules[0]: feature: \"sharpness\" is unknown; there are detail,");
  wrong(", \"least\": -1.5", "", "needs \"least\"");
  wrong("\"least\": 10", "\"least\": 231", "rules[1]: least: is above");
  wrong("-0.25", "1e39", "rules[2]: most");
  wrong("\"most\": 7", "\"most\": 0", "rules[3]: most: a distance must be positive");
  wrong("[0.5, 1.5], ", "[0.5], ", "rules[3]: weights[1]: has 1 numbers where a lower triangle has 2");
  wrong("\"center\": [0.5, ", "\"center\": [", "14 rows for a center of 13");
  wrong("\"images\": 900", "\"images\": 0", "limits: images");
  wrong("0.04", "0.01", "limits: refused");
  wrong("\"note\"", "\"notes\"", "unknown key \"notes\"");
  wrong("\"feature\": \"detail\"", "\"feature\": \"detail\", \"weights\": [1]", "unknown key \"weights\"");
  Refused(WithLimits(R"({"rules": []})"), "limits: rules: must hold 1 to");
  Refused(R"({"limits": {}})", "needs \"labels\"");
  Refused(Edited(Edited(Edited(kCalibrated, "\"calibration\"", "\"limits\": " + LimitsText() + ", \"calibration\""),
                        ",\n  \"output_hash\": \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"", ""),
                 "\"slope\"", "\"slope\""),
          "output_hash: is missing");
}

TEST_CASE("limits must fit the network") {
  Recipe recipe = ParseRecipe(WithLimits(LimitsText()), "recipe.json").value();
  const Shape input = {150, 160, 3};
  const NetOutput y = {"y", {1, 1, 2}}, e = {"e", {1, 1, 2}};
  CHECK(FitRecipe(input, {y, e}, recipe).ok());
  CHECK(recipe.verdict->limits->output == 1);
  const auto fails = [&](const std::vector<NetOutput>& outputs, const char* word) {
    const Status status = FitRecipe(input, outputs, recipe);
    CHECK_FALSE(status.ok());
    const std::string text = status.text();
    INFO(text);
    CHECK(text.find(word) != std::string::npos);
  };
  fails({y}, "no output \"e\", only: y");
  fails({y, {"e", {1, 1, 3}}}, "has 14 numbers for 15 features");
  fails({y, {"e", {2, 1, 2}}}, "is 2 x 1 x 2");
  fails({y, {"e", {1, 1, 1000}}}, "can be looked at");
  recipe.preprocess.reset();
  fails({y, e}, "limits are of images");
  // They go with what was fitted.
  CHECK(TakeOutFitted(*recipe.verdict).find("the limits of usable images, operating point") == 0);
  CHECK_FALSE(recipe.verdict->limits.has_value());
}

TEST_CASE("a recipe must fit the network") {
  const auto parsed = ParseRecipe(kRecipe, "recipe.json");
  REQUIRE(parsed.ok());
  Recipe recipe = parsed.value();
  const Shape input = {150, 160, 3};
  CHECK(FitRecipe(input, {{"y", {1, 1, 2}}}, recipe).ok());
  CHECK_FALSE(FitRecipe({160, 150, 3}, {{"y", {1, 1, 2}}}, recipe).ok());
  CHECK_FALSE(FitRecipe({150, 160, 1}, {{"y", {1, 1, 2}}}, recipe).ok());
  CHECK_FALSE(FitRecipe(input, {{"y", {1, 1, 3}}}, recipe).ok());
  CHECK_FALSE(FitRecipe(input, {}, recipe).ok());
  CHECK(FitRecipe(input, {{"y", {1, 1, 2}}, {"z", {1, 1, 5}}}, recipe).ok());  // another output is only looked at
  CHECK_FALSE(FitRecipe(input, {{"z", {1, 1, 5}}, {"y", {1, 1, 2}}}, recipe).ok());
}

TEST_CASE("labels") {
  const auto by_label = ParseLabels("file,label\r\nimages/a.jpg,bcc\r\n\"b,\"\"c\"\".png\",nv\n\n", "bcc", "labels.csv");
  REQUIRE(by_label.ok());
  CHECK(by_label.value().size() == 2);
  CHECK(by_label.value().at("a.jpg"));
  CHECK_FALSE(by_label.value().at("b,\"c\".png"));
  // is_bcc counts where both are there; the last line needs no line break.
  const auto by_flag = ParseLabels("label,is_bcc,file\nnv,1,a.jpg\nnv,0,b.jpg", "bcc", "labels.csv");
  REQUIRE(by_flag.ok());
  CHECK(by_flag.value().at("a.jpg"));
  CHECK_FALSE(by_flag.value().at("b.jpg"));
  for (const char* text : {"", "file\na.jpg\n", "name,label\na,bcc\n", "file,label\na.jpg\n", "file,is_bcc\na.jpg,yes\n",
                           "file,label\nx/a.jpg,bcc\ny/a.jpg,nv\n"}) {
    CHECK(ParseLabels(text, "bcc", "labels.csv").status().code() == Code::kBadInput);
  }
}

}  // namespace cutis::convert
