// Expands kernels.inc for the architecture at hand. Define CUTIS_KERNEL, then include this (once for each use, no guard).
#if defined(CUTIS_ARCH_X86)
#define CUTIS_X86(...) __VA_ARGS__
#define CUTIS_ARM64(...)
#define CUTIS_HWY(kind, stem) CUTIS_KERNEL(kind, kSse4, 0, stem##_sse4) CUTIS_KERNEL(kind, kAvx2, 0, stem##_avx2)
#define CUTIS_HWY_BUT_ARM64 CUTIS_HWY
#elif defined(CUTIS_ARCH_ARM64)
#define CUTIS_X86(...)
#define CUTIS_ARM64(...) __VA_ARGS__
#define CUTIS_HWY(kind, stem) CUTIS_KERNEL(kind, kNeon, 0, stem##_neon)
#define CUTIS_HWY_BUT_ARM64(kind, stem)
#elif defined(CUTIS_ARCH_ARM)
#define CUTIS_X86(...)
#define CUTIS_ARM64(...)
#define CUTIS_HWY(kind, stem) CUTIS_KERNEL(kind, kNeon, 0, stem##_neon)
#define CUTIS_HWY_BUT_ARM64 CUTIS_HWY
#elif defined(CUTIS_ARCH_WASM)
#define CUTIS_X86(...)
#define CUTIS_ARM64(...)
#define CUTIS_HWY(kind, stem) CUTIS_KERNEL(kind, kSimd128, 0, stem##_simd128)
#define CUTIS_HWY_BUT_ARM64 CUTIS_HWY
#else
#define CUTIS_X86(...)
#define CUTIS_ARM64(...)
#define CUTIS_HWY(kind, stem)
#define CUTIS_HWY_BUT_ARM64 CUTIS_HWY
#endif

#include "ops/kernels.inc"

#undef CUTIS_X86
#undef CUTIS_ARM64
#undef CUTIS_HWY
#undef CUTIS_HWY_BUT_ARM64
