/* Text and exit by way of the debugger or emulator (Arm: Semihosting for AArch32 and AArch64). */
#ifndef CUTIS_TARGETS_BARE_SEMIHOSTING_H_
#define CUTIS_TARGETS_BARE_SEMIHOSTING_H_

void Print(const char* text);
__attribute__((noreturn)) void Exit(int code);

#endif /* CUTIS_TARGETS_BARE_SEMIHOSTING_H_ */
