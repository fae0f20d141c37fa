/* What is known of images, kept in a folder for the next time that they are judged: the network's outputs, the features that
 * limits look at, and the pixels that the network was given. Never a verdict: that is made anew from these, so another
 * operating point, or other limits asked for, need no run. An entry belongs to the bytes of an image file, a model and a
 * version of Cutis.
 *
 * The folder is the user's own (mode 0700, of POSIX) and holds no names of images. Entries are written whole or not at all, and
 * carry hashes: what is damaged is taken for missing. Their bytes stay within a bound; those that were not used for the longest
 * time go first. Several processes, and threads, may use one folder at once. Errors are those of cutis.h. */
#ifndef CUTIS_TOOLS_PIPELINE_CUTIS_DATA_CACHE_H_
#define CUTIS_TOOLS_PIPELINE_CUTIS_DATA_CACHE_H_

#include <stddef.h>
#include <stdint.h>

#include "cutis.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(_WIN32)
#define CUTIS_DATA_CACHE_API __attribute__((visibility("default")))
#else
#define CUTIS_DATA_CACHE_API
#endif

typedef struct cutis_data_cache cutis_data_cache;

/* Makes the folder where there is none (the one above it exists). `bytes`: the most that its entries take, at least 1 MiB.
 * CUTIS_ERROR_USAGE for a folder that other users may look into, CUTIS_ERROR_IO for one that cannot be used. `path` is UTF-8 on
 * Windows. */
CUTIS_DATA_CACHE_API cutis_status cutis_data_cache_open(const char* path, uint64_t bytes, cutis_data_cache** cache, char* error,
                                                        size_t error_size);
/* After all pipelines that use it are gone. NULL is fine. The folder stays. */
CUTIS_DATA_CACHE_API void cutis_data_cache_close(cutis_data_cache* cache);

/* Since it was opened, by this handle alone. */
typedef struct cutis_data_cache_statistics {
  size_t struct_size;
  uint64_t hits;     /* entries that were there and whole */
  uint64_t misses;   /* that were not there */
  uint64_t damaged;  /* that were there, but not whole: made anew */
  uint64_t stored;   /* written, for the first time or with more views */
  uint64_t failures; /* that could not be written (a full disk, say); the results are there all the same */
  uint64_t evicted;  /* that went to make room */
  uint64_t bytes;    /* of all entries in the folder, as far as this handle has seen */
} cutis_data_cache_statistics;
CUTIS_DATA_CACHE_API cutis_status cutis_data_cache_get_statistics(const cutis_data_cache* cache,
                                                                  cutis_data_cache_statistics* statistics);

#ifdef __cplusplus
}
#endif

#endif /* CUTIS_TOOLS_PIPELINE_CUTIS_DATA_CACHE_H_ */
