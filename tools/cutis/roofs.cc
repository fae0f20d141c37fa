#include "tools/cutis/roofs.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "ops/op.h"
#include "ops/peak/peak.h"
#include "runtime/threads.h"
#include "tools/cutis/common.h"

namespace cutis::cli {
namespace {

constexpr double kLeastMs = 1;  // of one try: much more than it takes threads on CPUs of their own to meet
constexpr int kTries = 5;       // the best counts: other programs can only have slowed one down

using Work = std::function<void(int32_t thread, uint64_t rounds)>;

// From when all threads are awake until all are done.
double Milliseconds(ThreadTeam& team, uint64_t rounds, const Work& work) {
  struct Race {
    ThreadTeam& team;
    uint64_t rounds;
    const Work& work;
    double ms;
  } race = {team, rounds, work, 0};
  team.Run(
      [](void* context, int32_t thread) {
        Race& all = *static_cast<Race*>(context);
        all.team.Meet(thread, nullptr, nullptr);
        const Stopwatch watch;
        all.work(thread, all.rounds);
        all.team.Meet(thread, nullptr, nullptr);
        if (thread == 0) all.ms = watch.Milliseconds();
      },
      &race);
  return race.ms;
}

template <class Measure>
double LeastOfTries(const Measure& measure) {
  double least = measure();
  for (int i = 1; i < kTries; ++i) least = std::min(least, measure());
  return least;
}

// Rounds in a millisecond.
double BestRate(ThreadTeam& team, const Work& work) {
  // How many fill a try is found by this thread alone: where threads outnumber the CPUs, their meeting alone can take as long.
  uint64_t rounds = 1;
  const auto alone = [&] {
    const Stopwatch watch;
    work(0, rounds);
    return watch.Milliseconds();
  };
  while (LeastOfTries(alone) < kLeastMs) rounds *= 2;
  return static_cast<double>(rounds) / LeastOfTries([&] { return Milliseconds(team, rounds, work); });
}

// Each thread runs the kernel with results of its own; `args` has all but these.
template <class Args, class Sum>
ComputeRoof MeasurePeak(ThreadTeam& team, int32_t threads, const Kernel& kernel, const Args& args) {
  uint64_t macs_of_round = 0;
  const double rounds_per_ms = BestRate(team, [&](int32_t thread, uint64_t rounds) {
    uint64_t macs = 0;
    Sum sum = 0;
    Args own = args;
    own.rounds = rounds;
    own.macs = &macs;
    own.sum = &sum;
    reinterpret_cast<void (*)(const Args&)>(kernel.fn)(own);
    if (thread == 0) macs_of_round = macs / rounds;
  });
  return {kernel.name, rounds_per_ms * static_cast<double>(macs_of_round) * threads};
}

// Reads all words; the sum is there so that it must.
uint64_t Sum(const uint64_t* words, size_t count) {
  constexpr size_t kLanes = 16;  // two cache lines: vectors enough for the loads of a cycle
  uint64_t sums[kLanes] = {};
  size_t at = 0;
  for (; at + kLanes <= count; at += kLanes) {
    for (size_t i = 0; i < kLanes; ++i) sums[i] += words[at + i];
  }
  for (; at < count; ++at) sums[0] += words[at];
  uint64_t sum = 0;
  for (uint64_t lane : sums) sum += lane;
  return sum;
}

double MeasureReading(ThreadTeam& team, int32_t threads, uint64_t bytes) {
  const std::vector<uint64_t> words(static_cast<size_t>(std::max<uint64_t>(bytes / sizeof(uint64_t), 1)), 1);
  const size_t each = CeilDiv(words.size(), static_cast<size_t>(threads));
  const double rounds_per_ms = BestRate(team, [&](int32_t thread, uint64_t rounds) {
    const size_t begin = std::min(words.size(), static_cast<size_t>(thread) * each), end = std::min(words.size(), begin + each);
    [[maybe_unused]] volatile uint64_t sum = 0;
    for (uint64_t round = 0; round < rounds; ++round) sum = Sum(words.data() + begin, end - begin);
  });
  return rounds_per_ms * static_cast<double>(words.size() * sizeof(uint64_t));
}

}  // namespace

Result<Roofs> MeasureRoofs(CpuFeatures cpu, uint64_t buffer_bytes, int32_t threads) {
  std::unique_ptr<ThreadTeam> team;
  CUTIS_TRY(ThreadTeam::Create(threads, &team));
  Roofs roofs;
  roofs.threads = threads;
  PeakU8Args bytes = {{200, 3, 77, 255}, {63, -64, 5, -9}, 0, nullptr, nullptr};
  PeakF32Args floats = {0.5f, 0.75f, 0, nullptr, nullptr};
  for (const Kernel& kernel : Kernels()) {
    if ((kernel.needs & ~cpu) != 0) continue;
    if (kernel.kind == KernelKind::kPeakU8) {
      const ComputeRoof roof = MeasurePeak<PeakU8Args, uint32_t>(*team, threads, kernel, bytes);
      if (roof.macs_per_ms > roofs.u8.macs_per_ms) roofs.u8 = roof;
    } else if (kernel.kind == KernelKind::kPeakF32) {
      const ComputeRoof roof = MeasurePeak<PeakF32Args, double>(*team, threads, kernel, floats);
      if (roof.macs_per_ms > roofs.f32.macs_per_ms) roofs.f32 = roof;
    }
  }
  roofs.buffer_bytes = buffer_bytes;
  roofs.bytes_per_ms = MeasureReading(*team, threads, buffer_bytes);
  return roofs;
}

}  // namespace cutis::cli
