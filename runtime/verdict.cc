#include "runtime/verdict.h"

#include <cstddef>
#include <cstring>

#include "ops/exp.h"
#include "ops/pow.h"
#include "runtime/image_limits.h"

namespace cutis {
namespace {

bool IsFinite(float value) { return value - value == 0.0f; }

Status CheckSizes(const VerdictRecipe& recipe, std::span<const float> outputs, std::span<float> probabilities) {
  const size_t labels = recipe.labels.size();
  if (labels == 0 || outputs.size() != labels || probabilities.size() != labels) {
    return Status::Error(Code::kInternal, "%zu outputs and room for %zu probabilities where the model has %zu labels",
                         outputs.size(), probabilities.size(), labels);
  }
  if (recipe.positive < 0 || static_cast<size_t>(recipe.positive) >= labels) {
    return Status::Error(Code::kInternal, "the positive label %d of a model with %zu labels", recipe.positive, labels);
  }
  if (!(recipe.temperature > 0.0f) || !IsFinite(recipe.temperature)) {
    return Status::Error(Code::kInternal, "a temperature of %g: it must be a positive number",
                         static_cast<double>(recipe.temperature));
  }
  if (recipe.calibration && (recipe.scores != Scores::kSoftmax || labels < 2 || !(recipe.calibration->slope > 0.0f) ||
                             !IsFinite(recipe.calibration->slope) || !IsFinite(recipe.calibration->intercept))) {
    return Status::Error(Code::kInternal, "a calibration that is none");
  }
  return {};
}

// The weights in a file are believed only as far as its hash: a network may still compute nonsense, which is no verdict.
Status CheckOutputs(const VerdictRecipe& recipe, std::span<const float> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const float value = outputs[i];
    const bool good = recipe.scores == Scores::kProbabilities ? value >= 0.0f && value <= 1.0f : IsFinite(value);
    if (!good) {
      return Status::Error(Code::kBadInput,
                           "the network's output for \"%s\" is %g, which is not %s; the model cannot be trusted",
                           recipe.labels[i], static_cast<double>(value),
                           recipe.scores == Scores::kProbabilities ? "a probability" : "a finite number");
    }
  }
  return {};
}

// exp(x/T) over its sum, after the largest x is taken from all: every exponent is at most 0 and the sum at least 1.
void Softmax(std::span<const float> logits, float temperature, std::span<float> probabilities) {
  float largest = logits[0];
  for (const float logit : logits) largest = logit > largest ? logit : largest;
  float sum = 0.0f;
  for (size_t i = 0; i < logits.size(); ++i) {
    probabilities[i] = Exp((logits[i] - largest) / temperature);
    sum += probabilities[i];
  }
  for (float& probability : probabilities) probability /= sum;
}

// 1/(1 + exp(-x)) with the exponent never positive, so that nothing overflows.
float Sigmoid(float x) {
  const float e = Exp(x < 0.0f ? x : -x);
  return x < 0.0f ? e / (1.0f + e) : 1.0f / (1.0f + e);
}

// The log-odds of the positive label under the softmax of logits/T; the other labels' exponentials and their sum are left in
// `others`, whose sum is given. From the logits, where it keeps its digits however near the probability is to 0 or 1: the sum,
// after the largest of their logits is taken from them all, is at least 1.
float LogOdds(std::span<const float> logits, const VerdictRecipe& recipe, float* others, float* sum_of_others) {
  const size_t positive = static_cast<size_t>(recipe.positive);
  float largest = logits[positive == 0 ? 1 : 0];
  for (size_t i = 0; i < logits.size(); ++i) {
    if (i != positive && logits[i] > largest) largest = logits[i];
  }
  float sum = 0.0f;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (i == positive) continue;
    const float e = Exp((logits[i] - largest) / recipe.temperature);
    if (others != nullptr) others[i] = e;
    sum += e;
  }
  *sum_of_others = sum;
  return (logits[positive] - largest) / recipe.temperature - Log(sum);
}

// The softmax, but for the positive label, whose log-odds are scaled and moved; the other labels share what is left as they
// shared it before. Infinite differences give 0 or 1, never a NaN, since the slope is positive.
void CalibratedSoftmax(std::span<const float> logits, const VerdictRecipe& recipe, const PlattScaling& calibration,
                       std::span<float> probabilities) {
  const size_t positive = static_cast<size_t>(recipe.positive);
  float sum = 0.0f;
  const float z = LogOdds(logits, recipe, probabilities.data(), &sum);
  const float y = calibration.slope * z + calibration.intercept;
  const float e = Exp(y < 0.0f ? y : -y);
  const float smaller = e / (1.0f + e), larger = 1.0f / (1.0f + e);
  probabilities[positive] = y < 0.0f ? smaller : larger;
  const float rest = y < 0.0f ? larger : smaller;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (i != positive) probabilities[i] = probabilities[i] / sum * rest;
  }
}

