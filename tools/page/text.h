// Text for pages: what files say, made fit to be shown, and numbers.
#ifndef CUTIS_TOOLS_PAGE_TEXT_H_
#define CUTIS_TOOLS_PAGE_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace cutis::page {

// For HTML and SVG, as content or inside quotes: what has a meaning there is escaped, what is no valid UTF-8 or no character
// that may stand in a document becomes U+FFFD. More than `most` bytes are cut, with an ellipsis.
std::string Escape(std::string_view text, size_t most = 4096);

std::string Grouped(uint64_t value);                // 1 234 567
std::string Fixed(double value, int digits);        // a dash for what is no number
std::string Percent(double share, int digits = 1);  // "12.5 %"

// What printf would print. The texts among the arguments are not escaped.
[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...);

}  // namespace cutis::page

#endif  // CUTIS_TOOLS_PAGE_TEXT_H_
