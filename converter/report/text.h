// Text of files, made fit to be shown.
#ifndef CUTIS_CONVERTER_REPORT_TEXT_H_
#define CUTIS_CONVERTER_REPORT_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace cutis::convert {

// For HTML and SVG, as content or inside quotes: what has a meaning there is escaped, what is no valid UTF-8 or no character
// that may stand in a document becomes U+FFFD. More than `most` bytes are cut, with an ellipsis.
std::string Escape(std::string_view text, size_t most = 4096);

std::string Grouped(uint64_t value);                // 1 234 567
std::string Fixed(double value, int digits);        // a dash for what is no number
std::string Percent(double share, int digits = 1);  // "12.5 %"

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_REPORT_TEXT_H_
