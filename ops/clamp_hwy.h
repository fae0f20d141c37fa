// What the float kernels for Highway share.
#ifndef CUTIS_OPS_CLAMP_HWY_H_
#define CUTIS_OPS_CLAMP_HWY_H_

#include "ops/hwy_kernel.h"

namespace cutis {

// value < min ? min : value > max ? max : value. Written with comparisons, since the instruction sets disagree about the
// minimum of a NaN; here it passes, as in the reference.
template <class D, class V>
HWY_INLINE V ClampLanes(D, V value, V min, V max) {
  namespace hn = hwy::HWY_NAMESPACE;
  return hn::IfThenElse(hn::Lt(value, min), min, hn::IfThenElse(hn::Gt(value, max), max, value));
}

}  // namespace cutis

#endif  // CUTIS_OPS_CLAMP_HWY_H_
