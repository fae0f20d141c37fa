// The pictures of cutis bench --report, as SVG.
#ifndef CUTIS_TOOLS_CUTIS_CHARTS_H_
#define CUTIS_TOOLS_CUTIS_CHARTS_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/cutis/measure.h"

namespace cutis::cli {

// What each kind of operator is drawn in: the class part0, part1, ... of its place in this list.
std::vector<const char*> OpKinds(const Profile& profile);

// How often a run took how long, with the median and what 90 and 99 % of the runs lie below.
std::string LatencyChart(const Measurement& result);

// Each step by operations a byte and operations a second, on logarithmic axes, under the roofs; the slowest with their numbers.
std::string RooflineChart(const Model& model, const Profile& profile);

// What a step needs of the arena, for the whole batch and all threads.
struct ArenaStep {
  double ms = 0;  // that the step takes
  uint64_t live = 0, top = 0, scratch = 0;
  std::string name;
};
// Over the time of a run: live activations, gaps below the highest of them, scratch; and the arena that holds the most of it.
std::string ArenaChart(std::span<const ArenaStep> steps, uint64_t arena_bytes);

// Horizontal bars, one below the other.
struct BarRow {
  std::string label;
  std::optional<double> share;  // of the room for bars; nothing: a heading
  std::string name;             // the bar's class
  std::string text;             // behind the bar
  std::string tip;
  std::optional<double> mark;  // a line across the bar, a share as well
};
std::string BarsChart(const std::string& label, std::span<const BarRow> rows, double label_width);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_CHARTS_H_
