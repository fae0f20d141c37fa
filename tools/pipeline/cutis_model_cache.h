/* Opened models that are kept for who asks next: a program that judges with several models, or opens them where it needs them,
 * pays for the check of a file once.
 *
 * A model is known by its file and by the options that it is opened with. The file is what the system knows as one (device,
 * number, size and time of its last change; on Windows volume, number, size and time): another path or a link to it gives the
 * same model, and the file that has taken its place is opened anew. Whoever asks while a file is being opened waits for that
 * and gets the same model, or the same error; others are not held up. A failure is not kept: who asks next tries again.
 *
 * What is kept is bounded by bytes and by the number of models: idle ones are closed, those that were asked for longest ago
 * first. A model in use is never closed, even where the bounds are exceeded by it; it goes once its last user has released it.
 *
 * Thread-safety: any number of threads may use a cache at the same time. Errors and structs are as in cutis.h. */
#ifndef CUTIS_TOOLS_PIPELINE_CUTIS_MODEL_CACHE_H_
#define CUTIS_TOOLS_PIPELINE_CUTIS_MODEL_CACHE_H_

#include "cutis_pipeline.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cutis_model_cache cutis_model_cache;

typedef struct cutis_model_cache_options {
  size_t struct_size;
  uint64_t max_bytes; /* of all models, their mapped files and their heap; 0: none is kept once it is idle */
  int32_t max_models; /* 0: none is kept once it is idle */
} cutis_model_cache_options;
#define CUTIS_MODEL_CACHE_OPTIONS_INIT \
  { sizeof(cutis_model_cache_options), (uint64_t)256 << 20, 16 }

/* `options` may be NULL. */
CUTIS_PIPELINE_API cutis_status cutis_model_cache_create(const cutis_model_cache_options* options, cutis_model_cache** cache,
                                                         char* error, size_t error_size);

/* Closes what is idle. Models in use stay, and the cache with them until the last is released; nothing else may be asked of it
 * any more. NULL is fine. */
CUTIS_PIPELINE_API void cutis_model_cache_destroy(cutis_model_cache* cache);

/* The model in the file at `path`, for the caller to use until cutis_model_cache_release; not to be closed. `options` may be
 * NULL; `threads` in them belongs to the opening, not to the model. A tune_file is known as the model's file is. Errors are
 * those of cutis_model_open, and CUTIS_ERROR_IO where the file is replaced each time that it is opened. */
CUTIS_PIPELINE_API cutis_status cutis_model_cache_get(cutis_model_cache* cache, const char* path,
                                                      const cutis_open_options* options, const cutis_model** model, char* error,
                                                      size_t error_size);

/* One use is over; as often as the model was got, and after its sessions are gone. CUTIS_ERROR_USAGE for what is no model of
 * the cache, or not in use. NULL is fine. */
CUTIS_PIPELINE_API cutis_status cutis_model_cache_release(cutis_model_cache* cache, const cutis_model* model);

/* Closes what is idle, and forgets what is in use: that goes when it is released, and who asks next opens the file again. */
CUTIS_PIPELINE_API void cutis_model_cache_clear(cutis_model_cache* cache);

typedef struct cutis_model_cache_statistics {
  size_t struct_size;
  uint64_t hits;         /* calls that got a model which was open, or was being opened for another caller */
  uint64_t misses;       /* calls that opened a file */
  uint64_t failures;     /* calls that got an error of the file */
  uint64_t evictions;    /* models that were closed to keep the bounds, or because their file has been replaced */
  uint64_t mapped_bytes; /* of the files of all open models; what was opened with `copy` is heap */
  uint64_t heap_bytes;   /* that the open models take */
  uint64_t peak_bytes;   /* the most that both were together */
  int32_t open_models;
  int32_t used_models; /* of them, those in use */
} cutis_model_cache_statistics;

/* At one moment. CUTIS_ERROR_USAGE where struct_size is not set. */
CUTIS_PIPELINE_API cutis_status cutis_model_cache_describe(cutis_model_cache* cache, cutis_model_cache_statistics* statistics);

#ifdef __cplusplus
}
#endif

#endif /* CUTIS_TOOLS_PIPELINE_CUTIS_MODEL_CACHE_H_ */
