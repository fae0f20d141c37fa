// vpmaddubsw, vpmaddwd and vpaddd, as the AVX2 convolution treats rows that cannot saturate (ops/conv/panel_avx2.h): three
// operations for 32 products, where words take four.
#include <immintrin.h>

#include "ops/peak/peak.h"
#include "ops/peak/rounds.h"

namespace cutis {

void PeakU8_bytes_avx2(const PeakU8Args& args) {
  const __m256i x = _mm256_set1_epi32(WordOf(args.x)), w = _mm256_set1_epi32(WordOf(args.w)), ones = _mm256_set1_epi16(1);
  __m256i sums[kPeakSums] = {};
  RunRounds<uint32_t>(args, sums, 32, [&](__m256i& sum) CUTIS_UNROLLED {
    __m256i products;
    __asm__ volatile("vpmaddubsw %3, %2, %1\n\tvpmaddwd %4, %1, %1\n\tvpaddd %1, %0, %0"
                     : "+x"(sum), "=&x"(products)
                     : "x"(x), "x"(w), "x"(ones));
  });
}

}  // namespace cutis
