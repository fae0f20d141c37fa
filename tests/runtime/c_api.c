/* The C interface from C, through its header alone. Usage: c_api small_u8.cutis small_f32.cutis (see write_models.cc) */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cutis.h"
#include "tests/c_test.h"

#if defined(_WIN32)
#include <malloc.h>
static void* TakeAligned(size_t bytes) { return _aligned_malloc(bytes, 64); }
static void GiveAligned(void* memory) { _aligned_free(memory); }
#else
static void* TakeAligned(size_t bytes) { return aligned_alloc(64, bytes); }
static void GiveAligned(void* memory) { free(memory); }
#endif

enum { kPixels = 12 * 12 * 3, kLabels = 7 };

static void TestErrors(const char* path) {
  char error[256] = "untouched";
  cutis_model* model = NULL;
  EXPECT(cutis_model_open("/nonexistent.cutis", NULL, &model, error, sizeof error) == CUTIS_ERROR_BAD_INPUT);
  EXPECT(strstr(error, "/nonexistent.cutis") != NULL);
  EXPECT(model == NULL);
  EXPECT(cutis_model_open("/nonexistent.cutis", NULL, &model, error, 5) == CUTIS_ERROR_BAD_INPUT);
  EXPECT(strlen(error) == 4);
  EXPECT(cutis_model_open("/nonexistent.cutis", NULL, &model, NULL, 0) == CUTIS_ERROR_BAD_INPUT);
  EXPECT(cutis_model_open(NULL, NULL, &model, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_open(path, NULL, NULL, error, sizeof error) == CUTIS_ERROR_USAGE);
  cutis_open_options options = CUTIS_OPEN_OPTIONS_INIT;
  options.isa = "abacus";
  EXPECT(cutis_model_open(path, &options, &model, error, sizeof error) == CUTIS_ERROR_USAGE);
  options.isa = NULL;
  options.tune_file = "/nonexistent.txt";
  EXPECT(cutis_model_open(path, &options, &model, error, sizeof error) == CUTIS_ERROR_BAD_INPUT);
  EXPECT(strstr(error, "/nonexistent.txt") != NULL);
  options.tune_file = NULL;
  options.struct_size = sizeof options + 8;
  EXPECT(cutis_model_open(path, &options, &model, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(strstr(error, "struct_size") != NULL);
  options.struct_size = 0;
  EXPECT(cutis_model_open(path, &options, &model, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_open_memory("short", 5, NULL, &model, error, sizeof error) == CUTIS_ERROR_BAD_INPUT);
  EXPECT(cutis_model_open_memory(NULL, 5, NULL, &model, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_run(NULL, 1, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_label(NULL, 0) == NULL);
  EXPECT(cutis_session_output(NULL, 0, 0) == NULL);
  cutis_model_close(NULL);
  cutis_session_destroy(NULL);
}

static void TestCalibration(const cutis_model* model, int expected) {
  cutis_model_info info = {0};
  info.struct_size = sizeof info;
  EXPECT(cutis_model_describe(model, &info) == CUTIS_OK && info.has_calibration == expected);
  cutis_calibration calibration = {0};
  EXPECT(cutis_model_calibration(model, &calibration) == CUTIS_ERROR_USAGE); /* struct_size is not set */
  calibration.struct_size = sizeof calibration;
  EXPECT(cutis_model_calibration(NULL, &calibration) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_calibration(model, NULL) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_calibration(model, &calibration) == (expected ? CUTIS_OK : CUTIS_ERROR_USAGE));
  cutis_operating_point_info point = {0};
  EXPECT(cutis_model_describe_operating_point(model, 1, &point) == CUTIS_ERROR_USAGE); /* struct_size is not set */
  point.struct_size = sizeof point;
  EXPECT(cutis_model_describe_operating_point(model, 2, &point) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_describe_operating_point(model, -1, &point) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_describe_operating_point(NULL, 0, &point) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_describe_operating_point(model, 1, NULL) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_describe_operating_point(model, 0, &point) == CUTIS_OK);
  EXPECT(strcmp(point.name, "uncalibrated") == 0 && strcmp(point.note, "not fitted") == 0 && point.calibrated == 0);
  EXPECT(point.has_sensitivity == 0 && point.has_specificity == 0 && point.sensitivity.value == 0);
  EXPECT(cutis_model_describe_operating_point(model, 1, &point) == CUTIS_OK);
  EXPECT(point.threshold == 0.3f && point.refer_low == 0.2f && point.refer_high == 0.4f && point.calibrated == 1);
  EXPECT(point.has_sensitivity == expected && point.has_specificity == expected && info.has_output_hash == expected);
  if (!expected) return;
  EXPECT(point.sensitivity.value == 0.9375f && point.sensitivity.low == 0.875f && point.sensitivity.high == 0.96875f);
  EXPECT(point.specificity.value == 0.5f && point.specificity.high == 0.75f);
  EXPECT(info.output_hash[1] == 8 && info.output_hash[31] == 248);
  EXPECT(calibration.slope == 0.75f && calibration.intercept == -0.5f && calibration.bcc_share == 0.25f);
  EXPECT(calibration.images == 1200 && strcmp(calibration.note, "fitted by a test") == 0);
}

static void TestLimits(const cutis_model* model, int expected) {
  cutis_model_info info = {0};
  info.struct_size = sizeof info;
  EXPECT(cutis_model_describe(model, &info) == CUTIS_OK && info.has_limits == expected);
  cutis_limits limits = {0};
  EXPECT(cutis_model_limits(model, &limits) == CUTIS_ERROR_USAGE); /* struct_size is not set */
  limits.struct_size = sizeof limits;
  EXPECT(cutis_model_limits(NULL, &limits) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_limits(model, NULL) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_limits(model, &limits) == (expected ? CUTIS_OK : CUTIS_ERROR_USAGE));
  EXPECT(strcmp(cutis_pixel_feature_name(0), "detail") == 0 && cutis_pixel_feature_name(CUTIS_PIXEL_FEATURES - 1) != NULL);
  EXPECT(cutis_pixel_feature_name(-1) == NULL && cutis_pixel_feature_name(CUTIS_PIXEL_FEATURES) == NULL);
  if (!expected) return;
  EXPECT(limits.rules == 3 && limits.features == CUTIS_PIXEL_FEATURES + kLabels && limits.embedding == 0);
  EXPECT(limits.images == 800 && limits.has_refused == 1 && limits.refused.value == 0.03125f);
  EXPECT(strcmp(limits.note, "made by a test") == 0);
}

static void TestDescription(const cutis_model* model, cutis_type type) {
  cutis_model_info info = {0};
  EXPECT(cutis_model_describe(model, &info) == CUTIS_ERROR_USAGE); /* struct_size is not set */
  info.struct_size = sizeof info;
  EXPECT(cutis_model_describe(model, &info) == CUTIS_OK);
  EXPECT(info.struct_size == sizeof info);
  EXPECT(strcmp(info.name, "test") == 0);
  EXPECT(info.licence[0] == '\0');
  EXPECT(info.input_height == 12 && info.input_width == 12 && info.input_channels == 3 && info.input_type == type);
  EXPECT(info.output_count == 1 && info.label_count == kLabels && info.positive_label == 0 && info.takes_images == 1);
  EXPECT(info.operating_point_count == 2 && info.default_operating_point == 0);
  EXPECT(info.format_version == 1 && info.file_bytes > info.weight_bytes && info.memory_bytes > 0);
  EXPECT(strcmp(cutis_model_label(model, 6), "vasc") == 0);
  EXPECT(cutis_model_label(model, 7) == NULL && cutis_model_label(model, -1) == NULL);
  EXPECT(strcmp(cutis_model_operating_point(model, 1), "screening") == 0);
  EXPECT(cutis_model_operating_point(model, 2) == NULL);

  /* A caller of an older version, and one of a newer. */
  cutis_model_info old = {0};
  old.struct_size = offsetof(cutis_model_info, converter);
  old.converter = "not yours";
  EXPECT(cutis_model_describe(model, &old) == CUTIS_OK);
  EXPECT(strcmp(old.name, "test") == 0 && strcmp(old.converter, "not yours") == 0);
  struct {
    cutis_model_info info;
    char more[16];
  } newer;
  memset(&newer, 1, sizeof newer);
  newer.info.struct_size = sizeof newer;
  EXPECT(cutis_model_describe(model, &newer.info) == CUTIS_OK);
  EXPECT(newer.more[0] == 0 && newer.more[15] == 0 && newer.info.struct_size == sizeof newer);

  cutis_tensor_info tensor = {0};
  tensor.struct_size = sizeof tensor;
  EXPECT(cutis_model_input(model, &tensor) == CUTIS_OK);
  EXPECT(strcmp(tensor.name, "image") == 0 && tensor.channels == 3 && tensor.channel_stride == (type == CUTIS_U8 ? 4 : 3));
  EXPECT(cutis_model_output(model, 0, &tensor) == CUTIS_OK);
  EXPECT(tensor.type == CUTIS_F32 && tensor.channels == kLabels && tensor.height == 1);
  EXPECT(cutis_model_output(model, 1, &tensor) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_model_arena_bytes(model, 1, 1) >= cutis_model_arena_lower_bound(model, 1, 1));
  EXPECT(cutis_model_arena_bytes(model, 4, 2) > cutis_model_arena_bytes(model, 1, 1));
  EXPECT(cutis_model_arena_bytes(model, 0, 1) == 0);
}

static void TestClassify(cutis_session* session, float bcc_share) {
  char error[256];
  float probabilities[kLabels];
  cutis_result result = CUTIS_RESULT_INIT;
  result.probabilities = probabilities;
  result.probability_count = kLabels;
  EXPECT(cutis_session_classify(session, kPng, sizeof kPng, NULL, &result, error, sizeof error) == CUTIS_OK);
  double sum = 0;
  for (int i = 0; i < kLabels; ++i) sum += (double)probabilities[i];
  EXPECT(fabs(sum - 1.0) < 1e-5);
  EXPECT(fabsf(result.p_bcc - probabilities[0]) < 1e-6f);
  EXPECT(result.bcc_share == bcc_share);
  EXPECT(strcmp(result.operating_point, "uncalibrated") == 0);
  EXPECT(result.reasons & CUTIS_REASON_UNCALIBRATED);
  EXPECT(result.verdict == (result.p_bcc >= 0.5f ? CUTIS_VERDICT_BCC : CUTIS_VERDICT_NOT_BCC));
  EXPECT(result.decode_ms >= 0 && result.preprocess_ms >= 0 && result.inference_ms > 0);
  EXPECT(cutis_session_classify(session, kPng, sizeof kPng, "screening", &result, error, sizeof error) == CUTIS_OK);
  EXPECT(strcmp(result.operating_point, "screening") == 0 && !(result.reasons & CUTIS_REASON_UNCALIBRATED));
  EXPECT(cutis_session_classify(session, kPng, sizeof kPng, "nowhere", &result, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_classify(session, kPng, 30, NULL, &result, error, sizeof error) == CUTIS_ERROR_BAD_INPUT);
  EXPECT(cutis_session_classify(session, "text", 4, NULL, &result, error, sizeof error) == CUTIS_ERROR_BAD_INPUT);
  result.probability_count = kLabels - 1;
  EXPECT(cutis_session_classify(session, kPng, sizeof kPng, NULL, &result, error, sizeof error) == CUTIS_ERROR_USAGE);
  result.probabilities = NULL;
  EXPECT(cutis_session_classify(session, kPng, sizeof kPng, NULL, &result, error, sizeof error) == CUTIS_OK);
}

/* Several images in one run get what each gets alone. */
static void TestBatch(const cutis_model* model) {
  char error[256];
  float alone[kLabels], together[kLabels];
  cutis_session* session = NULL;
  cutis_session_options options = CUTIS_SESSION_OPTIONS_INIT;
  options.batch = 3;
  EXPECT(cutis_session_create(model, &options, &session, error, sizeof error) == CUTIS_OK);
  if (session == NULL) return;
  cutis_result one = CUTIS_RESULT_INIT, result = CUTIS_RESULT_INIT;
  one.probabilities = alone;
  result.probabilities = together;
  one.probability_count = result.probability_count = kLabels;
  EXPECT(cutis_session_classify(session, kPng, sizeof kPng, NULL, &one, error, sizeof error) == CUTIS_OK);
  cutis_image_times times = {sizeof times, -1.0, -1.0}, wrong = {0, 0.0, 0.0};
  for (int i = 0; i < 3; ++i) {
    EXPECT(cutis_session_set_image(session, i, kPng, sizeof kPng, i == 1 ? NULL : &times, error, sizeof error) == CUTIS_OK);
  }
  EXPECT(times.decode_ms >= 0 && times.preprocess_ms >= 0);
  EXPECT(cutis_session_run(session, 3, error, sizeof error) == CUTIS_OK);
  for (int i = 0; i < 3; ++i) {
    memset(together, 0, sizeof together);
    EXPECT(cutis_session_judge(session, i, NULL, &result, error, sizeof error) == CUTIS_OK);
    EXPECT(memcmp(alone, together, sizeof alone) == 0);
    EXPECT(memcmp(&result.p_bcc, &one.p_bcc, sizeof one.p_bcc) == 0);
    EXPECT(result.verdict == one.verdict && result.reasons == one.reasons && result.bcc_share == one.bcc_share);
    EXPECT(result.inference_ms == 0 && result.decode_ms == 0);
  }
  EXPECT(cutis_session_judge(session, 3, NULL, &result, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_judge(session, -1, NULL, &result, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_judge(session, 0, "nowhere", &result, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_judge(session, 0, NULL, NULL, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_set_image(session, 3, kPng, sizeof kPng, NULL, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_set_image(session, 0, kPng, 30, NULL, error, sizeof error) == CUTIS_ERROR_BAD_INPUT);
  EXPECT(cutis_session_set_image(session, 0, NULL, 30, NULL, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_set_image(session, 0, kPng, sizeof kPng, &wrong, error, sizeof error) == CUTIS_ERROR_USAGE);
  cutis_session_destroy(session);
}

/* The features of the pixels decide, and a model without limits makes none. */
static void TestUnusable(const cutis_model* model, int limited) {
  char error[256];
  float features[CUTIS_PIXEL_FEATURES];
  cutis_session* session = NULL;
  EXPECT(cutis_session_create(model, NULL, &session, error, sizeof error) == CUTIS_OK);
  if (session == NULL) return;
  cutis_result result = CUTIS_RESULT_INIT;
  EXPECT(cutis_session_classify(session, kPng, sizeof kPng, NULL, &result, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_get_pixel_features(session, 0, features, CUTIS_PIXEL_FEATURES - 1, error, sizeof error) ==
         CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_get_pixel_features(NULL, 0, features, CUTIS_PIXEL_FEATURES, error, sizeof error) == CUTIS_ERROR_USAGE);
  const cutis_status status = cutis_session_get_pixel_features(session, 0, features, CUTIS_PIXEL_FEATURES, error, sizeof error);
  EXPECT(status == (limited ? CUTIS_OK : CUTIS_ERROR_USAGE));
  uint8_t pixels[12 * 12 * 3];
  memset(pixels, limited ? 9 : 120, sizeof pixels); /* too dark, where somebody looks */
  EXPECT(cutis_session_set_pixels(session, 0, pixels, sizeof pixels - 1, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_set_pixels(NULL, 0, pixels, sizeof pixels, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_set_pixels(session, 0, pixels, sizeof pixels, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_run(session, 1, error, sizeof error) == CUTIS_OK);
  cutis_result dark = CUTIS_RESULT_INIT;
  EXPECT(cutis_session_judge(session, 0, NULL, &dark, error, sizeof error) == CUTIS_OK);
  EXPECT((dark.verdict == CUTIS_VERDICT_UNUSABLE) == limited);
  if (limited) {
    const int outside = features[4] < 30 || features[4] > 220; /* luminance */
    EXPECT((result.verdict == CUTIS_VERDICT_UNUSABLE) == outside);
    EXPECT(((result.reasons & CUTIS_REASON_OVER_EXPOSED) != 0) == outside);
    EXPECT(!(result.reasons & (CUTIS_REASON_BLURRED | CUTIS_REASON_UNLIKE_TRAINING)));
  }
  cutis_session_destroy(session);
  cutis_session_options options = CUTIS_SESSION_OPTIONS_INIT;
  options.pixel_features = 1;
  EXPECT(cutis_session_create(model, &options, &session, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_classify(session, kPng, sizeof kPng, NULL, &result, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_get_pixel_features(session, 0, features, CUTIS_PIXEL_FEATURES, error, sizeof error) == CUTIS_OK);
  cutis_session_destroy(session);
}

static void TestSelfTest(const cutis_model* model, int wrong) {
  char error[256];
  cutis_self_test_result result = {0};
  EXPECT(cutis_model_self_test(NULL, NULL, 0, &result, error, sizeof error) == CUTIS_ERROR_USAGE);
  if (!wrong) { /* none in the file */
    result.struct_size = sizeof result;
    EXPECT(cutis_model_self_test(model, NULL, 0, &result, error, sizeof error) == CUTIS_ERROR_UNSUPPORTED);
    return;
  }
  EXPECT(cutis_model_self_test(model, NULL, 0, &result, error, sizeof error) == CUTIS_ERROR_USAGE); /* struct_size is not set */
  result.struct_size = sizeof result;
  EXPECT(cutis_model_self_test(model, NULL, 0, &result, error, sizeof error) == CUTIS_OK);
  EXPECT(!result.passed && strcmp(result.difference, "the outputs") == 0 && result.output_hash[0] != 0);
  EXPECT(cutis_model_self_test(model, NULL, 1, &result, error, sizeof error) == CUTIS_OK);
  EXPECT(!result.passed && strcmp(result.difference, "the first outputs") == 0 && result.output_hash[0] == 0);
  cutis_session_options options = CUTIS_SESSION_OPTIONS_INIT;
  options.threads = 0;
  EXPECT(cutis_model_self_test(model, &options, 1, &result, error, sizeof error) == CUTIS_ERROR_USAGE);
}

/* The maps of all labels lie around 0, and an older caller's sessions make none. */
static void TestExplanation(const cutis_model* model, int explained) {
  char error[256];
  cutis_explanation_info info = {0};
  EXPECT(cutis_model_explanation(NULL, &info) == CUTIS_ERROR_USAGE);
  if (explained) EXPECT(cutis_model_explanation(model, &info) == CUTIS_ERROR_USAGE); /* struct_size is not set */
  info.struct_size = sizeof info;
  EXPECT(cutis_model_explanation(model, &info) == (explained ? CUTIS_OK : CUTIS_ERROR_UNSUPPORTED));
  cutis_session* session = NULL;
  cutis_session_options options = CUTIS_SESSION_OPTIONS_INIT;
  options.explain = 1;
  const cutis_status status = cutis_session_create(model, &options, &session, error, sizeof error);
  EXPECT(status == (explained ? CUTIS_OK : CUTIS_ERROR_UNSUPPORTED));
  EXPECT((cutis_model_explanation_arena_bytes(model, 1, 1) != 0) == explained);
  EXPECT(cutis_model_explanation_arena_bytes(model, 0, 1) == 0 && cutis_model_explanation_arena_bytes(NULL, 1, 1) == 0);
  if (session == NULL) return;
  EXPECT(info.height == 3 && info.width == 3 && info.label_count == kLabels);
  EXPECT(cutis_model_explanation_arena_bytes(model, 1, 1) >= cutis_model_arena_bytes(model, 1, 1));
  cutis_result result = CUTIS_RESULT_INIT;
  EXPECT(cutis_session_classify(session, kPng, sizeof kPng, NULL, &result, error, sizeof error) == CUTIS_OK);
  float maps[kLabels][9], positive[9];
  for (int label = 0; label < kLabels; ++label)
    EXPECT(cutis_session_get_explanation(session, 0, label, maps[label], 9, error, sizeof error) == CUTIS_OK);
  for (int cell = 0; cell < 9; ++cell) {
    double sum = 0, size = 0;
    for (int label = 0; label < kLabels; ++label) {
      sum += (double)maps[label][cell];
      size += fabs((double)maps[label][cell]);
    }
    EXPECT(size > 0 && fabs(sum) < 1e-5 * size);
  }
  EXPECT(cutis_session_get_explanation(session, 0, -1, positive, 9, error, sizeof error) == CUTIS_OK);
  EXPECT(memcmp(positive, maps[0], sizeof positive) == 0);
  EXPECT(cutis_session_get_explanation(session, 0, kLabels, positive, 9, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_get_explanation(session, 0, 0, positive, 8, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_get_explanation(session, 0, 0, NULL, 9, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_get_explanation(session, 1, 0, positive, 9, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_get_explanation(NULL, 0, 0, positive, 9, error, sizeof error) == CUTIS_ERROR_USAGE);
  cutis_session_destroy(session);
  session = NULL;
  options.struct_size = offsetof(cutis_session_options, explain);
  EXPECT(cutis_session_create(model, &options, &session, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_get_explanation(session, 0, 0, positive, 9, error, sizeof error) == CUTIS_ERROR_USAGE);
  cutis_session_destroy(session);
}

static void TestSession(const cutis_model* model, float bcc_share) {
  char error[256];
  cutis_session_options options = CUTIS_SESSION_OPTIONS_INIT;
  cutis_session* own = NULL;
  cutis_session* lent = NULL;
  options.batch = 2;
  options.threads = 2;
  EXPECT(cutis_session_create(model, &options, &own, error, sizeof error) == CUTIS_OK);
  options.arena_bytes = (size_t)cutis_model_arena_bytes(model, 2, 2);
  options.arena = TakeAligned(options.arena_bytes);
  --options.arena_bytes;
  EXPECT(cutis_session_create(model, &options, &lent, error, sizeof error) == CUTIS_ERROR_USAGE);
  ++options.arena_bytes;
  EXPECT(cutis_session_create(model, &options, &lent, error, sizeof error) == CUTIS_OK);
  if (own == NULL || lent == NULL) return;

  unsigned char pixels[kPixels];
  float a[kLabels], b[kLabels];
  for (int i = 0; i < kPixels; ++i) pixels[i] = (unsigned char)(i * 7);
  EXPECT(cutis_session_set_input_u8(own, 0, pixels, kPixels, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_set_input_u8(lent, 1, pixels, kPixels, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_set_input_u8(lent, 2, pixels, kPixels, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_set_input_u8(lent, 0, pixels, 3, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_set_input_u8(lent, 0, pixels, kPixels, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_run(own, 1, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_run(lent, 2, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_run(lent, 3, error, sizeof error) == CUTIS_ERROR_USAGE);
  EXPECT(cutis_session_get_output_f32(own, 0, 0, a, kLabels, error, sizeof error) == CUTIS_OK);
  EXPECT(cutis_session_get_output_f32(lent, 0, 1, b, kLabels, error, sizeof error) == CUTIS_OK);
  EXPECT(memcmp(a, b, sizeof a) == 0);
  EXPECT(memcmp(cutis_session_output(lent, 0, 0), a, sizeof a) == 0); /* float32, 7 channels, no gaps */
  EXPECT(cutis_session_get_output_f32(own, 1, 0, a, kLabels, error, sizeof error) == CUTIS_ERROR_USAGE);
  float real[kPixels] = {0};
  EXPECT(cutis_session_set_input_f32(own, 0, real, kPixels, error, sizeof error) == CUTIS_OK);
  TestClassify(own, bcc_share);
  cutis_session_destroy(own);
  cutis_session_destroy(lent);
  GiveAligned(options.arena);
}

int main(int argc, char** argv) {
  /* uint8, float32, calibrated uint8, the same with limits, uint8 with a self-test that fails, uint8 with explanations */
  if (argc != 7) return 2;
  EXPECT(strchr(cutis_version(), '.') != NULL);
  EXPECT(cutis_format_version() == 1);
  EXPECT(strcmp(cutis_verdict_name(CUTIS_VERDICT_NOT_BCC), "not_bcc") == 0);
  EXPECT(cutis_verdict_name(CUTIS_VERDICT_NONE) == NULL);
  EXPECT(strcmp(cutis_reason_name(CUTIS_REASON_REFER_BAND), "refer_band") == 0);
  EXPECT(strcmp(cutis_reason_name(CUTIS_REASON_BLURRED), "blurred") == 0);
  EXPECT(strcmp(cutis_reason_name(CUTIS_REASON_UNDER_EXPOSED), "under_exposed") == 0);
  EXPECT(strcmp(cutis_reason_name(CUTIS_REASON_OVER_EXPOSED), "over_exposed") == 0);
  EXPECT(strcmp(cutis_reason_name(CUTIS_REASON_UNLIKE_TRAINING), "unlike_training") == 0);
  EXPECT(cutis_reason_name(3) == NULL && cutis_reason_name(0) == NULL && cutis_reason_name(1u << 31) == NULL);
  TestErrors(argv[1]);
  for (int i = 1; i < argc; ++i) {
    char error[256] = "";
    cutis_model* model = NULL;
    cutis_open_options options = CUTIS_OPEN_OPTIONS_INIT;
    options.isa = i == 1 ? "scalar" : NULL;
    options.copy = i == 1;
    EXPECT(cutis_model_open(argv[i], &options, &model, error, sizeof error) == CUTIS_OK);
    if (model == NULL) {
      fprintf(stderr, "%s\n", error);
      return 1;
    }
    TestDescription(model, i == 2 ? CUTIS_F32 : CUTIS_U8);
    TestCalibration(model, i == 3 || i == 4);
    TestLimits(model, i == 4);
    TestUnusable(model, i == 4);
    TestBatch(model);
    TestSelfTest(model, i == 5);
    TestExplanation(model, i == 6);
    if (i != 4) TestSession(model, i == 3 ? 0.25f : 0.0f);
    cutis_model_close(model);
  }
  return failures == 0 ? 0 : 1;
}
