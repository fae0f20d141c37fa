#include "tools/cutis/charts.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "tools/page/svg.h"
#include "tools/page/text.h"

namespace cutis::cli {

using page::DigitsOfTick, page::Fixed, page::Format, page::Point, page::SvgBegin, page::SvgBox, page::SvgDot, page::SvgLine,
    page::SvgLines, page::SvgText, page::Tick;

namespace {

constexpr double kWidth = 720, kLetter = 6.2;  // a letter's width, about

// From the lower left corner of a plot.
struct Plot {
  double left, base, width, height;
  double right() const { return left + width; }
  double top() const { return base - height; }
};

// Lines and numbers beside a plot whose values begin with zero.
std::string ValueAxis(const Plot& plot, double top, double tick, const char* unit) {
  std::string svg = SvgText(plot.left - 8, plot.top() - 9, "end", unit);
  for (double at = 0; at <= top * 1.0001; at += tick) {
    const double y = plot.base - plot.height * at / top;
    svg += SvgLine(plot.left, y, plot.right(), y, "grid") + SvgText(plot.left - 8, y + 4, "end", Fixed(at, DigitsOfTick(tick)));
  }
  return svg;
}

}  // namespace

// -- latency --------------------------------------------------------------------------------------

namespace {

// Columns of equal width from the least time on, and one for all that took much longer: a few runs that something else held up
// would press the others into one column.
struct Histogram {
  double least, most;  // of the columns of equal width
  std::vector<size_t> counts;
  size_t longer = 0;
};

Histogram CountRuns(const Measurement& result) {
  const std::vector<double>& ms = result.run_ms;
  Histogram histogram;
  histogram.least = ms.front();
  histogram.most = std::min(ms.back(), ms.front() + 3 * (result.RunMs(0.9) - ms.front()));
  if (histogram.most <= histogram.least) histogram.most = histogram.least * 1.01 + 1e-6;
  const double columns = std::clamp(std::ceil(2 * std::cbrt(static_cast<double>(ms.size()))), 6.0, 40.0);  // Rice's rule
  histogram.counts.resize(static_cast<size_t>(columns));
  for (const double time : ms) {
    const double at = columns * (time - histogram.least) / (histogram.most - histogram.least);
    if (at > columns) {
      ++histogram.longer;
    } else {
      ++histogram.counts[static_cast<size_t>(std::min(at, columns - 1))];
    }
  }
  return histogram;
}

}  // namespace

std::string LatencyChart(const Measurement& result) {
  constexpr Plot kPlot = {46, 226, 660, 170};
  const Histogram histogram = CountRuns(result);
  const double columns = static_cast<double>(histogram.counts.size());
  const double slot = kPlot.width / (columns + (histogram.longer > 0 ? 2 : 0)),
               step = (histogram.most - histogram.least) / columns;
  const double most =
      static_cast<double>(std::max(histogram.longer, *std::max_element(histogram.counts.begin(), histogram.counts.end())));
  const double tick = std::max(1.0, Tick(most)), top = tick * std::ceil(most / tick);
  const auto x_of = [&](double ms) {
    return kPlot.left + slot * (ms > histogram.most ? columns + 1.5 : (ms - histogram.least) / step);
  };
  std::string svg = SvgBegin("How often a run took how long", kWidth, kPlot.base + 36) + ValueAxis(kPlot, top, tick, "runs");
  const auto column = [&](double at, size_t count, const std::string& range) {
    const double height = kPlot.height * static_cast<double>(count) / top;
    if (count == 0) return;
    svg += SvgBox(kPlot.left + slot * at + 0.75, kPlot.base - height, slot - 1.5, height, "bar",
                  Format("%zu run%s of ", count, count == 1 ? "" : "s") + range);
  };
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    const double from = histogram.least + step * static_cast<double>(i);
    column(static_cast<double>(i), histogram.counts[i], Format("%.4f to %.4f ms", from, from + step));
  }
  column(columns + 1, histogram.longer, Format("more than %.4f ms, up to %.4f", histogram.most, result.run_ms.back()));
  const double grid = Tick(histogram.most - histogram.least);
  for (double at = std::ceil(histogram.least / grid) * grid; at <= histogram.most; at += grid) {
    svg += SvgText(x_of(at), kPlot.base + 15, "middle", Fixed(at, DigitsOfTick(grid)));
  }
  if (histogram.longer > 0) {
    svg += SvgText(kPlot.left + slot * (columns + 1.5), kPlot.base + 15, "middle",
                   "above " + Fixed(histogram.most, DigitsOfTick(grid)));
  }
  const struct {
    const char* name;
    double share;
  } marks[] = {{"median", 0.5}, {"p90", 0.9}, {"p99", 0.99}};
  double label = 14;
  for (const auto& mark : marks) {
    const double ms = result.RunMs(mark.share), x = x_of(ms);
    const bool right = x < kPlot.left + 0.75 * kPlot.width;
    svg += SvgLine(x, label - 8, x, kPlot.base, "mark") +
           SvgText(x + (right ? 5 : -5), label, right ? "start" : "end", Format("%s %.3f ms", mark.name, ms), "name");
    label += 13;
  }
  return svg + SvgText(kPlot.right(), kPlot.base + 30, "end", "ms a run") + "</svg>";
}

