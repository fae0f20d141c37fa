// One instruction of the set that is named, for nothing: an emulator of a processor that lacks it has to end this program.
#include <string.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "aes") == 0) {
    __asm__ volatile("aesenc %%xmm0, %%xmm0" ::: "xmm0");
  } else if (strcmp(argv[1], "avx2") == 0) {
    __asm__ volatile("vpaddb %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
  } else if (strcmp(argv[1], "avx512") == 0) {
    __asm__ volatile("vpaddd %%zmm0, %%zmm0, %%zmm0" ::: "xmm0");
  } else {
    return 2;
  }
  return 0;
}
