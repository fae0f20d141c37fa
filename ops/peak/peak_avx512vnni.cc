// 512-bit vpdpbusd, and float32 in 512 bits.
#include <immintrin.h>

#include "ops/peak/peak.h"
#include "ops/peak/rounds.h"

namespace cutis {

void PeakU8_quads_avx512vnni(const PeakU8Args& args) {
  const __m512i x = _mm512_set1_epi32(WordOf(args.x)), w = _mm512_set1_epi32(WordOf(args.w));
  __m512i sums[kPeakSums] = {};
  RunRounds<uint32_t>(args, sums, 64, [&](__m512i& sum) CUTIS_UNROLLED {
#if defined(CUTIS_EMULATED)
    sum = _mm512_dpbusd_epi32(sum, x, w);
#else
    __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
#endif
  });
}

void PeakF32_avx512vnni(const PeakF32Args& args) {
  const __m512 x = _mm512_set1_ps(args.x), w = _mm512_set1_ps(args.w);
  __m512 sums[kPeakSums] = {};
  RunRounds<float>(args, sums, 16, [&](__m512& sum) CUTIS_UNROLLED {
#if defined(CUTIS_EMULATED)
    sum = _mm512_add_ps(sum, _mm512_mul_ps(x, w));
#else
    __asm__ volatile("vmulps %2, %1, %%zmm31\n\tvaddps %%zmm31, %0, %0" : "+v"(sum) : "v"(x), "v"(w) : "xmm31");
#endif
  });
}

}  // namespace cutis
