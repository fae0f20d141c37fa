// Fuzz target: the converter's JSON files. The first byte says which: r(ecipe), q(uant), c(alibration), g(raph), l(abels, which are
// CSV); the rest is the text. What was accepted and is written again must be accepted again and say the same.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "converter/json_graph/json_graph.h"
#include "converter/quant/calibration.h"
#include "converter/quant/quant_json.h"
#include "converter/recipe/labels.h"
#include "converter/recipe/of_model.h"
#include "converter/recipe/recipe.h"

namespace {

using namespace cutis::convert;

void Require(bool condition) {
  if (!condition) std::abort();
}

void FuzzRecipe(std::string_view text) {
  auto recipe = ParseRecipe(text, "fuzz");
  if (!recipe.ok()) return;
  (void)FitRecipe({8, 8, 3}, {{"logits", {1, 1, 2}}, {"e", {1, 1, 2}}}, recipe.value());
  if (!recipe.value().verdict) return;
  const nlohmann::json first = VerdictJson(*recipe.value().verdict);
  const auto again = ParseRecipe(first.dump(), "again");
  Require(again.ok() && again.value().verdict && VerdictJson(*again.value().verdict) == first);
}

void FuzzQuant(std::string_view text) {
  const auto quant = ParseQuantJson(text, "fuzz");
  if (!quant.ok()) return;
  for (const auto& [name, grid] : quant.value().activations) Require(grid != nullptr);
}

void FuzzCalibration(std::string_view text) {
  const auto calibration = ParseCalibrationJson(text, "fuzz");
  if (!calibration.ok()) return;
  const std::string first = WriteCalibrationJson(calibration.value());
  const auto again = ParseCalibrationJson(first, "again");
  Require(again.ok() && WriteCalibrationJson(again.value()) == first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'r':
      FuzzRecipe(text);
      break;
    case 'q':
      FuzzQuant(text);
      break;
    case 'c':
      FuzzCalibration(text);
      break;
    case 'g':
      (void)ParseJsonGraph(std::string(text), "fuzz", Checkpoint(), "none");
      break;
    case 'l':
      (void)ParseLabels(text, "bcc", "fuzz");
      break;
    default:
      break;
  }
  return 0;
}
