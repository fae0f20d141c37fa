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
  __m512 hi;
  __m512i zero_point;  // 16 bits a lane
  __m512i lowest;      // 8 bits a lane
};

CUTIS_INLINE Output MakeOutput(const OutputU8& out) {
  return {_mm512_set1_ps(static_cast<float>(out.hi - out.zero_point)), _mm512_set1_epi16(static_cast<int16_t>(out.zero_point)),
          _mm512_set1_epi8(static_cast<char>(out.lo))};
}

// The upper bound is needed before the conversion, which gives INT32_MIN for whatever does not fit. For values far below that
// is as good as any other: the packs make -32768 of it. So the lower bound, an integer like the upper one, can wait for the
// bytes, where one operation serves four vectors.
CUTIS_INLINE __m512i Scale(__m512i sums, const float* multiplier, const Output& out) {
  const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_loadu_ps(multiplier));
  return _mm512_cvtps_epi32(_mm512_min_ps(scaled, out.hi));
}

// Scaled values to bytes, those of value0 first. They are at most 255, and what saturates in the first packs stays below zero
// with any zero point. The packs work within 128-bit lanes, which leaves 4-byte pieces in the order 0 4 8 12 | 1 5 9 13 | ...:
// the permutation undoes it.
CUTIS_INLINE __m512i Bytes(__m512i value0, __m512i value1, __m512i value2, __m512i value3, const Output& out) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i first = _mm512_add_epi16(_mm512_packs_epi32(value0, value1), out.zero_point);
  const __m512i second = _mm512_add_epi16(_mm512_packs_epi32(value2, value3), out.zero_point);
  return _mm512_permutexvar_epi32(order, _mm512_max_epu8(_mm512_packus_epi16(first, second), out.lowest));
}

// The first bits of a 64-bit mask.
CUTIS_INLINE uint64_t FirstBits(size_t count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

CUTIS_INLINE int32_t LoadWord(const uint8_t* from) {
  int32_t word;
  __builtin_memcpy(&word, from, 4);
  return word;
}

// Up to four panels of one pixel to bytes; sums beyond kPanels are ignored. Sums are passed by value, so that nothing has their
// address.
template <size_t kPanels>
CUTIS_INLINE void Store(__m512i sums0, __m512i sums1, __m512i sums2, __m512i sums3, const float* multiplier, const Output& out,
                        uint8_t* to, uint64_t live) {
  const __m512i value0 = Scale(sums0, multiplier, out);
  const __m512i value1 = kPanels > 1 ? Scale(sums1, multiplier + 16, out) : value0;
  const __m512i value2 = kPanels > 2 ? Scale(sums2, multiplier + 32, out) : value0;
  const __m512i value3 = kPanels > 3 ? Scale(sums3, multiplier + 48, out) : kPanels > 2 ? value2 : value1;
  _mm512_mask_storeu_epi8(to, live, Bytes(value0, value1, value2, value3, out));
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_REQUANT_AVX512_H_
