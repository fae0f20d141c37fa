// What the peak kernels of signed bytes share; for files of one instruction set only.
#ifndef CUTIS_OPS_PEAK_SIGNED_NEON_H_
#define CUTIS_OPS_PEAK_SIGNED_NEON_H_

#include <arm_neon.h>

#include <cstdint>

#include "ops/peak/peak.h"
#include "ops/peak/rounds.h"

namespace cutis {
namespace {

// The pixels x - 128, as the convolutions multiply them.
[[gnu::always_inline]] static inline int8x16_t SignedPixels(const PeakU8Args& args) {
  return vreinterpretq_s8_s32(vdupq_n_s32(WordOf(args.x) ^ static_cast<int32_t>(0x80808080u)));
}
[[gnu::always_inline]] static inline int8x16_t Weights(const PeakU8Args& args) {
  return vreinterpretq_s8_s32(vdupq_n_s32(WordOf(args.w)));
}

// From the sum of (x - 128) w to that of x w.
[[gnu::always_inline]] static inline void AddShift(const PeakU8Args& args) {
  const int32_t weights = args.w[0] + args.w[1] + args.w[2] + args.w[3];
  *args.sum += static_cast<uint32_t>(*args.macs / 4) * static_cast<uint32_t>(128 * weights);
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_PEAK_SIGNED_NEON_H_
