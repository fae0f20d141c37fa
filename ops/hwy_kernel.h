// For *_hwy.cc files: each is compiled once for every instruction set of the architecture (ops/meson.build), with that set's
// flags and CUTIS_ISA_NAME, by Highway's static target; CUTIS_HWY_NAME(AddU8) is AddU8_sse4, AddU8_avx2 or AddU8_neon.
#ifndef CUTIS_OPS_HWY_KERNEL_H_
#define CUTIS_OPS_HWY_KERNEL_H_

#ifndef HWY_COMPILE_ONLY_STATIC
#define HWY_COMPILE_ONLY_STATIC
#endif
#include <hwy/highway.h>

namespace cutis {
namespace {

// hwy::ReorderDemote2To, which may give the halves in an order of its own: within 128-bit lanes first `lower`, then `upper`, as
// SSE4, AVX2 and 64-bit NEON do. Highway 1.0.3 has them the other way round on 32-bit ARM.
template <class D, class V>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> DemoteHalves(D d, V lower, V upper) {
#if HWY_ARCH_ARM_V7
  return hwy::HWY_NAMESPACE::ReorderDemote2To(d, upper, lower);
#else
  return hwy::HWY_NAMESPACE::ReorderDemote2To(d, lower, upper);
#endif
}

}  // namespace
}  // namespace cutis

#define CUTIS_HWY_NAME_2(stem, isa) stem##_##isa
#define CUTIS_HWY_NAME_1(stem, isa) CUTIS_HWY_NAME_2(stem, isa)
#define CUTIS_HWY_NAME(stem) CUTIS_HWY_NAME_1(stem, CUTIS_ISA_NAME)

#endif  // CUTIS_OPS_HWY_KERNEL_H_
