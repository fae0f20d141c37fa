// The AVX-512 VNNI kernels compiled a second time over SIMDe's portable versions of their intrinsics, so that their logic is
// tested on any x86 machine. The instructions themselves are not: that needs a CPU that has them.
#include <immintrin.h>
#include <simde/x86/avx512.h>

#include <cmath>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

// What SIMDe 0.7.4 lacks.
[[maybe_unused]] simde__m512 ConvertToFloat(simde__m512i a) {
  int32_t from[16];
  float to[16];
  simde_mm512_storeu_si512(from, a);
  for (int i = 0; i < 16; ++i) to[i] = static_cast<float>(from[i]);
  return simde_mm512_loadu_ps(to);
}

[[maybe_unused]] simde__m512i ConvertToInt(simde__m512 a) {
  float from[16];
  int32_t to[16];
  simde_mm512_storeu_ps(from, a);
  for (int i = 0; i < 16; ++i) to[i] = static_cast<int32_t>(std::nearbyint(from[i]));
  return simde_mm512_loadu_si512(to);
}

[[maybe_unused]] void StoreMasked(void* to, uint64_t mask, simde__m512i a) {
  uint8_t from[64];
  simde_mm512_storeu_si512(from, a);
  for (int i = 0; i < 64; ++i) {
    if ((mask >> i) & 1) static_cast<uint8_t*>(to)[i] = from[i];
  }
}

}  // namespace
}  // namespace cutis::test

#define __m512 simde__m512
#define __m512i simde__m512i
#define _mm512_add_epi16 simde_mm512_add_epi16
#define _mm512_cvtepi32_ps ::cutis::test::ConvertToFloat
#define _mm512_cvtps_epi32 ::cutis::test::ConvertToInt
#define _mm512_dpbusd_epi32 simde_mm512_dpbusd_epi32
#define _mm512_load_si512 simde_mm512_load_si512
#define _mm512_loadu_ps simde_mm512_loadu_ps
#define _mm512_loadu_si512 simde_mm512_loadu_si512
#define _mm512_mask_storeu_epi8 ::cutis::test::StoreMasked
#define _mm512_max_ps simde_mm512_max_ps
#define _mm512_min_ps simde_mm512_min_ps
#define _mm512_mul_ps simde_mm512_mul_ps
#define _mm512_packs_epi32 simde_mm512_packs_epi32
#define _mm512_packus_epi16 simde_mm512_packus_epi16
#define _mm512_permutexvar_epi32 simde_mm512_permutexvar_epi32
#define _mm512_set1_epi16 simde_mm512_set1_epi16
#define _mm512_set1_epi32 simde_mm512_set1_epi32
#define _mm512_set1_ps simde_mm512_set1_ps
#undef _mm512_setr_epi32  // a macro in some compilers
#define _mm512_setr_epi32 simde_mm512_setr_epi32
#define ConvU8_6x64k4_avx512vnni ConvU8_6x64k4_avx512vnni_emulated
#define ConvSparseU8_12x16k4_avx512vnni ConvSparseU8_12x16k4_avx512vnni_emulated

#include "ops/conv/conv_avx512vnni.cc"
#include "ops/conv/convs_avx512vnni.cc"

namespace cutis::test {

static ExtraKernel conv_u8({KernelKind::kConvU8, "ConvU8_6x64k4_avx512vnni (emulated)", Isa::kAvx512Vnni, 0,
                            reinterpret_cast<KernelFn>(&ConvU8_6x64k4_avx512vnni_emulated)});
static ExtraKernel conv_sparse_u8({KernelKind::kConvSparseU8, "ConvSparseU8_12x16k4_avx512vnni (emulated)", Isa::kAvx512Vnni, 0,
                                   reinterpret_cast<KernelFn>(&ConvSparseU8_12x16k4_avx512vnni_emulated)});

}  // namespace cutis::test
