#include "converter/recipe/recipe.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "converter/recipe/fitted.h"
#include "converter/recipe/json.h"
#include "runtime/image.h"
#include "runtime/views.h"

namespace cutis::convert {

using nlohmann::json;

namespace {

constexpr int64_t kMaxSide = 16384;  // of a resized or cropped image

Result<PreprocessStep> ParseStep(const json& value, const std::string& where) {
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(value, where));
  CUTIS_ASSIGN(const std::string kind, object.String("step"));
  PreprocessStep step;
  if (kind == "center_square") {
    step.kind = PreprocessStep::Kind::kCenterSquare;
  } else if (kind == "resize" || kind == "center_crop") {
    step.kind = kind == "resize" ? PreprocessStep::Kind::kResize : PreprocessStep::Kind::kCenterCrop;
    CUTIS_ASSIGN(const int64_t width, object.Integer("width", 1, kMaxSide));
    CUTIS_ASSIGN(const int64_t height, object.Integer("height", 1, kMaxSide));
    step.width = static_cast<int32_t>(width);
    step.height = static_cast<int32_t>(height);
  } else {
    return Status::Error(Code::kBadInput, "%s: \"%s\" is no step; there are center_square, resize, center_crop",
                         object.Where("step").c_str(), kind.c_str());
  }
  if (kind == "resize") {
    CUTIS_ASSIGN(const std::string filter, object.String("filter"));
    if (filter != "bilinear" && filter != "bicubic") {
      return Status::Error(Code::kBadInput, "%s: \"%s\" is no filter; there are bilinear and bicubic",
                           object.Where("filter").c_str(), filter.c_str());
    }
    step.filter = filter == "bicubic" ? Filter::kBicubic : Filter::kBilinear;
  }
  CUTIS_TRY(object.Finish());
  return step;
}

Result<PreprocessRecipe> ParsePreprocess(JsonObject& object) {
  PreprocessRecipe preprocess;
  CUTIS_ASSIGN(preprocess.decoder, object.String("decoder"));
  std::string known;
  bool found = false;
  for (const char* name : DecoderNames()) {
    found = found || preprocess.decoder == name;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  if (!found) {
    return Status::Error(Code::kUnsupported, "%s: \"%s\" is no decoder; there are %s", object.Where("decoder").c_str(),
                         preprocess.decoder.c_str(), known.c_str());
  }
  CUTIS_ASSIGN(const json* steps, object.Array("steps"));
  for (const json& value : *steps) {
    const std::string where = object.Where("steps[" + std::to_string(preprocess.steps.size()) + "]");
    CUTIS_ASSIGN(PreprocessStep step, ParseStep(value, where));
    preprocess.steps.push_back(step);
  }
  CUTIS_ASSIGN(preprocess.mean, object.Floats("mean"));
  CUTIS_ASSIGN(preprocess.std, object.Floats("std"));
  if (preprocess.mean.empty() || preprocess.mean.size() != preprocess.std.size()) {
    return Status::Error(Code::kBadInput, "%s: mean and std must have the same number of elements, one per channel",
                         object.Where("std").c_str());
  }
  for (size_t c = 0; c < preprocess.std.size(); ++c) {
    if (!(preprocess.std[c] > 0)) return Status::Error(Code::kBadInput, "%s: must be positive", object.Where("std").c_str());
    // The mean is a byte value (padding is filled with it); networks that want (x/255 - m)/d have mean 255*m and std 255*d.
    if (!(preprocess.mean[c] >= 0 && preprocess.mean[c] <= 255)) {
      return Status::Error(Code::kBadInput, "%s: must lie within 0 .. 255 (it is in units of the image's bytes)",
                           object.Where("mean").c_str());
    }
  }
  return preprocess;
}

Result<CalibrationRecipe> ParseCalibration(const json& value, const VerdictSettings& verdict, const std::string& where) {
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(value, where));
  if (verdict.scores != Scores::kSoftmax || verdict.labels.size() < 2) {
    return Status::Error(Code::kBadInput, "%s: has a meaning only with \"scores\": \"softmax\" and at least two labels",
                         where.c_str());
  }
  constexpr double kLargest = std::numeric_limits<float>::max();
  CalibrationRecipe calibration;
  CUTIS_ASSIGN(const double slope, object.Number("slope", 0, kLargest));
  CUTIS_ASSIGN(const double intercept, object.Number("intercept", -kLargest, kLargest));
  CUTIS_ASSIGN(const double share, object.Number("bcc_share", 0, 1));
  CUTIS_ASSIGN(const int64_t images, object.Integer("images", 1, std::numeric_limits<int32_t>::max()));
  calibration.slope = static_cast<float>(slope);
  calibration.intercept = static_cast<float>(intercept);
  calibration.bcc_share = static_cast<float>(share);
  calibration.images = static_cast<uint32_t>(images);
  // As float32, which is what the file holds.
  if (!std::isnormal(calibration.slope))
    return Status::Error(Code::kBadInput, "%s: must be positive", object.Where("slope").c_str());
  if (!(calibration.bcc_share > 0 && calibration.bcc_share < 1))
    return Status::Error(Code::kBadInput, "%s: must be between 0 and 1, neither of them", object.Where("bcc_share").c_str());
  if (object.Has("note")) {
    CUTIS_ASSIGN(calibration.note, object.String("note"));
  }
  CUTIS_TRY(object.Finish());
  return calibration;
}

Result<OperatingPointRecipe> ParseOperatingPoint(const json& value, const std::string& where) {
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(value, where));
  OperatingPointRecipe point;
  CUTIS_ASSIGN(point.name, object.String("name"));
  CUTIS_ASSIGN(const double threshold, object.Number("threshold", 0, 1));
  point.threshold = static_cast<float>(threshold);
  point.refer_low = point.refer_high = point.threshold;  // equal bounds: no band
  if (object.Has("refer_low") || object.Has("refer_high")) {
    CUTIS_ASSIGN(const double low, object.Number("refer_low", 0, 1));
    CUTIS_ASSIGN(const double high, object.Number("refer_high", 0, 1));
    if (low > high) return Status::Error(Code::kBadInput, "%s: refer_low is above refer_high", where.c_str());
    point.refer_low = static_cast<float>(low);
    point.refer_high = static_cast<float>(high);
  }
  if (object.Has("note")) {
    CUTIS_ASSIGN(point.note, object.String("note"));
  }
  CUTIS_ASSIGN(point.calibrated, object.Bool("calibrated"));
  CUTIS_TRY(ParseEstimate(object, "sensitivity", &point.sensitivity));
  CUTIS_TRY(ParseEstimate(object, "specificity", &point.specificity));
  CUTIS_TRY(object.Finish());
  return point;
}