Status UnknownOperatingPoint(const VerdictRecipe& recipe, const char* name) {
  if (recipe.operating_points.empty()) {
    return Status::Error(Code::kUsage, "there is no operating point \"%s\": this model holds none", name);
  }
  char names[200];
  size_t used = 0;
  for (const OperatingPoint& point : recipe.operating_points) {
    const size_t length = std::strlen(point.name), comma = used == 0 ? 0 : 2;
    if (used + comma + length + 1 > sizeof names) {
      std::memcpy(names + (used < sizeof names - 4 ? used : sizeof names - 4), "...", 4);
      break;
    }
    std::memcpy(names + used, ", ", comma);
    std::memcpy(names + used + comma, point.name, length + 1);
    used += comma + length;
  }
  return Status::Error(Code::kUsage, "there is no operating point \"%.64s\": this model has %s", name, names);
}

}  // namespace

const char* NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNone:
      return nullptr;
    case Verdict::kBcc:
      return "bcc";
    case Verdict::kNotBcc:
      return "not_bcc";
    case Verdict::kRefer:
      return "refer";
    case Verdict::kUnusable:
      return "unusable";
  }
  return nullptr;
}

const char* NameOf(Reason reason) {
  switch (reason) {
    case kReasonNoOperatingPoint:
      return "no_operating_point";
    case kReasonUncalibrated:
      return "uncalibrated";
    case kReasonReferBand:
      return "refer_band";
    default:
      break;
  }
  for (size_t i = 0; i < kLimitReasons; ++i) {
    if (reason == kReasonFirstLimit << i) return NameOf(static_cast<LimitReason>(i));
  }
  return nullptr;
}

void Refuse(uint32_t exceeded, Judgement* judgement) {
  if (exceeded == 0) return;
  judgement->verdict = Verdict::kUnusable;
  judgement->reasons &= ~static_cast<uint32_t>(kReasonReferBand);  // no longer why
  judgement->reasons |= exceeded * kReasonFirstLimit;
}

Result<const OperatingPoint*> FindOperatingPoint(const VerdictRecipe& recipe, const char* name, bool of_views) {
  const std::span<const OperatingPoint> points =
      of_views && recipe.views ? recipe.views->operating_points : recipe.operating_points;
  if (name != nullptr) {
    for (const OperatingPoint& point : points) {
      if (std::strcmp(point.name, name) == 0) return &point;
    }
    return UnknownOperatingPoint(recipe, name);
  }
  if (points.empty()) return static_cast<const OperatingPoint*>(nullptr);
  const int32_t index = recipe.default_operating_point;
  if (index < 0 || static_cast<size_t>(index) >= points.size()) {
    return Status::Error(Code::kInternal, "the default operating point %d of %zu", index, points.size());
  }
  return &points[static_cast<size_t>(index)];
}

Result<float> CalibratedLogOdds(const VerdictRecipe& recipe, const PlattScaling& calibration, std::span<const float> outputs) {
  if (outputs.size() != recipe.labels.size() || outputs.size() < 2) {
    return Status::Error(Code::kInternal, "the log-odds of %zu outputs", outputs.size());
  }
  float sum = 0.0f;
  return calibration.slope * LogOdds(outputs, recipe, nullptr, &sum) + calibration.intercept;
}

Result<Judgement> Judge(const VerdictRecipe& recipe, std::span<const float> outputs, const char* operating_point,
                        std::span<float> probabilities, bool of_views) {
  CUTIS_TRY(CheckSizes(recipe, outputs, probabilities));
  CUTIS_ASSIGN(const OperatingPoint* const point, FindOperatingPoint(recipe, operating_point, of_views));
  CUTIS_TRY(CheckOutputs(recipe, outputs));
  const std::optional<PlattScaling>& for_one = recipe.calibration;
  const PlattScaling* const calibration = of_views && recipe.views ? &recipe.views->calibration : for_one ? &*for_one : nullptr;
  switch (recipe.scores) {
    case Scores::kProbabilities:
      for (size_t i = 0; i < outputs.size(); ++i) probabilities[i] = outputs[i];
      break;
    case Scores::kSoftmax:
      if (calibration != nullptr) {
        CalibratedSoftmax(outputs, recipe, *calibration, probabilities);
      } else {
        Softmax(outputs, recipe.temperature, probabilities);
      }
      break;
    case Scores::kSigmoid:
      for (size_t i = 0; i < outputs.size(); ++i) probabilities[i] = Sigmoid(outputs[i] / recipe.temperature);
      break;
  }

  Judgement judgement;
  judgement.p_bcc = probabilities[static_cast<size_t>(recipe.positive)];
  judgement.operating_point = point;
  if (point == nullptr) {
    judgement.reasons = kReasonNoOperatingPoint;
    return judgement;
  }
  // Numbers that were fitted for one view are none for the mean of several.
  if (!point->calibrated || (of_views && !recipe.views)) judgement.reasons |= kReasonUncalibrated;
  if (judgement.p_bcc >= point->refer_low && judgement.p_bcc < point->refer_high) {
    judgement.verdict = Verdict::kRefer;
    judgement.reasons |= kReasonReferBand;
  } else {
    judgement.verdict = judgement.p_bcc >= point->threshold ? Verdict::kBcc : Verdict::kNotBcc;
  }
  return judgement;
}

}  // namespace cutis
