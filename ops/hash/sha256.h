// SHA-256 (FIPS 180-4): of model files and of outputs.
#ifndef CUTIS_OPS_HASH_SHA256_H_
#define CUTIS_OPS_HASH_SHA256_H_

#include <cstddef>
#include <cstdint>

#include "ops/cpu.h"

namespace cutis {

// Folds `blocks` blocks of 64 bytes (any alignment) into the eight words of `state`.
struct Sha256Args {
  uint32_t* state;
  const uint8_t* data;
  size_t blocks;
};

// Folds `blocks` blocks into each of two states, from two places.
struct Sha256PairArgs {
  uint32_t* states[2];
  const uint8_t* data[2];
  size_t blocks;
};

// A hash in progress: Update any number of times, then Finish once. No allocation. Not thread-safe.
class Sha256 {
 public:
  static constexpr size_t kDigestBytes = 32;

  // Uses the best kernel within `features`.
  explicit Sha256(CpuFeatures features);
  void Update(const void* data, size_t bytes);
  void Finish(uint8_t digest[kDigestBytes]);

  // The hash of one piece of memory.
  static void Hash(CpuFeatures features, const void* data, size_t bytes, uint8_t digest[kDigestBytes]);
  // The hashes of two pieces of the same length, in less time than one after the other.
  static void HashPair(CpuFeatures features, const void* first, const void* second, size_t bytes,
                       uint8_t first_digest[kDigestBytes], uint8_t second_digest[kDigestBytes]);

 private:
  using Kernel256 = void (*)(const Sha256Args&);
  Kernel256 kernel_;
  uint32_t state_[8];
  uint64_t total_bytes_ = 0;
  uint8_t pending_[64];  // the first total_bytes_ % 64 bytes of the block that is not full yet
};

}  // namespace cutis

#endif  // CUTIS_OPS_HASH_SHA256_H_
