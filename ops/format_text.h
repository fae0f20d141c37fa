// printf-style text into memory of fixed size, for systems with and without stdio.
#ifndef CUTIS_OPS_FORMAT_TEXT_H_
#define CUTIS_OPS_FORMAT_TEXT_H_

#include <cstdarg>
#include <cstddef>

namespace cutis {

// As std::vsnprintf: at most `size` bytes with the final zero, longer text is cut; returns the length of the whole text. With
// -Dos=none it knows %% %c %s %d %u %x %g with -, 0, width, precision (* too), and the sizes l, ll and z; a conversion that it
// does not know is written as it stands, and so is the rest of the format.
int FormatText(char* to, size_t size, const char* format, va_list args);

}  // namespace cutis

#endif  // CUTIS_OPS_FORMAT_TEXT_H_
