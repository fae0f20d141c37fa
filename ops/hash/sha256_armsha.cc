// SHA-256 with the instructions of ARMv8 (FEAT_SHA256).
//
// sha256h and sha256h2 do four rounds on the working variables, held in two registers, a in the lowest word of the one and e in that of
// the other; each takes what the other was before, and the sums w + k. sha256su0 and sha256su1 make the next four message words.
#include <arm_neon.h>

#include "ops/hash/sha256.h"
#include "ops/hash/sha256_constants.h"

namespace cutis {
namespace {

// The state of one hash and the message words of the block at hand.
struct Lane {
  uint32x4_t abcd, efgh, abcd_before, efgh_before;
  uint32x4_t w[4];

  [[gnu::always_inline]] void Load(const uint32_t* state) { abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4); }
  [[gnu::always_inline]] void Store(uint32_t* state) const { vst1q_u32(state, abcd), vst1q_u32(state + 4, efgh); }

  [[gnu::always_inline]] void Begin(const uint8_t* block) {
    abcd_before = abcd, efgh_before = efgh;
    for (int i = 0; i < 4; ++i) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 16 * i)));
  }
  [[gnu::always_inline]] void End() {
    abcd = vaddq_u32(abcd, abcd_before);
    efgh = vaddq_u32(efgh, efgh_before);
  }

  // Four rounds with the words w[i] and the constants at k, then the words of sixteen rounds later. Those of the last sixteen rounds
  // come to nothing.
  template <int i>
  [[gnu::always_inline]] void FourRounds(const uint32_t* k) {
    const uint32x4_t sums = vaddq_u32(w[i], vld1q_u32(k)), before = abcd;
    abcd = vsha256hq_u32(abcd, efgh, sums);
    efgh = vsha256h2q_u32(efgh, before, sums);
    w[i] = vsha256su1q_u32(vsha256su0q_u32(w[i], w[(i + 1) % 4]), w[(i + 2) % 4], w[(i + 3) % 4]);
  }
};

// Each round of one hash waits for the one before: two hashes side by side keep the unit busy.
template <int kLanes>
[[gnu::always_inline]] inline void Fold(uint32_t* const (&states)[kLanes], const uint8_t* const (&data)[kLanes], size_t blocks) {
  Lane lanes[kLanes];
  for (int l = 0; l < kLanes; ++l) lanes[l].Load(states[l]);
  for (size_t at = 0; at < blocks * 64; at += 64) {
    for (int l = 0; l < kLanes; ++l) lanes[l].Begin(data[l] + at);
    for (const uint32_t* k = kSha256Constants; k < kSha256Constants + 64; k += 16) {
      for (int l = 0; l < kLanes; ++l) lanes[l].template FourRounds<0>(k);
      for (int l = 0; l < kLanes; ++l) lanes[l].template FourRounds<1>(k + 4);
      for (int l = 0; l < kLanes; ++l) lanes[l].template FourRounds<2>(k + 8);
      for (int l = 0; l < kLanes; ++l) lanes[l].template FourRounds<3>(k + 12);
    }
    for (int l = 0; l < kLanes; ++l) lanes[l].End();
  }
  for (int l = 0; l < kLanes; ++l) lanes[l].Store(states[l]);
}

}  // namespace

void Sha256_armsha(const Sha256Args& args) {
  uint32_t* const states[] = {args.state};
  const uint8_t* const data[] = {args.data};
  Fold(states, data, args.blocks);
}

void Sha256Pair_armsha(const Sha256PairArgs& args) { Fold(args.states, args.data, args.blocks); }

}  // namespace cutis
