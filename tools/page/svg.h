// Shapes of a picture inside a page. `name` is a class of the style sheet: colours and widths are its matter. Texts are plain.
#ifndef CUTIS_TOOLS_PAGE_SVG_H_
#define CUTIS_TOOLS_PAGE_SVG_H_

#include <span>
#include <string>

namespace cutis::page {

struct Point {
  double x = 0, y = 0;
};

std::string SvgBegin(const std::string& label, double width, double height);  // ends with </svg>
std::string SvgText(double x, double y, const char* anchor, const std::string& text, const char* name = "");
std::string SvgLine(double x1, double y1, double x2, double y2, const char* name);
std::string SvgLines(std::span<const Point> points, const std::string& name);  // one after the other
// With a text that is shown where the pointer rests.
std::string SvgBox(double x, double y, double width, double height, const std::string& name, const std::string& tip);
std::string SvgDot(double x, double y, double radius, const std::string& name, const std::string& tip);

// A round number that divides an axis up to `top` into three to seven parts.
double Tick(double top);
// How many digits after the point tell multiples of that number apart.
int DigitsOfTick(double tick);

}  // namespace cutis::page

#endif  // CUTIS_TOOLS_PAGE_SVG_H_
