// 256-bit vpdpbusd in VEX encoding.
#include <immintrin.h>

#include "ops/peak/peak.h"
#include "ops/peak/rounds.h"

namespace cutis {

void PeakU8_quads_avxvnni(const PeakU8Args& args) {
  const __m256i x = _mm256_set1_epi32(WordOf(args.x)), w = _mm256_set1_epi32(WordOf(args.w));
  __m256i sums[kPeakSums] = {};
  RunRounds<uint32_t>(args, sums, 32, [&](__m256i& sum) CUTIS_UNROLLED {
#if defined(CUTIS_EMULATED)
    sum = test::DotProducts(sum, x, w);
#else
    __asm__ volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(x), "x"(w));
#endif
  });
}

}  // namespace cutis
