// From 32-bit sums to bytes with AVX2; for files compiled for it only.
//
// Only the upper bound is applied before rounding: what lies below the lower one, even beyond int32, becomes the most negative
// integer or stays negative, and the saturating packs and the maximum at the end make the lower bound of it (ops/requant.h).
#ifndef CUTIS_OPS_CONV_REQUANT_AVX2_H_
#define CUTIS_OPS_CONV_REQUANT_AVX2_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {
namespace {

#define CUTIS_INLINE [[gnu::always_inline]] static inline

struct Output {
  __m256 hi;
  __m256i zero_point;  // 16 bits a lane
  __m256i lo;          // bytes
};

CUTIS_INLINE Output MakeOutput(const OutputU8& out) {
  return {_mm256_set1_ps(static_cast<float>(out.hi - out.zero_point)), _mm256_set1_epi16(static_cast<int16_t>(out.zero_point)),
          _mm256_set1_epi8(static_cast<char>(out.lo))};
}

CUTIS_INLINE __m256i Scale(__m256i sums, __m256 multiplier, const Output& out) {
  return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), multiplier), out.hi));
}

// 16 channels to words: 0-3 8-11 | 4-7 12-15.
CUTIS_INLINE __m256i RequantizeWords(__m256i first, __m256i second, const float* multiplier, const Output& out) {
  const __m256i a = Scale(first, _mm256_loadu_ps(multiplier), out), b = Scale(second, _mm256_loadu_ps(multiplier + 8), out);
  return _mm256_adds_epi16(_mm256_packs_epi32(a, b), out.zero_point);
}

// The words of two pixels to bytes in order: the first pixel's lie in the lower half.
CUTIS_INLINE __m256i PackBytes(__m256i words0, __m256i words1, const Output& out) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return _mm256_max_epu8(_mm256_permutevar8x32_epi32(_mm256_packus_epi16(words0, words1), order), out.lo);
}

// 16 channels of one pixel to bytes.
CUTIS_INLINE __m128i Requantize16(__m256i first, __m256i second, const float* multiplier, const Output& out) {
  const __m256i words = RequantizeWords(first, second, multiplier, out);
  return _mm256_castsi256_si128(PackBytes(words, words, out));
}

CUTIS_INLINE void StoreFirst(__m128i bytes, uint8_t* to, size_t live) {
  if (live >= 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
    return;
  }
  alignas(16) uint8_t copy[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(copy), bytes);
  for (size_t i = 0; i < live; ++i) to[i] = copy[i];
}

CUTIS_INLINE int32_t LoadWord(const uint8_t* from) {
  int32_t word;
  __builtin_memcpy(&word, from, 4);
  return word;
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_REQUANT_AVX2_H_
