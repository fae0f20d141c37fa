#include "ops/hash/sha256.h"

#include <cstring>

#include "ops/op.h"

namespace cutis {

Sha256::Sha256(CpuFeatures features)
    : kernel_(reinterpret_cast<Kernel256>(ChooseKernel(KernelKind::kSha256, features)->fn)),
      // The first 32 bits of the fractional parts of the square roots of the first 8 primes (FIPS 180-4, 5.3.3).
      state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
      pending_{} {}

void Sha256::Update(const void* data, size_t bytes) {
  const uint8_t* p = static_cast<const uint8_t*>(data);
  const size_t held = static_cast<size_t>(total_bytes_ % 64);
  total_bytes_ += bytes;
  if (held > 0) {
    const size_t taken = bytes < 64 - held ? bytes : 64 - held;
    std::memcpy(pending_ + held, p, taken);
    if (held + taken < 64) return;
    kernel_({state_, pending_, 1});
    p += taken;
    bytes -= taken;
  }
  if (bytes >= 64) kernel_({state_, p, bytes / 64});
  if (bytes % 64 > 0) std::memcpy(pending_, p + bytes / 64 * 64, bytes % 64);
}

void Sha256::Finish(uint8_t digest[kDigestBytes]) {
  // A one bit, zeros, and the length in bits as 64-bit big-endian number at the end of a block.
  uint8_t tail[128] = {};
  const size_t held = static_cast<size_t>(total_bytes_ % 64);
  std::memcpy(tail, pending_, held);
  tail[held] = 0x80;
  const size_t blocks = held + 1 + 8 <= 64 ? 1 : 2;
  const uint64_t bits = total_bytes_ * 8;
  for (size_t i = 0; i < 8; ++i) tail[blocks * 64 - 1 - i] = static_cast<uint8_t>(bits >> (8 * i));
  kernel_({state_, tail, blocks});
  for (size_t i = 0; i < kDigestBytes; ++i) digest[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
}

void Sha256::Hash(CpuFeatures features, const void* data, size_t bytes, uint8_t digest[kDigestBytes]) {
  Sha256 hash(features);
  hash.Update(data, bytes);
  hash.Finish(digest);
}

void Sha256::HashPair(CpuFeatures features, const void* first, const void* second, size_t bytes,
                      uint8_t first_digest[kDigestBytes], uint8_t second_digest[kDigestBytes]) {
  const auto kernel = reinterpret_cast<void (*)(const Sha256PairArgs&)>(ChooseKernel(KernelKind::kSha256Pair, features)->fn);
  Sha256 a(features), b(features);
  const uint8_t *p = static_cast<const uint8_t*>(first), *q = static_cast<const uint8_t*>(second);
  const size_t whole = bytes / 64 * 64;
  kernel({{a.state_, b.state_}, {p, q}, bytes / 64});
  a.total_bytes_ = b.total_bytes_ = whole;
  a.Update(p + whole, bytes - whole);
  b.Update(q + whole, bytes - whole);
  a.Finish(first_digest);
  b.Finish(second_digest);
}

}  // namespace cutis
