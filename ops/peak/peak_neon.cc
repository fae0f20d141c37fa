// smull, smlal and sadalp, as the plain convolution multiplies (ops/conv/panel_smlal.h): three operations for 16 products.
#include "ops/peak/signed_neon.h"

namespace cutis {
namespace {

// Side by side, so that a core that takes instructions in order does not wait for its own products.
struct SixSums {
  int32x4_t sum[6];
};

[[gnu::always_inline]] static inline void Multiply(int16x8_t& products, int8x16_t x, int8x16_t w) {
  __asm__ volatile("smull %0.8h, %1.8b, %2.8b" : "=w"(products) : "w"(x), "w"(w));
}
[[gnu::always_inline]] static inline void MultiplyAdd(int16x8_t& products, int8x16_t x, int8x16_t w) {
  __asm__ volatile("smlal %0.8h, %1.8b, %2.8b" : "+w"(products) : "w"(x), "w"(w));
}
[[gnu::always_inline]] static inline void AddPairs(int32x4_t& sum, int16x8_t products) {
  __asm__ volatile("sadalp %0.4s, %1.8h" : "+w"(sum) : "w"(products));
}

}  // namespace

void PeakU8_bytes_neon(const PeakU8Args& args) {
  const int8x16_t x = SignedPixels(args), w = Weights(args);
  SixSums sums[kPeakSums / 6] = {};
  RunRounds<uint32_t>(args, sums, 6 * 16, [&](SixSums& six) CUTIS_UNROLLED {
    int16x8_t products[6];
    Unroll<6>([&](auto i) CUTIS_UNROLLED { Multiply(products[i], x, w); });
    Unroll<6>([&](auto i) CUTIS_UNROLLED { MultiplyAdd(products[i], x, w); });
    Unroll<6>([&](auto i) CUTIS_UNROLLED { AddPairs(six.sum[i], products[i]); });
  });
  AddShift(args);
}

}  // namespace cutis
