#include "ops/format_text.h"

#include <cstdio>

namespace cutis {

int FormatText(char* to, size_t size, const char* format, va_list args) { return std::vsnprintf(to, size, format, args); }

}  // namespace cutis
