/* The core (cutis_core.h) beside the hosted interface: the same outputs and verdicts, memory to the byte, refusals. Arguments:
 * models with one uint8 input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cutis.h"
#include "runtime/cutis_core.h"

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: %s (%s)\n", path, __LINE__, #condition, error); \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

enum { kMost = 1 << 20 };
static const char* path;
static char error[320];

static unsigned char* Aligned(size_t bytes) {
  unsigned char* memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (memory == NULL) exit(1);
  return memory;
}

static unsigned char* ReadModel(size_t* bytes) {
  FILE* file = fopen(path, "rb");
  unsigned char* data = Aligned(kMost);
  CHECK(file != NULL);
  *bytes = fread(data, 1, kMost, file);
  CHECK(*bytes > 64 && *bytes < kMost);
  fclose(file);
  return data;
}

/* Opens in 16 bytes more each time until that works; behind the memory lies what must not be touched. */
static size_t LeastMemory(const unsigned char* model, size_t bytes, unsigned char* memory) {
  cutis_core* core = NULL;
  for (size_t room = 0; room <= kMost; room += 16) {
    memset(memory, 0xa5, kMost);
    const cutis_status status = cutis_core_open(model, bytes, memory, room, &core, error, sizeof error);
    for (size_t i = room; i < room + 4096 && i < kMost; ++i) CHECK(memory[i] == 0xa5);
    if (status == CUTIS_OK) {
      CHECK(cutis_core_memory_bytes(core) == room);
      return room;
    }
    CHECK(status == CUTIS_ERROR_NO_MEMORY);
  }
  return 0;
}

static void Refused(unsigned char* model, size_t bytes, unsigned char* memory) {
  cutis_core* core = NULL;
  model[bytes - 1] ^= 1;
  CHECK(cutis_core_open(model, bytes, memory, kMost, &core, error, sizeof error) == CUTIS_ERROR_BAD_INPUT);
  model[bytes - 1] ^= 1;
  CHECK(cutis_core_open(model, bytes - 64, memory, kMost, &core, error, sizeof error) == CUTIS_ERROR_BAD_INPUT);
  CHECK(cutis_core_open(model + 16, bytes - 16, memory, kMost, &core, error, sizeof error) == CUTIS_ERROR_USAGE);
  CHECK(cutis_core_open(model, bytes, memory + 8, kMost - 8, &core, error, sizeof error) == CUTIS_ERROR_USAGE);
  CHECK(cutis_core_open(NULL, bytes, memory, kMost, &core, error, sizeof error) == CUTIS_ERROR_USAGE);
  CHECK(core == NULL);
}

/* The same pixels through both. */
static void Compare(cutis_core* core, const cutis_model* hosted) {
  cutis_session* session = NULL;
  cutis_tensor_info input = {.struct_size = sizeof input}, output = {.struct_size = sizeof output}, hosted_output = {.struct_size = sizeof hosted_output};
  CHECK(cutis_session_create(hosted, NULL, &session, error, sizeof error) == CUTIS_OK);
  CHECK(cutis_core_input(core, &input) == CUTIS_OK && cutis_core_output(core, 0, &output) == CUTIS_OK);
  CHECK(cutis_model_output(hosted, 0, &hosted_output) == CUTIS_OK && strcmp(output.name, hosted_output.name) == 0);
  const size_t bytes = (size_t)input.height * (size_t)input.width * (size_t)input.channels;
  const size_t count = (size_t)output.height * (size_t)output.width * (size_t)output.channels;
  unsigned char* pixels = Aligned(bytes);
  float *mine = (float*)(void*)Aligned(count * sizeof(float)), *wanted = (float*)(void*)Aligned(count * sizeof(float));
  for (uint32_t image = 0, state = 1; image < 5; ++image) {
    for (size_t i = 0; i < bytes; ++i) pixels[i] = (unsigned char)((state = state * 1664525u + 1013904223u) >> 24);
    CHECK(cutis_core_run(core, error, sizeof error) == CUTIS_ERROR_USAGE); /* no input yet, or used up */
    CHECK(cutis_core_set_input_u8(core, pixels, bytes - 1, error, sizeof error) == CUTIS_ERROR_USAGE);
    CHECK(cutis_core_set_input_u8(core, pixels, bytes, error, sizeof error) == CUTIS_OK);
    CHECK(cutis_core_get_output_f32(core, 0, mine, count, error, sizeof error) == CUTIS_ERROR_USAGE); /* before the run */
    CHECK(cutis_core_run(core, error, sizeof error) == CUTIS_OK);
    CHECK(cutis_core_get_output_f32(core, 0, mine, count, error, sizeof error) == CUTIS_OK);
    CHECK(cutis_core_get_output_f32(core, 99, mine, count, error, sizeof error) == CUTIS_ERROR_USAGE);
    CHECK(cutis_session_set_input_u8(session, 0, pixels, bytes, error, sizeof error) == CUTIS_OK);
    CHECK(cutis_session_run(session, 1, error, sizeof error) == CUTIS_OK);
    CHECK(cutis_session_get_output_f32(session, 0, 0, wanted, count, error, sizeof error) == CUTIS_OK);
    CHECK(memcmp(mine, wanted, count * sizeof(float)) == 0);
  }
  free(wanted);
  free(mine);
  free(pixels);
  cutis_session_destroy(session);
}

