#include "converter/recipe/image_limits.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/image_limits.h"
#include "runtime/pixel_features.h"
#include "runtime/verify.h"

namespace cutis::convert {

using nlohmann::json;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kLargest = std::numeric_limits<float>::max();

// The number of the name among the first `count` of NameOf(Enum).
template <class Enum>
Result<int32_t> ParseName(JsonObject& object, const char* key, size_t count) {
  CUTIS_ASSIGN(const std::string text, object.String(key));
  std::string known;
  for (size_t i = 0; i < count; ++i) {
    const char* name = NameOf(static_cast<Enum>(i));
    if (text == name) return static_cast<int32_t>(i);
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  return Status::Error(Code::kBadInput, "%s: \"%.40s\" is unknown; there are %s", object.Where(key).c_str(), text.c_str(),
                       known.c_str());
}

// least, most or both.
Status ParseBounds(JsonObject& object, LimitRecipe& limit) {
  limit.least = -kInfinity;
  limit.most = kInfinity;
  if (!object.Has("least") && !object.Has("most"))
    return Status::Error(Code::kBadInput, "%s: needs \"least\", \"most\" or both", object.Where("feature").c_str());
  for (const auto& [key, bound] : {std::pair{"least", &limit.least}, {"most", &limit.most}}) {
    if (!object.Has(key)) continue;
    CUTIS_ASSIGN(const double value, object.Number(key, -kLargest, kLargest));
    *bound = static_cast<float>(value);
  }
  if (limit.least > limit.most) return Status::Error(Code::kBadInput, "%s: is above \"most\"", object.Where("least").c_str());
  return {};
}

// Rows of 1, 2, 3, ... numbers.
Status ParseTriangle(JsonObject& object, LimitRecipe& limit) {
  CUTIS_ASSIGN(const json* rows, object.Array("weights"));
  for (size_t row = 0; row < rows->size(); ++row) {
    const json wrapped = {{"row", (*rows)[row]}};
    const std::string where = object.Where("weights[" + std::to_string(row) + "]");
    CUTIS_ASSIGN(JsonObject one, JsonObject::From(wrapped, where));
    CUTIS_ASSIGN(const std::vector<float> numbers, one.Floats("row"));
    if (numbers.size() != row + 1)
      return Status::Error(Code::kBadInput, "%s: has %zu numbers where a lower triangle has %zu", where.c_str(), numbers.size(),
                           row + 1);
    limit.weights.insert(limit.weights.end(), numbers.begin(), numbers.end());
  }
  if (rows->size() != limit.center.size())
    return Status::Error(Code::kBadInput, "%s: has %zu rows for a center of %zu", object.Where("weights").c_str(), rows->size(),
                         limit.center.size());
  return {};
}

Result<LimitRecipe> ParseLimit(const json& value, const std::string& where) {
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(value, where));
  LimitRecipe limit;
  CUTIS_ASSIGN(const int32_t reason, ParseName<LimitReason>(object, "reason", kLimitReasons));
  limit.reason = static_cast<LimitReason>(reason);
  if (object.Has("feature")) {
    limit.kind = Limit::Kind::kFeature;
    CUTIS_ASSIGN(limit.feature, ParseName<PixelFeature>(object, "feature", kPixelFeatures));
    CUTIS_TRY(ParseBounds(object, limit));
  } else {
    limit.kind = object.Has("center") ? Limit::Kind::kDistance : Limit::Kind::kLinear;
    const bool distance = limit.kind == Limit::Kind::kDistance;
    CUTIS_ASSIGN(const double most, object.Number("most", distance ? 0 : -kLargest, kLargest));
    limit.most = static_cast<float>(most);
    if (distance && !(limit.most > 0))
      return Status::Error(Code::kBadInput, "%s: a distance must be positive", object.Where("most").c_str());
    if (distance) {
      CUTIS_ASSIGN(limit.center, object.Floats("center"));
      CUTIS_TRY(ParseTriangle(object, limit));
    } else {
      CUTIS_ASSIGN(limit.weights, object.Floats("weights"));
    }
  }
  CUTIS_TRY(object.Finish());
  return limit;
}

}  // namespace

Status ParseEstimate(JsonObject& parent, const char* key, std::optional<Estimate>* estimate) {
  if (!parent.Has(key)) return {};
  CUTIS_ASSIGN(const json* value, parent.Get(key));
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(*value, parent.Where(key)));
  CUTIS_ASSIGN(const double share, object.Number("value", 0, 1));
  CUTIS_ASSIGN(const double low, object.Number("low", 0, 1));
  CUTIS_ASSIGN(const double high, object.Number("high", 0, 1));
  CUTIS_TRY(object.Finish());
  if (low > share || share > high)
    return Status::Error(Code::kBadInput, "%s: its value does not lie within low .. high", parent.Where(key).c_str());
  *estimate = Estimate{static_cast<float>(share), static_cast<float>(low), static_cast<float>(high)};
  return {};
}

