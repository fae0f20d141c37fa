// The biases of a panel for signed pixels; for files compiled for dotprod only.
#ifndef CUTIS_OPS_CONV_BIAS_DOTPROD_H_
#define CUTIS_OPS_CONV_BIAS_DOTPROD_H_

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "ops/conv/requant_neon.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// bias + 128 sum w of 16 channels over `rows` rows of weights: as much as one pixel costs. It also brings the weights near.
CUTIS_INLINE void ShiftBias(const int8_t* w, size_t rows, const int32_t* bias, int32_t (&to)[16]) {
  const int8x16_t minus128 = vdupq_n_s8(-128);
  int32x4_t sums[2][4];
  Unroll<4>([&](auto v) CUTIS_UNROLLED { sums[0][v] = sums[1][v] = vdupq_n_s32(0); });
  for (; rows >= 2; rows -= 2, w += 128) {
    Unroll<4>([&](auto v) CUTIS_UNROLLED {
      sums[0][v] = vdotq_s32(sums[0][v], vld1q_s8(w + 16 * v), minus128);
      sums[1][v] = vdotq_s32(sums[1][v], vld1q_s8(w + 64 + 16 * v), minus128);
    });
  }
  if (rows != 0) {
    Unroll<4>([&](auto v) CUTIS_UNROLLED { sums[0][v] = vdotq_s32(sums[0][v], vld1q_s8(w + 16 * v), minus128); });
  }
  Unroll<4>([&](auto v) CUTIS_UNROLLED {
    vst1q_s32(to + 4 * v, vsubq_s32(vld1q_s32(bias + 4 * v), vaddq_s32(sums[0][v], sums[1][v])));
  });
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_BIAS_DOTPROD_H_
