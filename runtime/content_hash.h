// The hash in the header of a .cutis file.
//
// The content is cut into leaves of kLeafBytes, the graph from its first byte on and the segment from its own; what is left at
// the end of each is a shorter leaf. Each leaf is hashed by SHA-256; the content's hash is that of the two sizes and the
// digests of all leaves in order. So leaves can be hashed side by side, two on one core (the SHA instructions of x86 and ARM
// wait for each other within one hash) and more on several. Finding another content with the same hash means finding a
// collision of SHA-256: the sizes say how many leaves there are, and the depth is always the same.
#ifndef CUTIS_RUNTIME_CONTENT_HASH_H_
#define CUTIS_RUNTIME_CONTENT_HASH_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/cpu.h"
#include "ops/hash/sha256.h"
#include "ops/status.h"

namespace cutis {

inline constexpr size_t kLeafBytes = 16384;

// SHA-256(graph size, segment size (64-bit little-endian each), digests of the graph's leaves, of the segment's leaves) to
// `digest`, on `threads` (>= 1) threads, the caller's included; fewer where there is too little to do. kNoMemory only.
Status HashContent(CpuFeatures cpu, int32_t threads, std::span<const uint8_t> graph, std::span<const uint8_t> segment,
                   uint8_t digest[Sha256::kDigestBytes]);
// The same on the caller's thread alone, without memory of its own.
void HashContent(CpuFeatures cpu, std::span<const uint8_t> graph, std::span<const uint8_t> segment,
                 uint8_t digest[Sha256::kDigestBytes]);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_CONTENT_HASH_H_
