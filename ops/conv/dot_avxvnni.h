// vpdpbusd with 256 bits in VEX encoding; for files compiled for AVX-VNNI only.
#ifndef CUTIS_OPS_CONV_DOT_AVXVNNI_H_
#define CUTIS_OPS_CONV_DOT_AVXVNNI_H_

#include <immintrin.h>

#include "ops/conv/requant_avx2.h"

namespace cutis {
namespace {

// Adds to each sum 4 products of an unsigned and a signed byte. Left to itself, gcc 12 keeps two registers for some of the
// sums, and the stack for others.
CUTIS_INLINE void AddDotProducts(__m256i& sum, __m256i x, __m256i w) {
#if defined(CUTIS_EMULATED)
  sum = test::DotProducts(sum, x, w);
#else
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(x), "xm"(w));
#endif
}

// Four vectors of 8 channels to bytes. The packs work within 128-bit lanes: lane l gets the 4 bytes from 4*l on of each of the
// four.
CUTIS_INLINE __m256i Packed(__m256i sums0, __m256i sums1, __m256i sums2, __m256i sums3, const float* multiplier,
                            const Output& out) {
  const __m256 scale = _mm256_loadu_ps(multiplier);
  const __m256i first = _mm256_packs_epi32(Scale(sums0, scale, out), Scale(sums1, scale, out));
  const __m256i second = _mm256_packs_epi32(Scale(sums2, scale, out), Scale(sums3, scale, out));
  const __m256i bytes =
      _mm256_packus_epi16(_mm256_adds_epi16(first, out.zero_point), _mm256_adds_epi16(second, out.zero_point));
  return _mm256_max_epu8(bytes, out.lo);
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_DOT_AVXVNNI_H_
