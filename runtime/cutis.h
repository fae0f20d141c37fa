/* Cutis: runs a .cutis model and gives its verdict on a dermoscopic image. The C interface (C11 and later, C++).
 *
 * Handles are opaque. A cutis_model is immutable and may be used by any number of threads at once; a cutis_session belongs to
 * one thread at a time. Nothing here aborts, throws, prints or keeps global state.
 *
 * Errors: a function that can fail returns a cutis_status; when it is not CUTIS_OK and `error` is not NULL, one line of text
 * for people is written to error[0 .. error_size-1], cut if need be and always terminated. Results are written only on
 * CUTIS_OK.
 *
 * Structs begin with struct_size, which the caller sets to sizeof the struct (the ..._INIT macros do). Fields are only ever
 * added at the end: a library that is newer than the caller fills or reads what the caller knows; one that is older refuses
 * options that it does not know and leaves result fields that it does not know at zero.
 *
 * Strings are UTF-8, terminated. Those that come out of a model or session live as long as that model. Sizes are in bytes
 * unless said otherwise.
 */
#ifndef CUTIS_RUNTIME_CUTIS_H_
#define CUTIS_RUNTIME_CUTIS_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(_WIN32) /* there a list says what the library exports (runtime/meson.build) */
#define CUTIS_API __attribute__((visibility("default")))
#else
#define CUTIS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cutis_status {
  CUTIS_OK = 0,
  CUTIS_ERROR_USAGE = 1,       /* the caller asked for something that cannot be */
  CUTIS_ERROR_BAD_INPUT = 2,   /* a file or an image is damaged, foreign, too large or missing */
  CUTIS_ERROR_UNSUPPORTED = 3, /* well formed, but beyond this version, build or machine */
  CUTIS_ERROR_IO = 4,
  CUTIS_ERROR_NO_MEMORY = 5,
  CUTIS_ERROR_INTERNAL = 6 /* a defect of Cutis */
} cutis_status;

typedef enum cutis_type { CUTIS_U8 = 0, CUTIS_F32 = 1 } cutis_type;

typedef enum cutis_verdict {
  CUTIS_VERDICT_NONE = 0, /* the model holds no operating point: look at the probabilities */
  CUTIS_VERDICT_BCC = 1,
  CUTIS_VERDICT_NOT_BCC = 2,
  CUTIS_VERDICT_REFER = 3,   /* too close to call: show it to a person */
  CUTIS_VERDICT_UNUSABLE = 4 /* the image cannot be judged */
} cutis_verdict;

typedef struct cutis_model cutis_model;
typedef struct cutis_session cutis_session;

/* -- versions
 * ------------------------------------------------------------------------------------------------------------------ */

/* Of the library, "major.minor.patch". */
CUTIS_API const char* cutis_version(void);
/* The newest format of .cutis files that the library reads. */
CUTIS_API uint32_t cutis_format_version(void);

/* -- models
 * -------------------------------------------------------------------------------------------------------------------- */

typedef struct cutis_open_options {
  size_t struct_size;
  const char*
      isa;  /* mask of instruction sets: "scalar", "sse4", "avx2", ..., "neon", "dotprod", "i8mm", "simd128"; NULL: the
               environment  variable CUTIS_ISA if set, else all that the machine has. Results are the same bits for each. */
  int copy; /* not 0: take a private copy of the bytes before they are checked (for removable media) */
  const char* tune_file; /* what cutis bench --autotune has measured on this CPU for this model, or NULL: which instruction set
                            computes which step. Changes neither results nor memory; CUTIS_ERROR_USAGE when it belongs to
                            another CPU or model */
  int32_t threads;       /* that hash the file, the caller's included; the others end before the call returns. 0: 1 */
} cutis_open_options;
#define CUTIS_OPEN_OPTIONS_INIT \
  { sizeof(cutis_open_options), NULL, 0, NULL, 0 }

/* Maps the file and checks all of it. `options` may be NULL. Without `copy` the file must not be altered while the model lives
 * (replace it by renaming another one over it). Close the model with cutis_model_close. */
CUTIS_API cutis_status cutis_model_open(const char* path, const cutis_open_options* options, cutis_model** model, char* error,
                                        size_t error_size);

