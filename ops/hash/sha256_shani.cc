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

// The state of one hash, in the order that the instruction wants, and the message words of the block at hand.
struct Lane {
  __m128i abef, cdgh, abef_before, cdgh_before;
  __m128i w[4];

  void Load(const uint32_t* state) {
    const __m128i* words = reinterpret_cast<const __m128i*>(state);
    const __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128(words), 0x1b);      // d in the lowest word ... a in the highest
    const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);  // h ... e
    abef = _mm_unpackhi_epi64(efgh, abcd);
    cdgh = _mm_unpacklo_epi64(efgh, abcd);
  }
  void Store(uint32_t* state) const {
    __m128i* words = reinterpret_cast<__m128i*>(state);
    _mm_storeu_si128(words, _mm_shuffle_epi32(_mm_unpackhi_epi64(cdgh, abef), 0x1b));
    _mm_storeu_si128(words + 1, _mm_shuffle_epi32(_mm_unpacklo_epi64(cdgh, abef), 0x1b));
  }
  [[gnu::always_inline]] void Begin() { abef_before = abef, cdgh_before = cdgh; }
  [[gnu::always_inline]] void End() {
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  // Rounds 4*i .. 4*i+3 of the first sixteen.
  [[gnu::always_inline]] void First(int i, const uint8_t* block) {
    const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block) + i), big_endian);
    FourRounds(w[i], i, &abef, &cdgh);
  }
  [[gnu::always_inline]] void Later(int group) {
    const int i = group & 3;
    w[i] = Schedule(w[i], w[(i + 1) & 3], w[(i + 2) & 3], w[(i + 3) & 3]);
    FourRounds(w[i], group, &abef, &cdgh);
  }
};

}  // namespace

void Sha256_shani(const Sha256Args& args) {
  Lane lane;
  lane.Load(args.state);
  for (size_t block = 0; block < args.blocks; ++block) {
    lane.Begin();
    for (int i = 0; i < 4; ++i) lane.First(i, args.data + block * 64);
    for (int group = 4; group < 16; ++group) lane.Later(group);
    lane.End();
  }
  lane.Store(args.state);
}

// Each round of one hash waits for the one before (4 cycles an instruction), and the unit starts one every 2: two hashes keep
// it busy.
void Sha256Pair_shani(const Sha256PairArgs& args) {
  Lane a, b;
  a.Load(args.states[0]);
  b.Load(args.states[1]);
  for (size_t block = 0; block < args.blocks; ++block) {
    a.Begin();
    b.Begin();
    for (int i = 0; i < 4; ++i) {
      a.First(i, args.data[0] + block * 64);
      b.First(i, args.data[1] + block * 64);
    }
    for (int group = 4; group < 16; ++group) {
      a.Later(group);
      b.Later(group);
    }
    a.End();
    b.End();
  }
  a.Store(args.states[0]);
  b.Store(args.states[1]);
}

}  // namespace cutis
