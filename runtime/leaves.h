// The leaves of a file's content, for the two ways of hashing them (runtime/content_hash.h).
#ifndef CUTIS_RUNTIME_LEAVES_H_
#define CUTIS_RUNTIME_LEAVES_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/hash/sha256.h"

namespace cutis {

// Those of both parts, counted through.
class Leaves {
 public:
  Leaves(CpuFeatures cpu, std::span<const uint8_t> graph, std::span<const uint8_t> segment);

  CpuFeatures cpu() const { return cpu_; }
  std::span<const uint8_t> graph() const { return graph_; }
  std::span<const uint8_t> segment() const { return segment_; }
  size_t count() const { return count_; }
  std::span<const uint8_t> At(size_t leaf) const;

 private:
  CpuFeatures cpu_;
  std::span<const uint8_t> graph_, segment_;
  size_t of_graph_, count_;
};

// Leaves [begin, end), neighbours of the same length two by two; their digests, one after the other, to `digests`.
void HashLeaves(const Leaves& leaves, size_t begin, size_t end, uint8_t* digests);
// The hash over all, with the two sizes in it; the digests are to follow.
Sha256 StartRoot(const Leaves& leaves);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_LEAVES_H_
