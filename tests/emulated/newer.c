// One instruction of the set that is named, for nothing: an emulator of a processor that lacks it has to end this program.
// "masked": a load whose mask leaves out what lies beyond the end of a page, which no processor reads.
#define _DEFAULT_SOURCE  // MAP_ANONYMOUS
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

static int LoadMasked(void) {
  enum { kPage = 4096 };
  static const int32_t kMask[8] = {-1, -1};
  char* const page = mmap(0, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED || mprotect(page + kPage, kPage, PROT_NONE) != 0) return 2;
  __asm__ volatile("vmovdqu %0, %%ymm1\n vpmaskmovd (%1), %%ymm1, %%ymm0" ::"m"(kMask), "r"(page + kPage - 8)
                   : "xmm0", "xmm1", "memory");
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "aes") == 0) {
    __asm__ volatile("aesenc %%xmm0, %%xmm0" ::: "xmm0");
  } else if (strcmp(argv[1], "avx2") == 0) {
    __asm__ volatile("vpaddb %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
  } else if (strcmp(argv[1], "avx512") == 0) {
    __asm__ volatile("vpaddd %%zmm0, %%zmm0, %%zmm0" ::: "xmm0");
  } else if (strcmp(argv[1], "masked") == 0) {
    return LoadMasked();
  } else {
    return 2;
  }
  return 0;
}