/* The same for bytes in memory. Without `copy` they must start at a multiple of 64 and outlive the model unchanged. */
CUTIS_API cutis_status cutis_model_open_memory(const void* bytes, size_t size, const cutis_open_options* options,
                                               cutis_model** model, char* error, size_t error_size);

/* After all its sessions are gone. NULL is fine. */
CUTIS_API void cutis_model_close(cutis_model* model);

typedef struct cutis_model_info {
  size_t struct_size;
  const char* name; /* "" when the file states none; so are the next ones */
  const char* converter;
  const char* licence;
  const char* card;         /* one paragraph for people: what it is for and what it is not */
  const char* isa;          /* the best instruction set that it will use */
  uint8_t content_hash[32]; /* from the file's header (docs/file-format.md); checked */
  uint32_t format_version;
  int32_t input_height, input_width, input_channels;
  cutis_type input_type; /* what the network computes with; inputs may be given as either */
  int32_t output_count;
  int32_t label_count;    /* 0: the model gives tensors, no verdict */
  int32_t positive_label; /* index of the label whose probability is p_bcc */
  int32_t operating_point_count;
  int32_t default_operating_point;
  int32_t takes_images; /* 1: cutis_session_classify can be used */
  uint64_t file_bytes;
  uint64_t weight_bytes;
  uint64_t memory_bytes;   /* heap that the model takes */
  int32_t has_calibration; /* 1: p_bcc is a calibrated probability, see cutis_model_calibration */
  int32_t has_output_hash; /* 1: output_hash is there */
  uint8_t output_hash[32]; /* of the network that calibration and operating points were fitted with, and this one's: cutis bench
                              measures it again */
  int32_t has_limits;      /* 1: images outside the model's limits are CUTIS_VERDICT_UNUSABLE, see cutis_model_limits */
  /* Which file was opened, as the system knows it: device, inode, and when it was last written to in nanoseconds; on Windows
   * serial number of the volume, index, and units of 100 ns. Zeros for a model in memory. */
  uint64_t file_volume, file_number, file_changed;
} cutis_model_info;

CUTIS_API cutis_status cutis_model_describe(const cutis_model* model, cutis_model_info* info);

/* Label of an output channel; NULL when there is none of that index. */
CUTIS_API const char* cutis_model_label(const cutis_model* model, int32_t index);
/* Name of an operating point; NULL when there is none of that index. */
CUTIS_API const char* cutis_model_operating_point(const cutis_model* model, int32_t index);

/* A share that was measured on images, with its 95 % bootstrap interval. */
typedef struct cutis_estimate {
  float value, low, high;
} cutis_estimate;

typedef struct cutis_operating_point_info {
  size_t struct_size;
  const char* name;
  const char* note;                         /* "" without one */
  float threshold;                          /* bcc for p_bcc >= threshold */
  float refer_low, refer_high;              /* refer for refer_low <= p_bcc < refer_high; equal: no such band */
  int32_t calibrated;                       /* 0: results carry CUTIS_REASON_UNCALIBRATED */
  int32_t has_sensitivity, has_specificity; /* 1: the file states it, as it was fitted; else it is 0 */
  cutis_estimate sensitivity, specificity;
} cutis_operating_point_info;

/* CUTIS_ERROR_USAGE when there is none of that index. */
CUTIS_API cutis_status cutis_model_describe_operating_point(const cutis_model* model, int32_t index,
                                                            cutis_operating_point_info* info);

/* What made p_bcc a probability: p_bcc = 1 / (1 + exp(-(slope * z + intercept))), z the log-odds of the softmax. */
typedef struct cutis_calibration {
  size_t struct_size;
  float slope, intercept;
  float bcc_share;  /* of BCC among the images that it was fitted on; p_bcc holds where BCC is about as frequent */
  uint32_t images;  /* how many these were */
  const char* note; /* "" without one */
} cutis_calibration;

/* CUTIS_ERROR_USAGE when the model has no calibration (cutis_model_info.has_calibration). */
CUTIS_API cutis_status cutis_model_calibration(const cutis_model* model, cutis_calibration* calibration);

