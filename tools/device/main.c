/* cutis-device: self-test and classification over the C interface alone, for devices: plain C, no C++ library of its own.
 *
 *   cutis-device MODEL selftest [--quick]
 *   cutis-device MODEL classify IMAGE...
 *
 * Exit codes: 0 done, 1 failure (of the self-test too), 2 wrong usage, 3 bad input. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cutis.h"
#include "tools/utf8/utf8.h"

enum { kDone = 0, kFailure = 1, kUsage = 2, kBadInput = 3 };
enum { kErrorText = 320 };
static const long kMaxImageBytes = 64L << 20; /* what the decoders take */

static int ExitCodeOf(cutis_status status) {
  switch (status) {
    case CUTIS_OK:
      return kDone;
    case CUTIS_ERROR_USAGE:
      return kUsage;
    case CUTIS_ERROR_BAD_INPUT:
    case CUTIS_ERROR_UNSUPPORTED:
      return kBadInput;
    default:
      return kFailure;
  }
}

static int Fail(int code, const char* where, const char* what) {
  fprintf(stderr, "cutis-device: %s%s%s\n", where, where[0] != '\0' ? ": " : "", what);
  return code;
}

static int Usage(void) {
  return Fail(kUsage, "", "usage: cutis-device MODEL selftest [--quick] | cutis-device MODEL classify IMAGE...");
}

/* After writing results: a full disk or a closed pipe is a failure. */
static int Flushed(int code) {
  if (fflush(stdout) != 0) return Fail(kFailure, "output", strerror(errno));
  return code;
}

static void PrintHash(const char* what, const uint8_t hash[32]) {
  printf("%s ", what);
  for (int i = 0; i < 32; ++i) printf("%02x", hash[i]);
  printf("\n");
}

static int SelfTest(const cutis_model* model, const char* path, int quick) {
  char error[kErrorText];
  cutis_self_test_result result;
  memset(&result, 0, sizeof result);
  result.struct_size = sizeof result;
  const cutis_status status = cutis_model_self_test(model, NULL, quick, &result, error, sizeof error);
  if (status != CUTIS_OK) return Fail(ExitCodeOf(status), path, error);
  PrintHash("outputs", quick ? result.first_output_hash : result.output_hash);
  if (result.passed) {
    printf("passed\n");
    return Flushed(kDone);
  }
  printf("FAILED: other values for %s\n", result.difference);
  return Flushed(kFailure);
}

/* The whole file in memory that the caller frees; NULL, and an exit code, where that cannot be. */
static unsigned char* ReadImage(const char* path, size_t* bytes, int* code) {
  unsigned char* data = NULL;
  FILE* file = Utf8Open(path);
  if (file == NULL) {
    *code = Fail(kBadInput, path, strerror(errno));
    return NULL;
  }
  long size = -1;
  if (fseek(file, 0, SEEK_END) == 0) size = ftell(file);
  if (size < 0 || fseek(file, 0, SEEK_SET) != 0) {
    *code = Fail(kBadInput, path, "not a regular file");
  } else if (size == 0 || size > kMaxImageBytes) {
    *code = Fail(kBadInput, path, size == 0 ? "the file is empty" : "larger than 64 MiB");
  } else if ((data = malloc((size_t)size)) == NULL) {
    *code = Fail(kFailure, path, "out of memory");
  } else if (fread(data, 1, (size_t)size, file) != (size_t)size) {
    *code = Fail(kFailure, path, "reading failed");
    free(data);
    data = NULL;
  }
  fclose(file);
  *bytes = data != NULL ? (size_t)size : 0;
  return data;
}

static void PrintResult(const char* path, const cutis_result* result) {
  const char* verdict = cutis_verdict_name(result->verdict);
  printf("%s\t%s\t%.4f\t%s\t", path, verdict != NULL ? verdict : "-", (double)result->p_bcc,
         result->operating_point != NULL ? result->operating_point : "-");
  const char* between = "";
  for (uint32_t bit = 1; bit != 0; bit <<= 1) {
    const char* name = (result->reasons & bit) != 0 ? cutis_reason_name(bit) : NULL;
    if (name == NULL) continue;
    printf("%s%s", between, name);
    between = ",";
  }
  printf("%s\n", between[0] == '\0' ? "-" : "");
}

static int ClassifyOne(cutis_session* session, const char* path) {
  char error[kErrorText];
  int code = kDone;
  size_t bytes = 0;
  unsigned char* data = ReadImage(path, &bytes, &code);
  if (data == NULL) return code;
  cutis_result result = CUTIS_RESULT_INIT;
  const cutis_status status = cutis_session_classify(session, data, bytes, NULL, &result, error, sizeof error);
  free(data);
  if (status != CUTIS_OK) return Fail(ExitCodeOf(status), path, error);
  PrintResult(path, &result);
  return kDone;
}

/* One line an image: path, verdict, p_bcc, operating point, reasons, with tabs between. An image that fails does not keep the
 * others from being judged; the first failure is the exit code. */
static int Classify(const cutis_model* model, const char* model_path, char** images, int count) {
  char error[kErrorText];
  cutis_session* session = NULL;
  const cutis_status status = cutis_session_create(model, NULL, &session, error, sizeof error);
  if (status != CUTIS_OK) return Fail(ExitCodeOf(status), model_path, error);
  int first = kDone;
  for (int i = 0; i < count; ++i) {
    const int code = ClassifyOne(session, images[i]);
    if (first == kDone) first = code;
  }
  cutis_session_destroy(session);
  return Flushed(first);
}

int main(int argc, char** argv) {
  argv = Utf8Arguments(&argc, argv);
  if (argv == NULL) return Fail(kFailure, "", "out of memory");
  const int selftest = argc >= 3 && strcmp(argv[2], "selftest") == 0, classify = argc >= 4 && strcmp(argv[2], "classify") == 0;
  const int quick = selftest && argc == 4 && strcmp(argv[3], "--quick") == 0;
  if (!classify && !(selftest && (argc == 3 || quick))) return Usage();
  char error[kErrorText];
  cutis_model* model = NULL;
  const cutis_status status = cutis_model_open(argv[1], NULL, &model, error, sizeof error);
  /* The error begins with the path. */
  if (status != CUTIS_OK) return Fail(ExitCodeOf(status), "", error);
  const int code = selftest ? SelfTest(model, argv[1], quick) : Classify(model, argv[1], argv + 3, argc - 3);
  cutis_model_close(model);
  return code;
}