Result<std::vector<OperatingPointRecipe>> ParsePoints(JsonObject& object) {
  CUTIS_ASSIGN(const json* points, object.Array("operating_points"));
  std::vector<OperatingPointRecipe> all;
  std::set<std::string> names;
  for (const json& value : *points) {
    const std::string where = object.Where("operating_points[" + std::to_string(all.size()) + "]");
    CUTIS_ASSIGN(OperatingPointRecipe point, ParseOperatingPoint(value, where));
    if (!names.insert(point.name).second) {
      return Status::Error(Code::kBadInput, "%s: the name \"%s\" stands twice", where.c_str(), point.name.c_str());
    }
    all.push_back(std::move(point));
  }
  return all;
}

Status ParseOperatingPoints(JsonObject& object, VerdictSettings& verdict) {
  CUTIS_ASSIGN(verdict.operating_points, ParsePoints(object));
  if (verdict.operating_points.empty()) return {};
  CUTIS_ASSIGN(const std::string name, object.String("default_operating_point"));
  const auto& all = verdict.operating_points;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const OperatingPointRecipe& point) { return point.name == name; });
  if (found == all.end()) {
    return Status::Error(Code::kBadInput, "%s: there is no operating point \"%s\"",
                         object.Where("default_operating_point").c_str(), name.c_str());
  }
  verdict.default_operating_point = static_cast<int32_t>(std::distance(all.begin(), found));
  return {};
}

