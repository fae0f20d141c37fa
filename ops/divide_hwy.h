// What the float kernels for Highway share: division as the reference does it.
#ifndef CUTIS_OPS_DIVIDE_HWY_H_
#define CUTIS_OPS_DIVIDE_HWY_H_

#include "ops/hwy_kernel.h"

namespace cutis {

// value / divisor, correctly rounded. ARMv7's vectors have no division, only estimates, whose refinement is a bit off now and
// then; there the lanes are divided one by one.
template <class D, class V>
HWY_INLINE V DivideLanes([[maybe_unused]] D d, V value, V divisor) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_ARCH_ARM_V7
  alignas(16) float values[hn::MaxLanes(D())], divisors[hn::MaxLanes(D())];
  hn::Store(value, d, values);
  hn::Store(divisor, d, divisors);
  for (size_t i = 0; i < hn::MaxLanes(D()); ++i) values[i] /= divisors[i];
  return hn::Load(d, values);
#else
  return hn::Div(value, divisor);
#endif
}

}  // namespace cutis

#endif  // CUTIS_OPS_DIVIDE_HWY_H_
