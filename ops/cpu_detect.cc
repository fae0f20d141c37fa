// What the processor has, asked of it and of the operating system.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ops/cpu.h"

#if defined(CUTIS_ARCH_X86)
#include <cpuid.h>
#elif defined(CUTIS_ARCH_ARM64) || defined(CUTIS_ARCH_ARM)
#include <sys/auxv.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace cutis {
namespace {

#if defined(CUTIS_ARCH_X86)
struct CpuidLeaf {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

CpuidLeaf Cpuid(unsigned leaf, unsigned subleaf) {
  CpuidLeaf r;
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
  return r;
}

// XCR0: which register files the operating system saves. Written in assembly since the intrinsic needs -mxsave.
uint64_t EnabledRegisterFiles() {
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

// Palette 1 of the tile registers as the kernels use it: 8 tiles of 16 rows of 64 bytes.
bool HasAmxPalette() {
  const CpuidLeaf main = Cpuid(0x1d, 0), palette = Cpuid(0x1d, 1);
  return main.a >= 1 && palette.a >> 16 == 1024 && (palette.b & 0xffff) == 64 && palette.b >> 16 == 8 &&
         (palette.c & 0xffff) == 16;
}

// Linux keeps the tiles from a process until it has asked for them (see DetectCpu() in the header for what that changes). It
// refuses where a thread's signal stack is too small for the larger frames. Kernels before 5.16 know no such request and never
// enable tiles.
bool RequestAmxTiles() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr int kGetPermissions = 0x1022, kRequestPermission = 0x1023;  // ARCH_GET_XCOMP_PERM, ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;                                         // XFEATURE_XTILEDATA
  uint64_t granted = 0;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0 &&
         syscall(SYS_arch_prctl, kGetPermissions, &granted) == 0 && ((granted >> kTileData) & 1) != 0;
#else
  return false;
#endif
}

bool Has(unsigned word, int bit) { return (word >> bit) & 1; }

CpuFeatures Detect() {
  CpuFeatures features = FeatureOf(Isa::kScalar);
  const CpuidLeaf one = Cpuid(1, 0), seven = Cpuid(7, 0), seven1 = Cpuid(7, 1), extended = Cpuid(0x80000001u, 0);
  const bool os_saves = Has(one.c, 27);  // OSXSAVE
  const uint64_t saved = os_saves ? EnabledRegisterFiles() : 0;
  const bool ymm = (saved & 0x6) == 0x6, zmm = (saved & 0xe6) == 0xe6, tiles = (saved & 0x60000) == 0x60000;

  // sse4 stands for SSE4.2 with AES and PCLMULQDQ, which Highway's SSE4 target demands.
  const bool sse4 = Has(one.c, 9) && Has(one.c, 19) && Has(one.c, 20) && Has(one.c, 25) && Has(one.c, 1) && Has(one.c, 23);
  // avx2 stands for the set of Haswell, which Highway's AVX2 target demands: BMI1, BMI2, LZCNT, FMA, F16C.
  const bool avx2 = sse4 && ymm && Has(one.c, 28) && Has(seven.b, 5) && Has(seven.b, 3) && Has(seven.b, 8) && Has(one.c, 12) &&
                    Has(one.c, 29) && Has(extended.c, 5);
  const bool avxvnni = avx2 && Has(seven1.a, 4);
  // avx512vnni: F, DQ, BW, VL and VNNI, without VBMI.
  const bool avx512vnni =
      avx2 && zmm && Has(seven.b, 16) && Has(seven.b, 17) && Has(seven.b, 30) && Has(seven.b, 31) && Has(seven.c, 11);
  const bool amx = avx512vnni && tiles && Has(seven.d, 24) && Has(seven.d, 25) && HasAmxPalette() && RequestAmxTiles();
  if (sse4) features |= FeatureOf(Isa::kSse4);
  if (avx2) features |= FeatureOf(Isa::kAvx2);
  if (avxvnni) features |= FeatureOf(Isa::kAvxVnni);
  if (avx512vnni) features |= FeatureOf(Isa::kAvx512Vnni);
  if (avx512vnni && Has(seven.c, 1) && Has(seven.c, 6)) features |= kVbmiFeature;
  if (amx) features |= FeatureOf(Isa::kAmx);
  if (Has(one.c, 19) && Has(one.c, 9) && Has(seven.b, 29)) features |= kShaFeature;
  return features;
}
#elif defined(CUTIS_ARCH_ARM64)
CpuFeatures Detect() {
  // Bits of AT_HWCAP and AT_HWCAP2 on aarch64 Linux (arch/arm64/include/uapi/asm/hwcap.h).
  constexpr unsigned long kAsimd = 1ul << 1, kSha2 = 1ul << 6, kAsimdDp = 1ul << 20, kI8mm = 1ul << 13;
  const unsigned long one = getauxval(AT_HWCAP), two = getauxval(AT_HWCAP2);
  CpuFeatures features = FeatureOf(Isa::kScalar);
  if (one & kAsimd) features |= FeatureOf(Isa::kNeon);
  if ((one & kAsimd) && (one & kAsimdDp)) features |= FeatureOf(Isa::kDotprod);
  if ((one & kAsimd) && (one & kAsimdDp) && (two & kI8mm)) features |= FeatureOf(Isa::kI8mm);
  if (one & kSha2) features |= kShaFeature;
  return features;
}
#elif defined(CUTIS_ARCH_ARM)
CpuFeatures Detect() {
  // Bits of AT_HWCAP on 32-bit ARM Linux. The kernels are compiled for NEON with VFPv4, which Cortex-A8 and A9 lack.
  constexpr unsigned long kNeon = 1ul << 12 | 1ul << 16;
  CpuFeatures features = FeatureOf(Isa::kScalar);
  if ((getauxval(AT_HWCAP) & kNeon) == kNeon) features |= FeatureOf(Isa::kNeon);
  return features;
}
#elif defined(CUTIS_ARCH_WASM)
// A module that holds these instructions does not load where they are missing: there is nothing to ask.
CpuFeatures Detect() { return FeatureOf(Isa::kScalar) | FeatureOf(Isa::kSimd128); }
#else
CpuFeatures Detect() { return FeatureOf(Isa::kScalar); }
#endif

}  // namespace

CpuFeatures DetectCpu() {
  static std::atomic<CpuFeatures> known{0};  // every thread finds the same
  CpuFeatures features = known.load(std::memory_order_relaxed);
  if (features == 0) known.store(features = Detect(), std::memory_order_relaxed);
  return features;
}

#if defined(CUTIS_ARCH_X86)
void DescribeCpu(char* to, size_t size) {
  char name[49] = {};
  if (Cpuid(0x80000000u, 0).a >= 0x80000004u) {
    for (unsigned i = 0; i < 3; ++i) {
      const CpuidLeaf leaf = Cpuid(0x80000002u + i, 0);
      std::memcpy(name + 16 * i, &leaf, 16);
    }
  }
  const char* begin = name;
  while (*begin == ' ') ++begin;
  size_t length = std::strlen(begin);
  while (length > 0 && begin[length - 1] == ' ') --length;
  std::snprintf(to, size, "%.*s (x86 %08x)", static_cast<int>(length), begin, Cpuid(1, 0).a);
}
#elif defined(CUTIS_ARCH_ARM64) || defined(CUTIS_ARCH_ARM)
// The number of a line "NAME : 0xNUMBER".
static bool ReadField(const char* line, const char* name, unsigned long* number) {
  const char* const colon = std::strncmp(line, name, std::strlen(name)) == 0 ? std::strchr(line, ':') : nullptr;
  if (colon != nullptr) *number = std::strtoul(colon + 1, nullptr, 16);
  return colon != nullptr;
}

void DescribeCpu(char* to, size_t size) {
  std::snprintf(to, size, "unknown");
  std::FILE* file = std::fopen("/proc/cpuinfo", "r");
  if (file == nullptr) return;
  // The first core's: "CPU implementer : 0x41", "CPU part : 0xd0b".
  char line[256];
  unsigned long implementer = 0, part = 0;
  while (std::fgets(line, sizeof line, file) != nullptr && !ReadField(line, "CPU part", &part)) {
    ReadField(line, "CPU implementer", &implementer);
  }
  std::fclose(file);
  if (part != 0) std::snprintf(to, size, "ARM implementer 0x%lx part 0x%lx", implementer, part);
}
#else
void DescribeCpu(char* to, size_t size) { std::snprintf(to, size, "unknown"); }
#endif

Result<CpuFeatures> CpuFromEnvironment() {
  const char* name = std::getenv("CUTIS_ISA");
  if (name == nullptr || name[0] == '\0') return DetectCpu();
  return MaskCpu(DetectCpu(), name);
}

}  // namespace cutis
