#ifndef CUTIS_OPS_FORMAT_TEXT_OWN_H_
#define CUTIS_OPS_FORMAT_TEXT_OWN_H_

#include <cstdarg>
#include <cstddef>

namespace cutis {

// FormatText (ops/format_text.h) without stdio and locale. Compiled for -Dos=none, and for the test that compares it with
// std::vsnprintf.
int FormatTextOwn(char* to, size_t size, const char* format, va_list args);

}  // namespace cutis

#endif  // CUTIS_OPS_FORMAT_TEXT_OWN_H_
