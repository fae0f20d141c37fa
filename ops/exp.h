// The float32 exponential of Cutis: the same bits on every machine, since libm's differ between systems.
#ifndef CUTIS_OPS_EXP_H_
#define CUTIS_OPS_EXP_H_

#include <cstdint>

#include "ops/requant.h"

namespace cutis {

// e^x with a relative error below 2^-22 (2 units in the last place), from additions, multiplications, comparisons and integer
// operations only; none may be contracted (-ffp-contract=off). Exactly 1 at 0. Below -87.33 (the logarithm of the smallest
// normal number) the result is 0, since some processors have no denormals; above 88.72 +infinity. A NaN passes.
//
// e^x = 2^n * e^r, n = rne(x / ln 2), r = x - n*ln 2 in [-0.35, 0.35]. ln 2 is subtracted in two parts: the first has 15
// significant bits, so that n times it is exact; e^r is its Taylor polynomial of degree 7 (remainder 0.35^8/8! = 5e-9).
[[gnu::always_inline]] static inline float Exp(float x) {
  if (!(x == x)) return x;
  if (x < -87.33654f) return 0.0f;
  if (x > 88.72283f) return __builtin_inff();
  const int32_t n = RoundToEven(x * 1.44269504f);
  const float whole = static_cast<float>(n);
  constexpr float kLn2High = 0.693145751953125f;      // 0x1.62e4p-1
  constexpr float kLn2Low = 1.42860682030941723e-6f;  // ln 2 - kLn2High
  const float r = (x - whole * kLn2High) - whole * kLn2Low;
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // 2^n in two factors: n reaches 128, whose power alone is no float.
  const int32_t half = n / 2;
  const float first = __builtin_bit_cast(float, (half + 127) << 23);
  const float second = __builtin_bit_cast(float, (n - half + 127) << 23);
  return p * first * second;
}

}  // namespace cutis

#endif  // CUTIS_OPS_EXP_H_