/* Which images are not to be judged: each rule is a condition on the features of an image, those of its pixels
 * (cutis_session_get_pixel_features) and after them the real values of output `embedding`. */
typedef struct cutis_limits {
  size_t struct_size;
  int32_t rules, features;
  int32_t embedding; /* index of an output; -1: features of pixels alone */
  uint32_t images;   /* good ones that the rules were fitted on; 0: not stated */
  int32_t has_refused;
  cutis_estimate refused; /* the share of these that the rules refuse all the same */
  const char* note;       /* "" without one */
} cutis_limits;

/* CUTIS_ERROR_USAGE when the model has none (cutis_model_info.has_limits). */
CUTIS_API cutis_status cutis_model_limits(const cutis_model* model, cutis_limits* limits);

typedef struct cutis_tensor_info {
  size_t struct_size;
  const char* name;
  cutis_type type;
  int32_t height, width, channels;
  int32_t channel_stride; /* elements from one pixel to the next */
  float scale;            /* CUTIS_U8: real = scale * (byte - zero_point) */
  int32_t zero_point;
} cutis_tensor_info;

/* The input; output `index`. CUTIS_ERROR_USAGE when there is none of that index. */
CUTIS_API cutis_status cutis_model_input(const cutis_model* model, cutis_tensor_info* info);
CUTIS_API cutis_status cutis_model_output(const cutis_model* model, int32_t index, cutis_tensor_info* info);

/* A node of the network, in the order of execution. */
typedef struct cutis_node_info {
  size_t struct_size;
  const char* name;
  const char* op;     /* "conv", "depthwise", ... */
  const char* kernel; /* that computes it on this machine */
  int32_t last;       /* index of the last node of the block that it runs in; its own index outside of blocks */
} cutis_node_info;
/* CUTIS_ERROR_USAGE when there is none of that index. */
CUTIS_API cutis_status cutis_model_node(const cutis_model* model, int32_t index, cutis_node_info* info);

/* The exact size of a session's arena, and the least that any plan of the same network could take. 0 for a batch or a number of
 * threads below 1. */
CUTIS_API uint64_t cutis_model_arena_bytes(const cutis_model* model, int32_t batch, int32_t threads);
CUTIS_API uint64_t cutis_model_arena_lower_bound(const cutis_model* model, int32_t batch, int32_t threads);

/* -- sessions
 * ------------------------------------------------------------------------------------------------------------------ */

typedef struct cutis_session_options {
  size_t struct_size;
  int32_t batch;   /* the most images of one run, 1 .. 1024 */
  int32_t threads; /* 1 .. 256, the calling one included; with 1 none is created */
  void* arena;     /* the caller's memory, at a multiple of 64, kept until the session is destroyed; NULL: the session's own */
  size_t arena_bytes; /* of the caller's arena, at least cutis_model_arena_bytes(); 0 without one */
  int pixel_features; /* not 0: make the features of pixels for a model without limits, too */
  int profile;        /* not 0: keep the time of every node, see cutis_session_get_node_times */
  int explain;        /* not 0: for cutis_session_get_explanation; the arena then has cutis_model_explanation_arena_bytes() */
} cutis_session_options;
#define CUTIS_SESSION_OPTIONS_INIT \
  { sizeof(cutis_session_options), 1, 1, NULL, 0, 0, 0, 0 }

/* `options` may be NULL. The model must outlive the session. */
CUTIS_API cutis_status cutis_session_create(const cutis_model* model, const cutis_session_options* options,
                                            cutis_session** session, char* error, size_t error_size);
/* NULL is fine. */
CUTIS_API void cutis_session_destroy(cutis_session* session);

/* Pixels of image `image` of the batch: height*width*channels bytes, NHWC without gaps, of the size of the network's input. */
CUTIS_API cutis_status cutis_session_set_input_u8(cutis_session* session, int32_t image, const uint8_t* pixels, size_t bytes,
                                                  char* error, size_t error_size);
/* The network's own real input (normalised): height*width*channels finite values, NHWC without gaps. */
CUTIS_API cutis_status cutis_session_set_input_f32(cutis_session* session, int32_t image, const float* values, size_t count,
                                                   char* error, size_t error_size);
