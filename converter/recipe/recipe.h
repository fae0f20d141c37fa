// recipe.json: what is done to an image before the network and to its outputs after it. Documented in docs/recipe-json.md.
#ifndef CUTIS_CONVERTER_RECIPE_RECIPE_H_
#define CUTIS_CONVERTER_RECIPE_RECIPE_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/recipe/image_limits.h"
#include "ops/status.h"
#include "ops/tensor.h"
#include "runtime/recipe.h"

namespace cutis::convert {

// The preprocessing, owning what runtime/recipe.h points to.
struct PreprocessRecipe {
  std::string decoder;
  std::vector<PreprocessStep> steps;
  std::vector<float> mean, std;  // per channel: real = (byte - mean) / std

  // Points into this object.
  Preprocess View() const { return {decoder.c_str(), steps, mean, std}; }
  // As in recipe.json: the keys decoder, steps, mean, std.
  nlohmann::json ToJson() const;
};

struct OperatingPointRecipe {
  std::string name;
  float threshold = 0.5f, refer_low = 0.5f, refer_high = 0.5f;
  std::string note;
  bool calibrated = false;
  std::optional<Estimate> sensitivity, specificity;
};

// PlattScaling, owning what it points to.
struct CalibrationRecipe {
  float slope = 1, intercept = 0, bcc_share = 0.5f;
  uint32_t images = 0;
  std::string note;
};

// ViewsRecipe, owning what it points to.
struct ViewsSettings {
  CalibrationRecipe calibration;
  std::vector<OperatingPointRecipe> operating_points;
  std::vector<ViewStop> stops;
  uint32_t images = 0;
  float mean_views = 0;
  std::string note;
};

struct VerdictSettings {
  std::vector<std::string> labels;
  int32_t positive = 0;
  Scores scores = Scores::kSoftmax;
  float temperature = 1.0f;
  std::vector<OperatingPointRecipe> operating_points;
  int32_t default_operating_point = 0;
  std::optional<CalibrationRecipe> calibration;
  std::optional<LimitsRecipe> limits;
  std::optional<ViewsSettings> views;
  std::string output_hash;  // 64 hexadecimal digits in lower case; empty: none
};

struct Recipe {
  std::optional<PreprocessRecipe> preprocess;  // absent: the model takes tensors
  std::optional<VerdictSettings> verdict;      // absent: the model gives tensors
  std::string name, licence, card;
};

// `where` (the file's name) begins every message. kBadInput for what is not a recipe.
Result<Recipe> ParseRecipe(std::string_view text, const std::string& where);

// Whether the recipe fits a network: channels of mean and std, the size the steps end with, one label a channel of the first
// output, the features that limits look at. Other outputs are only there to be looked at. Settles the limits' output.
Status FitRecipe(const Shape& input, const std::vector<NetOutput>& outputs, Recipe& recipe);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_RECIPE_RECIPE_H_
