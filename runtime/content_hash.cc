#include "runtime/content_hash.h"

#include <algorithm>

#include "runtime/leaves.h"

namespace cutis {
namespace {

size_t LeavesOf(size_t bytes) { return (bytes + kLeafBytes - 1) / kLeafBytes; }

}  // namespace

Leaves::Leaves(CpuFeatures cpu, std::span<const uint8_t> graph, std::span<const uint8_t> segment)
    : cpu_(cpu),
      graph_(graph),
      segment_(segment),
      of_graph_(LeavesOf(graph.size())),
      count_(of_graph_ + LeavesOf(segment.size())) {}

std::span<const uint8_t> Leaves::At(size_t leaf) const {
  const std::span<const uint8_t> part = leaf < of_graph_ ? graph_ : segment_;
  const size_t begin = (leaf < of_graph_ ? leaf : leaf - of_graph_) * kLeafBytes;
  return part.subspan(begin, std::min(kLeafBytes, part.size() - begin));
}

void HashLeaves(const Leaves& leaves, size_t begin, size_t end, uint8_t* digests) {
  for (size_t leaf = begin; leaf < end;) {
    const std::span<const uint8_t> bytes = leaves.At(leaf);
    uint8_t* digest = digests + (leaf - begin) * Sha256::kDigestBytes;
    if (leaf + 1 < end && leaves.At(leaf + 1).size() == bytes.size()) {
      Sha256::HashPair(leaves.cpu(), bytes.data(), leaves.At(leaf + 1).data(), bytes.size(), digest,
                       digest + Sha256::kDigestBytes);
      leaf += 2;
    } else {
      Sha256::Hash(leaves.cpu(), bytes.data(), bytes.size(), digest);
      leaf += 1;
    }
  }
}

Sha256 StartRoot(const Leaves& leaves) {
  Sha256 root(leaves.cpu());
  for (const uint64_t size : {uint64_t{leaves.graph().size()}, uint64_t{leaves.segment().size()}}) {
    uint8_t text[8];
    for (int i = 0; i < 8; ++i) text[i] = static_cast<uint8_t>(size >> (8 * i));
    root.Update(text, sizeof text);
  }
  return root;
}

void HashContent(CpuFeatures cpu, std::span<const uint8_t> graph, std::span<const uint8_t> segment,
                 uint8_t digest[Sha256::kDigestBytes]) {
  const Leaves leaves(cpu, graph, segment);
  Sha256 root = StartRoot(leaves);
  for (size_t leaf = 0; leaf < leaves.count(); leaf += 2) {
    uint8_t pair[2 * Sha256::kDigestBytes];
    const size_t end = std::min(leaf + 2, leaves.count());
    HashLeaves(leaves, leaf, end, pair);
    root.Update(pair, (end - leaf) * Sha256::kDigestBytes);
  }
  root.Finish(digest);
}

}  // namespace cutis