/* Computes the images 0 .. images-1. The inputs are used up. Allocates nothing and takes no lock. */
CUTIS_API cutis_status cutis_session_run(cutis_session* session, int32_t images, char* error, size_t error_size);
/* Output `index` of an image after a run, as real values without gaps; `count` must be height*width*channels of that output. */
CUTIS_API cutis_status cutis_session_get_output_f32(const cutis_session* session, int32_t index, int32_t image, float* values,
                                                    size_t count, char* error, size_t error_size);
/* The raw output (see cutis_tensor_info), valid until the next input is set; NULL for an index or image that does not exist. */
CUTIS_API const void* cutis_session_output(const cutis_session* session, int32_t index, int32_t image);

/* With `profile`: nanoseconds that each node took in the last run; those of a block stand at its last node, and 0 at its
 * others. `count` is the number of nodes. CUTIS_ERROR_USAGE without `profile`. */
CUTIS_API cutis_status cutis_session_get_node_times(const cutis_session* session, uint64_t* nanoseconds, size_t count,
                                                    char* error, size_t error_size);

/* Features of the pixels that the network has been given for an image by cutis_session_classify, cutis_session_set_image or
 * cutis_session_set_pixels: sharpness, contrasts, exposure, colours. `count` must be their number, CUTIS_PIXEL_FEATURES.
 * CUTIS_ERROR_USAGE where none were made: for a model without limits, unless the session's options ask for them. */
#define CUTIS_PIXEL_FEATURES 12
CUTIS_API cutis_status cutis_session_get_pixel_features(const cutis_session* session, int32_t image, float* values,
                                                        size_t count, char* error, size_t error_size);
/* "detail", "fine_contrast", ...; NULL when there is none of that index. */
CUTIS_API const char* cutis_pixel_feature_name(int32_t index);

/* Bits of cutis_result.reasons. */
#define CUTIS_REASON_NO_OPERATING_POINT 1u
#define CUTIS_REASON_UNCALIBRATED 2u
#define CUTIS_REASON_REFER_BAND 4u
/* With CUTIS_VERDICT_UNUSABLE: the limits that the image exceeds. */
#define CUTIS_REASON_BLURRED 8u
#define CUTIS_REASON_UNDER_EXPOSED 16u
#define CUTIS_REASON_OVER_EXPOSED 32u
#define CUTIS_REASON_UNLIKE_TRAINING 64u /* no lesion, or spoiled in some other way */

typedef struct cutis_result {
  size_t struct_size;
  float* probabilities;     /* in: the caller's memory for one probability per label; may be NULL */
  size_t probability_count; /* in: how many fit; at least label_count unless probabilities is NULL */
  cutis_verdict verdict;    /* out, as all that follows */
  float p_bcc;
  const char* operating_point; /* the one judged at; NULL without one */
  uint32_t reasons;
  double decode_ms, preprocess_ms, inference_ms;
  float bcc_share; /* p_bcc is a probability where BCC has about this share of the lesions; 0: it is a score, not calibrated */
} cutis_result;
#define CUTIS_RESULT_INIT \
  { sizeof(cutis_result), NULL, 0, CUTIS_VERDICT_NONE, 0.0f, NULL, 0u, 0.0, 0.0, 0.0, 0.0f }

/* A JPEG or PNG file's bytes to a verdict: decodes, preprocesses by the model's recipe, runs image 0, judges at the named
 * operating point (NULL: the default one), and refuses what exceeds the model's limits. Decoding takes memory of its own for
 * the time of the call. */
CUTIS_API cutis_status cutis_session_classify(cutis_session* session, const void* encoded, size_t size,
                                              const char* operating_point, cutis_result* result, char* error,
                                              size_t error_size);

/* The three steps of cutis_session_classify, for several images in one run: cutis_session_set_image for each,
 * cutis_session_run, cutis_session_judge for each. The results are the same bits as one by one. */
typedef struct cutis_image_times {
  size_t struct_size;
  double decode_ms, preprocess_ms;
} cutis_image_times;
/* Decodes and preprocesses a JPEG or PNG file's bytes into image `image` of the next run. `times` may be NULL. An image that is
 * refused leaves its place without an input that was set: run only as many as are there. */
