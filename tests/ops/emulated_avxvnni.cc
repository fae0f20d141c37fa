// The AVX-VNNI kernels compiled a second time over SIMDe's portable versions of their intrinsics; see emulated_avx512vnni.cc.
#include <immintrin.h>
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>

#include "tests/ops/convert_lane.h"
#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

// What SIMDe 0.7.4 lacks: 4 products of an unsigned and a signed byte are added to each 32-bit lane, exactly.
[[maybe_unused]] simde__m256i DotProducts(simde__m256i sums, simde__m256i x, simde__m256i w) {
  int32_t sum[8];
  uint8_t x_bytes[32];
  int8_t w_bytes[32];
  simde_mm256_storeu_si256(sum, sums);
  simde_mm256_storeu_si256(x_bytes, x);
  simde_mm256_storeu_si256(w_bytes, w);
  for (size_t i = 0; i < 32; ++i) {
    sum[i / 4] = static_cast<int32_t>(static_cast<uint32_t>(sum[i / 4]) + static_cast<uint32_t>(x_bytes[i] * w_bytes[i]));
  }
  return simde_mm256_loadu_si256(sum);
}

[[maybe_unused]] simde__m256i ConvertToInt(simde__m256 a) {
  float from[8];
  int32_t to[8];
  simde_mm256_storeu_ps(from, a);
  for (int i = 0; i < 8; ++i) to[i] = ConvertLane(from[i]);
  return simde_mm256_loadu_si256(to);
}

}  // namespace
}  // namespace cutis::test

#define CUTIS_EMULATED
#undef _mm256_cvtps_epi32
#define _mm256_cvtps_epi32 ::cutis::test::ConvertToInt
#define ConvU8_6x16k4_avxvnni ConvU8_6x16k4_avxvnni_emulated
#define ConvSparseU8_6x16k4_avxvnni ConvSparseU8_6x16k4_avxvnni_emulated
#define PeakU8_quads_avxvnni PeakU8_quads_avxvnni_emulated

#define ExpandU8_4x16k4_avxvnni ExpandU8_4x16k4_avxvnni_emulated
#define ExpandSparseU8_4x16k4_avxvnni ExpandSparseU8_4x16k4_avxvnni_emulated
#define DepthwiseQuadsU8_8x8k4_avxvnni DepthwiseQuadsU8_8x8k4_avxvnni_emulated

#include "ops/conv/conv_avxvnni.cc"
#include "ops/conv/convs_avxvnni.cc"
#include "ops/conv/expand_avxvnni.cc"
#include "ops/depthwise/quads_avxvnni.cc"
#include "ops/peak/peak_avxvnni.cc"

namespace cutis::test {

static ExtraKernel conv_u8({KernelKind::kConvU8, "ConvU8_6x16k4_avxvnni (emulated)", Isa::kAvxVnni, 0,
                            reinterpret_cast<KernelFn>(&ConvU8_6x16k4_avxvnni_emulated)});
static ExtraKernel conv_sparse_u8({KernelKind::kConvSparseU8, "ConvSparseU8_6x16k4_avxvnni (emulated)", Isa::kAvxVnni, 0,
                                   reinterpret_cast<KernelFn>(&ConvSparseU8_6x16k4_avxvnni_emulated)});
static ExtraKernel expand_u8({KernelKind::kExpandU8, "ExpandU8_4x16k4_avxvnni (emulated)", Isa::kAvxVnni, 0,
                              reinterpret_cast<KernelFn>(&ExpandU8_4x16k4_avxvnni_emulated)});
static ExtraKernel expand_sparse_u8({KernelKind::kExpandSparseU8, "ExpandSparseU8_4x16k4_avxvnni (emulated)", Isa::kAvxVnni, 0,
                                     reinterpret_cast<KernelFn>(&ExpandSparseU8_4x16k4_avxvnni_emulated)});
static ExtraKernel depthwise_quads_u8({KernelKind::kDepthwiseQuadsU8, "DepthwiseQuadsU8_8x8k4_avxvnni (emulated)",
                                       Isa::kAvxVnni, 0, reinterpret_cast<KernelFn>(&DepthwiseQuadsU8_8x8k4_avxvnni_emulated)});
static ExtraKernel peak_u8({KernelKind::kPeakU8, "PeakU8_quads_avxvnni (emulated)", Isa::kAvxVnni, 0,
                            reinterpret_cast<KernelFn>(&PeakU8_quads_avxvnni_emulated)});

}  // namespace cutis::test
