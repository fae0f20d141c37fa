// The hash of a file's content on several threads.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "runtime/content_hash.h"
#include "runtime/leaves.h"
#include "runtime/memory.h"
#include "runtime/threads.h"

namespace cutis {
namespace {

constexpr size_t kLeavesWorthAThread = 64;  // 1 MiB: about 0.4 ms, ten times what a thread takes to start

struct SharedLeaves {
  const Leaves& leaves;
  uint8_t* digests;
  int32_t threads;
};

// Each thread a share of pairs, so that no pair is torn.
void HashShare(void* context, int32_t thread) {
  const SharedLeaves& shared = *static_cast<const SharedLeaves*>(context);
  const Leaves& leaves = shared.leaves;
  const size_t pairs = (leaves.count() + 1) / 2, threads = static_cast<size_t>(shared.threads), t = static_cast<size_t>(thread);
  const size_t begin = pairs * t / threads * 2, end = std::min(pairs * (t + 1) / threads * 2, leaves.count());
  HashLeaves(leaves, begin, end, shared.digests + begin * Sha256::kDigestBytes);
}

}  // namespace

Status HashContent(CpuFeatures cpu, int32_t threads, std::span<const uint8_t> graph, std::span<const uint8_t> segment,
                   uint8_t digest[Sha256::kDigestBytes]) {
  const Leaves leaves(cpu, graph, segment);
  threads = static_cast<int32_t>(std::clamp<size_t>(leaves.count() / kLeavesWorthAThread, 1, static_cast<size_t>(threads)));
  if (threads == 1) {
    HashContent(cpu, graph, segment, digest);
    return {};
  }
  const size_t bytes = leaves.count() * Sha256::kDigestBytes;
  const std::unique_ptr<uint8_t[], MallocDeleter> digests(static_cast<uint8_t*>(std::malloc(bytes)));
  if (digests == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes to hash a model", bytes);
  SharedLeaves shared = {leaves, digests.get(), threads};
  std::unique_ptr<ThreadTeam> team;
  CUTIS_TRY(ThreadTeam::Create(threads, &team));
  team->Run(HashShare, &shared);
  Sha256 root = StartRoot(leaves);
  root.Update(digests.get(), bytes);
  root.Finish(digest);
  return {};
}

}  // namespace cutis
