// The AVX-512 VNNI kernels compiled a second time over SIMDe's portable versions of their intrinsics, so that their logic is
// tested on any x86 machine. The instructions themselves are not: that needs a CPU that has them.
#include "tests/ops/kernel_test.h"
#include "tests/ops/simde_avx512.h"

#define AddU8_64_avx512vnni AddU8_64_avx512vnni_emulated
#define ConvU8_6x64k4_avx512vnni ConvU8_6x64k4_avx512vnni_emulated
#define ConvSparseU8_12x16k4_avx512vnni ConvSparseU8_12x16k4_avx512vnni_emulated
#define DepthwiseU8_8x16k4_avx512vnni DepthwiseU8_8x16k4_avx512vnni_emulated
#define PeakF32_avx512vnni PeakF32_avx512vnni_emulated
#define PeakU8_quads_avx512vnni PeakU8_quads_avx512vnni_emulated

#include "ops/add/add_avx512vnni.cc"
#include "ops/conv/conv_avx512vnni.cc"
#include "ops/conv/convs_avx512vnni.cc"
#include "ops/depthwise/depthwise_avx512vnni.cc"
#include "ops/peak/peak_avx512vnni.cc"

namespace cutis::test {

static ExtraKernel add_u8({KernelKind::kAddU8, "AddU8_64_avx512vnni (emulated)", Isa::kAvx512Vnni, 0,
                           reinterpret_cast<KernelFn>(&AddU8_64_avx512vnni_emulated)});
static ExtraKernel conv_u8({KernelKind::kConvU8, "ConvU8_6x64k4_avx512vnni (emulated)", Isa::kAvx512Vnni, 0,
                            reinterpret_cast<KernelFn>(&ConvU8_6x64k4_avx512vnni_emulated)});
static ExtraKernel conv_sparse_u8({KernelKind::kConvSparseU8, "ConvSparseU8_12x16k4_avx512vnni (emulated)", Isa::kAvx512Vnni, 0,
                                   reinterpret_cast<KernelFn>(&ConvSparseU8_12x16k4_avx512vnni_emulated)});
static ExtraKernel depthwise_u8({KernelKind::kDepthwiseU8, "DepthwiseU8_8x16k4_avx512vnni (emulated)", Isa::kAvx512Vnni, 0,
                                 reinterpret_cast<KernelFn>(&DepthwiseU8_8x16k4_avx512vnni_emulated)});
static ExtraKernel peak_f32({KernelKind::kPeakF32, "PeakF32_avx512vnni (emulated)", Isa::kAvx512Vnni, 0,
                             reinterpret_cast<KernelFn>(&PeakF32_avx512vnni_emulated)});
static ExtraKernel peak_u8({KernelKind::kPeakU8, "PeakU8_quads_avx512vnni (emulated)", Isa::kAvx512Vnni, 0,
                            reinterpret_cast<KernelFn>(&PeakU8_quads_avx512vnni_emulated)});

}  // namespace cutis::test