// -- roofline -------------------------------------------------------------------------------------

std::vector<const char*> OpKinds(const Profile& profile) {
  std::vector<const char*> kinds;
  for (const OpTotal& total : Totals(profile)) kinds.push_back(total.op);
  kinds.pop_back();  // all
  return kinds;
}

namespace {

struct LogAxis {
  double least, most, from, length;  // values, and where they lie: length below 0 goes up
  double At(double value) const { return from + length * std::log(value / least) / std::log(most / least); }
  // 1, 2 and 5 of each decade; its beginning alone where there are many.
  std::vector<double> Ticks() const {
    std::vector<double> ticks;
    const bool many = most / least > 3000;
    double decade = 1;
    while (decade > least) decade /= 10;
    while (decade * 10 <= least) decade *= 10;
    for (; decade <= most; decade *= 10) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        if ((digit == 1 || !many) && decade * digit >= least && decade * digit <= most) ticks.push_back(decade * digit);
      }
    }
    return ticks;
  }
};

struct Area {
  double x, y, width, height;
  bool Meets(const Area& other) const {
    return x < other.x + other.width && other.x < x + width && y < other.y + other.height && other.y < y + height;
  }
};

// The labels of some dots, each where nothing else is, as far as there is such a place.
class Labels {
 public:
  explicit Labels(const Plot& plot) : plot_(plot) {}
  void Avoid(Point at, double radius) { taken_.push_back({at.x - radius, at.y - radius, 2 * radius, 2 * radius}); }

  std::string Add(Point dot, double radius, const std::string& text) {
    const double width = kLetter * static_cast<double>(text.size());
    Area place = {};
    for (const double far : {3.0, 12.0, 24.0, 40.0}) {
      for (const Point& way : {Point{1, 0}, {-1, 0}, {0, -1}, {0, 1}, {1, -1}, {-1, -1}, {1, 1}, {-1, 1}}) {
        const double away = radius + far;
        place = {dot.x + way.x * away - (way.x < 0 ? width : way.x == 0 ? width / 2 : 0), dot.y + way.y * away - 6, width, 12};
        const bool inside =
            place.x > plot_.left && place.x + width < plot_.right() && place.y > plot_.top() && place.y + 12 < plot_.base;
        if (inside && std::none_of(taken_.begin(), taken_.end(), [&](const Area& area) { return area.Meets(place); })) {
          taken_.push_back(place);
          const bool near = far < 5;
          return (near ? "" : SvgLine(dot.x, dot.y, place.x + width / 2, place.y + 6, "grid")) +
                 SvgText(place.x, place.y + 10, "start", text, "name");
        }
      }
    }
    return SvgText(dot.x + radius + 3, dot.y + 4, "start", text, "name");
  }

 private:
  const Plot& plot_;
  std::vector<Area> taken_;
};

// The plot of a roofline: what is in it, and between what values.
struct Roofline {
  static constexpr Plot kPlot = {56, 352, 650, 330};
  LogAxis x = {1e9, 0, kPlot.left, kPlot.width}, y = {1e9, 0, kPlot.base, -kPlot.height};
  std::vector<const ProfileStep*> steps;  // that have a place in it, the slowest first
  std::vector<DataType> types;            // whose roofs are drawn
  double all_ms = 0, gbs;

  Point At(const ProfileStep& step) const { return {x.At(step.cost.Intensity()), y.At(step.cost.GigaOps())}; }
  double Radius(const ProfileStep& step) const { return 3 + 14 * std::sqrt(step.cost.ms / all_ms); }
};

