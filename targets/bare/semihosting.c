#include "semihosting.h"

#include <stdint.h>

enum { kWrite0 = 0x04, kExitExtended = 0x20, kApplicationExit = 0x20026 };

static void Call(uint32_t operation, const void* argument) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void Print(const char* text) { Call(kWrite0, text); }

void Exit(int code) {
  const uint32_t arguments[2] = {kApplicationExit, (uint32_t)code};
  Call(kExitExtended, arguments);
  for (;;) {
  }
}
