/* Opens the linked model, runs its golden inputs and says whether this processor computes what the model file says. */
#include <stddef.h>
#include <stdint.h>

#include "runtime/cutis_core.h"
#include "semihosting.h"

/* The header of --emit-c (see meson.build). */
#define CUTIS_ONE_MODEL
#include CUTIS_BARE_HEADER

static _Alignas(64) unsigned char arena[CUTIS_ONE_ARENA_BYTES];
static _Alignas(64) unsigned char memory[CUTIS_ONE_MEMORY_BYTES];

static void PrintNumber(const char* what, size_t value) {
  char digits[24];
  char* p = digits + sizeof digits;
  *--p = '\0';
  *--p = '\n';
  do {
    *--p = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  Print(what);
  Print(p);
}

static void PrintHash(const char* what, const uint8_t hash[32]) {
  char text[66];
  for (int i = 0; i < 32; ++i) {
    text[2 * i] = "0123456789abcdef"[hash[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
  }
  text[64] = '\n';
  text[65] = '\0';
  Print(what);
  Print(text);
}

static int Fail(const char* what) {
  Print("FAIL: ");
  Print(what);
  Print("\n");
  return 1;
}

int main(void) {
  char error[320];
  cutis_core* core = NULL;
  if (cutis_core_open(CUTIS_ONE_MODEL_WORDS, CUTIS_ONE_MODEL_BYTES, memory, sizeof memory, &core, error, sizeof error) !=
          CUTIS_OK ||
      cutis_core_use_arena(core, arena, sizeof arena, error, sizeof error) != CUTIS_OK)
    return Fail(error);
  Print("model: " CUTIS_ONE_NAME "\n");
  PrintNumber("model bytes: ", CUTIS_ONE_MODEL_BYTES);
  PrintNumber("arena bytes: ", cutis_core_arena_bytes(core));
  PrintNumber("memory bytes: ", cutis_core_memory_bytes(core));
  cutis_self_test_result result = {sizeof result, 0, NULL, {0}, {0}};
  if (cutis_core_self_test(core, CUTIS_BARE_QUICK, &result, error, sizeof error) != CUTIS_OK) return Fail(error);
  if (!CUTIS_BARE_QUICK) PrintHash("output hash: ", result.output_hash);
  PrintHash("first output hash: ", result.first_output_hash);
  if (!result.passed) return Fail(result.difference);
  Print("PASS\n");
  return 0;
}
