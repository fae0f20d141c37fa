// usmmla: 2 x 8 times 8 x 2, 32 products.
#include <arm_neon.h>

#include "ops/peak/peak.h"
#include "ops/peak/rounds.h"

namespace cutis {

void PeakU8_matrices_i8mm(const PeakU8Args& args) {
  const int32x4_t x = vdupq_n_s32(WordOf(args.x)), w = vdupq_n_s32(WordOf(args.w));
  int32x4_t sums[kPeakSums] = {};
  RunRounds<uint32_t>(args, sums, 32, [&](int32x4_t& sum) CUTIS_UNROLLED {
    __asm__ volatile("usmmla %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(x), "w"(w));
  });
}

}  // namespace cutis
