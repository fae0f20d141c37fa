// SHA-256 with the x86 SHA instructions.
//
// sha256rnds2 does two rounds on the working variables, held in two registers in the order the instruction wants: "abef" has f
// in its lowest word, then e, b, a; "cdgh" has h, g, d, c. It takes the sums w + k of its two rounds from the low half of a
// third register. After two rounds the old abef is the new cdgh, so the two registers change roles. sha256msg1 and sha256msg2
// compute the parts of the message schedule.
#include <immintrin.h>

#include "ops/hash/sha256.h"
#include "ops/hash/sha256_constants.h"

namespace cutis {
namespace {

// Rounds 4*group .. 4*group+3 with the message words `w`.
[[gnu::always_inline]] inline void FourRounds(__m128i w, int group, __m128i* abef, __m128i* cdgh) {
  const __m128i k = _mm_load_si128(reinterpret_cast<const __m128i*>(kSha256Constants) + group);
  const __m128i sums = _mm_add_epi32(w, k);
  *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sums);
  *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_unpackhi_epi64(sums, sums));
}

// w[t..t+3] from the sixteen words before: w0 holds w[t-16..t-13], w1 w[t-12..], w2 w[t-8..], w3 w[t-4..t-1].
[[gnu::always_inline]] inline __m128i Schedule(__m128i w0, __m128i w1, __m128i w2, __m128i w3) {
  const __m128i seven_back = _mm_alignr_epi8(w3, w2, 4);  // w[t-7..t-4]
  return _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), seven_back), w3);
}

}  // namespace

void Sha256_shani(const Sha256Args& args) {
  const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
  __m128i* state = reinterpret_cast<__m128i*>(args.state);
  const __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128(state), 0x1b);      // d in the lowest word ... a in the highest
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(state + 1), 0x1b);  // h ... e
  __m128i abef = _mm_unpackhi_epi64(efgh, abcd);
  __m128i cdgh = _mm_unpacklo_epi64(efgh, abcd);
  for (size_t block = 0; block < args.blocks; ++block) {
    const __m128i* data = reinterpret_cast<const __m128i*>(args.data + block * 64);
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; ++i) {
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128(data + i), big_endian);
      FourRounds(w[i], i, &abef, &cdgh);
    }
    for (int group = 4; group < 16; group += 4) {
      for (int i = 0; i < 4; ++i) {
        w[i] = Schedule(w[i], w[(i + 1) & 3], w[(i + 2) & 3], w[(i + 3) & 3]);
        FourRounds(w[i], group + i, &abef, &cdgh);
      }
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i abcd_after = _mm_unpackhi_epi64(cdgh, abef), efgh_after = _mm_unpacklo_epi64(cdgh, abef);
  _mm_storeu_si128(state, _mm_shuffle_epi32(abcd_after, 0x1b));
  _mm_storeu_si128(state + 1, _mm_shuffle_epi32(efgh_after, 0x1b));
}

}  // namespace cutis
