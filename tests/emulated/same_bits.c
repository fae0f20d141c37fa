/* Whether this processor gives the bits that the model file states. Only the C interface: no command line and no JSON have to
 * be compiled for it. Usage: same_bits MODEL. CUTIS_TEST_ISAS="scalar neon" names instruction sets that the processor has to
 * have, each of which is tested; without it the best that there is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cutis.h"

static int Test(const char* path, const char* isa) {
  char error[256] = "";
  cutis_open_options options = CUTIS_OPEN_OPTIONS_INIT;
  cutis_model* model = NULL;
  cutis_self_test_result result = {sizeof result, 0, NULL, {0}, {0}};
  cutis_status status;
  options.isa = isa;
  status = cutis_model_open(path, &options, &model, error, sizeof error);
  if (status == CUTIS_OK) status = cutis_model_self_test(model, NULL, 1, &result, error, sizeof error);
  if (isa == NULL) isa = "best";
  if (status != CUTIS_OK) {
    printf("%-8s %s\n", isa, error);
  } else {
    printf("%-8s %s%s\n", isa, result.passed ? "passed" : "FAILED: other values for ", result.passed ? "" : result.difference);
  }
  cutis_model_close(model);
  return status == CUTIS_OK && result.passed;
}

int main(int argc, char** argv) {
  const char* named = getenv("CUTIS_TEST_ISAS");
  char names[128];
  char* name;
  int passed = 1;
  if (argc != 2 || (named != NULL && strlen(named) >= sizeof names)) return 2;
  if (named == NULL || named[0] == '\0') return Test(argv[1], NULL) ? 0 : 1;
  strcpy(names, named);
  for (name = strtok(names, " "); name != NULL; name = strtok(NULL, " ")) passed = Test(argv[1], name) && passed;
  return passed ? 0 : 1;
}
