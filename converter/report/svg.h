// The pictures of the report, as SVG inside the page. Colours are classes of its style sheet; nothing is loaded or run.
#ifndef CUTIS_CONVERTER_REPORT_SVG_H_
#define CUTIS_CONVERTER_REPORT_SVG_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "converter/report/report.h"

namespace cutis::convert {

struct Bar {
  std::optional<double> value;  // nothing: a gap
  std::string tip;              // shown where the pointer rests; plain text
  double part = 0;              // of the value, drawn in the second colour from below
};

// Columns by layer number, with an axis from 0 to a round number above the largest value (`top` > 0: to that).
std::string ColumnChart(const std::string& label, const std::vector<Bar>& bars, const char* unit, double top = 0);
// Lines over the layers, one for each of up to four series, in the classes line0, dot0, line1, ...; a gap where there is no
// value. All series are of the same length.
std::string LineChart(const std::string& label, const std::vector<std::vector<Bar>>& series, const char* unit);
// Tensors as rectangles by step and address, and the sum of what lives as a line.
std::string MemoryChart(const Report& report);
// One bar of parts, in the order of the classes part0, part1, ...
std::string PartsChart(const std::vector<std::pair<std::string, uint64_t>>& parts);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_REPORT_SVG_H_
