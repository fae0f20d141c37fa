// DepthwiseQuadsU8 for AArch64 (quads_vnni.h): a quad is four vectors of 4 channels, each computed by itself. For files
// compiled for dotprod or i8mm only.
#ifndef CUTIS_OPS_DEPTHWISE_QUADS_NEON_H_
#define CUTIS_OPS_DEPTHWISE_QUADS_NEON_H_

#include <arm_neon.h>

#include "ops/conv/requant_neon.h"
#include "ops/depthwise/quads_vnni.h"

namespace cutis {
namespace {

// kShift: pixels go to sdot as x ^ 0x80, else as they are to usdot.
template <bool kShift>
struct QuadIsa {
  using Vector = int32x4_t;
  using Output = cutis::Output;
  static constexpr size_t kLanes = 4;
  static constexpr bool kWholeTiles = false;  // a branch for 16 outputs

  CUTIS_INLINE Vector Load(const void* from) { return vreinterpretq_s32_u8(vld1q_u8(static_cast<const uint8_t*>(from))); }
  CUTIS_INLINE Vector Biases(const int32_t* from) { return vld1q_s32(from); }
  CUTIS_INLINE Output MakeOutput(const OutputU8& out, const float*, size_t) { return cutis::MakeOutput(out); }

  CUTIS_INLINE Vector Quad(const uint8_t* at) {
    const uint8x16_t quad = vld1q_u8(at);
    return vreinterpretq_s32_u8(kShift ? veorq_u8(quad, vdupq_n_u8(0x80)) : quad);
  }
  // One between two quads is the last two pixels of each channel of the one and the first two of the other.
  CUTIS_INLINE Vector Half(const uint8_t* quads, size_t index) {
    const uint8_t* at = quads + index / 2 * kQuadBytes;
    if (index % 2 == 0) return Quad(at);
    const uint32x4_t last = vshrq_n_u32(vreinterpretq_u32_s32(Quad(at)), 16);
    return vreinterpretq_s32_u32(vsliq_n_u32(last, vreinterpretq_u32_s32(Quad(at + kQuadBytes)), 16));
  }

  CUTIS_INLINE Vector AddDotProducts(Vector sum, Vector pixels, Vector taps) {
    if constexpr (kShift) {
      asm volatile("sdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(pixels), "w"(taps));
    } else {
      asm volatile("usdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(pixels), "w"(taps));
    }
    return sum;
  }

  CUTIS_INLINE void StoreOutputs(Vector sum0, Vector sum1, Vector sum2, Vector sum3, const float* multiplier, const Output& out,
                                 uint8_t* y, size_t stride, size_t count, uint64_t live) {
    const float32x4_t scale = vld1q_f32(multiplier);
    const auto words = [&](Vector sums) CUTIS_UNROLLED { return vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sums), scale)); };
    const int16x8_t first = vqmovn_high_s32(vqmovn_s32(words(sum0)), words(sum1));
    const int16x8_t second = vqmovn_high_s32(vqmovn_s32(words(sum2)), words(sum3));
    const uint8x8_t low = vqmovun_s16(vqaddq_s16(first, out.zero_point));
    const uint8x16_t bytes = vminq_u8(vmaxq_u8(vqmovun_high_s16(low, vqaddq_s16(second, out.zero_point)), out.lo), out.hi);
    alignas(16) uint32_t outputs[4];
    vst1q_u32(outputs, vreinterpretq_u32_u8(bytes));
    if (count >= 4 && live == 0xf) {
      Unroll<4>([&](auto i) CUTIS_UNROLLED { __builtin_memcpy(y + i * stride, &outputs[i], 4); });
      return;
    }
    for (size_t i = 0; i < 4 && i < count; ++i) {
      for (size_t c = 0; (live >> c) != 0; ++c) y[i * stride + c] = static_cast<uint8_t>(outputs[i] >> (8 * c));
    }
  }
};

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_DEPTHWISE_QUADS_NEON_H_