CUTIS_API cutis_status cutis_session_set_image(cutis_session* session, int32_t image, const void* encoded, size_t size,
                                               cutis_image_times* times, char* error, size_t error_size);
/* The same for an image that the caller has decoded and preprocessed as the model's recipe says: as cutis_session_set_input_u8,
 * but the pixels count as those of an image, so that the model's limits can look at them. */
CUTIS_API cutis_status cutis_session_set_pixels(cutis_session* session, int32_t image, const uint8_t* pixels, size_t bytes,
                                                char* error, size_t error_size);
/* After a run and before the next input is set. The times in `result` are 0. CUTIS_ERROR_USAGE for a model with limits where
 * the input was given by cutis_session_set_input_u8 or _f32. */
CUTIS_API cutis_status cutis_session_judge(const cutis_session* session, int32_t image, const char* operating_point,
                                           cutis_result* result, char* error, size_t error_size);

/* -- several views of an image, and verdicts from values that were kept
 * ------------------------------------------------------------------------------------------------------------------- */

/* Test-time augmentation: the eight flips and quarter turns of the square that the network is given. Their outputs are averaged
 * in their order, and judged by numbers of their own (cutis_model_views). */
#define CUTIS_VIEWS 8

/* What the file says of the mean of several views. */
typedef struct cutis_views {
  size_t struct_size;
  int32_t stops;                 /* after how many views at most the rest may be left out; 0: all are always run */
  uint32_t images;               /* that the stops were fitted on */
  float mean_views;              /* the mean number of views of these */
  const char* note;              /* "" without one */
  cutis_calibration calibration; /* as cutis_model_calibration, of the mean; its struct_size is set */
} cutis_views;
/* CUTIS_ERROR_USAGE when the file says nothing: then all views are run, and judged by the numbers for one, with
 * CUTIS_REASON_UNCALIBRATED. */
CUTIS_API cutis_status cutis_model_views(const cutis_model* model, cutis_views* views);

/* The bytes that cutis_session_set_image or cutis_session_set_input_u8 has put into place `image` (height*width*channels, NHWC
 * without gaps), before a run uses them up. */
CUTIS_API cutis_status cutis_session_get_input_u8(const cutis_session* session, int32_t image, uint8_t* pixels, size_t bytes,
                                                  char* error, size_t error_size);
/* View 0 .. CUTIS_VIEWS-1 of side x side pixels of three bytes each, without gaps, into another place: bit 2 of `view`
 * exchanges rows and columns, then bit 1 turns the order of the rows round, and bit 0 that of the columns. */
CUTIS_API cutis_status cutis_make_view(const uint8_t* pixels, int32_t side, int32_t view, uint8_t* view_pixels, char* error,
                                       size_t error_size);
/* After a run: all features that the model's limits look at (cutis_limits.features). */
CUTIS_API cutis_status cutis_session_get_features(const cutis_session* session, int32_t image, float* values, size_t count,
                                                  char* error, size_t error_size);

/* What a verdict is made of. */
typedef struct cutis_findings {
  size_t struct_size;
  const float* outputs;  /* output 0 (cutis_session_get_output_f32), of the views 0, 1, ..., one after the other */
  size_t output_count;   /* views * label_count */
  int32_t views;         /* 1 .. CUTIS_VIEWS */
  const float* features; /* of view 0 (cutis_session_get_features); NULL for a model without limits, or where they are not to be
                            looked at */
  size_t feature_count;
} cutis_findings;
#define CUTIS_FINDINGS_INIT \
  { sizeof(cutis_findings), NULL, 0, 1, NULL, 0 }

typedef struct cutis_judge_options {
  size_t struct_size;
  const char* operating_point; /* NULL: the model's default */
  int of_views;                /* not 0: by the numbers for several views, however few were run */
  int without_limits;          /* not 0: the model's limits are not looked at, and nothing is CUTIS_VERDICT_UNUSABLE */
} cutis_judge_options;
#define CUTIS_JUDGE_OPTIONS_INIT \
  { sizeof(cutis_judge_options), NULL, 0, 0 }

