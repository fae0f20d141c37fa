// The compression function of SHA-256 as FIPS 180-4, section 6.2.2 writes it.
#include "ops/hash/sha256.h"
#include "ops/hash/sha256_constants.h"

namespace cutis {
namespace {

uint32_t RotateRight(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

uint32_t LoadBigEndian(const uint8_t* p) {
  return (uint32_t{p[0]} << 24) | (uint32_t{p[1]} << 16) | (uint32_t{p[2]} << 8) | uint32_t{p[3]};
}

// One round: of the working variables a .. h only d and h change, then all change names (a becomes b, h becomes a).
[[gnu::always_inline]] inline void Round(uint32_t a, uint32_t b, uint32_t c, uint32_t& d, uint32_t e, uint32_t f, uint32_t g,
                                         uint32_t& h, uint32_t k_plus_w) {
  const uint32_t sum1 = RotateRight(e, 6) ^ RotateRight(e, 11) ^ RotateRight(e, 25);
  const uint32_t choice = (e & f) ^ (~e & g);
  const uint32_t t1 = h + sum1 + choice + k_plus_w;
  const uint32_t sum0 = RotateRight(a, 2) ^ RotateRight(a, 13) ^ RotateRight(a, 22);
  const uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
  d += t1;
  h = t1 + sum0 + majority;
}

}  // namespace

void Sha256_scalar(const Sha256Args& args) {
  for (size_t block = 0; block < args.blocks; ++block) {
    const uint8_t* data = args.data + block * 64;
    uint32_t w[64];
    for (int t = 0; t < 16; ++t) w[t] = LoadBigEndian(data + 4 * t);
    for (int t = 16; t < 64; ++t) {
      const uint32_t s0 = RotateRight(w[t - 15], 7) ^ RotateRight(w[t - 15], 18) ^ (w[t - 15] >> 3);
      const uint32_t s1 = RotateRight(w[t - 2], 17) ^ RotateRight(w[t - 2], 19) ^ (w[t - 2] >> 10);
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    uint32_t v[8];
    for (int i = 0; i < 8; ++i) v[i] = args.state[i];
    // After eight rounds every variable has its own name again.
    for (int t = 0; t < 64; t += 8) {
      const uint32_t* k = kSha256Constants + t;
      Round(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], k[0] + w[t]);
      Round(v[7], v[0], v[1], v[2], v[3], v[4], v[5], v[6], k[1] + w[t + 1]);
      Round(v[6], v[7], v[0], v[1], v[2], v[3], v[4], v[5], k[2] + w[t + 2]);
      Round(v[5], v[6], v[7], v[0], v[1], v[2], v[3], v[4], k[3] + w[t + 3]);
      Round(v[4], v[5], v[6], v[7], v[0], v[1], v[2], v[3], k[4] + w[t + 4]);
      Round(v[3], v[4], v[5], v[6], v[7], v[0], v[1], v[2], k[5] + w[t + 5]);
      Round(v[2], v[3], v[4], v[5], v[6], v[7], v[0], v[1], k[6] + w[t + 6]);
      Round(v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[0], k[7] + w[t + 7]);
    }
    for (int i = 0; i < 8; ++i) args.state[i] += v[i];
  }
}

void Sha256Pair_scalar(const Sha256PairArgs& args) {
  for (int lane = 0; lane < 2; ++lane) Sha256_scalar({args.states[lane], args.data[lane], args.blocks});
}

}  // namespace cutis
