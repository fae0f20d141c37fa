// The key "limits" of recipe.json: which images are not to be judged. Documented in docs/recipe-json.md.
#ifndef CUTIS_CONVERTER_RECIPE_IMAGE_LIMITS_H_
#define CUTIS_CONVERTER_RECIPE_IMAGE_LIMITS_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "converter/recipe/json.h"
#include "ops/status.h"
#include "ops/tensor.h"
#include "runtime/recipe.h"

namespace cutis::convert {

// Limit, owning what it points to.
struct LimitRecipe {
  LimitReason reason = LimitReason::kUnlikeTraining;
  Limit::Kind kind = Limit::Kind::kFeature;
  int32_t feature = 0;
  float least = 0, most = 0;
  std::vector<float> weights, center;
};

struct LimitsRecipe {
  std::string embedding;  // name of the output whose values are features after those of the pixels; empty: none
  int32_t output = -1;    // its index, once the network is known
  std::vector<LimitRecipe> rules;
  std::optional<Estimate> refused;
  uint32_t images = 0;
  std::string note;
};

struct NetOutput {
  std::string name;
  Shape shape;
};

// A share with its interval, under a key that may be missing.
Status ParseEstimate(JsonObject& object, const char* key, std::optional<Estimate>* estimate);
nlohmann::json EstimateJson(const Estimate& estimate);

Result<LimitsRecipe> ParseLimits(const nlohmann::json& value, const std::string& where);

// Finds the output named as embedding, and whether the rules have a weight for every feature.
Status FitLimits(const std::vector<NetOutput>& outputs, LimitsRecipe& limits);

nlohmann::json LimitsJson(const LimitsRecipe& limits);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_RECIPE_IMAGE_LIMITS_H_
