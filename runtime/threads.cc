#include "runtime/threads.h"

#include <signal.h>

#include <cstring>

#include "runtime/cpus.h"

namespace cutis {
namespace {

// About 20 microseconds: longer than the gap between two nodes, shorter than a time slice by far.
constexpr int kSpins = 1000;

constexpr int32_t kCrowdedRuns = 4;

inline void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

// What threads made within its scope begin with: signals are for the program's own threads. Windows has none that a thread would get.
class SignalsBlocked {
#if !defined(_WIN32)
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
#endif
};

}  // namespace

Status ThreadTeam::Create(int32_t threads, std::unique_ptr<ThreadTeam>* out) {
  std::unique_ptr<ThreadTeam> team(new ThreadTeam());
  if (team == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no room for a team of threads");
  std::span<Worker> workers;
  CUTIS_TRY(team->memory_.Array(static_cast<size_t>(threads - 1), &workers));
  // Spinning on a core that a peer needs only keeps the peer from finishing.
  team->spins_ = threads > 1 && threads <= AvailableCpus() ? kSpins : 0;

  [[maybe_unused]] const SignalsBlocked blocked;
  int error = 0;
  for (size_t i = 0; i < workers.size() && error == 0; ++i) {
    workers[i].team = team.get();
    workers[i].thread = static_cast<int32_t>(i) + 1;
    error = pthread_create(&workers[i].handle, nullptr, &WorkerMain, &workers[i]);
    if (error == 0) team->workers_ = workers.first(i + 1);
  }
  if (error != 0)
    return Status::Error(Code::kNoMemory, "the system refuses thread %zu of %d: %s", team->workers_.size() + 2, threads,
                         std::strerror(error));
  *out = std::move(team);
  return {};
}

ThreadTeam::~ThreadTeam() {
  stop_ = true;
  run_.Add();
  run_.Wake();
  for (Worker& worker : workers_) pthread_join(worker.handle, nullptr);
}

void* ThreadTeam::WorkerMain(void* argument) {
  Worker& worker = *static_cast<Worker*>(argument);
  ThreadTeam& team = *worker.team;
  for (uint32_t run = 0;; ++run) {
    team.run_.SleepWhile(run);
    if (team.stop_) return nullptr;
    worker.cpu.store(CurrentCpu(), std::memory_order_relaxed);
    team.work_(team.context_, worker.thread);
    team.Arrive(team.done_);
  }
}

void ThreadTeam::Run(Work work, void* context) {
  if (workers_.empty()) return work(context, 0);
  crowded_runs_ = crowded_ ? crowded_runs_ + 1 : 0;
  crowded_ = false;
  caller_cpu_.store(CurrentCpu(), std::memory_order_relaxed);
  work_ = work;
  context_ = context;
  run_.Add();
  run_.Wake();
  work(context, 0);
  WaitUntilAll(done_);
}

void ThreadTeam::Meet(int32_t thread, void (*serial)(void* context), void* context) {
  if (thread == 0) {
    if (!workers_.empty()) WaitUntilAll(arrived_);
    if (serial != nullptr) serial(context);
    if (workers_.empty()) return;
    meeting_.Add();
    meeting_.Wake();
  } else {
    // Read before arriving: afterwards thread 0 may already have gone on.
    const uint32_t meeting = meeting_.ReadRelaxed();
    Arrive(arrived_);
    WaitWhile(meeting_, meeting, SpinsOfWorker(workers_[static_cast<size_t>(thread) - 1]));
  }
}

void ThreadTeam::Arrive(Counter& count) {
  if (count.Add() == workers_.size()) count.Wake();
}

void ThreadTeam::WaitUntilAll(Counter& count) {
  const uint32_t all = static_cast<uint32_t>(workers_.size());
  for (;;) {
    const uint32_t now = count.Read();
    if (now == all) break;
    WaitWhile(count, now, SpinsOfCaller());
  }
  // Nobody arrives again before thread 0 has let the others go on.
  count.Reset();
}

int ThreadTeam::SpinsOfCaller() {
  const int32_t cpu = CurrentCpu();
  caller_cpu_.store(cpu, std::memory_order_relaxed);
  bool crowded = false;
  for (const Worker& worker : workers_) crowded = crowded || worker.cpu.load(std::memory_order_relaxed) == cpu;
  if (!crowded || cpu < 0) return spins_;
  crowded_ = true;
  return crowded_runs_ < kCrowdedRuns ? 0 : spins_;
}

int ThreadTeam::SpinsOfWorker(Worker& worker) {
  const int32_t cpu = CurrentCpu();
  worker.cpu.store(cpu, std::memory_order_relaxed);
  const bool crowded = cpu >= 0 && caller_cpu_.load(std::memory_order_relaxed) == cpu;
  return crowded && crowded_runs_ < kCrowdedRuns ? 0 : spins_;
}

void ThreadTeam::WaitWhile(Counter& value, uint32_t operand, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (value.Read() != operand) return;
    Pause();
  }
  value.SleepWhile(operand);
}

}  // namespace cutis
