/* The pipeline from C, through its header alone: order, errors as outcomes, stopping. Usage: pipeline_api small_u8.cutis */
#include <stdio.h>
#include <string.h>

#include "cutis_pipeline.h"
#include "tests/c_test.h"

/* Image i: every fifth is damaged, every seventh a file that does not exist, the others are the PNG. */
typedef struct {
  _Atomic uint64_t asked, given; /* source and sink may run side by side */
  uint64_t count, stop_after, window;
  uint64_t errors, missing;
  float p_bcc;
} Run;

static int IsDamaged(uint64_t i) { return i % 5 == 3; }
static int IsMissing(uint64_t i) { return i % 5 != 3 && i % 7 == 2; }

static int Next(void* context, cutis_pipeline_image* image) {
  Run* run = context;
  if (run->asked == run->count) return 0;
  const uint64_t i = run->asked++;
  EXPECT(run->asked - run->given <= run->window);
  if (IsMissing(i)) {
    image->path = "/nonexistent/image.png";
  } else {
    image->bytes = kPng;
    image->size = IsDamaged(i) ? 40 : sizeof kPng;
  }
  return 1;
}

static int Take(void* context, const cutis_pipeline_outcome* outcome) {
  Run* run = context;
  const uint64_t i = run->given++;
  EXPECT(outcome->index == i);
  if (IsMissing(i)) {
    ++run->missing;
    EXPECT(outcome->status == CUTIS_ERROR_BAD_INPUT && strcmp(outcome->path, "/nonexistent/image.png") == 0);
    EXPECT(strstr(outcome->error, "cannot open") != NULL);
  } else if (IsDamaged(i)) {
    ++run->errors;
    EXPECT(outcome->status == CUTIS_ERROR_BAD_INPUT && outcome->error[0] != '\0' && outcome->path == NULL);
  } else {
    EXPECT(outcome->status == CUTIS_OK && outcome->error == NULL && outcome->path == NULL);
    EXPECT(outcome->encoded_bytes == sizeof kPng);
    EXPECT(outcome->result.probability_count == 7 && outcome->result.probabilities != NULL);
    EXPECT(outcome->result.inference_ms > 0 && strcmp(outcome->result.operating_point, "screening") == 0);
    EXPECT(memcmp(&outcome->result.p_bcc, &run->p_bcc, sizeof(float)) == 0);
  }
  return run->given == run->stop_after;
}

static void TestRuns(const cutis_model* model, float p_bcc) {
  char error[256] = "";
  for (int32_t workers = 1; workers <= 5; workers += 2) {
    for (int32_t batch = 1; batch <= 4; batch += 3) {
      cutis_pipeline_options options = CUTIS_PIPELINE_OPTIONS_INIT;
      options.workers = workers;
      options.batch = batch;
      options.operating_point = "screening";
      cutis_pipeline* pipeline = NULL;
      EXPECT(cutis_pipeline_create(model, &options, &pipeline, error, sizeof error) == CUTIS_OK);
      if (pipeline == NULL) {
        fprintf(stderr, "%s\n", error);
        continue;
      }
      EXPECT(cutis_pipeline_window(pipeline) >= workers * batch);
      /* A pipeline can be used again; without images nothing happens; stopped early nothing more comes. */
      const uint64_t counts[] = {0, 1, 200, 200}, stops[] = {0, 0, 0, 17};
      for (int i = 0; i < 4; ++i) {
        Run run = {0};
        run.count = counts[i];
        run.stop_after = stops[i];
        run.window = (uint64_t)cutis_pipeline_window(pipeline);
        run.p_bcc = p_bcc;
        EXPECT(cutis_pipeline_run(pipeline, Next, Take, &run, error, sizeof error) == CUTIS_OK);
        EXPECT(run.given == (stops[i] != 0 ? stops[i] : counts[i]));
        if (counts[i] == 200 && stops[i] == 0) EXPECT(run.errors == 40 && run.missing == 23);
      }
      cutis_pipeline_destroy(pipeline);
    }
  }
}

/* Pixels as the network takes them: three images, of which the second has not enough of them. */
typedef struct Pixels {
  unsigned char bytes[3][12 * 12 * 3];
  uint64_t asked, given;
  float p_bcc[3];
  cutis_status status[3];
} Pixels;

static int NextPixels(void* context, cutis_pipeline_image* image) {
  Pixels* pixels = context;
  if (pixels->asked == 3) return 0;
  image->bytes = pixels->bytes[pixels->asked];
  image->size = sizeof pixels->bytes[0] - (pixels->asked == 1);
  image->is_pixels = 1;
  ++pixels->asked;
  return 1;
}

static int TakePixels(void* context, const cutis_pipeline_outcome* outcome) {
  Pixels* pixels = context;
  EXPECT(outcome->index == pixels->given && outcome->path == NULL && outcome->read_ms == 0 && outcome->result.decode_ms == 0);
  pixels->p_bcc[pixels->given] = outcome->result.p_bcc;
  pixels->status[pixels->given++] = outcome->status;
  return 0;
}