// After the operating points for one view.
Result<ViewsSettings> ParseViews(const json& value, const VerdictSettings& verdict, const std::string& where) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(value, where));
  ViewsSettings views;
  CUTIS_ASSIGN(const json* calibration, object.Get("calibration"));
  CUTIS_ASSIGN(views.calibration, ParseCalibration(*calibration, verdict, object.Where("calibration")));
  CUTIS_ASSIGN(views.operating_points, ParsePoints(object));
  const auto same = [](const OperatingPointRecipe& a, const OperatingPointRecipe& b) { return a.name == b.name; };
  if (!std::equal(views.operating_points.begin(), views.operating_points.end(), verdict.operating_points.begin(),
                  verdict.operating_points.end(), same)) {
    return Status::Error(Code::kBadInput, "%s: must have the names of those for one view, in the same order",
                         object.Where("operating_points").c_str());
  }
  CUTIS_ASSIGN(const json* stops, object.Array("stops"));
  if (stops->size() >= static_cast<size_t>(kViews)) {
    return Status::Error(Code::kBadInput, "%s: there are %d views, so at most %d stops", object.Where("stops").c_str(), kViews,
                         kViews - 1);
  }
  for (const json& stop : *stops) {
    CUTIS_ASSIGN(JsonObject entry, JsonObject::From(stop, object.Where("stops[" + std::to_string(views.stops.size()) + "]")));
    CUTIS_ASSIGN(const double rise, entry.Number("rise", 0, kLargest));
    CUTIS_ASSIGN(const double fall, entry.Number("fall", 0, kLargest));
    CUTIS_TRY(entry.Finish());
    views.stops.push_back({static_cast<float>(rise), static_cast<float>(fall)});
  }
  CUTIS_ASSIGN(const int64_t images, object.Integer("images", 0, std::numeric_limits<int32_t>::max()));
  CUTIS_ASSIGN(const double mean_views, object.Number("mean_views", 0, kViews));
  views.images = static_cast<uint32_t>(images);
  views.mean_views = static_cast<float>(mean_views);
  if (object.Has("note")) {
    CUTIS_ASSIGN(views.note, object.String("note"));
  }
  CUTIS_TRY(object.Finish());
  return views;
}

// Numbers that were fitted say with which network.
Status ParseOutputHash(JsonObject& object, VerdictSettings& verdict) {
  if (object.Has("output_hash")) {
    CUTIS_ASSIGN(verdict.output_hash, object.String("output_hash"));
    if (verdict.output_hash.size() != 64 || verdict.output_hash.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return Status::Error(Code::kBadInput, "%s: must be 64 hexadecimal digits in lower case, as cutis bench prints them",
                           object.Where("output_hash").c_str());
    }
    return {};
  }
  if (!HasFitted(verdict)) return {};
  return Status::Error(
      Code::kBadInput,
      "%s: is missing: a calibration, limits, views, operating points with \"calibrated\": true and measured sensitivities "
      "hold for one network; give the output hash of the one that they were fitted with, as cutis bench prints it",
      object.Where("output_hash").c_str());
}

Result<VerdictSettings> ParseVerdict(JsonObject& object) {
  VerdictSettings verdict;
  CUTIS_ASSIGN(verdict.labels, object.Strings("labels"));
  const std::set<std::string> distinct(verdict.labels.begin(), verdict.labels.end());
  if (verdict.labels.empty() || distinct.size() != verdict.labels.size() || distinct.count("") != 0) {
    return Status::Error(Code::kBadInput, "%s: must hold distinct names, one per output", object.Where("labels").c_str());
  }
  CUTIS_ASSIGN(const std::string positive, object.String("positive"));
  const auto found = std::find(verdict.labels.begin(), verdict.labels.end(), positive);
  if (found == verdict.labels.end()) {
    return Status::Error(Code::kBadInput, "%s: \"%s\" is not among the labels", object.Where("positive").c_str(),
                         positive.c_str());
  }
  verdict.positive = static_cast<int32_t>(std::distance(verdict.labels.begin(), found));
  CUTIS_ASSIGN(const std::string scores, object.String("scores"));
  constexpr std::pair<const char*, Scores> kScores[] = {
      {"probabilities", Scores::kProbabilities}, {"softmax", Scores::kSoftmax}, {"sigmoid", Scores::kSigmoid}};
  bool known = false;
  for (const auto& [name, value] : kScores) {
    if (scores != name) continue;
    verdict.scores = value;
    known = true;
  }
  if (!known) {
    return Status::Error(Code::kBadInput, "%s: must be probabilities, softmax or sigmoid", object.Where("scores").c_str());
  }
  if (object.Has("temperature")) {
    CUTIS_ASSIGN(const double temperature, object.Number("temperature", 1e-3, 1e3));
    verdict.temperature = static_cast<float>(temperature);
  }
  if (object.Has("calibration")) {
    CUTIS_ASSIGN(const json* calibration, object.Get("calibration"));
    CUTIS_ASSIGN(verdict.calibration, ParseCalibration(*calibration, verdict, object.Where("calibration")));
  }
  if (object.Has("limits")) {
    CUTIS_ASSIGN(const json* limits, object.Get("limits"));
    CUTIS_ASSIGN(verdict.limits, ParseLimits(*limits, object.Where("limits")));
  }
  if (object.Has("operating_points")) CUTIS_TRY(ParseOperatingPoints(object, verdict));
  if (object.Has("views")) {
    CUTIS_ASSIGN(const json* views, object.Get("views"));
    CUTIS_ASSIGN(verdict.views, ParseViews(*views, verdict, object.Where("views")));
  }
  CUTIS_TRY(ParseOutputHash(object, verdict));
  return verdict;
}

}  // namespace