/* The verdict on an image whose values were taken from a session: what cutis_session_judge gives, bit for bit, for one view.
 * `options` may be NULL. The times in `result` are 0. CUTIS_ERROR_USAGE for features that are missing, or of another number
 * than the limits look at. Any number of threads at once. */
CUTIS_API cutis_status cutis_model_judge(const cutis_model* model, const cutis_findings* findings,
                                         const cutis_judge_options* options, cutis_result* result, char* error,
                                         size_t error_size);
/* Whether the views after those in `findings` need not be run: *suffice is 1 when all are there, or when the file's limit for
 * that number of views says that no bound of a decision is near, else 0. Features are not looked at. */
CUTIS_API cutis_status cutis_model_views_suffice(const cutis_model* model, const cutis_findings* findings,
                                                 const cutis_judge_options* options, int* suffice, char* error,
                                                 size_t error_size);

/* SHA-256 (FIPS 180-4) of bytes, by the CPU's own instructions where it has them. */
CUTIS_API void cutis_sha256(const void* bytes, size_t size, uint8_t digest[32]);

/* -- explanations
 * ---------------------------------------------------------------------------------------------------------------- */

/* Which parts of an image speak for a label: a class activation map has a value for each cell of the network's last feature
 * map. The cells are equal parts of the network's input, row by row. A value is by how much the label's logit would lead the
 * mean of all logits if the whole image looked like that cell; the mean of the map is the lead that the network found, up to
 * the roundings of its last layers. Of a model with one label it is the logit. The same bits on every machine. */
typedef struct cutis_explanation_info {
  size_t struct_size;
  int32_t height, width; /* cells */
  int32_t label_count;   /* labels that have a map */
} cutis_explanation_info;

/* CUTIS_ERROR_UNSUPPORTED when the file holds no plan for explanations. */
CUTIS_API cutis_status cutis_model_explanation(const cutis_model* model, cutis_explanation_info* info);
/* Of a session whose options say `explain`; 0 where the model has no explanations, or for a batch or threads below 1. */
CUTIS_API uint64_t cutis_model_explanation_arena_bytes(const cutis_model* model, int32_t batch, int32_t threads);
/* The map of a label (-1: the one whose probability is p_bcc) for an image after a run, valid until the next input is set;
 * `count` must be height*width. CUTIS_ERROR_USAGE unless the session's options said `explain`. */
CUTIS_API cutis_status cutis_session_get_explanation(const cutis_session* session, int32_t image, int32_t label, float* map,
                                                     size_t count, char* error, size_t error_size);

/* -- self-test
 * ------------------------------------------------------------------------------------------------------------------- */

typedef struct cutis_self_test_result {
  size_t struct_size;
  int passed;                    /* 1: this machine computes what the model file says that every machine computes */
  const char* difference;        /* what it computes otherwise first, for people; NULL when passed */
  uint8_t output_hash[32];       /* of the generated inputs, what cutis bench prints; zeros with `quick` */
  uint8_t first_output_hash[32]; /* of the first two of them */
} cutis_self_test_result;

/* The test for an instrument that is switched on: generated inputs through the network (`quick` not 0: two instead of 32), and,
 * for a model that gives verdicts, the library's own JPEG and PNG pictures from their bytes to the verdict, compared with the
 * hashes that the converter wrote into the file. With the instruction sets that the model was opened with.
 * CUTIS_ERROR_UNSUPPORTED when the file holds no such hashes; a difference is no error but a result. Takes a session of its
 * own, made with `options` (may be NULL), and memory for decoding. */
CUTIS_API cutis_status cutis_model_self_test(const cutis_model* model, const cutis_session_options* options, int quick,
                                             cutis_self_test_result* result, char* error, size_t error_size);

/* "bcc", "not_bcc", "refer", "unusable"; NULL for CUTIS_VERDICT_NONE. */
CUTIS_API const char* cutis_verdict_name(cutis_verdict verdict);
/* "no_operating_point", "uncalibrated", ...; NULL unless `reason` is one known bit. */
CUTIS_API const char* cutis_reason_name(uint32_t reason);

#ifdef __cplusplus
}
#endif

#endif /* CUTIS_RUNTIME_CUTIS_H_ */