static void JudgeLast(cutis_core* core, const cutis_model* hosted) {
  cutis_model_info info = {.struct_size = sizeof info};
  cutis_result result = CUTIS_RESULT_INIT;
  float probabilities[64];
  CHECK(cutis_model_describe(hosted, &info) == CUTIS_OK && info.label_count <= 64);
  result.probabilities = probabilities;
  result.probability_count = 64;
  const cutis_status status = cutis_core_judge(core, NULL, &result, error, sizeof error);
  if (info.label_count == 0) {
    CHECK(status == CUTIS_ERROR_USAGE && cutis_core_label(core, 0) == NULL);
    return;
  }
  CHECK(status == CUTIS_OK && result.p_bcc == probabilities[info.positive_label]);
  CHECK(result.p_bcc >= 0 && result.p_bcc <= 1);
  CHECK((result.verdict == CUTIS_VERDICT_NONE) == (result.operating_point == NULL));
  CHECK(strcmp(cutis_core_label(core, info.positive_label), cutis_model_label(hosted, info.positive_label)) == 0);
  CHECK(cutis_core_label(core, info.label_count) == NULL && cutis_core_label(core, -1) == NULL);
  CHECK(cutis_core_judge(core, "no such point", &result, error, sizeof error) == CUTIS_ERROR_USAGE);
  result.probability_count = 0;
  CHECK(cutis_core_judge(core, NULL, &result, error, sizeof error) == CUTIS_ERROR_USAGE);
}

/* The hash of the outputs, where the file states it. */
static void SelfTest(cutis_core* core, const cutis_model* hosted) {
  cutis_self_test_result mine = {.struct_size = sizeof mine}, wanted = {.struct_size = sizeof wanted};
  const cutis_status status = cutis_model_self_test(hosted, NULL, 0, &wanted, error, sizeof error);
  CHECK(cutis_core_self_test(core, 0, &mine, error, sizeof error) == status);
  CHECK(memcmp(mine.output_hash, wanted.output_hash, 32) == 0);
  CHECK(memcmp(mine.first_output_hash, wanted.first_output_hash, 32) == 0);
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  unsigned char* memory = Aligned(kMost);
  for (int i = 1; i < argc; ++i) {
    path = argv[i];
    size_t bytes = 0;
    unsigned char* bytes_of_model = ReadModel(&bytes);
    Refused(bytes_of_model, bytes, memory);
    const size_t least = LeastMemory(bytes_of_model, bytes, memory);
    CHECK(least > 0);
    cutis_core* core = NULL;
    cutis_model* hosted = NULL;
    CHECK(cutis_core_open(bytes_of_model, bytes, memory, least, &core, error, sizeof error) == CUTIS_OK);
    CHECK(cutis_model_open(path, NULL, &hosted, error, sizeof error) == CUTIS_OK);
    const size_t arena_bytes = cutis_core_arena_bytes(core);
    CHECK(arena_bytes == cutis_model_arena_bytes(hosted, 1, 1));
    unsigned char* arena = Aligned(arena_bytes + 64);
    CHECK(cutis_core_set_input_u8(core, arena, 1, error, sizeof error) == CUTIS_ERROR_USAGE); /* no arena yet */
    CHECK(cutis_core_use_arena(core, arena, arena_bytes - 1, error, sizeof error) == CUTIS_ERROR_USAGE);
    CHECK(cutis_core_use_arena(core, arena + 16, arena_bytes, error, sizeof error) == CUTIS_ERROR_USAGE);
    CHECK(cutis_core_use_arena(core, arena, arena_bytes, error, sizeof error) == CUTIS_OK);
    Compare(core, hosted);
    JudgeLast(core, hosted);
    SelfTest(core, hosted);
    free(arena);
    cutis_model_close(hosted);
    free(bytes_of_model);
  }
  free(memory);
  return 0;
}
