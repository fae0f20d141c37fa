// recipe.json and labels: what is read, and what is refused with its place.
#include "converter/recipe/recipe.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "converter/recipe/labels.h"

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
                        "note": "why", "calibrated": true}],
  "default_operating_point": "b"
})";

const std::string kCalibrated = R"({
  "labels": ["bcc", "nv"], "positive": "bcc", "scores": "softmax",
  "calibration": {"slope": 0.75, "intercept": -0.5, "bcc_share": 0.25, "images": 1200, "note": "where from"}
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

TEST_CASE("a recipe must fit the network") {
  const auto parsed = ParseRecipe(kRecipe, "recipe.json");
  REQUIRE(parsed.ok());
  const Shape input = {150, 160, 3};
  CHECK(CheckRecipe(parsed.value(), input, {{1, 1, 2}}).ok());
  CHECK_FALSE(CheckRecipe(parsed.value(), {160, 150, 3}, {{1, 1, 2}}).ok());
  CHECK_FALSE(CheckRecipe(parsed.value(), {150, 160, 1}, {{1, 1, 2}}).ok());
  CHECK_FALSE(CheckRecipe(parsed.value(), input, {{1, 1, 3}}).ok());
  CHECK_FALSE(CheckRecipe(parsed.value(), input, {{1, 1, 2}, {1, 1, 2}}).ok());
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
