// The functions of the operator binary.
#ifndef CUTIS_OPS_BINARY_FUNCTIONS_H_
#define CUTIS_OPS_BINARY_FUNCTIONS_H_

#include "ops/binary/binary.h"
#include "ops/pow.h"
#include "ops/requant.h"

namespace cutis {

template <BinaryFunction kFunction>
[[gnu::always_inline]] static inline float ApplyF32(float a, float b) {
  if constexpr (kFunction == BinaryFunction::kAdd) return a + b;
  if constexpr (kFunction == BinaryFunction::kSub) return a - b;
  if constexpr (kFunction == BinaryFunction::kMul) return a * b;
  if constexpr (kFunction == BinaryFunction::kDiv) return a / b;
  // A comparison with a NaN is false, so that b passes when it is the NaN.
  if constexpr (kFunction == BinaryFunction::kMax) return a != a || a > b ? a : b;
  if constexpr (kFunction == BinaryFunction::kMin) return a != a || a < b ? a : b;
  if constexpr (kFunction == BinaryFunction::kPow) return Pow(a, b);
}

template <BinaryFunction kFunction>
[[gnu::always_inline]] static inline uint8_t ApplyU8(uint8_t a, uint8_t b, const BinaryU8Args& args) {
  if constexpr (kFunction == BinaryFunction::kMax || kFunction == BinaryFunction::kMin) {
    const int32_t one = kFunction == BinaryFunction::kMax ? (a > b ? a : b) : (a < b ? a : b);
    return static_cast<uint8_t>(one < args.out.lo ? args.out.lo : one > args.out.hi ? args.out.hi : one);
  } else {
    const int32_t from_a = a - args.zero_a, from_b = b - args.zero_b;
    if constexpr (kFunction == BinaryFunction::kMul) return Requantize(from_a * from_b, args.multiplier_a, args.out);
    const float scaled_a = static_cast<float>(from_a) * args.multiplier_a;
    const float scaled_b = static_cast<float>(from_b) * args.multiplier_b;
    return ClampRound(kFunction == BinaryFunction::kSub ? scaled_a - scaled_b : scaled_a + scaled_b, args.out);
  }
}

// The reference kernels, which take any strides: what the vector kernels leave over too.
void BinaryF32_scalar(const BinaryF32Args& args);
void BinaryU8_scalar(const BinaryU8Args& args);

}  // namespace cutis

#endif  // CUTIS_OPS_BINARY_FUNCTIONS_H_
