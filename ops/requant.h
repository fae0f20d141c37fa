// The one definition of how an integer sum becomes a uint8 activation. Every kernel equals this bit for bit.
//
//   y = clamp(rne(float32(acc) * m) + z_y, lo, hi)
//
// float32() and rne() round to nearest even; the product is rounded to float32 before anything else happens to it (compile with
// -ffp-contract=off). It is clamped as a float to [lo - z_y, hi - z_y] before rne(): both bounds are integers, so the result is
// the same and no conversion can overflow. This is the fp32 requantisation of XNNPACK and MLAS.
#ifndef CUTIS_OPS_REQUANT_H_
#define CUTIS_OPS_REQUANT_H_

#include <cstdint>

#include "ops/options.h"

namespace cutis {

// Round half to even of |value| < 2^22, in the default rounding mode: adding 1.5 * 2^23 leaves exactly the integer part in the
// mantissa, since there one unit in the last place is 1. (IEEE arithmetic forbids the compiler to fold the two operations; the
// build never uses -ffast-math.)
[[gnu::always_inline]] static inline int32_t RoundToEven(float value) {
  const float magic = 12582912.0f;  // 1.5 * 2^23
  return static_cast<int32_t>((value + magic) - magic);
}

// `scaled` is the already rounded float value of the output in units of its scale, without zero point.
[[gnu::always_inline]] static inline uint8_t ClampRound(float scaled, const OutputU8& out) {
  const float lo = static_cast<float>(out.lo - out.zero_point);
  const float hi = static_cast<float>(out.hi - out.zero_point);
  const float clamped = scaled < lo ? lo : scaled > hi ? hi : scaled;
  return static_cast<uint8_t>(RoundToEven(clamped) + out.zero_point);
}

[[gnu::always_inline]] static inline uint8_t Requantize(int32_t sum, float multiplier, const OutputU8& out) {
  return ClampRound(static_cast<float>(sum) * multiplier, out);
}

// Multipliers outside this range are refused: below, products vanish into denormals; above, the scales make no sense.
inline constexpr float kMinMultiplier = 0x1p-32f;
inline constexpr float kMaxMultiplier = 256.0f;  // exclusive

}  // namespace cutis

#endif  // CUTIS_OPS_REQUANT_H_
