/* Arguments and paths in UTF-8, as libcutis takes them, for programs in C and C++. One implementation a system: utf8_posix.c, where they
 * are what the system gives, and utf8_windows.c. */
#ifndef CUTIS_TOOLS_UTF8_UTF8_H_
#define CUTIS_TOOLS_UTF8_UTF8_H_

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* At the start of main: the program's arguments, *argc of them and a null pointer, which live as long as the program; NULL where there is
 * no memory. From then on the bytes that are written to stdout and stderr arrive as they are, UTF-8 on a console too. */
char** Utf8Arguments(int* argc, char** argv);

/* fopen for reading bytes. */
FILE* Utf8Open(const char* path);

#ifdef __cplusplus
}
#endif

#endif /* CUTIS_TOOLS_UTF8_UTF8_H_ */
