// The loop of the peak kernels with vector registers. What it repeats is volatile assembly, or the compiler would take equal
// sums for one and products for constants.
#ifndef CUTIS_OPS_PEAK_ROUNDS_H_
#define CUTIS_OPS_PEAK_ROUNDS_H_

#include <cstddef>
#include <cstdint>

#include "ops/unroll.h"

namespace cutis {
namespace {

// Enough to hide the latency of any of the instructions (5 cycles, of which two start in each), and with the operands few
// enough for 16 registers.
constexpr size_t kPeakSums = 12;

// The 4 bytes as one lane.
template <class Byte>
[[gnu::always_inline]] static inline int32_t WordOf(const Byte (&bytes)[4]) {
  int32_t word;
  __builtin_memcpy(&word, bytes, 4);
  return word;
}

// Every round calls add(sums[i]) for each of the sums, which start as zeros; it adds `macs_of_add` products.
template <class Lane, size_t kSums, class Sum, class Args, class Add>
[[gnu::always_inline]] static inline void RunRounds(const Args& args, Sum (&sums)[kSums], size_t macs_of_add, const Add& add) {
  uint64_t left = args.rounds;
  do {  // tested at its end: in a loop that might make no step, gcc 12 keeps the sums on the stack
    Unroll<kSums>([&](auto i) CUTIS_UNROLLED { add(sums[i]); });
  } while (--left > 0);
  Lane lanes[kSums * (sizeof(Sum) / sizeof(Lane))];
  __builtin_memcpy(lanes, sums, sizeof lanes);
  *args.macs = args.rounds * kSums * macs_of_add;
  *args.sum = 0;
  for (Lane lane : lanes) *args.sum += lane;
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_PEAK_ROUNDS_H_
