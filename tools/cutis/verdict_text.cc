#include "tools/cutis/verdict_text.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <span>
#include <vector>

#include "runtime/recipe.h"
#include "runtime/verdict.h"

namespace cutis::cli {
namespace {

std::vector<const char*> ReasonNames(uint32_t reasons) {
  std::vector<const char*> names;
  for (int bit = 0; bit < kReasonCount; ++bit) {
    if (reasons & (1u << bit)) names.push_back(NameOf(static_cast<Reason>(1u << bit)));
  }
  return names;
}

const char* Headline(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBcc:
      return "BCC";
    case Verdict::kNotBcc:
      return "not BCC";
    case Verdict::kRefer:
      return "REFER to a specialist";
    case Verdict::kUnusable:
      return "UNUSABLE image";
    case Verdict::kNone:
      return "no verdict";
  }
  return "no verdict";
}

// What to do about an image that exceeds a limit; null for another reason.
const char* ExplanationOfLimit(Reason reason) {
  constexpr const char* kTexts[kLimitReasons] = {
      "the image is not sharp: focus, hold still, and take it again", "the image is too dark: take it again with more light",
      "the image is too bright: take it again with less light",
      "the image is unlike those that the model knows: no lesion, or not a dermoscopic image, or spoiled"};
  for (size_t i = 0; i < kLimitReasons; ++i) {
    if (reason == kReasonFirstLimit << i) return kTexts[i];
  }
  return nullptr;
}

const char* Explanation(Reason reason, bool calibrated) {
  switch (reason) {
    case kReasonNoOperatingPoint:
      return "the model holds no operating point: only the probabilities are given";
    case kReasonUncalibrated:
      return calibrated ? "the threshold was not fitted on held-out images"
                        : "the threshold was not fitted on held-out images: the probability is a score, not a risk";
    case kReasonReferBand:
      return "too close to the threshold to decide";
    default:
      break;
  }
  if (const char* text = ExplanationOfLimit(reason); text != nullptr) return text;
  return "see the documentation of this version";
}

Json VerdictJson(const Judging& judging, const cutis_pipeline_outcome& outcome) {
  const Model& model = judging.model;
  const cutis_result& result = outcome.result;
  const VerdictRecipe& recipe = *model.verdict();
  const OperatingPoint* const point = PointOf(recipe, result);
  Json json;
  json["file"] = outcome.path;
  const char* verdict = cutis_verdict_name(result.verdict);
  json["verdict"] = verdict == nullptr ? Json(nullptr) : Json(verdict);
  json["p_bcc"] = result.p_bcc;
  json["bcc_share"] = result.bcc_share > 0 ? Json(result.bcc_share) : Json(nullptr);
  json["operating_point"] = point == nullptr ? Json(nullptr) : Json(point->name);
  json["evidence"] = point == nullptr ? Json(nullptr) : EvidenceJson(*point);
  json["reasons"] = Json::array();
  for (const char* name : ReasonNames(result.reasons)) json["reasons"].push_back(name);
  json["probabilities"] = Json::object();
  const std::span<const char* const> labels = recipe.labels;
  for (size_t i = 0; i < labels.size(); ++i) json["probabilities"][labels[i]] = result.probabilities[i];
  json["views"] = outcome.views;
  json["gates"] = judging.limited();
  json["model_hash"] = Hex(model.sha256());
  json["ms"] = {{"decode", result.decode_ms}, {"preprocess", result.preprocess_ms}, {"inference", result.inference_ms}};
  return json;
}

}  // namespace

const OperatingPoint* PointOf(const VerdictRecipe& recipe, const cutis_result& result) {
  const std::span<const OperatingPoint> of_views =
      recipe.views ? recipe.views->operating_points : std::span<const OperatingPoint>();
  for (const std::span<const OperatingPoint> points : {recipe.operating_points, of_views}) {
    for (const OperatingPoint& point : points) {
      if (result.operating_point == point.name) return &point;  // the same text, in the model
    }
  }
  return nullptr;
}

Json OutcomeJson(const Judging& judging, const cutis_pipeline_outcome& outcome) {
  if (outcome.status == CUTIS_OK) return VerdictJson(judging, outcome);
  return {{"file", outcome.path}, {"error", outcome.error}};
}

void PrintVerdict(const Judging& judging, const cutis_pipeline_outcome& outcome) {
  const cutis_result& result = outcome.result;
  const VerdictRecipe& recipe = *judging.model.verdict();
  const std::span<const char* const> labels = recipe.labels;
  std::printf("%s: %s, p(bcc) = %.1f %%", PrintableLine(outcome.path).c_str(), Headline(static_cast<Verdict>(result.verdict)),
              100.0 * static_cast<double>(result.p_bcc));
  if (result.bcc_share > 0) {
    std::printf(" where %.1f %% of the lesions are BCC", 100.0 * static_cast<double>(result.bcc_share));
  }
  if (const OperatingPoint* point = PointOf(recipe, result)) {
    std::printf(" (operating point \"%s\": bcc from %.1f %%%s)", PrintableLine(point->name).c_str(),
                100.0 * static_cast<double>(point->threshold), EvidenceText(*point).c_str());
  }
  std::vector<size_t> order(labels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const float* const p = result.probabilities;
  std::stable_sort(order.begin(), order.end(), [p](size_t a, size_t b) { return p[a] > p[b]; });
  order.resize(std::min<size_t>(order.size(), 3));
  std::printf("\n    labels:");
  for (size_t at = 0; at < order.size(); ++at) {
    std::printf("%s %s %.1f %%", at == 0 ? "" : ",", PrintableLine(labels[order[at]]).c_str(),
                100.0 * static_cast<double>(p[order[at]]));
  }
  std::printf("\n");
  for (int bit = 0; bit < kReasonCount; ++bit) {
    const Reason reason = static_cast<Reason>(1u << bit);
    if (result.reasons & reason) std::printf("    %s: %s\n", NameOf(reason), Explanation(reason, result.bcc_share > 0));
  }
  if (judging.views > 1) std::printf("    mean of %d of %d views\n", outcome.views, judging.views);
  if (!judging.gates) std::printf("    judged whatever the limits of usable images say (--no-gates)\n");
}

}  // namespace cutis::cli
