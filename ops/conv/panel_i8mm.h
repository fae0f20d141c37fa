// One panel of weights, or half of one, times many pixels, with the matrix products of FEAT_I8MM; for files compiled for it
// only.
//
// usmmla multiplies 2 pixels x 8 k with 8 k x 2 channels, twice the products of a dot product. Two neighbouring rows of
// weights, zipped by words, give its operands of 2 channels x 8 k: 8 zips for a panel, made once in scratch. Pixels are zipped
// where they are used. A tile is 6 pixels times 16 channels: 24 sums, 6 vectors of pixels and 2 of weights take the 32
// registers; 16 k are 48 matrix products and 6 zips, which on Neoverse cores and the Cortex-A510 can start in the same units.
#ifndef CUTIS_OPS_CONV_PANEL_I8MM_H_
#define CUTIS_OPS_CONV_PANEL_I8MM_H_

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "ops/conv/conv.h"
#include "ops/conv/panel_neon.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

constexpr size_t kI8mmScratchBytes = ConvU8ScratchBytes(1);  // what every layer has

// Bytes that `rows` rows of kVectors * 2 channels take in scratch: whole pairs of rows.
template <size_t kVectors>
CUTIS_INLINE size_t ZippedBytes(size_t rows) {
  return (rows + 1) / 2 * (kVectors * 16);
}

// Pairs of rows of kVectors * 2 channels; an odd last row has zeros beside it.
template <size_t kVectors>
CUTIS_INLINE void ZipWeights(const int8_t* w, size_t rows, int8_t* to) {
  const auto zip = [&](const int8_t* from, int32x4_t second, size_t v) CUTIS_UNROLLED {
    const int32x4_t first = vreinterpretq_s32_s8(vld1q_s8(from + 16 * v));
    vst1q_s8(to + 32 * v, vreinterpretq_s8_s32(vzip1q_s32(first, second)));
    vst1q_s8(to + 32 * v + 16, vreinterpretq_s8_s32(vzip2q_s32(first, second)));
  };
  for (; rows >= 2; rows -= 2, w += 128, to += kVectors * 16) {
    Unroll<kVectors / 2>([&](auto v) CUTIS_UNROLLED { zip(w, vreinterpretq_s32_s8(vld1q_s8(w + 64 + 16 * v)), v); });
  }
  if (rows != 0) Unroll<kVectors / 2>([&](auto v) CUTIS_UNROLLED { zip(w, vdupq_n_s32(0), v); });
}

// What a tile begins with and what becomes of its sums.
struct Ends {
  const int32_t* bias;
  const float* multiplier;
  uint8_t* y;
  size_t y_stride;
  size_t live;  // channels that exist
};

// The sums of 2 pixels and 2 channels: p0 n0, p0 n1, p1 n0, p1 n1. These keep their order; see panel_neon.h.
CUTIS_INLINE void AddMatrixProduct(int32x4_t& sums, uint8x16_t x, int8x16_t w) {
  asm volatile("usmmla %0.4s, %1.16b, %2.16b" : "+w"(sums) : "w"(x), "w"(w));
}
CUTIS_INLINE uint8x16_t LowHalves(uint8x16_t a, uint8x16_t b) {
  uint8x16_t halves;
  asm volatile("zip1 %0.2d, %1.2d, %2.2d" : "=w"(halves) : "w"(a), "w"(b));
  return halves;
}
CUTIS_INLINE uint8x16_t HighHalves(uint8x16_t a, uint8x16_t b) {
  uint8x16_t halves;
  asm volatile("zip2 %0.2d, %1.2d, %2.2d" : "=w"(halves) : "w"(a), "w"(b));
  return halves;
}

CUTIS_INLINE uint8x16_t LowWords(uint8x16_t a, uint8x16_t b) {
  uint8x16_t words;
  asm volatile("zip1 %0.4s, %1.4s, %2.4s" : "=w"(words) : "w"(a), "w"(b));
  return words;
}
CUTIS_INLINE uint8x16_t HighWords(uint8x16_t a, uint8x16_t b) {
  uint8x16_t words;
  asm volatile("zip2 %0.4s, %1.4s, %2.4s" : "=w"(words) : "w"(a), "w"(b));
  return words;
}

