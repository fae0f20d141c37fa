// Limits of the images that may be judged, from the file.
#include <cmath>

#include "format_generated.h"
#include "runtime/pixel_features.h"
#include "runtime/verify.h"

namespace cutis {
namespace {

Status CopyFloats(const flatbuffers::Vector<float>& from, size_t count, uint32_t index, const char* what, Memory& memory,
                  std::span<const float>* out) {
  if (from.size() != count) {
    return Status::Error(Code::kBadInput, "limit %u has %u %s where there must be %zu", index, from.size(), what, count);
  }
  std::span<float> copy;
  CUTIS_TRY(memory.Array(count, &copy));
  for (uint32_t i = 0; i < from.size(); ++i) {
    copy[i] = from.Get(i);
    if (!std::isfinite(copy[i])) return Status::Error(Code::kBadInput, "limit %u: not all of its %s are finite", index, what);
  }
  *out = copy;
  return {};
}

Status LoadFeatureLimit(const format::FeatureLimit& from, uint32_t index, Limit* limit) {
  if (from.feature() >= kPixelFeatures) {
    return Status::Error(Code::kBadInput, "limit %u is of feature %u of the pixels, there are %zu", index, from.feature(),
                         kPixelFeatures);
  }
  limit->kind = Limit::Kind::kFeature;
  limit->feature = static_cast<int32_t>(from.feature());
  limit->least = from.least();
  limit->most = from.most();
  // Not so for a NaN either, nor for infinities that let nothing through.
  if (!(limit->least <= limit->most && limit->least < HUGE_VALF && limit->most > -HUGE_VALF))
    return Status::Error(Code::kBadInput, "limit %u: its least is not below its most", index);
  return {};
}

Status LoadLimit(const format::Limit& from, size_t features, uint32_t index, Memory& memory, Limit* limit) {
  if (from.reason() > format::LimitReason::MAX)
    return Status::Error(Code::kUnsupported, "limit %u: its reason is unknown to this version", index);
  static_assert(static_cast<size_t>(format::LimitReason::MAX) + 1 == kLimitReasons, "the two lists agree");
  limit->reason = static_cast<LimitReason>(from.reason());
  switch (from.rule_type()) {
    case format::Rule::FeatureLimit:
      return LoadFeatureLimit(*from.rule_as_FeatureLimit(), index, limit);
    case format::Rule::LinearLimit: {
      const format::LinearLimit& rule = *from.rule_as_LinearLimit();
      limit->kind = Limit::Kind::kLinear;
      limit->most = rule.most();
      CUTIS_TRY(CopyFloats(*rule.weights(), features, index, "weights", memory, &limit->weights));
      break;
    }
    case format::Rule::DistanceLimit: {
      const format::DistanceLimit& rule = *from.rule_as_DistanceLimit();
      limit->kind = Limit::Kind::kDistance;
      limit->most = rule.most();
      CUTIS_TRY(CopyFloats(*rule.center(), features, index, "means", memory, &limit->center));
      CUTIS_TRY(CopyFloats(*rule.weights(), features * (features + 1) / 2, index, "weights", memory, &limit->weights));
      if (!(limit->most > 0)) return Status::Error(Code::kBadInput, "limit %u: its distance is not positive", index);
      break;
    }
    default:
      return Status::Error(Code::kUnsupported, "limit %u: its rule is unknown to this version", index);
  }
  if (!std::isfinite(limit->most)) return Status::Error(Code::kBadInput, "limit %u: its bound is not finite", index);
  return {};
}

}  // namespace

Status LoadLimits(const format::Limits& from, Memory& memory, ModelData* out) {
  if (!out->has_preprocess) return Status::Error(Code::kBadInput, "limits are of images, and this model takes none");
  Limits limits;
  limits.features = kPixelFeatures;
  limits.embedding = from.embedding();
  if (limits.embedding < -1 || limits.embedding >= static_cast<int32_t>(out->outputs.size())) {
    return Status::Error(Code::kBadInput, "limits look at output %d, the network has %zu", limits.embedding,
                         out->outputs.size());
  }
  if (limits.embedding >= 0) {
    const int32_t tensor = out->outputs[static_cast<size_t>(limits.embedding)];
    const TensorInfo& info = out->tensors[static_cast<size_t>(tensor)].info;
    if (info.images != 1 || info.shape.height != 1 || info.shape.width != 1 || info.shape.channels > kMaxEmbedding) {
      return Status::Error(Code::kBadInput, "limits look at output %d, which is not one of 1 to %d elements", limits.embedding,
                           kMaxEmbedding);
    }
    limits.features += static_cast<size_t>(info.shape.channels);
  }
  const uint32_t count = from.rules()->size();
  if (count < 1 || count > kMaxLimits)
    return Status::Error(Code::kBadInput, "there are no limits, or more than %u", kMaxLimits);
  std::span<Limit> rules;
  CUTIS_TRY(memory.Array(count, &rules));
  for (uint32_t i = 0; i < count; ++i) CUTIS_TRY(LoadLimit(*from.rules()->Get(i), limits.features, i, memory, &rules[i]));
  limits.rules = rules;
  if (!CopyEstimate(from.refused(), &limits.refused))
    return Status::Error(Code::kBadInput, "limits: the share that they refuse is not 0 <= low <= value <= high <= 1");
  limits.images = from.images();
  CUTIS_TRY(CopyText(from.note(), kMaxText, "the limits' note", memory, &limits.note));
  out->verdict.limits = limits;
  return {};
}

}  // namespace cutis
