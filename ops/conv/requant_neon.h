// From 32-bit sums to bytes with the vectors of AArch64; for files of one instruction set only.
//
// No float is clamped: the conversion to int32 saturates, the narrowing to 16 bits and the sum with the zero point do, the one
// to bytes does, and the bounds lie within [0, 255], so that what is far outside becomes the bound beyond which it lies
// (ops/requant.h). fcvtns rounds to nearest even.
#ifndef CUTIS_OPS_CONV_REQUANT_NEON_H_
#define CUTIS_OPS_CONV_REQUANT_NEON_H_

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {
namespace {

#define CUTIS_INLINE [[gnu::always_inline]] static inline
#define CUTIS_INLINE_MEMBER [[gnu::always_inline]] inline

struct Output {
  int16x8_t zero_point;
  uint8x16_t lo, hi;
};

CUTIS_INLINE Output MakeOutput(const OutputU8& out) {
  return {vdupq_n_s16(static_cast<int16_t>(out.zero_point)), vdupq_n_u8(static_cast<uint8_t>(out.lo)),
          vdupq_n_u8(static_cast<uint8_t>(out.hi))};
}

// Four channels, rounded; what int16 cannot hold becomes the nearest that it can.
CUTIS_INLINE int16x4_t Scale(int32x4_t sums, const float* multiplier) {
  return vqmovn_s32(vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sums), vld1q_f32(multiplier))));
}
CUTIS_INLINE int16x8_t Scale(int32x4_t sums0, int32x4_t sums1, const float* multiplier) {
  const int32x4_t second = vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sums1), vld1q_f32(multiplier + 4)));
  return vqmovn_high_s32(Scale(sums0, multiplier), second);
}

CUTIS_INLINE uint8x8_t Requantize8(int32x4_t sums0, int32x4_t sums1, const float* multiplier, const Output& out) {
  const uint8x8_t bytes = vqmovun_s16(vqaddq_s16(Scale(sums0, sums1, multiplier), out.zero_point));
  return vmin_u8(vmax_u8(bytes, vget_low_u8(out.lo)), vget_low_u8(out.hi));
}

CUTIS_INLINE uint8x16_t Requantize16(int32x4_t sums0, int32x4_t sums1, int32x4_t sums2, int32x4_t sums3,
                                     const float* multiplier, const Output& out) {
  const int16x8_t first = vqaddq_s16(Scale(sums0, sums1, multiplier), out.zero_point);
  const int16x8_t second = vqaddq_s16(Scale(sums2, sums3, multiplier + 8), out.zero_point);
  return vminq_u8(vmaxq_u8(vqmovun_high_s16(vqmovun_s16(first), second), out.lo), out.hi);
}

// Of each of `rows` rows of `width` bytes the first `live`.
[[gnu::noinline, maybe_unused]] void CopyFirst(const uint8_t* from, size_t width, size_t rows, size_t live, uint8_t* y, size_t y_stride) {
  for (size_t r = 0; r < rows; ++r, from += width, y += y_stride) {
    for (size_t i = 0; i < live; ++i) y[i] = from[i];
  }
}

// Where a tile stores its rows, vectors of kWidth channels each: what is asked for, or, where fewer channels exist (`live`), rows of its
// own, out of which Finish copies those that do.
template <size_t kRows, size_t kWidth>
class TileRows {
 public:
  CUTIS_INLINE_MEMBER TileRows(uint8_t* y, size_t y_stride, size_t live)
      : y_(y), y_stride_(y_stride), live_(live), to_(live >= kWidth ? y : own_), stride_(live >= kWidth ? y_stride : kWidth) {}

  CUTIS_INLINE_MEMBER void Store(size_t row, uint8x8_t bytes) { vst1_u8(to_ + row * stride_, bytes); }
  CUTIS_INLINE_MEMBER void Store(size_t row, uint8x16_t bytes) { vst1q_u8(to_ + row * stride_, bytes); }

  CUTIS_INLINE_MEMBER void Finish(size_t rows = kRows) {
    if (live_ < kWidth) CopyFirst(own_, kWidth, rows, live_, y_, y_stride_);
  }

 private:
  uint8_t own_[kRows * kWidth];
  uint8_t* y_;
  size_t y_stride_, live_;
  uint8_t* to_;
  size_t stride_;
};

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_REQUANT_NEON_H_
