// The floating-point environment that the arithmetic is specified in: round to nearest even, denormals kept, no traps.
#ifndef CUTIS_RUNTIME_FPENV_H_
#define CUTIS_RUNTIME_FPENV_H_

#include <cstdint>

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#endif

namespace cutis {

// The control word of this thread's floating-point unit.
inline uintptr_t ReadFloatControl() {
#if defined(__x86_64__) || defined(__i386__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  uint64_t value;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value));
  return value;
#elif defined(__arm__) && defined(__ARM_FP)
  uint32_t value;
  __asm__ volatile("vmrs %0, fpscr" : "=r"(value));
  return value;
#elif defined(__riscv) && defined(__riscv_flen)
  uintptr_t value;
  __asm__ volatile("frrm %0" : "=r"(value));
  return value;
#else
  return 0;
#endif
}

inline void WriteFloatControl([[maybe_unused]] uintptr_t value) {
#if defined(__x86_64__) || defined(__i386__)
  _mm_setcsr(static_cast<unsigned>(value));
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(static_cast<uint64_t>(value)) : "memory");
#elif defined(__arm__) && defined(__ARM_FP)
  __asm__ volatile("vmsr fpscr, %0" : : "r"(static_cast<uint32_t>(value)) : "memory");
#elif defined(__riscv) && defined(__riscv_flen)
  __asm__ volatile("fsrm %0" : : "r"(value) : "memory");
#endif
}

// What every architecture has after reset, except that x86 names the masked traps (bits 7 to 12).
#if defined(__x86_64__) || defined(__i386__)
inline constexpr uintptr_t kFloatControl = 0x1f80;
#else
inline constexpr uintptr_t kFloatControl = 0;
#endif

// Sets that environment for this thread and puts the former one back, its sticky flags included.
class FloatEnvironment {
 public:
  FloatEnvironment() : saved_(ReadFloatControl()) { WriteFloatControl(kFloatControl); }
  ~FloatEnvironment() { WriteFloatControl(saved_); }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
  uintptr_t saved_;
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_FPENV_H_
