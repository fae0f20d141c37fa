#include "tools/page/svg.h"

#include <algorithm>
#include <cmath>

#include "tools/page/text.h"

namespace cutis::page {
namespace {

std::string N(double value) { return Fixed(value, 2); }

}  // namespace

std::string SvgBegin(const std::string& label, double width, double height) {
  return "<svg viewBox=\"0 0 " + N(width) + " " + N(height) + "\" role=\"img\" aria-label=\"" + Escape(label) + "\">";
}

std::string SvgText(double x, double y, const char* anchor, const std::string& text, const char* name) {
  std::string svg("<text");
  if (name[0] != '\0') svg.append(" class=\"").append(name).append("\"");
  return svg + " x=\"" + N(x) + "\" y=\"" + N(y) + "\" text-anchor=\"" + anchor + "\">" + Escape(text) + "</text>";
}

std::string SvgLine(double x1, double y1, double x2, double y2, const char* name) {
  return "<line class=\"" + std::string(name) + "\" x1=\"" + N(x1) + "\" y1=\"" + N(y1) + "\" x2=\"" + N(x2) + "\" y2=\"" +
         N(y2) + "\"/>";
}

std::string SvgLines(std::span<const Point> points, const std::string& name) {
  std::string svg = "<polyline class=\"" + name + "\" points=\"";
  for (const Point& point : points) svg += N(point.x) + "," + N(point.y) + " ";
  return svg + "\"/>";
}

std::string SvgBox(double x, double y, double width, double height, const std::string& name, const std::string& tip) {
  return "<rect class=\"" + name + "\" x=\"" + N(x) + "\" y=\"" + N(y) + "\" width=\"" + N(width) + "\" height=\"" + N(height) +
         "\"><title>" + Escape(tip, 400) + "</title></rect>";
}

std::string SvgDot(double x, double y, double radius, const std::string& name, const std::string& tip) {
  return "<circle class=\"" + name + "\" cx=\"" + N(x) + "\" cy=\"" + N(y) + "\" r=\"" + N(radius) + "\"><title>" +
         Escape(tip, 400) + "</title></circle>";
}

double Tick(double top) {
  double tick = 1;
  while (tick * 5 < top) tick *= 10;
  while (tick * 0.5 > top * 0.1 && tick > 1e-9) tick /= 10;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (tick * factor * 6 >= top) return tick * factor;
  }
  return tick * 10;
}

int DigitsOfTick(double tick) { return std::max(0, static_cast<int>(std::ceil(-std::log10(tick) - 1e-9))); }

}  // namespace cutis::page
