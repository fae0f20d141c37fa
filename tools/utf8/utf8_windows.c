#include <windows.h>

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <shellapi.h>
#include <stdlib.h>

#include "tools/utf8/utf8.h"

static UINT console_before;

static void RestoreConsole(void) { SetConsoleOutputCP(console_before); }

static void PrepareOutput(void) {
  _setmode(_fileno(stdout), _O_BINARY);
  _setmode(_fileno(stderr), _O_BINARY);
  console_before = GetConsoleOutputCP(); /* 0 without a console */
  if (console_before != 0 && SetConsoleOutputCP(CP_UTF8)) atexit(RestoreConsole);
}

static char* Narrow(const wchar_t* wide) {
  const int bytes = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
  char* text = bytes > 0 ? malloc((size_t)bytes) : NULL;
  if (text != NULL) WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, bytes, NULL, NULL);
  return text;
}

/* Those of main have lost what the code page of the system cannot say. */
char** Utf8Arguments(int* argc, char** argv) {
  int count = 0;
  wchar_t** wide = CommandLineToArgvW(GetCommandLineW(), &count);
  (void)argv;
  PrepareOutput();
  char** arguments = wide != NULL ? calloc((size_t)count + 1, sizeof *arguments) : NULL;
  if (arguments == NULL) return NULL;
  for (int i = 0; i < count; ++i) {
    if ((arguments[i] = Narrow(wide[i])) == NULL) return NULL;
  }
  LocalFree(wide);
  *argc = count;
  return arguments;
}

FILE* Utf8Open(const char* path) {
  const int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, NULL, 0);
  wchar_t* wide = length > 0 ? malloc(sizeof *wide * (size_t)length) : NULL;
  if (wide == NULL) {
    errno = EINVAL;
    return NULL;
  }
  MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, length);
  FILE* file = _wfopen(wide, L"rb");
  free(wide);
  return file;
}
