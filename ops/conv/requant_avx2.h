// From 32-bit sums to bytes with AVX2; for files compiled for it only.
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
  __m256 lo, hi;
  __m256i zero_point;  // 16 bits a lane
};

CUTIS_INLINE Output MakeOutput(const OutputU8& out) {
  return {_mm256_set1_ps(static_cast<float>(out.lo - out.zero_point)),
          _mm256_set1_ps(static_cast<float>(out.hi - out.zero_point)), _mm256_set1_epi16(static_cast<int16_t>(out.zero_point))};
}

CUTIS_INLINE __m256i Scale(__m256i sums, __m256 multiplier, const Output& out) {
  const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), multiplier);
  return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(scaled, out.lo), out.hi));
}

// 16 channels of one pixel to bytes. The values lie in [-255, 255], so the packs are exact.
CUTIS_INLINE __m128i Requantize16(__m256i first, __m256i second, const float* multiplier, const Output& out) {
  const __m256i a = Scale(first, _mm256_loadu_ps(multiplier), out), b = Scale(second, _mm256_loadu_ps(multiplier + 8), out);
  const __m256i words = _mm256_add_epi16(_mm256_packs_epi32(a, b), out.zero_point);  // 0-3 8-11 | 4-7 12-15
  const __m256i bytes = _mm256_packus_epi16(words, words);
  const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
  return _mm_unpacklo_epi32(low, high);
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
