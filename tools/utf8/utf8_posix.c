#include "tools/utf8/utf8.h"

char** Utf8Arguments(int* argc, char** argv) {
  (void)argc;
  return argv;
}

FILE* Utf8Open(const char* path) { return fopen(path, "rb"); }
