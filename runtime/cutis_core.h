/* Cutis without an operating system: a model in memory, the caller's memory, one image at a time (C11 and later, C++).
 *
 * The core takes no heap, no file, no thread, no clock and no stdio (docs/bare.md). It is part of the library of -Dos=none, and
 * of the static library of every other build. The rules of cutis.h on errors, structs, strings and sizes hold here too, and its
 * types are used here; of its functions only cutis_version, cutis_format_version, cutis_verdict_name and cutis_reason_name are
 * in a library of -Dos=none.
 *
 * Order of calls: cutis_core_open, cutis_core_use_arena, then for each image cutis_core_set_input_u8, cutis_core_run, and
 * cutis_core_judge or cutis_core_get_output_f32. A cutis_core belongs to one thread (or interrupt level) at a time. It is never
 * closed: it ends when the caller takes its memory back.
 *
 * Images: the core has no decoder and no resize. The caller makes the pixels that the model's recipe asks for, of the size of
 * the network's input (docs/recipe-json.md); calibration and limits hold for nothing else.
 */
#ifndef CUTIS_RUNTIME_CUTIS_CORE_H_
#define CUTIS_RUNTIME_CUTIS_CORE_H_

#include "cutis.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cutis_core cutis_core;

/* Checks the whole of a .cutis file in memory: hash, structure, meaning, memory plan. There is no way around that.
 * `model`: at a multiple of 64; read in place, so it must neither end nor change before the last call.
 * `memory`: the caller's, at a multiple of 16, for the model's checked tables; the same holds for it. How much it takes is a
 * number of the model, which `cutis-convert --emit-c` writes and cutis_core_memory_bytes() returns; with less:
 * CUTIS_ERROR_NO_MEMORY. CUTIS_ERROR_UNSUPPORTED for a network with several inputs or with a float32 one. */
CUTIS_API cutis_status cutis_core_open(const void* model, size_t model_bytes, void* memory, size_t memory_bytes,
                                       cutis_core** core, char* error, size_t error_size);

/* What cutis_core_open took of the memory at most: it would do with exactly this. */
CUTIS_API size_t cutis_core_memory_bytes(const cutis_core* core);
/* The exact size of the arena (batch 1, one thread), the same on every machine. */
CUTIS_API size_t cutis_core_arena_bytes(const cutis_core* core);

/* `arena`: the caller's, at a multiple of 64, cutis_core_arena_bytes() or more; kept until another one is given. */
CUTIS_API cutis_status cutis_core_use_arena(cutis_core* core, void* arena, size_t arena_bytes, char* error, size_t error_size);

CUTIS_API cutis_status cutis_core_input(const cutis_core* core, cutis_tensor_info* info);
/* CUTIS_ERROR_USAGE when there is no output of that index. */
CUTIS_API cutis_status cutis_core_output(const cutis_core* core, int32_t index, cutis_tensor_info* info);
/* Label of an output channel, name of an operating point; NULL when there is none of that index. */
CUTIS_API const char* cutis_core_label(const cutis_core* core, int32_t index);
CUTIS_API const char* cutis_core_operating_point(const cutis_core* core, int32_t index);

/* height*width*channels bytes, NHWC without gaps. A run uses them up. */
CUTIS_API cutis_status cutis_core_set_input_u8(cutis_core* core, const uint8_t* pixels, size_t bytes, char* error,
                                               size_t error_size);
CUTIS_API cutis_status cutis_core_run(cutis_core* core, char* error, size_t error_size);
/* Output `index` as real values without gaps; `count` must be height*width*channels of it. Valid between a run and the next
 * input. */
CUTIS_API cutis_status cutis_core_get_output_f32(const cutis_core* core, int32_t index, float* values, size_t count,
                                                 char* error, size_t error_size);

/* The verdict on the image of the last run, at the named operating point (NULL: the default one). Fills `result` as
 * cutis_session_classify does, limits of the model included; the times are 0. CUTIS_ERROR_USAGE for a model without labels. */
CUTIS_API cutis_status cutis_core_judge(cutis_core* core, const char* operating_point, cutis_result* result, char* error,
                                        size_t error_size);

/* The test for an instrument that is switched on: generated inputs (`quick` not 0: two instead of 32) through the network,
 * compared with the hashes in the file; the same output_hash as `cutis selftest` prints on any machine. The way of a
 * picture's bytes to the input is the caller's, and not tested. CUTIS_ERROR_UNSUPPORTED when the file holds no such hashes. */
CUTIS_API cutis_status cutis_core_self_test(cutis_core* core, int quick, cutis_self_test_result* result, char* error,
                                            size_t error_size);

#ifdef __cplusplus
}
#endif

#endif /* CUTIS_RUNTIME_CUTIS_CORE_H_ */
