// The intrinsics of AVX-512 as SIMDe's portable versions. Include it last: it redefines names of <immintrin.h>.
#ifndef CUTIS_TESTS_OPS_SIMDE_AVX512_H_
#define CUTIS_TESTS_OPS_SIMDE_AVX512_H_

#include <immintrin.h>
#include <simde/x86/avx512.h>

#include <cstdint>
#include <cstring>

#include "tests/ops/convert_lane.h"

namespace cutis::test {
namespace {

// What SIMDe 0.7.4 lacks.
[[maybe_unused]] simde__m512 ConvertToFloat(simde__m512i a) {
  int32_t from[16];
  float to[16];
  simde_mm512_storeu_si512(from, a);
  for (int i = 0; i < 16; ++i) to[i] = static_cast<float>(from[i]);
  return simde_mm512_loadu_ps(to);
}

[[maybe_unused]] simde__m512i ConvertToInt(simde__m512 a) {
  float from[16];
  int32_t to[16];
  simde_mm512_storeu_ps(from, a);
  for (int i = 0; i < 16; ++i) to[i] = ConvertLane(from[i]);
  return simde_mm512_loadu_si512(to);
}

// Each lane of `high` and `low`, shifted right as one number of 64 bits.
[[maybe_unused]] simde__m512i ShiftPairs(simde__m512i low, simde__m512i high, unsigned bits) {
  uint32_t a[16], b[16];
  simde_mm512_storeu_si512(a, low);
  simde_mm512_storeu_si512(b, high);
  for (int i = 0; i < 16; ++i) a[i] = static_cast<uint32_t>((uint64_t{b[i]} << 32 | a[i]) >> bits);
  return simde_mm512_loadu_si512(a);
}

[[maybe_unused]] simde__m512i WidenBytes(simde__m128i a) {
  uint8_t from[16];
  int32_t to[16];
  simde_mm_storeu_si128(from, a);
  for (int i = 0; i < 16; ++i) to[i] = from[i];
  return simde_mm512_loadu_si512(to);
}

[[maybe_unused]] simde__m512i FourWords(int32_t d, int32_t c, int32_t b, int32_t a) {
  const int32_t words[16] = {a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d};
  return simde_mm512_loadu_si512(words);
}

[[maybe_unused]] simde__m128i LoadMasked16(uint64_t mask, const void* from) {
  uint8_t bytes[16] = {};
  for (size_t i = 0; i < 16; ++i) {
    if ((mask >> i) & 1) bytes[i] = static_cast<const uint8_t*>(from)[i];
  }
  return simde_mm_loadu_si128(bytes);
}

template <class Vector>
void StoreMasked(void* to, uint64_t mask, const Vector& a) {
  uint8_t from[sizeof(Vector)];
  std::memcpy(from, &a, sizeof from);
  for (size_t i = 0; i < sizeof from; ++i) {
    if ((mask >> i) & 1) static_cast<uint8_t*>(to)[i] = from[i];
  }
}

}  // namespace
}  // namespace cutis::test

#define __m512 simde__m512
#define __m512i simde__m512i
#define __m256i simde__m256i
#define __m128i simde__m128i
// Some of these are macros in some compilers.
#undef _mm512_setr_epi32
#undef _mm512_extracti32x4_epi32
#undef _mm512_extracti64x4_epi64
#define _mm256_mask_storeu_epi8 ::cutis::test::StoreMasked
#define _mm512_add_ps simde_mm512_add_ps
#define _mm512_adds_epi16 simde_mm512_adds_epi16
#define _mm512_and_si512 simde_mm512_and_si512
#define _mm512_castsi512_si128 simde_mm512_castsi512_si128
#define _mm512_castsi512_si256 simde_mm512_castsi512_si256
#undef _mm512_shrdi_epi32
#undef _mm512_set4_epi32
#define _mm512_cvtepu8_epi32 ::cutis::test::WidenBytes
#define _mm512_cvtepi32_ps ::cutis::test::ConvertToFloat
#define _mm512_cvtps_epi32 ::cutis::test::ConvertToInt
#define _mm512_dpbusd_epi32 simde_mm512_dpbusd_epi32
#define _mm512_extracti32x4_epi32 simde_mm512_extracti32x4_epi32
#define _mm512_extracti64x4_epi64 simde_mm512_extracti64x4_epi64
#define _mm512_load_si512 simde_mm512_load_si512
#define _mm512_loadu_ps simde_mm512_loadu_ps
#define _mm512_loadu_si512 simde_mm512_loadu_si512
#define _mm512_mask_storeu_epi8 ::cutis::test::StoreMasked
#define _mm512_mask_blend_epi8 simde_mm512_mask_blend_epi8
#define _mm512_max_epu8 simde_mm512_max_epu8
#define _mm512_min_epu8 simde_mm512_min_epu8
#define _mm512_min_ps simde_mm512_min_ps
#define _mm512_mul_ps simde_mm512_mul_ps
#define _mm512_mullo_epi32 simde_mm512_mullo_epi32
#define _mm512_or_si512 simde_mm512_or_si512
#define _mm512_packs_epi32 simde_mm512_packs_epi32
#define _mm512_packus_epi16 simde_mm512_packus_epi16
#define _mm512_permutexvar_epi32 simde_mm512_permutexvar_epi32
#define _mm512_permutexvar_epi8 simde_mm512_permutexvar_epi8
#define _mm512_set1_epi16 simde_mm512_set1_epi16
#define _mm512_set1_epi32 simde_mm512_set1_epi32
#define _mm512_set1_epi8 simde_mm512_set1_epi8
#define _mm512_set1_ps simde_mm512_set1_ps
#define _mm512_set4_epi32 ::cutis::test::FourWords
#define _mm512_shrdi_epi32 ::cutis::test::ShiftPairs
#define _mm512_shuffle_epi8 simde_mm512_shuffle_epi8
#define _mm512_setr_epi32 simde_mm512_setr_epi32
#define _mm512_setzero_si512 simde_mm512_setzero_si512
#define _mm512_sll_epi32 simde_mm512_sll_epi32
#define _mm512_srl_epi32 simde_mm512_srl_epi32
#define _mm512_store_si512 simde_mm512_store_si512
#define _mm512_storeu_si512 simde_mm512_storeu_si512
#define _mm512_sub_epi32 simde_mm512_sub_epi32
#define _mm_cvtsi32_si128 simde_mm_cvtsi32_si128
#define _mm_load_si128 simde_mm_load_si128
#define _mm_loadu_si128 simde_mm_loadu_si128
#define _mm_mask_storeu_epi8 ::cutis::test::StoreMasked
#define _mm_maskz_loadu_epi8 ::cutis::test::LoadMasked16
#define _mm_store_si128 simde_mm_store_si128
#define _mm_storeu_si128 simde_mm_storeu_si128
#define CUTIS_EMULATED

#endif  // CUTIS_TESTS_OPS_SIMDE_AVX512_H_