Roofline MakeRoofline(const Model& model, const Profile& profile) {
  constexpr double kMargin = 1.6;  // around what is shown
  Roofline line;
  line.gbs = 1e-6 * profile.roofs.bytes_per_ms;
  const auto hold = [&](double intensity, double gops) {
    line.x.least = std::min(line.x.least, intensity / kMargin);
    line.x.most = std::max(line.x.most, intensity * kMargin);
    line.y.least = std::min(line.y.least, gops / kMargin);
    line.y.most = std::max(line.y.most, gops * kMargin);
  };
  for (const ProfileStep& step : profile.steps) {
    line.all_ms += step.cost.ms;
    if (step.cost.GigaOps() <= 0 || step.cost.Intensity() <= 0) continue;
    line.steps.push_back(&step);
    hold(step.cost.Intensity(), step.cost.GigaOps());
    const DataType type = model.nodes()[step.last].op->type;
    if (std::find(line.types.begin(), line.types.end(), type) != line.types.end()) continue;
    line.types.push_back(type);
    const double gops = 2e-6 * profile.roofs.Of(type).macs_per_ms;
    hold(gops / line.gbs, gops);
  }
  std::stable_sort(line.steps.begin(), line.steps.end(),
                   [](const ProfileStep* a, const ProfileStep* b) { return a->cost.ms > b->cost.ms; });
  return line;
}

std::string Grid(const Roofline& line) {
  constexpr Plot kPlot = Roofline::kPlot;
  std::string svg;
  for (const double tick : line.x.Ticks()) {
    svg += SvgLine(line.x.At(tick), kPlot.base, line.x.At(tick), kPlot.top(), "grid") +
           SvgText(line.x.At(tick), kPlot.base + 15, "middle", Format("%g", tick));
  }
  for (const double tick : line.y.Ticks()) {
    svg += SvgLine(kPlot.left, line.y.At(tick), kPlot.right(), line.y.At(tick), "grid") +
           SvgText(kPlot.left - 8, line.y.At(tick) + 4, "end", Format("%g", tick));
  }
  return svg + SvgText(kPlot.left - 8, kPlot.top() - 9, "end", "GOP/s") +
         SvgText(kPlot.right(), kPlot.base + 30, "end", "operations a byte");
}

// The lines that nothing gets above for long, with their numbers.
std::string RoofLines(const Roofline& line, const Roofs& roofs) {
  std::string svg;
  const double start = std::max(line.x.least, line.y.least / line.gbs);
  double ridge = line.x.most;
  for (const DataType type : line.types) {
    const double gops = 2e-6 * roofs.Of(type).macs_per_ms;
    ridge = std::min(ridge, gops / line.gbs);
    const Point points[] = {{line.x.At(start), line.y.At(line.gbs * start)},
                            {line.x.At(gops / line.gbs), line.y.At(gops)},
                            {line.x.At(line.x.most), line.y.At(gops)}};
    svg +=
        SvgLines(points, "roof") + SvgText(line.x.At(line.x.most), line.y.At(gops) - 6, "end",
                                           Format("%s: %.1f GOP/s", type == DataType::kU8 ? "uint8" : "float32", gops), "name");
  }
  const double middle = std::sqrt(start * ridge);  // of the slope
  return svg +
         SvgText(line.x.At(middle) - 8, line.y.At(line.gbs * middle) - 4, "end", Format("memory: %.1f GB/s", line.gbs), "name");
}

}  // namespace

std::string RooflineChart(const Model& model, const Profile& profile) {
  constexpr size_t kLabelled = 8;
  const Roofline line = MakeRoofline(model, profile);
  std::string svg = SvgBegin("Steps under the roofs of the machine", kWidth, Roofline::kPlot.base + 36);
  if (line.steps.empty()) return svg + "</svg>";
  svg += Grid(line) + RoofLines(line, profile.roofs);
  const std::vector<const char*> kinds = OpKinds(profile);
  Labels labels(Roofline::kPlot);
  for (const ProfileStep* step : line.steps) {
    const Point at = line.At(*step);
    const double radius = line.Radius(*step);
    const size_t kind = static_cast<size_t>(std::find(kinds.begin(), kinds.end(), step->op) - kinds.begin());
    svg += SvgDot(at.x, at.y, radius, Format("part%zu", kind % 8),
                  Format("step %zu, %s ", step->last, step->op) + model.nodes()[step->last].name +
                      Format(": %.4f ms, %.1f GOP/s, %.1f operations a byte", step->cost.ms, step->cost.GigaOps(),
                             step->cost.Intensity()));
    labels.Avoid(at, radius * 0.7);
  }
  for (size_t i = 0; i < std::min(kLabelled, line.steps.size()); ++i) {
    svg += labels.Add(line.At(*line.steps[i]), line.Radius(*line.steps[i]), Format("%zu", line.steps[i]->last));
  }
  return svg + "</svg>";
}

