// From 32-bit sums to bytes with AVX-512; for files compiled for it only.
#ifndef CUTIS_OPS_CONV_REQUANT_AVX512_H_
#define CUTIS_OPS_CONV_REQUANT_AVX512_H_

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the deliberately undefined operands of its own intrinsics for mistakes (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {
namespace {

#define CUTIS_INLINE [[gnu::always_inline]] static inline

struct Output {
  __m512 lo, hi;
  __m512i zero_point;  // 16 bits a lane
};

CUTIS_INLINE Output MakeOutput(const OutputU8& out) {
  return {_mm512_set1_ps(static_cast<float>(out.lo - out.zero_point)),
          _mm512_set1_ps(static_cast<float>(out.hi - out.zero_point)), _mm512_set1_epi16(static_cast<int16_t>(out.zero_point))};
}

CUTIS_INLINE __m512i Scale(__m512i sums, const float* multiplier, const Output& out) {
  const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_loadu_ps(multiplier));
  return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(scaled, out.lo), out.hi));
}

// The first bits of a 64-bit mask.
CUTIS_INLINE uint64_t FirstBits(size_t count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

CUTIS_INLINE int32_t LoadWord(const uint8_t* from) {
  int32_t word;
  __builtin_memcpy(&word, from, 4);
  return word;
}

// Up to four panels of one pixel to bytes; sums beyond kPanels are ignored. The values lie in [-255, 255], so the packs are
// exact; they work within 128-bit lanes, which leaves 4-byte pieces of the panels in the order 0 4 8 12 | 1 5 9 13 | ...: the
// permutation undoes it. Sums are passed by value, so that nothing has their address.
template <size_t kPanels>
CUTIS_INLINE void Store(__m512i sums0, __m512i sums1, __m512i sums2, __m512i sums3, const float* multiplier, const Output& out,
                        uint8_t* to, uint64_t live) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i value0 = Scale(sums0, multiplier, out);
  const __m512i value1 = kPanels > 1 ? Scale(sums1, multiplier + 16, out) : value0;
  const __m512i first = _mm512_add_epi16(_mm512_packs_epi32(value0, value1), out.zero_point);
  __m512i second = first;
  if (kPanels > 2) {
    const __m512i value2 = Scale(sums2, multiplier + 32, out);
    const __m512i value3 = kPanels > 3 ? Scale(sums3, multiplier + 48, out) : value2;
    second = _mm512_add_epi16(_mm512_packs_epi32(value2, value3), out.zero_point);
  }
  _mm512_mask_storeu_epi8(to, live, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(first, second)));
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_REQUANT_AVX512_H_
