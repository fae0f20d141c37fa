/* Many images through one model, on several threads: files are read, decoded, preprocessed and run side by side, and results
 * come in the order of the images. A library of its own over cutis.h, for programs that have threads and files; a device links
 * libcutis alone.
 *
 * Each worker takes the next images, reads and decodes them and runs them in one batch, with a session of its own: while one
 * waits for the disk or decodes, another computes, and whoever is done first takes more. At most `window` images are between
 * being asked for and being handed out, so memory does not grow with their number. The results are the same bits for any number
 * of workers and any batch.
 *
 * Thread-safety: a pipeline is used by one thread at a time; several pipelines may share a model. The callbacks are called from
 * the workers: one call of the source at a time and one of the sink, but the two may run side by side, so that a source may
 * wait for its next image while results are handed out. Errors are those of cutis.h. */
#ifndef CUTIS_TOOLS_PIPELINE_CUTIS_PIPELINE_H_
#define CUTIS_TOOLS_PIPELINE_CUTIS_PIPELINE_H_

#include <stddef.h>
#include <stdint.h>

#include "cutis.h"
#include "cutis_data_cache.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(_WIN32)
#define CUTIS_PIPELINE_API __attribute__((visibility("default")))
#else
#define CUTIS_PIPELINE_API
#endif

typedef struct cutis_pipeline cutis_pipeline;

typedef struct cutis_pipeline_options {
  size_t struct_size;
  int32_t workers;             /* threads, the calling one included; 1 .. 256; with 1 none is created */
  int32_t session_threads;     /* of the session of each worker, the worker included (cutis_session_options); 0: 1 */
  int32_t batch;               /* the most images of one run, 1 .. 1024; 0: the best is measured when the pipeline is created */
  const char* operating_point; /* NULL: the model's default; copied */
  int32_t views;               /* 1; or CUTIS_VIEWS: the mean of as many of the views as are needed (cutis.h) */
  int without_limits;          /* not 0: images are judged, whatever the model's limits say */
  cutis_data_cache* cache;     /* what is known of images; kept until the pipeline is destroyed; NULL: none */
  int profile;                 /* not 0: keep the time of every node (cutis_pipeline_get_profile) */
} cutis_pipeline_options;
#define CUTIS_PIPELINE_OPTIONS_INIT \
  { sizeof(cutis_pipeline_options), 1, 1, 1, NULL, 1, 0, NULL, 0 }

/* An image: the file at `path` (UTF-8 on Windows), or `size` bytes of a JPEG or PNG file at `bytes` if that is not NULL, or,
 * with `is_pixels`, the bytes that the network is given (cutis_session_set_pixels). Bytes stay until the result has been handed
 * out. */
typedef struct cutis_pipeline_image {
  size_t struct_size;
  const char* path; /* copied; may be NULL where bytes are given */
  const void* bytes;
  size_t size;
  int is_pixels; /* not 0: height*width*channels bytes of the network's input, NHWC without gaps; nothing is decoded */
} cutis_pipeline_image;

typedef struct cutis_pipeline_outcome {
  size_t struct_size;
  uint64_t index;      /* of the image, from 0 */
  const char* path;    /* as it was given; NULL without one */
  cutis_status status; /* of this image; what follows is there for CUTIS_OK alone */
  const char* error;   /* for people; NULL for CUTIS_OK */
  cutis_result result; /* with all probabilities; inference_ms is its share of the runs of its batch */
  uint64_t encoded_bytes;
  double read_ms; /* of the file */
  int32_t views;  /* whose mean was judged */
  int cached;     /* 1: all of it came from the cache, and the times of decoding, preprocessing and inference are 0 */
} cutis_pipeline_outcome;

/* Fills in the next image and returns 1; 0: there are no more. */
typedef int (*cutis_pipeline_source)(void* context, cutis_pipeline_image* image);
/* The outcome of the next image, in the order in which the source gave them; valid for the time of the call. Returning
 * something else than 0 stops: no further image is asked for or handed out. */
typedef int (*cutis_pipeline_sink)(void* context, const cutis_pipeline_outcome* outcome);

/* The model must outlive the pipeline. CUTIS_ERROR_USAGE for a model that judges no images, or has no such operating point. */
CUTIS_PIPELINE_API cutis_status cutis_pipeline_create(const cutis_model* model, const cutis_pipeline_options* options,
                                                      cutis_pipeline** pipeline, char* error, size_t error_size);
/* NULL is fine. */
CUTIS_PIPELINE_API void cutis_pipeline_destroy(cutis_pipeline* pipeline);

/* Judges all images of the source. An image that cannot be judged is an outcome, not an error of the run. CUTIS_ERROR_NO_MEMORY
 * where the system refuses a thread or memory. */
CUTIS_PIPELINE_API cutis_status cutis_pipeline_run(cutis_pipeline* pipeline, cutis_pipeline_source source,
                                                   cutis_pipeline_sink sink, void* context, char* error, size_t error_size);

/* How many images may be between source and sink: what a caller that keeps `bytes` must have room for. */
CUTIS_PIPELINE_API int32_t cutis_pipeline_window(const cutis_pipeline* pipeline);

/* The most images of one run: as asked for, or as measured. */
CUTIS_PIPELINE_API int32_t cutis_pipeline_batch(const cutis_pipeline* pipeline);

/* Times of images, in milliseconds; percentiles are right within 1 %. All 0 without images. */
typedef struct cutis_latency {
  uint64_t count;
  double mean, least, p50, p90, p99, most;
} cutis_latency;

/* Of all runs since the pipeline was created. Images whose outcome is an error count as such alone. */
typedef struct cutis_pipeline_metrics {
  size_t struct_size;
  uint64_t images, errors, cached;                   /* cached: of the images, those that came from the cache */
  uint64_t views;                                    /* of all images together */
  double seconds;                                    /* that cutis_pipeline_run took */
  cutis_latency read, decode, preprocess, inference; /* of images that did not come from the cache, but for `read` */
  cutis_latency whole; /* from being asked for to being ready, waiting for others of the batch included */
} cutis_pipeline_metrics;
CUTIS_PIPELINE_API cutis_status cutis_pipeline_get_metrics(const cutis_pipeline* pipeline, cutis_pipeline_metrics* metrics);

/* With `profile`: milliseconds that node `index` (cutis_model_node) took in all runs of all workers; 0 for a node that does not
 * exist. Those of a block are at its first node. */
CUTIS_PIPELINE_API double cutis_pipeline_node_ms(const cutis_pipeline* pipeline, int32_t index);

#ifdef __cplusplus
}
#endif

#endif /* CUTIS_TOOLS_PIPELINE_CUTIS_PIPELINE_H_ */
