#include "converter/recipe/fitted.h"

#include <algorithm>

namespace cutis::convert {
namespace {

bool HasEvidence(const OperatingPointRecipe& point) { return point.sensitivity || point.specificity; }

}  // namespace

bool HasFitted(const VerdictSettings& verdict) {
  const auto fitted = [](const OperatingPointRecipe& point) { return point.calibrated || HasEvidence(point); };
  return verdict.calibration || verdict.limits || verdict.views ||
         std::any_of(verdict.operating_points.begin(), verdict.operating_points.end(), fitted);
}

std::string TakeOutFitted(VerdictSettings& verdict) {
  std::string gone = verdict.calibration ? "the calibration" : "", before;
  if (verdict.limits) gone += gone.empty() ? "the limits of usable images" : ", the limits of usable images";
  if (verdict.views) gone += gone.empty() ? "the numbers for several views" : ", the numbers for several views";
  if (!verdict.operating_points.empty())
    before = verdict.operating_points[static_cast<size_t>(verdict.default_operating_point)].name;
  std::vector<OperatingPointRecipe> kept;
  int32_t at = -1;  // of the old default
  for (OperatingPointRecipe& point : verdict.operating_points) {
    if (point.calibrated || HasEvidence(point)) {
      gone.append(gone.empty() ? "" : ", ").append(point.calibrated ? "operating point \"" : "what was measured at \"");
      gone.append(point.name.substr(0, 40)).append("\"");
    }
    if (point.calibrated) continue;
    if (point.name == before) at = static_cast<int32_t>(kept.size());
    point.sensitivity = point.specificity = std::nullopt;
    kept.push_back(std::move(point));
  }
  const bool lost = at < 0 && !verdict.operating_points.empty();
  verdict.calibration.reset();
  verdict.limits.reset();
  verdict.views.reset();
  verdict.output_hash.clear();
  verdict.operating_points = std::move(kept);
  verdict.default_operating_point = std::max(at, 0);
  if (lost) {
    gone += verdict.operating_points.empty()
                ? "; no operating point is left, so there are no verdicts"
                : "; the default is now \"" + verdict.operating_points[0].name.substr(0, 40) + "\"";
  }
  return gone;
}

}  // namespace cutis::convert
