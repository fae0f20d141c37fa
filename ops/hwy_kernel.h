// For *_hwy.cc files: each is compiled once for every instruction set of the architecture (ops/meson.build), with that set's
// flags and CUTIS_ISA_NAME, by Highway's static target; CUTIS_HWY_NAME(AddU8) is AddU8_sse4, AddU8_avx2 or AddU8_neon.
#ifndef CUTIS_OPS_HWY_KERNEL_H_
#define CUTIS_OPS_HWY_KERNEL_H_

#ifndef HWY_COMPILE_ONLY_STATIC
#define HWY_COMPILE_ONLY_STATIC
#endif
#include <hwy/highway.h>

#define CUTIS_HWY_NAME_2(stem, isa) stem##_##isa
#define CUTIS_HWY_NAME_1(stem, isa) CUTIS_HWY_NAME_2(stem, isa)
#define CUTIS_HWY_NAME(stem) CUTIS_HWY_NAME_1(stem, CUTIS_ISA_NAME)

#endif  // CUTIS_OPS_HWY_KERNEL_H_
