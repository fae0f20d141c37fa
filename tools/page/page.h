// Pages for people: one HTML file that holds all it needs, light or dark as the reader's system is set, without scripts. For
// cutis bench and cutis-convert.
#ifndef CUTIS_TOOLS_PAGE_PAGE_H_
#define CUTIS_TOOLS_PAGE_PAGE_H_

#include <string>

namespace cutis::page {

// The beginning of a page, up to where its content comes, and its end. `style` comes after what all pages share, whose colours
// are variables: --bg, --fg, --soft, --line, --card, --a, --b, --c0 to --c7.
std::string Begin(const std::string& title, const char* style);
std::string End();

// Parts of it; all their texts are HTML.
std::string Tile(const std::string& name, const std::string& value, const std::string& detail);
std::string Row(const std::string& name, const std::string& value);  // of a table
std::string Figure(const std::string& title, const std::string& svg, const std::string& caption);

}  // namespace cutis::page

#endif  // CUTIS_TOOLS_PAGE_PAGE_H_
