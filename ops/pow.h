// Logarithms and powers of Cutis: the same bits on every machine, since libm's differ between systems. Computed in double from
// additions, multiplications, divisions and integer operations only (compile with -ffp-contract=off), rounded to float32 once.
#ifndef CUTIS_OPS_POW_H_
#define CUTIS_OPS_POW_H_

#include <cstdint>

namespace cutis {

// The natural logarithm of a normal positive double; the relative error is below 2^-38 (but beside 1, where the result is near
// 0, it stays relative too). Exactly 0 at 1.
//
// x = 2^k * m with m in [sqrt(1/2), sqrt(2)); ln m = 2 * atanh(s), s = (m-1)/(m+1), |s| < 0.1716, by its series: the first term
// left out is s^17/17, against s 0.1716^16/17 = 3e-14.
struct LogParts {
  double exponent;  // k
  double mantissa;  // ln m
};
[[gnu::always_inline]] static inline LogParts SplitLog(double x) {
  constexpr int64_t kRootOfHalf = 0x3FE6A09E667F3BCD;  // the bits of sqrt(1/2)
  const int64_t bits = __builtin_bit_cast(int64_t, x);
  const int64_t k = (bits - kRootOfHalf) >> 52;
  const double m = __builtin_bit_cast(double, bits - k * (int64_t{1} << 52));
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 1.0 / 15.0;
  p = p * z + 1.0 / 13.0;
  p = p * z + 1.0 / 11.0;
  p = p * z + 1.0 / 9.0;
  p = p * z + 1.0 / 7.0;
  p = p * z + 1.0 / 5.0;
  p = p * z + 1.0 / 3.0;
  p = p * z + 1.0;
  return {static_cast<double>(k), 2.0 * s * p};
}
[[gnu::always_inline]] static inline double LogOfDouble(double x) {
  const LogParts parts = SplitLog(x);
  return parts.exponent * 0.69314718055994531 + parts.mantissa;
}

// ln x in float32, within one unit in the last place: a negative number gives a NaN, 0 of either sign -infinity, +infinity
// itself; a NaN passes.
[[gnu::always_inline]] static inline float Log(float x) {
  if (!(x == x) || x == __builtin_inff()) return x;
  if (x < 0.0f) return __builtin_nanf("");
  if (x == 0.0f) return -__builtin_inff();
  return static_cast<float>(LogOfDouble(static_cast<double>(x)));  // a denormal float is a normal double
}

// 2^t for |t| <= 1000, with a relative error below 2^-37. t = n + r; e^(r * ln 2), |r * ln 2| < 0.347, is its Taylor polynomial
// of degree 9 (remainder 0.347^10/10! = 7e-12).
[[gnu::always_inline]] static inline double Exp2OfDouble(double t) {
  constexpr double kMagic = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer, halves to even
  const double n = (t + kMagic) - kMagic;
  const double r = (t - n) * 0.69314718055994531;
  double p = 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  return p * __builtin_bit_cast(double, (static_cast<int64_t>(n) + 1023) * (int64_t{1} << 52));
}

[[gnu::always_inline]] static inline bool IsOddInteger(float y) {
  if (!(y > -16777216.0f && y < 16777216.0f)) return false;  // beyond, every float is even; infinities and NaN neither
  const int32_t whole = static_cast<int32_t>(y);
  return static_cast<float>(whole) == y && (whole & 1) != 0;
}
[[gnu::always_inline]] static inline bool IsInteger(float y) {
  if (!(y > -16777216.0f && y < 16777216.0f)) return y == y;
  return static_cast<float>(static_cast<int32_t>(y)) == y;
}

// x^y in float32: IEEE 754's pow, special cases included (1 for y = 0 and for x = 1 whatever the other is, signs for odd whole
// y, a NaN for x < 0 and y not whole), within one unit in the last place: x^y = 2^(y * log2 |x|), where the exponent, at most
// 150 where the result is a float, has an absolute error below 150 * 2^-38.
[[gnu::always_inline]] static inline float Pow(float x, float y) {
  constexpr float kInfinity = __builtin_inff();
  if (y == 0.0f || x == 1.0f) return 1.0f;
  if (!(x == x)) return x;
  if (!(y == y)) return y;
  const float size = __builtin_fabsf(x);
  if (size == 1.0f && (y == kInfinity || y == -kInfinity)) return 1.0f;
  const bool negative = __builtin_bit_cast(int32_t, x) < 0 && IsOddInteger(y);
  float result;
  if (size == 0.0f || size == kInfinity) {
    result = (size == 0.0f) == (y > 0.0f) ? 0.0f : kInfinity;
  } else if (x < 0.0f && !IsInteger(y)) {
    return __builtin_nanf("");
  } else {
    const LogParts parts = SplitLog(static_cast<double>(size));
    const double t = static_cast<double>(y) * (parts.exponent + parts.mantissa * 1.4426950408889634);
    result = t >= 128.0 ? kInfinity : t < -151.0 ? 0.0f : static_cast<float>(Exp2OfDouble(t));
  }
  return negative ? -result : result;
}

}  // namespace cutis

#endif  // CUTIS_OPS_POW_H_