json PreprocessRecipe::ToJson() const {
  json list = json::array();
  for (const PreprocessStep& step : steps) {
    switch (step.kind) {
      case PreprocessStep::Kind::kCenterSquare:
        list.push_back({{"step", "center_square"}});
        break;
      case PreprocessStep::Kind::kResize:
        list.push_back({{"step", "resize"},
                        {"width", step.width},
                        {"height", step.height},
                        {"filter", step.filter == Filter::kBicubic ? "bicubic" : "bilinear"}});
        break;
      case PreprocessStep::Kind::kCenterCrop:
        list.push_back({{"step", "center_crop"}, {"width", step.width}, {"height", step.height}});
        break;
    }
  }
  return {{"decoder", decoder}, {"steps", list}, {"mean", mean}, {"std", std}};
}

Result<Recipe> ParseRecipe(std::string_view text, const std::string& where) {
  CUTIS_ASSIGN(const json document, ParseJson(text, where));
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(document, where));
  Recipe recipe;
  for (const auto& [key, target] : {std::pair{"name", &recipe.name}, {"licence", &recipe.licence}, {"card", &recipe.card}}) {
    if (!object.Has(key)) continue;
    CUTIS_ASSIGN(*target, object.String(key));
  }
  if (object.Has("decoder") || object.Has("steps") || object.Has("mean") || object.Has("std")) {
    CUTIS_ASSIGN(recipe.preprocess, ParsePreprocess(object));
  }
  if (object.Has("labels")) {
    CUTIS_ASSIGN(recipe.verdict, ParseVerdict(object));
  } else {
    for (const char* key : {"positive", "scores", "temperature", "calibration", "limits", "operating_points",
                            "default_operating_point", "views", "output_hash"}) {
      if (object.Has(key)) return Status::Error(Code::kBadInput, "%s: needs \"labels\"", object.Where(key).c_str());
    }
  }
  CUTIS_TRY(object.Finish());
  return recipe;
}

Status FitRecipe(const Shape& input, const std::vector<NetOutput>& outputs, Recipe& recipe) {
  if (recipe.preprocess) {
    const PreprocessRecipe& preprocess = *recipe.preprocess;
    if (preprocess.mean.size() != 3 || input.channels != 3) {
      return Status::Error(Code::kBadInput, "recipe: images have 3 channels, the network's input %d, mean and std %zu elements",
                           input.channels, preprocess.mean.size());
    }
    if (!preprocess.steps.empty() && preprocess.steps.back().kind != PreprocessStep::Kind::kCenterSquare) {
      const PreprocessStep& last = preprocess.steps.back();
      if (last.width != input.width || last.height != input.height) {
        return Status::Error(Code::kBadInput, "recipe: the steps end at %d x %d pixels, the network takes %d x %d", last.width,
                             last.height, input.width, input.height);
      }
    }
  }
  if (!recipe.verdict) return {};
  const auto labels = static_cast<int64_t>(recipe.verdict->labels.size());
  const Shape scores = outputs.empty() ? Shape{} : outputs[0].shape;
  if (scores.height != 1 || scores.width != 1 || scores.channels != labels) {
    return Status::Error(
        Code::kBadInput,
        "recipe: %lld labels need a first output of as many channels; the network has %zu outputs, the first of "
        "%d x %d x %d",
        static_cast<long long>(labels), outputs.size(), scores.height, scores.width, scores.channels);
  }
  if (!recipe.verdict->limits) return {};
  if (!recipe.preprocess)
    return Status::Error(Code::kBadInput, "recipe: limits are of images; the recipe needs decoder, steps, mean and std, too");
  return FitLimits(outputs, *recipe.verdict->limits);
}

}  // namespace cutis::convert
