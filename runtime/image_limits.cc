#include "runtime/image_limits.h"

namespace cutis {
namespace {

float Dot(std::span<const float> weights, std::span<const float> features) {
  float sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) sum += weights[i] * features[i];
  return sum;
}

// The squared length of W (features - center); W is a lower triangle, row after row.
float SquaredDistance(const Limit& limit, std::span<const float> features) {
  float total = 0;
  const float* weight = limit.weights.data();
  for (size_t row = 0; row < limit.center.size(); ++row) {
    float sum = 0;
    for (size_t i = 0; i <= row; ++i) sum += *weight++ * (features[i] - limit.center[i]);
    total += sum * sum;
  }
  return total;
}

// Comparisons that a NaN does not pass.
bool Within(const Limit& limit, std::span<const float> features) {
  switch (limit.kind) {
    case Limit::Kind::kFeature: {
      const float value = features[static_cast<size_t>(limit.feature)];
      return value >= limit.least && value <= limit.most;
    }
    case Limit::Kind::kLinear:
      return Dot(limit.weights, features) <= limit.most;
    case Limit::Kind::kDistance:
      return SquaredDistance(limit, features) <= limit.most * limit.most;
  }
  return false;
}

}  // namespace

const char* NameOf(LimitReason reason) {
  constexpr const char* kNames[kLimitReasons] = {"blurred", "under_exposed", "over_exposed", "unlike_training"};
  return static_cast<size_t>(reason) < kLimitReasons ? kNames[static_cast<size_t>(reason)] : nullptr;
}

uint32_t ExceededLimits(const Limits& limits, std::span<const float> features) {
  uint32_t exceeded = 0;
  for (const Limit& limit : limits.rules) {
    if (!Within(limit, features)) exceeded |= 1u << static_cast<uint32_t>(limit.reason);
  }
  return exceeded;
}

}  // namespace cutis
