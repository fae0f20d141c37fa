// A counter that threads sleep on until it changes. std::atomic has wait, but then the C++ library behind it would have to be on the
// device (docs/targets.md).
#ifndef CUTIS_RUNTIME_COUNTER_H_
#define CUTIS_RUNTIME_COUNTER_H_

#include <atomic>
#include <climits>
#include <cstdint>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace cutis {

// On a cache line of its own: counters are written by different threads at the same time.
class alignas(64) Counter {
 public:
  uint32_t Read() const { return value_.load(std::memory_order_acquire); }
  // For a thread that writes the counter itself, or needs nothing of what was written before it.
  uint32_t ReadRelaxed() const { return value_.load(std::memory_order_relaxed); }
  // When nobody sleeps on it or adds to it.
  void Reset() { value_.store(0, std::memory_order_relaxed); }

  // Adds one and gives the sum. Wake follows where somebody may wait for it.
  uint32_t Add() { return value_.fetch_add(1) + 1; }

  // Wakes all who sleep; no system call where nobody does. Either this sees the sleeper, or the sleeper sees the change before it: both
  // write one number before they read the other, and all four are in one order (memory_order_seq_cst).
  void Wake() {
#if defined(__linux__)
    if (sleepers_.load() != 0) syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
#else
    value_.notify_all();
#endif
  }

  // Returns once the counter is no longer `operand`. What was written before the change is seen after it.
  void SleepWhile(uint32_t operand) {
#if defined(__linux__)
    sleepers_.fetch_add(1);
    // Returns at once where the counter has changed already, and now and then for no reason.
    while (value_.load() == operand) syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, operand, nullptr, nullptr, 0);
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
#else
    value_.wait(operand, std::memory_order_acquire);
#endif
  }

 private:
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
  std::atomic<uint32_t> value_{0};
#if defined(__linux__)
  std::atomic<uint32_t> sleepers_{0};
#endif
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_COUNTER_H_
