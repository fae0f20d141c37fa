#include "ops/format_text.h"
#include "ops/format_text_own.h"

namespace cutis {

int FormatText(char* to, size_t size, const char* format, va_list args) { return FormatTextOwn(to, size, format, args); }

}  // namespace cutis
