/* The few functions of <string.h> that compiled code and the core call, so that no C library is linked. Plain loops: weights
 * and activations are read by kernels, not by these. The compiler must not find a memcpy in memcpy (-fno-builtin and
 * -fno-tree-loop-distribute-patterns, see meson.build). */
#include <stddef.h>

void* memcpy(void* to, const void* from, size_t bytes) {
  unsigned char* t = to;
  const unsigned char* f = from;
  while (bytes-- > 0) *t++ = *f++;
  return to;
}

void* memmove(void* to, const void* from, size_t bytes) {
  unsigned char* t = to;
  const unsigned char* f = from;
  if (t < f) return memcpy(to, from, bytes);
  while (bytes-- > 0) t[bytes] = f[bytes];
  return to;
}

void* memset(void* to, int value, size_t bytes) {
  unsigned char* t = to;
  while (bytes-- > 0) *t++ = (unsigned char)value;
  return to;
}

int memcmp(const void* a, const void* b, size_t bytes) {
  const unsigned char *p = a, *q = b;
  for (; bytes > 0; --bytes, ++p, ++q) {
    if (*p != *q) return *p < *q ? -1 : 1;
  }
  return 0;
}

void* memchr(const void* in, int value, size_t bytes) {
  const unsigned char* at = in;
  for (; bytes > 0; --bytes, ++at) {
    if (*at == (unsigned char)value) return (void*)at;
  }
  return NULL;
}

size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

int strcmp(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return (unsigned char)*a < (unsigned char)*b ? -1 : (unsigned char)*a > (unsigned char)*b;
}

int strncmp(const char* a, const char* b, size_t most) {
  for (; most > 0 && *a != '\0' && *a == *b; --most) ++a, ++b;
  if (most == 0) return 0;
  return (unsigned char)*a < (unsigned char)*b ? -1 : (unsigned char)*a > (unsigned char)*b;
}
