// What the x86 conversions of floats to integers make of one lane, for emulations: SIMDe's portable ones leave what does not
// fit undefined.
#ifndef CUTIS_TESTS_OPS_CONVERT_LANE_H_
#define CUTIS_TESTS_OPS_CONVERT_LANE_H_

#include <cmath>
#include <cstdint>

namespace cutis::test {

// Rounded to nearest, ties to even; the most negative integer where that does not fit.
inline int32_t ConvertLane(float value) {
  const bool fits = value >= -0x1p31f && value < 0x1p31f;
  return fits ? static_cast<int32_t>(std::nearbyint(value)) : INT32_MIN;
}

}  // namespace cutis::test

#endif  // CUTIS_TESTS_OPS_CONVERT_LANE_H_
