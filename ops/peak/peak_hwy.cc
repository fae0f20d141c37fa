// For every instruction set that Highway knows: words in pairs into 32 bits (pmaddwd and paddd, smlal), and float32.
#include "ops/hwy_kernel.h"
#include "ops/peak/peak.h"
#include "ops/peak/rounds.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
const hn::ScalableTag<int16_t> d16;
const hn::ScalableTag<int32_t> d32;

// Where the instruction set adds the upper halves to sums of their own (smlal2), `more` holds these.
struct WordSums {
  hn::Vec<decltype(d32)> sum, more;
};

// From here on the compiler knows nothing of what the register holds, so it can neither take sums for equal nor move a product
// out of the loop. No instruction.
template <class Vector>
HWY_INLINE void Forget(Vector& value) {
#if defined(CUTIS_ARCH_X86)
  __asm__ volatile("" : "+x"(value.raw));
#elif defined(CUTIS_ARCH_WASM)
  __asm__ volatile("" : "+r"(value.raw));
#else
  __asm__ volatile("" : "+w"(value.raw));
#endif
}

}  // namespace

void CUTIS_HWY_NAME(PeakU8_words)(const PeakU8Args& args) {
  alignas(16) int16_t x_words[8], w_words[8];
  for (size_t i = 0; i < 8; ++i) {
    x_words[i] = args.x[i % 4];
    w_words[i] = args.w[i % 4];
  }
  auto x = hn::LoadDup128(d16, x_words);
  const auto w = hn::LoadDup128(d16, w_words);
  WordSums sums[kPeakSums / 2];
  for (WordSums& pair : sums) {
    pair.sum = pair.more = hn::Zero(d32);
    Forget(pair.sum);
    Forget(pair.more);
  }
  RunRounds<uint32_t>(args, sums, hn::MaxLanes(d16), [&](WordSums& pair) CUTIS_UNROLLED {
    Forget(x);
    pair.sum = hn::ReorderWidenMulAccumulate(d32, x, w, pair.sum, pair.more);
  });
}

void CUTIS_HWY_NAME(PeakF32)(const PeakF32Args& args) {
  auto x = hn::Set(df, args.x);
  const auto w = hn::Set(df, args.w);
  hn::Vec<decltype(df)> sums[kPeakSums];
  for (auto& sum : sums) {
    sum = hn::Zero(df);
    Forget(sum);
  }
  RunRounds<float>(args, sums, hn::MaxLanes(df), [&](auto& sum) CUTIS_UNROLLED {
    Forget(x);
    sum = hn::Add(sum, hn::Mul(x, w));
  });
}

}  // namespace cutis
