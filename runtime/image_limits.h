// Limits of the images that a model may judge.
#ifndef CUTIS_RUNTIME_IMAGE_LIMITS_H_
#define CUTIS_RUNTIME_IMAGE_LIMITS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/pixel_features.h"
#include "runtime/recipe.h"

namespace cutis {

// "blurred", "under_exposed", "over_exposed", "unlike_training"; null for what is none.
const char* NameOf(LimitReason reason);

// Which limits the features exceed: bit i for LimitReason i. A feature that is no number exceeds every limit that looks at it.
uint32_t ExceededLimits(const Limits& limits, std::span<const float> features);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_IMAGE_LIMITS_H_
