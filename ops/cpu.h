// What the processor has, and the mask that tests and users lay over it.
#ifndef CUTIS_OPS_CPU_H_
#define CUTIS_OPS_CPU_H_

#include <cstddef>
#include <cstdint>

#include "ops/status.h"

namespace cutis {

// Instruction sets in the order of preference; each architecture uses its own part of the list.
enum class Isa : uint8_t { kScalar, kSse4, kAvx2, kAvxVnni, kAvx512Vnni, kAmx, kNeon, kDotprod, kI8mm, kSimd128 };
inline constexpr Isa kAllIsas[] = {Isa::kScalar, Isa::kSse4, Isa::kAvx2,    Isa::kAvxVnni, Isa::kAvx512Vnni,
                                   Isa::kAmx,    Isa::kNeon, Isa::kDotprod, Isa::kI8mm,    Isa::kSimd128};

const char* NameOf(Isa isa);  // "scalar", "sse4", ..., as on the command line

// Bits of what a kernel may need. One bit per ISA name above (a name stands for all that its kernels use; see cpu.cc for the
// CPUID bits behind each), and bits of no ISA: what a name does not promise. No name masks those except scalar; a kernel that
// needs one of them needs its own ISA too.
using CpuFeatures = uint32_t;
inline constexpr CpuFeatures FeatureOf(Isa isa) { return CpuFeatures{1} << static_cast<int>(isa); }
inline constexpr CpuFeatures kShaFeature = CpuFeatures{1} << 16;   // x86 SHA with SSE4.1, or ARMv8 SHA-256
inline constexpr CpuFeatures kVbmiFeature = CpuFeatures{1} << 17;  // AVX512_VBMI and VBMI2: all with AVX-512 VNNI but
                                                                   // Cascade Lake and Cooper Lake

// What this CPU and operating system allow, detected once (thread-safe). FeatureOf(kScalar) is always set.
//
// One side effect, on Linux and CPUs with AMX: the first call asks for the tile registers for the whole process (arch_prctl
// ARCH_REQ_XCOMP_PERM), whatever mask is laid over the result later. All threads have them from then on, forked children too;
// there is no way back. Signal frames of a thread that has used tiles grow by 8 KB, sigaltstack() then refuses stacks below
// getauxval(AT_MINSIGSTKSZ), and the operating system allocates room for the tiles when a thread first uses them. If it
// refuses, kAmx is not among the features.
CpuFeatures DetectCpu();

// What the processor calls itself, with the numbers that tell its model: "AMD EPYC (x86 00a10f11)", "ARM implementer 0x41 part
// 0xd0b"; "unknown" where nothing can be found out. Cut to `size` bytes with the final zero; no line breaks.
void DescribeCpu(char* to, size_t size);

// `have` without everything that comes after `name` in this architecture's order. kUsage when the name is unknown, belongs to
// another architecture, or names what the machine lacks.
Result<CpuFeatures> MaskCpu(CpuFeatures have, const char* name);

// DetectCpu() under the environment variable CUTIS_ISA, if that is set.
Result<CpuFeatures> CpuFromEnvironment();

// The best ISA within `features`, for reports.
Isa BestIsa(CpuFeatures features);

}  // namespace cutis

#endif  // CUTIS_OPS_CPU_H_
