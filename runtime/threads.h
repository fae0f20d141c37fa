// A fork-join team of threads for one session.
#ifndef CUTIS_RUNTIME_THREADS_H_
#define CUTIS_RUNTIME_THREADS_H_

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "ops/status.h"
#include "runtime/counter.h"
#include "runtime/memory.h"

namespace cutis {

// The caller of Run is thread 0; the others sleep between runs. POSIX threads rather than std::thread, whose constructor
// reports failure by an exception. Not thread-safe: one Run at a time.
class ThreadTeam : public FromMalloc {
 public:
  using Work = void (*)(void* context, int32_t thread);

  // `threads` >= 1, the caller included; 1 creates none. kNoMemory when the system refuses a thread.
  static Status Create(int32_t threads, std::unique_ptr<ThreadTeam>* out);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // work(context, t) for t in 0 .. threads-1, each on its own thread; returns when all have.
  void Run(Work work, void* context);

  // Within work, by every thread: waits until all have come; then thread 0 alone calls serial(context) (unless null), then all
  // go on. What was written before by any thread is visible to all after.
  void Meet(int32_t thread, void (*serial)(void* context), void* context);

  uint64_t memory_bytes() const { return sizeof *this + memory_.bytes(); }

 private:
  struct Worker {
    ThreadTeam* team = nullptr;
    int32_t thread = 0;
    pthread_t handle = {};
    std::atomic<int32_t> cpu{-1};  // where it was when last it began a run or waited; -1: not known
  };

  ThreadTeam() = default;
  static void* WorkerMain(void* worker);
  // Returns once `value` is no longer `operand`: spins a little, since the next node is microseconds away, then sleeps.
  static void WaitWhile(Counter& value, uint32_t operand, int spins);
  // How long thread 0, or a worker, may spin. Not at all on the CPU of the thread that it waits for, which spinning would only
  // keep from coming: some schedulers put threads that wake each other on one CPU. After kCrowdedRuns of that they spin all the
  // same: that makes the load visible, and the scheduler spreads them.
  int SpinsOfCaller();
  int SpinsOfWorker(Worker& worker);
  // For thread 0: returns once all workers have arrived at `count`, and sets it back to zero.
  void WaitUntilAll(Counter& count);
  void Arrive(Counter& count);

  Memory memory_;
  std::span<Worker> workers_;  // those that exist
  int spins_ = 0;
  std::atomic<int32_t> caller_cpu_{-1};
  bool crowded_ = false;      // thread 0 has met a worker on its own CPU in this run
  int32_t crowded_runs_ = 0;  // in a row, before this one; written between runs only
  bool stop_ = false;
  Work work_ = nullptr;
  void* context_ = nullptr;
  Counter run_;      // counts the runs; a change wakes the workers
  Counter arrived_;  // workers waiting in Meet
  Counter meeting_;  // counts the meetings; a change lets the workers go on
  Counter done_;     // workers that have finished this run
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_THREADS_H_
