#include "runtime/cutis.h"
#include "runtime/header.h"

#ifndef CUTIS_VERSION
#error "the build defines CUTIS_VERSION (see the top meson.build)"
#endif

const char* cutis_version(void) { return CUTIS_VERSION; }
uint32_t cutis_format_version(void) { return cutis::kFormatVersion; }
