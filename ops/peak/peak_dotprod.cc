// sdot: 16 products.
#include "ops/peak/signed_neon.h"

namespace cutis {

void PeakU8_quads_dotprod(const PeakU8Args& args) {
  const int8x16_t x = SignedPixels(args), w = Weights(args);
  int32x4_t sums[kPeakSums] = {};
  RunRounds<uint32_t>(args, sums, 16, [&](int32x4_t& sum) CUTIS_UNROLLED {
    __asm__ volatile("sdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(x), "w"(w));
  });
  AddShift(args);
}

}  // namespace cutis