static void TestPixels(const cutis_model* model) {
  static Pixels pixels;
  char error[256] = "";
  cutis_session* session = NULL;
  cutis_pipeline* pipeline = NULL;
  cutis_pipeline_options options = CUTIS_PIPELINE_OPTIONS_INIT;
  options.batch = 2;
  for (size_t i = 0; i < sizeof pixels.bytes; ++i) ((unsigned char*)pixels.bytes)[i] = (unsigned char)(i * 37 >> 3);
  EXPECT(cutis_pipeline_create(model, &options, &pipeline, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_pipeline_run(pipeline, NextPixels, TakePixels, &pixels, error, sizeof error) == CUTIS_OK);
  EXPECT(pixels.given == 3 && pixels.status[0] == CUTIS_OK && pixels.status[1] == CUTIS_ERROR_USAGE &&
         pixels.status[2] == CUTIS_OK);
  cutis_pipeline_metrics metrics = {0};
  metrics.struct_size = sizeof metrics;
  EXPECT(cutis_pipeline_get_metrics(pipeline, &metrics) == CUTIS_OK);
  EXPECT(metrics.images == 2 && metrics.errors == 1 && metrics.views == 2 && metrics.cached == 0);
  EXPECT(metrics.read.count == 0 && metrics.decode.count == 0 && metrics.inference.count == 2 && metrics.whole.count == 2);
  EXPECT(cutis_pipeline_node_ms(pipeline, 0) == 0); /* no profile was asked for */
  cutis_pipeline_destroy(pipeline);
  EXPECT(cutis_session_create(model, NULL, &session, error, sizeof error) == CUTIS_OK);
  for (int i = 0; i < 3; i += 2) {
    cutis_result result = CUTIS_RESULT_INIT;
    EXPECT(cutis_session_set_pixels(session, 0, pixels.bytes[i], sizeof pixels.bytes[i], error, sizeof error) == CUTIS_OK);
    EXPECT(cutis_session_run(session, 1, error, sizeof error) == CUTIS_OK);
    EXPECT(cutis_session_judge(session, 0, NULL, &result, error, sizeof error) == CUTIS_OK);
    EXPECT(result.p_bcc == pixels.p_bcc[i]);
  }
  EXPECT(pixels.p_bcc[0] != pixels.p_bcc[2]);
  cutis_session_destroy(session);
}

static void TestErrors(const cutis_model* model) {
  char error[256] = "";
  cutis_pipeline* pipeline = NULL;
  cutis_pipeline_options options = CUTIS_PIPELINE_OPTIONS_INIT;
  EXPECT(cutis_pipeline_create(NULL, NULL, &pipeline, error, sizeof error) == CUTIS_ERROR_USAGE);
  options.operating_point = "nowhere";
  EXPECT(cutis_pipeline_create(model, &options, &pipeline, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(strstr(error, "operating point") != NULL);
  options.operating_point = NULL;
  options.workers = 0;
  EXPECT(cutis_pipeline_create(model, &options, &pipeline, error, sizeof error) == CUTIS_ERROR_USAGE);
  options.workers = 257;
  EXPECT(cutis_pipeline_create(model, &options, &pipeline, error, sizeof error) == CUTIS_ERROR_USAGE);
  options.workers = 1;
  options.batch = -1;
  EXPECT(cutis_pipeline_create(model, &options, &pipeline, error, sizeof error) == CUTIS_ERROR_USAGE);
  options.batch = 1;
  options.views = 2;
  EXPECT(cutis_pipeline_create(model, &options, &pipeline, error, sizeof error) == CUTIS_ERROR_USAGE);
  options.views = 1;
  options.session_threads = -1;
  EXPECT(cutis_pipeline_create(model, &options, &pipeline, error, sizeof error) == CUTIS_ERROR_USAGE);
  options.session_threads = 0;
  options.struct_size = sizeof options + 1;
  EXPECT(cutis_pipeline_create(model, &options, &pipeline, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(pipeline == NULL);
  EXPECT(cutis_pipeline_create(model, NULL, &pipeline, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_pipeline_run(pipeline, NULL, Take, NULL, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_pipeline_window(NULL) == 0);
  cutis_pipeline_destroy(pipeline);
  cutis_pipeline_destroy(NULL);
}

int main(int argc, char** argv) {
  char error[256] = "";
  cutis_model* model = NULL;
  cutis_session* session = NULL;
  if (argc != 2 || cutis_model_open(argv[1], NULL, &model, error, sizeof error) != CUTIS_OK) {
    fprintf(stderr, "%s\n", error);
    return 2;
  }
  cutis_result result = CUTIS_RESULT_INIT;
  EXPECT(cutis_session_create(model, NULL, &session, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_classify(session, kPng, sizeof kPng, NULL, &result, error, sizeof error) == CUTIS_OK);
  cutis_session_destroy(session);
  TestRuns(model, result.p_bcc);
  TestPixels(model);
  TestErrors(model);
  cutis_model_close(model);
  if (failures != 0) fprintf(stderr, "%d failed\n", failures);
  return failures != 0;
}
