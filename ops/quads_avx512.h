// Quads with AVX-512; for files compiled for it only, behind <immintrin.h>.
#ifndef CUTIS_OPS_QUADS_AVX512_H_
#define CUTIS_OPS_QUADS_AVX512_H_

#include <cstdint>

namespace cutis {
namespace {

// A quad of padding: 16 bytes, each four times.
[[gnu::always_inline]] static inline __m512i PaddingQuad(const uint8_t* bytes) {
  const __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
  return _mm512_mullo_epi32(wide, _mm512_set1_epi32(0x01010101));
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_QUADS_AVX512_H_
