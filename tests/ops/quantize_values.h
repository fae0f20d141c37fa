// Values for the tests of the operator quantize.
#ifndef CUTIS_TESTS_OPS_QUANTIZE_VALUES_H_
#define CUTIS_TESTS_OPS_QUANTIZE_VALUES_H_

#include <limits>

#include "tests/ops/kernel_test.h"

namespace cutis::test {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kSpecialValues[] = {0.0f,   -0.0f, kInfinity, -kInfinity, kNan, -kNan,         3.4e38f,  -3.4e38f,
                                           1e-45f, 1e9f,  -1e9f,     8388609.0f, 4e6f, 2147483648.0f, 0x1p-126f};

inline float AnyValue(Random& random, float scale) {
  if (random.OneIn(4)) return kSpecialValues[random.Between(0, 14)];
  // Halves make ties, which must go to even.
  if (random.OneIn(3)) return scale * (static_cast<float>(random.Between(-300, 300)) + 0.5f);
  return scale * random.Uniform(-300, 300);
}

inline float AnyScale(Random& random) {
  const float scales[] = {1.0f, 0x1p-149f, 0x1p-126f, 3e38f, 0.1f, 0x1p-7f, random.Uniform(1e-4f, 3)};
  return scales[random.Between(0, 6)];
}

}  // namespace cutis::test

#endif  // CUTIS_TESTS_OPS_QUANTIZE_VALUES_H_
