/* From reset to main on a Cortex-M with a floating-point unit, without a C library. */
#include <stdint.h>

#include "semihosting.h"

extern uint32_t data_begin[], data_end[], data_image[], bss_begin[], bss_end[], stack_end[];

int main(void);

void Reset(void) {
  /* Full access to the coprocessors 10 and 11, the floating-point unit (Coprocessor Access Control Register), before any code
   * that uses it. Its own control register is 0 after reset: round to nearest, denormals kept. */
  *(volatile uint32_t*)0xe000ed88u |= 0xfu << 20;
  __asm__ volatile("dsb\n\tisb" ::: "memory");
  for (uint32_t *to = data_begin, *from = data_image; to < data_end;) *to++ = *from++;
  for (uint32_t* to = bss_begin; to < bss_end;) *to++ = 0;
  Exit(main());
}

void Fault(void) {
  Print("FAIL: a fault of the processor\n");
  Exit(1);
}

/* What the compiler calls where a program cannot go on: a defect of Cutis. */
void abort(void) {
  Print("FAIL: abort\n");
  Exit(1);
}

/* Stack, reset, and the 14 exceptions of the processor. No interrupt of a device is enabled. */
typedef union Vector {
  const void* stack;
  void (*handler)(void);
} Vector;
__attribute__((section(".vectors"), used)) static const Vector vectors[16] = {
    {.stack = stack_end}, {.handler = Reset}, {.handler = Fault}, {.handler = Fault}, {.handler = Fault}, {.handler = Fault},
    {.handler = Fault},   {.handler = Fault}, {.handler = Fault}, {.handler = Fault}, {.handler = Fault}, {.handler = Fault},
    {.handler = Fault},   {.handler = Fault}, {.handler = Fault}, {.handler = Fault}};
