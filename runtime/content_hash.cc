#include "runtime/content_hash.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "runtime/memory.h"
#include "runtime/threads.h"

namespace cutis {
namespace {

constexpr size_t kLeavesWorthAThread = 64;  // 1 MiB: about 0.4 ms, ten times what a thread takes to start

size_t LeavesOf(size_t bytes) { return (bytes + kLeafBytes - 1) / kLeafBytes; }

// The leaves of both parts, counted through.
struct Leaves {
  CpuFeatures cpu;
  std::span<const uint8_t> graph, segment;
  uint8_t* digests;
  size_t count, of_graph;
  int32_t threads;

  std::span<const uint8_t> At(size_t leaf) const {
    const std::span<const uint8_t> part = leaf < of_graph ? graph : segment;
    const size_t begin = (leaf < of_graph ? leaf : leaf - of_graph) * kLeafBytes;
    return part.subspan(begin, std::min(kLeafBytes, part.size() - begin));
  }
};

// Leaves [begin, end): neighbours of the same length two by two.
void HashLeaves(const Leaves& leaves, size_t begin, size_t end) {
  for (size_t leaf = begin; leaf < end;) {
    const std::span<const uint8_t> bytes = leaves.At(leaf);
    uint8_t* digest = leaves.digests + leaf * Sha256::kDigestBytes;
    if (leaf + 1 < end && leaves.At(leaf + 1).size() == bytes.size()) {
      Sha256::HashPair(leaves.cpu, bytes.data(), leaves.At(leaf + 1).data(), bytes.size(), digest,
                       digest + Sha256::kDigestBytes);
      leaf += 2;
    } else {
      Sha256::Hash(leaves.cpu, bytes.data(), bytes.size(), digest);
      leaf += 1;
    }
  }
}

// Each thread a share of pairs, so that no pair is torn.
void HashShare(void* context, int32_t thread) {
  const Leaves& leaves = *static_cast<const Leaves*>(context);
  const size_t pairs = (leaves.count + 1) / 2, threads = static_cast<size_t>(leaves.threads), t = static_cast<size_t>(thread);
  HashLeaves(leaves, pairs * t / threads * 2, std::min(pairs * (t + 1) / threads * 2, leaves.count));
}

}  // namespace

Status HashContent(CpuFeatures cpu, int32_t threads, std::span<const uint8_t> graph, std::span<const uint8_t> segment,
                   uint8_t digest[Sha256::kDigestBytes]) {
  Leaves leaves = {cpu, graph, segment, nullptr, LeavesOf(graph.size()) + LeavesOf(segment.size()), LeavesOf(graph.size()), 1};
  const size_t bytes = leaves.count * Sha256::kDigestBytes;
  const std::unique_ptr<uint8_t[], MallocDeleter> digests(static_cast<uint8_t*>(std::malloc(std::max<size_t>(bytes, 1))));
  if (digests == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes to hash a model", bytes);
  leaves.digests = digests.get();
  leaves.threads =
      static_cast<int32_t>(std::clamp<size_t>(leaves.count / kLeavesWorthAThread, 1, static_cast<size_t>(threads)));
  if (leaves.threads == 1) {
    HashLeaves(leaves, 0, leaves.count);
  } else {
    std::unique_ptr<ThreadTeam> team;
    CUTIS_TRY(ThreadTeam::Create(leaves.threads, &team));
    team->Run(HashShare, &leaves);
  }
  Sha256 root(cpu);
  for (const uint64_t size : {uint64_t{graph.size()}, uint64_t{segment.size()}}) {
    uint8_t text[8];
    for (int i = 0; i < 8; ++i) text[i] = static_cast<uint8_t>(size >> (8 * i));
    root.Update(text, sizeof text);
  }
  root.Update(digests.get(), bytes);
  root.Finish(digest);
  return {};
}

}  // namespace cutis