// -- memory ---------------------------------------------------------------------------------------

std::string ArenaChart(std::span<const ArenaStep> steps, uint64_t arena_bytes) {
  constexpr Plot kPlot = {56, 242, 650, 220};
  const double all_ms =
      std::accumulate(steps.begin(), steps.end(), 0.0, [](double sum, const ArenaStep& s) { return sum + s.ms; });
  const double arena = static_cast<double>(arena_bytes) / 1024;
  const double tick = Tick(std::max(arena, 1e-3)), top = tick * std::ceil(1.04 * std::max(arena, 1e-3) / tick);
  std::string svg = SvgBegin("The arena over the time of a run", kWidth, kPlot.base + 36) + ValueAxis(kPlot, top, tick, "KiB");
  double x = kPlot.left;
  for (const ArenaStep& step : steps) {
    const double width = all_ms > 0 ? kPlot.width * step.ms / all_ms : kPlot.width / static_cast<double>(steps.size());
    double y = kPlot.base;
    const std::string tip =
        step.name + Format(": %llu bytes of live activations, which end at %llu; %llu of scratch; %.4f ms",
                           static_cast<unsigned long long>(step.live), static_cast<unsigned long long>(step.top),
                           static_cast<unsigned long long>(step.scratch), step.ms);
    const auto part = [&](uint64_t bytes, const char* name) {
      const double height = kPlot.height * static_cast<double>(bytes) / 1024 / top;
      y -= height;
      if (bytes > 0) svg += SvgBox(x, y, width, height, name, tip);
    };
    part(step.live, "live");
    part(step.top - std::min(step.top, step.live), "gap");
    part(step.scratch, "scratch");
    x += width;
  }
  const double line = kPlot.base - kPlot.height * arena / top;
  svg += SvgLine(kPlot.left, line, kPlot.right(), line, "arena") +
         SvgText(kPlot.right(), line - 5, "end", "arena " + Grouped(arena_bytes) + " bytes", "name");
  if (all_ms > 0) {
    const double grid = Tick(all_ms);
    for (double at = 0; at <= all_ms; at += grid) {
      svg += SvgText(kPlot.left + kPlot.width * at / all_ms, kPlot.base + 15, "middle", Fixed(at, DigitsOfTick(grid)));
    }
  }
  return svg + SvgText(kPlot.right(), kPlot.base + 30, "end", "ms since the run began") + "</svg>";
}

// -- bars -----------------------------------------------------------------------------------------

std::string BarsChart(const std::string& label, std::span<const BarRow> rows, double label_width) {
  constexpr double kRow = 18, kHeading = 28, kBehind = 150;
  const double room = kWidth - label_width - kBehind;
  double height = 0;
  for (const BarRow& row : rows) height += row.share ? kRow : kHeading;
  std::string svg = SvgBegin(label, kWidth, height + 4);
  double y = 0;
  for (const BarRow& row : rows) {
    if (!row.share) {
      svg += SvgText(0, y + kHeading - 8, "start", row.label, "name");
      y += kHeading;
      continue;
    }
    const double width = std::max(0.5, room * std::clamp(*row.share, 0.0, 1.0));
    svg += SvgText(label_width - 8, y + 13, "end", row.label) + SvgBox(label_width, y + 2, width, kRow - 4, row.name, row.tip);
    double end = width;
    if (row.mark) {
      const double at = room * std::clamp(*row.mark, 0.0, 1.0);
      svg += SvgLine(label_width + at, y + 1, label_width + at, y + kRow - 1, "mark");
      end = std::max(end, at);
    }
    svg += SvgText(label_width + end + 6, y + 13, "start", row.text);
    y += kRow;
  }
  return svg + "</svg>";
}

}  // namespace cutis::cli
