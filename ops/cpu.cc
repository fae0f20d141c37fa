#include "ops/cpu.h"

#include <cstring>

namespace cutis {
namespace {

// The ISA names of this architecture, in order.
#if defined(CUTIS_ARCH_X86)
constexpr Isa kOrder[] = {Isa::kScalar, Isa::kSse4, Isa::kAvx2, Isa::kAvxVnni, Isa::kAvx512Vnni, Isa::kAmx};
#elif defined(CUTIS_ARCH_ARM64)
constexpr Isa kOrder[] = {Isa::kScalar, Isa::kNeon, Isa::kDotprod, Isa::kI8mm};
#elif defined(CUTIS_ARCH_ARM)
constexpr Isa kOrder[] = {Isa::kScalar, Isa::kNeon};
#elif defined(CUTIS_ARCH_WASM)
constexpr Isa kOrder[] = {Isa::kScalar, Isa::kSimd128};
#else
constexpr Isa kOrder[] = {Isa::kScalar};
#endif

constexpr const char* kNames[] = {"scalar", "sse4", "avx2",    "avxvnni", "avx512vnni",
                                  "amx",    "neon", "dotprod", "i8mm",    "simd128"};

}  // namespace

const char* NameOf(Isa isa) { return kNames[static_cast<int>(isa)]; }

Result<CpuFeatures> MaskCpu(CpuFeatures have, const char* name) {
  bool known = false;
  for (const char* other : kNames) known = known || std::strcmp(other, name) == 0;
  if (!known) {
    return Status::Error(Code::kUsage,
                         "unknown instruction set \"%s\"; the names are scalar sse4 avx2 avxvnni avx512vnni amx, "
                         "scalar neon dotprod i8mm, and scalar simd128",
                         name);
  }
  CpuFeatures mask = 0;
  for (Isa isa : kOrder) {
    mask |= FeatureOf(isa);
    if (std::strcmp(NameOf(isa), name) != 0) continue;
    if (!(have & FeatureOf(isa))) break;
    // These belong to no name; scalar means scalar.
    if (isa != Isa::kScalar) mask |= kShaFeature | kVbmiFeature;
    return have & mask;
  }
  return Status::Error(Code::kUsage, "this machine has no %s; the best that it has is %s", name, NameOf(BestIsa(have)));
}

Isa BestIsa(CpuFeatures features) {
  Isa best = Isa::kScalar;
  for (Isa isa : kOrder) {
    if (features & FeatureOf(isa)) best = isa;
  }
  return best;
}

}  // namespace cutis
