#include "converter/recipe/of_model.h"

#include <nlohmann/json.hpp>

namespace cutis::convert {

namespace {

LimitsRecipe LimitsOfModel(const Model& model, const Limits& from) {
  LimitsRecipe limits;
  limits.output = from.embedding;
  if (from.embedding >= 0) {
    const int32_t tensor = model.outputs()[static_cast<size_t>(from.embedding)];
    limits.embedding = model.tensors()[static_cast<size_t>(tensor)].name;
  }
  for (const Limit& rule : from.rules) {
    limits.rules.push_back({rule.reason,
                            rule.kind,
                            rule.feature,
                            rule.least,
                            rule.most,
                            {rule.weights.begin(), rule.weights.end()},
                            {rule.center.begin(), rule.center.end()}});
  }
  limits.refused = from.refused;
  limits.images = from.images;
  limits.note = from.note;
  return limits;
}

std::vector<OperatingPointRecipe> PointsOfModel(std::span<const OperatingPoint> from) {
  std::vector<OperatingPointRecipe> points;
  for (const OperatingPoint& point : from) {
    points.push_back({point.name, point.threshold, point.refer_low, point.refer_high, point.note, point.calibrated,
                      point.sensitivity, point.specificity});
  }
  return points;
}

CalibrationRecipe CalibrationOfModel(const PlattScaling& from) {
  return {from.slope, from.intercept, from.bcc_share, from.images, from.note};
}

nlohmann::json CalibrationJson(const CalibrationRecipe& calibration) {
  nlohmann::json json = {{"slope", calibration.slope},
                         {"intercept", calibration.intercept},
                         {"bcc_share", calibration.bcc_share},
                         {"images", calibration.images}};
  if (!calibration.note.empty()) json["note"] = calibration.note;
  return json;
}

nlohmann::json PointsJson(const std::vector<OperatingPointRecipe>& points) {
  nlohmann::json list = nlohmann::json::array();
  for (const OperatingPointRecipe& point : points) {
    nlohmann::json entry = {{"name", point.name}, {"threshold", point.threshold}, {"calibrated", point.calibrated}};
    if (point.refer_low != point.refer_high) {
      entry["refer_low"] = point.refer_low;
      entry["refer_high"] = point.refer_high;
    }
    if (!point.note.empty()) entry["note"] = point.note;
    for (const auto& [key, estimate] : {std::pair{"sensitivity", &point.sensitivity}, {"specificity", &point.specificity}}) {
      if (*estimate) entry[key] = EstimateJson(**estimate);
    }
    list.push_back(entry);
  }
  return list;
}

nlohmann::json ViewsJson(const ViewsSettings& views) {
  nlohmann::json json = {{"calibration", CalibrationJson(views.calibration)},
                         {"operating_points", PointsJson(views.operating_points)},
                         {"stops", nlohmann::json::array()},
                         {"images", views.images},
                         {"mean_views", views.mean_views}};
  for (const ViewStop& stop : views.stops) json["stops"].push_back({{"rise", stop.rise}, {"fall", stop.fall}});
  if (!views.note.empty()) json["note"] = views.note;
  return json;
}

}  // namespace

Recipe RecipeOfModel(const Model& model) {
  Recipe recipe;
  recipe.name = model.provenance().name;
  recipe.licence = model.provenance().licence;
  recipe.card = model.provenance().card;
  if (const Preprocess* from = model.preprocess(); from != nullptr) {
    recipe.preprocess = PreprocessRecipe{from->decoder,
                                         {from->steps.begin(), from->steps.end()},
                                         {from->mean.begin(), from->mean.end()},
                                         {from->std.begin(), from->std.end()}};
  }
  if (const VerdictRecipe* from = model.verdict(); from != nullptr) {
    VerdictSettings verdict;
    verdict.labels.assign(from->labels.begin(), from->labels.end());
    verdict.positive = from->positive;
    verdict.scores = from->scores;
    verdict.temperature = from->temperature;
    verdict.operating_points = PointsOfModel(from->operating_points);
    verdict.default_operating_point = from->default_operating_point;
    if (from->calibration) verdict.calibration = CalibrationOfModel(*from->calibration);
    if (from->views) {
      verdict.views = ViewsSettings{CalibrationOfModel(from->views->calibration),
                                    PointsOfModel(from->views->operating_points),
                                    {from->views->stops.begin(), from->views->stops.end()},
                                    from->views->images,
                                    from->views->mean_views,
                                    from->views->note};
    }
    if (from->limits) verdict.limits = LimitsOfModel(model, *from->limits);
    verdict.output_hash = HexText(from->output_hash);
    recipe.verdict = std::move(verdict);
  }
  return recipe;
}

std::string HexText(std::span<const uint8_t> bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

nlohmann::json VerdictJson(const VerdictSettings& verdict) {
  constexpr const char* kScores[] = {"probabilities", "softmax", "sigmoid"};
  nlohmann::json json = {{"labels", verdict.labels},
                         {"positive", verdict.labels[static_cast<size_t>(verdict.positive)]},
                         {"scores", kScores[static_cast<size_t>(verdict.scores)]},
                         {"temperature", verdict.temperature}};
  if (verdict.calibration) json["calibration"] = CalibrationJson(*verdict.calibration);
  if (verdict.limits) json["limits"] = LimitsJson(*verdict.limits);
  if (verdict.views) json["views"] = ViewsJson(*verdict.views);
  if (!verdict.output_hash.empty()) json["output_hash"] = verdict.output_hash;
  if (verdict.operating_points.empty()) return json;
  json["operating_points"] = PointsJson(verdict.operating_points);
  json["default_operating_point"] = verdict.operating_points[static_cast<size_t>(verdict.default_operating_point)].name;
  return json;
}

}  // namespace cutis::convert
