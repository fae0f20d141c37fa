// The functions of the operator unary, once, for all its kernels: from additions, multiplications, divisions, square roots and
// comparisons that IEEE 754 defines, so that every machine gives the same bits; the vector kernels do the same operations in
// the same order.
//
// Errors, against the exact function of the float x: relative below 5e-7 where the result is a normal float (kExp, kLog,
// kSigmoid, kTanh, kSoftplus, kElu); kSwish and kMish too, where alpha * x is exact (else |alpha * x| * 2^-24 more), but their
// results below 2e-36 in magnitude may be 0 instead; kHardSigmoid and kHardSwish 1e-6, absolute where the result is below 1.
// The rest are rounded once. At the infinities the values are the limits, a NaN passes.
#ifndef CUTIS_OPS_UNARY_FUNCTIONS_H_
#define CUTIS_OPS_UNARY_FUNCTIONS_H_

#include "ops/exp.h"
#include "ops/options.h"
#include "ops/pow.h"
#include "ops/unary/unary.h"

namespace cutis {

// 1 / (1 + e^-x), as e^x / (1 + e^x) below 0: neither overflows, neither cancels.
[[gnu::always_inline]] static inline float SigmoidOf(float x) {
  const float e = Exp(-__builtin_fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

// Below this, (1-e)/(1+e) loses digits and the Taylor polynomial of degree 9 (next term 0.25^10 * 1382/155925 of the result,
// 9e-9) takes over.
inline constexpr float kSmallTanh = 0.25f;

// (1 - e^-2|x|) / (1 + e^-2|x|) with the sign of x.
[[gnu::always_inline]] static inline float TanhOf(float x) {
  const float size = __builtin_fabsf(x);
  if (size < kSmallTanh) {
    const float z = size * size;
    float p = 62.0f / 2835.0f;
    p = p * z - 17.0f / 315.0f;
    p = p * z + 2.0f / 15.0f;
    p = p * z - 1.0f / 3.0f;
    return __builtin_copysignf(size + size * z * p, x);
  }
  const float e = Exp(-2.0f * size);
  return __builtin_copysignf((1.0f - e) / (1.0f + e), x);
}

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|); where e^-|x| is small, ln(1 + e) = e - e^2/2 (next term e^3/3).
[[gnu::always_inline]] static inline float SoftplusOf(float x) {
  const double e = static_cast<double>(Exp(-__builtin_fabsf(x)));
  const double log = e < 1e-5 ? e - 0.5 * e * e : LogOfDouble(1.0 + e);
  return static_cast<float>((x > 0.0f ? static_cast<double>(x) : 0.0) + log);
}

// x * factor, where a factor of 0 wins over an infinite x.
[[gnu::always_inline]] static inline float Gate(float x, float factor) { return factor == 0.0f ? 0.0f : x * factor; }

// tanh(ln(1 + e^x)) = (u^2 - 1) / (u^2 + 1), u = 1 + e^x: numerator e^2x + 2e^x, denominator 2 more; above 0 both over e^2x.
[[gnu::always_inline]] static inline float MishFactor(float x) {
  const float e = Exp(-__builtin_fabsf(x));
  const float above = 1.0f + 2.0f * e, below = e * (e + 2.0f);
  const float numerator = x < 0.0f ? below : above;
  return numerator / (numerator + (x < 0.0f ? 2.0f : 2.0f * e * e));
}

// e^x - 1 for x <= 0; near 0 the Taylor polynomial of degree 8 (next term 0.5^8/9! of the result, 1.1e-8).
inline constexpr float kSmallElu = -0.5f;
[[gnu::always_inline]] static inline float ExpLessOne(float x) {
  if (!(x > kSmallElu)) return Exp(x) - 1.0f;
  float p = 1.0f / 40320.0f;
  p = p * x + 1.0f / 5040.0f;
  p = p * x + 1.0f / 720.0f;
  p = p * x + 1.0f / 120.0f;
  p = p * x + 1.0f / 24.0f;
  p = p * x + 1.0f / 6.0f;
  p = p * x + 0.5f;
  return x + x * x * p;
}

[[gnu::always_inline]] static inline float ClampToOne(float x) { return x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x; }

template <UnaryFunction kFunction>
[[gnu::always_inline]] static inline float ApplyUnary(float x, [[maybe_unused]] float alpha, [[maybe_unused]] float beta) {
  if constexpr (kFunction == UnaryFunction::kNeg) return -x;
  if constexpr (kFunction == UnaryFunction::kAbs) return __builtin_fabsf(x);
  // Here, since compilers may change the sign of a NaN that goes through arithmetic.
  if (!(x == x)) return x;
  if constexpr (kFunction == UnaryFunction::kSqrt) return __builtin_sqrtf(x);
  if constexpr (kFunction == UnaryFunction::kReciprocal) return 1.0f / x;
  if constexpr (kFunction == UnaryFunction::kExp) return Exp(x);
  if constexpr (kFunction == UnaryFunction::kLog) return Log(x);
  if constexpr (kFunction == UnaryFunction::kSigmoid) return SigmoidOf(x);
  if constexpr (kFunction == UnaryFunction::kTanh) return TanhOf(x);
  if constexpr (kFunction == UnaryFunction::kSoftplus) return SoftplusOf(x);
  if constexpr (kFunction == UnaryFunction::kSwish) return Gate(x, SigmoidOf(alpha * x));
  if constexpr (kFunction == UnaryFunction::kMish) return Gate(x, MishFactor(x));
  if constexpr (kFunction == UnaryFunction::kHardSigmoid) return ClampToOne(alpha * x + beta);
  if constexpr (kFunction == UnaryFunction::kHardSwish) return Gate(x, ClampToOne(x * (1.0f / 6.0f) + 0.5f));
  if constexpr (kFunction == UnaryFunction::kElu) return x < 0.0f ? alpha * ExpLessOne(x) : x;
  if constexpr (kFunction == UnaryFunction::kLeakyRelu) return x < 0.0f ? alpha * x : x;
}

// Calls call.template Run<kFunction>().
template <class Call>
[[gnu::always_inline]] static inline void WithUnaryFunction(UnaryFunction function, const Call& call) {
  switch (function) {
    case UnaryFunction::kNeg:
      return call.template Run<UnaryFunction::kNeg>();
    case UnaryFunction::kAbs:
      return call.template Run<UnaryFunction::kAbs>();
    case UnaryFunction::kSqrt:
      return call.template Run<UnaryFunction::kSqrt>();
    case UnaryFunction::kReciprocal:
      return call.template Run<UnaryFunction::kReciprocal>();
    case UnaryFunction::kExp:
      return call.template Run<UnaryFunction::kExp>();
    case UnaryFunction::kLog:
      return call.template Run<UnaryFunction::kLog>();
    case UnaryFunction::kSigmoid:
      return call.template Run<UnaryFunction::kSigmoid>();
    case UnaryFunction::kTanh:
      return call.template Run<UnaryFunction::kTanh>();
    case UnaryFunction::kSoftplus:
      return call.template Run<UnaryFunction::kSoftplus>();
    case UnaryFunction::kSwish:
      return call.template Run<UnaryFunction::kSwish>();
    case UnaryFunction::kMish:
      return call.template Run<UnaryFunction::kMish>();
    case UnaryFunction::kHardSigmoid:
      return call.template Run<UnaryFunction::kHardSigmoid>();
    case UnaryFunction::kHardSwish:
      return call.template Run<UnaryFunction::kHardSwish>();
    case UnaryFunction::kElu:
      return call.template Run<UnaryFunction::kElu>();
    case UnaryFunction::kLeakyRelu:
      return call.template Run<UnaryFunction::kLeakyRelu>();
  }
}

// The reference kernel: what the vector kernels leave over too.
void UnaryF32_scalar(const UnaryF32Args& args);

}  // namespace cutis

#endif  // CUTIS_OPS_UNARY_FUNCTIONS_H_