// kSteps pairs of rows times 8 k each of kPairs pairs of pixels.
template <size_t kSteps, size_t kPairs, size_t kVectors>
CUTIS_INLINE void AddSteps(const int8_t* w, const uint8x16_t (&x)[kSteps][kPairs], int32x4_t (&sums)[kPairs][kVectors]) {
  int8x16_t rows[2];
  rows[0] = LoadWeights(w);
  Unroll<kSteps * kVectors>([&](auto i) CUTIS_UNROLLED {
    constexpr size_t kStep = i / kVectors, kVector = i % kVectors, kNext = i + 1;
    if constexpr (kNext < kSteps * kVectors) rows[kNext % 2] = LoadWeights(w + 16 * kNext);
    Unroll<kPairs>([&](auto p) CUTIS_UNROLLED { AddMatrixProduct(sums[p][kVector], x[kStep][p], rows[i % 2]); });
  });
}

// kGroups k-groups, at most 4, of a tile. Of an odd number of pixels the last is its own neighbour, x + last.
template <size_t kGroups, size_t kPairs, size_t kVectors>
CUTIS_INLINE void AddPixels(const int8_t* w, const uint8_t* x, size_t x_stride, size_t last,
                            int32x4_t (&sums)[kPairs][kVectors]) {
  uint8x16_t pixels[2 * kPairs];
  Unroll<2 * kPairs>([&](auto p) CUTIS_UNROLLED {
    pixels[p] = LoadGroups<kGroups>(x + (decltype(p)::kIndex + 1 < 2 * kPairs ? p * x_stride : last));
  });
  constexpr size_t kSteps = kGroups == 4 ? 2 : 1;
  uint8x16_t operands[kSteps][kPairs];
  Unroll<kPairs>([&](auto p) CUTIS_UNROLLED {
    operands[0][p] = LowHalves(pixels[2 * p], pixels[2 * p + 1]);
    if constexpr (kSteps == 2) operands[1][p] = HighHalves(pixels[2 * p], pixels[2 * p + 1]);
  });
  AddSteps(w, operands, sums);
}

template <size_t kPairs, size_t kVectors>
CUTIS_INLINE void BeginSums(const int32_t* bias, int32x4_t (&sums)[kPairs][kVectors]) {
  Unroll<kVectors>([&](auto v) CUTIS_UNROLLED {
    const int32x2_t two = vld1_s32(bias + 2 * v);
    Unroll<kPairs>([&](auto p) CUTIS_UNROLLED { sums[p][v] = vcombine_s32(two, two); });
  });
}

// The sums of 4 channels of one pixel.
template <size_t kPixel, size_t kQuarter, size_t kPairs, size_t kVectors>
CUTIS_INLINE int32x4_t SumsOf(const int32x4_t (&sums)[kPairs][kVectors]) {
  const int64x2_t a = vreinterpretq_s64_s32(sums[kPixel / 2][2 * kQuarter]);
  const int64x2_t b = vreinterpretq_s64_s32(sums[kPixel / 2][2 * kQuarter + 1]);
  return vreinterpretq_s32_s64(kPixel % 2 == 0 ? vzip1q_s64(a, b) : vzip2q_s64(a, b));
}

// The bytes of a pixel's 16 channels.
template <size_t kPixel, size_t kPairs>
CUTIS_INLINE uint8x16_t BytesOf(const int32x4_t (&sums)[kPairs][8], const float* multiplier, const Output& out) {
  return Requantize16(SumsOf<kPixel, 0>(sums), SumsOf<kPixel, 1>(sums), SumsOf<kPixel, 2>(sums), SumsOf<kPixel, 3>(sums),
                      multiplier, out);
}

// Stores the first `pixels` pixels.
template <size_t kPairs, size_t kVectors>
CUTIS_INLINE void StoreTile(const int32x4_t (&sums)[kPairs][kVectors], const Ends& ends, const Output& out, size_t pixels) {
  TileRows<2 * kPairs, 2 * kVectors> rows(ends.y, ends.y_stride, ends.live);
  Unroll<2 * kPairs>([&](auto pixel) CUTIS_UNROLLED {
    if (pixel >= pixels) return;
    if constexpr (kVectors == 8) {
      rows.Store(pixel, BytesOf<pixel>(sums, ends.multiplier, out));
    } else {
      rows.Store(pixel, Requantize8(SumsOf<pixel, 0>(sums), SumsOf<pixel, 1>(sums), ends.multiplier, out));
    }
  });
  rows.Finish(pixels);
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_PANEL_I8MM_H_
