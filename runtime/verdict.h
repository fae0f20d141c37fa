// From the network's outputs to a verdict.
#ifndef CUTIS_RUNTIME_VERDICT_H_
#define CUTIS_RUNTIME_VERDICT_H_

#include <cstdint>
#include <span>

#include "ops/status.h"
#include "runtime/recipe.h"

namespace cutis {

// kNone: the file holds no operating point; kUnusable: the image may not be judged (the reasons say why).
enum class Verdict : uint8_t { kNone, kBcc, kNotBcc, kRefer, kUnusable };
const char* NameOf(Verdict verdict);  // "bcc", "not_bcc", "refer", "unusable"; kNone: null

enum Reason : uint32_t {
  kReasonNoOperatingPoint = 1u << 0,  // "no_operating_point"
  kReasonUncalibrated = 1u << 1,      // "uncalibrated"
  kReasonReferBand = 1u << 2,         // "refer_band"
  kReasonFirstLimit = 1u << 3,        // and the bits after it: LimitReason 0, 1, ... (runtime/image_limits.h)
};
// Text of a single reason bit.
const char* NameOf(Reason reason);
inline constexpr int kReasonCount = 3 + static_cast<int>(kLimitReasons);

struct Judgement {
  Verdict verdict = Verdict::kNone;
  float p_bcc = 0;
  const OperatingPoint* operating_point = nullptr;  // into the recipe; null without one
  uint32_t reasons = 0;                             // bits of Reason
};

// `outputs`: the network's real outputs, one per label; with `of_views` their mean over several views (runtime/views.h), judged
// by recipe.views, or, without that, by the numbers for one view, as uncalibrated. Writes the probabilities (as many) and
// judges at the named operating point (null: the default one; kUsage for an unknown name). Scalar float32 arithmetic with the
// library's own exponential and logarithm.
Result<Judgement> Judge(const VerdictRecipe& recipe, std::span<const float> outputs, const char* operating_point,
                        std::span<float> probabilities, bool of_views = false);

// The operating point of that name; null: the default one, or null where there is none. kUsage for an unknown name.
Result<const OperatingPoint*> FindOperatingPoint(const VerdictRecipe& recipe, const char* name, bool of_views);

// slope * z + intercept, z being the log-odds of the positive label (format.fbs, PlattScaling); of at least two labels.
Result<float> CalibratedLogOdds(const VerdictRecipe& recipe, const PlattScaling& calibration, std::span<const float> outputs);

// Takes a verdict back: the image exceeds the limits `exceeded` (bit i for LimitReason i). Nothing happens when it is 0. The
// probability stays, for whoever wants to look at it.
void Refuse(uint32_t exceeded, Judgement* judgement);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_VERDICT_H_
