// The recipe that a model file holds.
#ifndef CUTIS_CONVERTER_RECIPE_OF_MODEL_H_
#define CUTIS_CONVERTER_RECIPE_OF_MODEL_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "converter/recipe/recipe.h"
#include "runtime/model.h"

namespace cutis::convert {

// A copy, which says the same as the recipe.json that the file was made with.
Recipe RecipeOfModel(const Model& model);

// As in recipe.json: the keys labels, positive, scores, temperature, calibration, limits, views, operating_points,
// default_operating_point, output_hash.
nlohmann::json VerdictJson(const VerdictSettings& verdict);

// Lower-case hexadecimal.
std::string HexText(std::span<const uint8_t> bytes);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_RECIPE_OF_MODEL_H_
