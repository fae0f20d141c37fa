// Quads with AVX-512; for files compiled for it only, behind <immintrin.h>.
#ifndef CUTIS_OPS_QUADS_AVX512_H_
#define CUTIS_OPS_QUADS_AVX512_H_

#include <cstddef>
#include <cstdint>

#include "ops/quads.h"

namespace cutis {
namespace {

// A quad of padding: 16 bytes, each four times.
[[gnu::always_inline]] static inline __m512i PaddingQuad(const uint8_t* bytes) {
  const __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
  return _mm512_mullo_epi32(wide, _mm512_set1_epi32(0x01010101));
}

// The first `filled` pixels of a quad, fewer than four, and padding.
[[gnu::always_inline]] static inline __m512i PadQuad(__m512i quad, size_t filled, const uint8_t* padding) {
  const __mmask64 absent = ~(((uint64_t{1} << filled) - 1) * 0x1111111111111111u);
  return _mm512_mask_blend_epi8(absent, quad, PaddingQuad(padding));
}

// Quads of padding before and behind the `quads` of a row.
[[gnu::always_inline]] static inline void StoreBorders(uint8_t* row, size_t quads, size_t border, const uint8_t* padding) {
  const __m512i quad = PaddingQuad(padding);
  for (size_t b = 0; b < border; ++b) {
    _mm512_store_si512(row - (b + 1) * kQuadBytes, quad);
    _mm512_store_si512(row + (quads + b) * kQuadBytes, quad);
  }
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_QUADS_AVX512_H_
