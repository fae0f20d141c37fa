// The kernels of quads for AVX-512 VNNI over SIMDe: see emulated_avx512vnni.cc. In a file of its own, since some helpers of the
// two have the same names.
#include "tests/ops/kernel_test.h"
#include "tests/ops/simde_avx512.h"

#define ExpandU8_8x48k4_avx512vnni ExpandU8_8x48k4_avx512vnni_emulated
#define ExpandSparseU8_8x16k4_avx512vnni ExpandSparseU8_8x16k4_avx512vnni_emulated
#define DepthwiseQuadsU8_8x16k4_avx512vnni DepthwiseQuadsU8_8x16k4_avx512vnni_emulated

#include "ops/conv/expand_avx512vnni.cc"
#include "ops/depthwise/quads_avx512vnni.cc"

namespace cutis::test {

static ExtraKernel depthwise_quads_u8({KernelKind::kDepthwiseQuadsU8, "DepthwiseQuadsU8_8x16k4_avx512vnni (emulated)",
                                       Isa::kAvx512Vnni, 0,
                                       reinterpret_cast<KernelFn>(&DepthwiseQuadsU8_8x16k4_avx512vnni_emulated)});
static ExtraKernel expand_u8({KernelKind::kExpandU8, "ExpandU8_8x48k4_avx512vnni (emulated)", Isa::kAvx512Vnni, 0,
                              reinterpret_cast<KernelFn>(&ExpandU8_8x48k4_avx512vnni_emulated)});
static ExtraKernel expand_sparse_u8({KernelKind::kExpandSparseU8, "ExpandSparseU8_8x16k4_avx512vnni (emulated)",
                                     Isa::kAvx512Vnni, 0,
                                     reinterpret_cast<KernelFn>(&ExpandSparseU8_8x16k4_avx512vnni_emulated)});

}  // namespace cutis::test