json EstimateJson(const Estimate& estimate) {
  return {{"value", estimate.value}, {"low", estimate.low}, {"high", estimate.high}};
}

Result<LimitsRecipe> ParseLimits(const json& value, const std::string& where) {
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(value, where));
  LimitsRecipe limits;
  if (object.Has("embedding")) {
    CUTIS_ASSIGN(limits.embedding, object.String("embedding"));
  }
  CUTIS_ASSIGN(const json* rules, object.Array("rules"));
  if (rules->empty() || rules->size() > kMaxLimits) {
    return Status::Error(Code::kBadInput, "%s: must hold 1 to %u rules; leave \"limits\" out where every image may be judged",
                         object.Where("rules").c_str(), kMaxLimits);
  }
  for (const json& rule : *rules) {
    CUTIS_ASSIGN(LimitRecipe limit, ParseLimit(rule, object.Where("rules[" + std::to_string(limits.rules.size()) + "]")));
    limits.rules.push_back(std::move(limit));
  }
  CUTIS_TRY(ParseEstimate(object, "refused", &limits.refused));
  if (object.Has("images")) {
    CUTIS_ASSIGN(const int64_t images, object.Integer("images", 1, std::numeric_limits<int32_t>::max()));
    limits.images = static_cast<uint32_t>(images);
  }
  if (object.Has("note")) {
    CUTIS_ASSIGN(limits.note, object.String("note"));
  }
  CUTIS_TRY(object.Finish());
  return limits;
}

Status FitLimits(const std::vector<NetOutput>& outputs, LimitsRecipe& limits) {
  size_t features = kPixelFeatures;
  limits.output = -1;
  if (!limits.embedding.empty()) {
    std::string known;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].name == limits.embedding) limits.output = static_cast<int32_t>(i);
      known += (known.empty() ? "" : ", ") + outputs[i].name;
    }
    if (limits.output < 0) {
      return Status::Error(Code::kBadInput, "recipe: limits: the network has no output \"%.64s\", only: %.120s",
                           limits.embedding.c_str(), known.c_str());
    }
    const Shape& shape = outputs[static_cast<size_t>(limits.output)].shape;
    if (shape.height != 1 || shape.width != 1 || shape.channels > kMaxEmbedding) {
      return Status::Error(Code::kBadInput,
                           "recipe: limits: output \"%.64s\" is %d x %d x %d; 1 x 1 x 1 to %d can be looked at",
                           limits.embedding.c_str(), shape.height, shape.width, shape.channels, kMaxEmbedding);
    }
    features += static_cast<size_t>(shape.channels);
  }
  for (const LimitRecipe& limit : limits.rules) {
    if (limit.kind == Limit::Kind::kFeature) continue;
    const size_t given = limit.kind == Limit::Kind::kLinear ? limit.weights.size() : limit.center.size();
    if (given == features) continue;
    return Status::Error(
        Code::kBadInput, "recipe: limits: a rule \"%s\" has %zu numbers for %zu features (%zu of the pixels%s)",
        NameOf(limit.reason), given, features, kPixelFeatures, limits.embedding.empty() ? "" : " and those of the embedding");
  }
  return {};
}

json LimitsJson(const LimitsRecipe& limits) {
  json rules = json::array();
  for (const LimitRecipe& limit : limits.rules) {
    json rule = {{"reason", NameOf(limit.reason)}};
    if (limit.kind == Limit::Kind::kFeature) {
      rule["feature"] = NameOf(static_cast<PixelFeature>(limit.feature));
      if (std::isfinite(limit.least)) rule["least"] = limit.least;
      if (std::isfinite(limit.most)) rule["most"] = limit.most;
    } else {
      rule["most"] = limit.most;
      if (limit.kind == Limit::Kind::kLinear) {
        rule["weights"] = limit.weights;
      } else {
        rule["center"] = limit.center;
        json triangle = json::array();
        auto at = limit.weights.begin();
        for (std::ptrdiff_t row = 1; row <= static_cast<std::ptrdiff_t>(limit.center.size()); at += row, ++row)
          triangle.push_back(std::vector<float>(at, at + row));
        rule["weights"] = triangle;
      }
    }
    rules.push_back(rule);
  }
  json made = {{"rules", rules}};
  if (!limits.embedding.empty()) made["embedding"] = limits.embedding;
  if (limits.refused) made["refused"] = EstimateJson(*limits.refused);
  if (limits.images > 0) made["images"] = limits.images;
  if (!limits.note.empty()) made["note"] = limits.note;
  return made;
}

}  // namespace cutis::convert
