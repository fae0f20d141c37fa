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
#elif defined(_WIN32)
#include <windows.h>
#endif

namespace cutis {

// What the system has for it. SleepOn returns once the value is no longer `operand`, and now and then for no reason.
#if defined(__linux__)
inline void SleepOn(std::atomic<uint32_t>& value, uint32_t operand) {
  syscall(SYS_futex, &value, FUTEX_WAIT_PRIVATE, operand, nullptr, nullptr, 0);
}
inline void WakeAllOf(std::atomic<uint32_t>& value) { syscall(SYS_futex, &value, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0); }
#elif defined(_WIN32)
inline void SleepOn(std::atomic<uint32_t>& value, uint32_t operand) { WaitOnAddress(&value, &operand, sizeof operand, INFINITE); }
inline void WakeAllOf(std::atomic<uint32_t>& value) { WakeByAddressAll(&value); }
#else
inline void SleepOn(std::atomic<uint32_t>& value, uint32_t operand) { value.wait(operand); }
inline void WakeAllOf(std::atomic<uint32_t>& value) { value.notify_all(); }
#endif

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
    if (sleepers_.load() != 0) WakeAllOf(value_);
  }

  // Returns once the counter is no longer `operand`. What was written before the change is seen after it.
  void SleepWhile(uint32_t operand) {
    sleepers_.fetch_add(1);
    while (value_.load() == operand) SleepOn(value_, operand);
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
  std::atomic<uint32_t> value_{0};
  std::atomic<uint32_t> sleepers_{0};
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_COUNTER_H_
