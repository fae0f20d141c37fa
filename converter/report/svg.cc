#include "converter/report/svg.h"

#include <algorithm>
#include <cmath>

#include "tools/page/svg.h"
#include "tools/page/text.h"

namespace cutis::convert {

using page::DigitsOfTick, page::Fixed, page::Point, page::SvgBegin, page::SvgBox, page::SvgLine, page::SvgLines, page::SvgText,
    page::Tick;

namespace {

constexpr double kWidth = 720, kLeft = 62, kRight = 10, kTop = 22, kPlot = 180, kBottom = 34;
constexpr double kInner = kWidth - kLeft - kRight;

std::string ValueAxis(double top, const char* unit, double height, double plot) {
  std::string svg = SvgText(kLeft - 8, kTop - 9, "end", unit);
  const double tick = Tick(top);
  for (double at = 0; at <= top * 1.0001; at += tick) {
    const double y = height - plot * at / top;
    svg += SvgLine(kLeft, y, kWidth - kRight, y, "grid") + SvgText(kLeft - 8, y + 4, "end", Fixed(at, DigitsOfTick(tick)));
  }
  return svg;
}

// Numbers below the axis, from 0 to count - 1.
std::string NumberAxis(size_t count, double y, const char* what) {
  std::string svg;
  const auto step = static_cast<size_t>(std::max(1.0, Tick(static_cast<double>(count) / 2)));
  for (size_t i = 0; i < count; i += step) {
    const double x = kLeft + kInner * (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    svg += SvgText(x, y + 15, "middle", std::to_string(i));
  }
  return svg + SvgText(kWidth - kRight, y + 30, "end", what);
}

// A round number above `top` and all values; not zero.
double RoundTop(const std::vector<Bar>& bars, double top) {
  for (const Bar& bar : bars) top = std::max(top, bar.value.value_or(0));
  if (top <= 0) return 1;
  const double tick = Tick(top);
  return tick * std::ceil(top / tick);
}

}  // namespace

std::string ColumnChart(const std::string& label, const std::vector<Bar>& bars, const char* unit, double top) {
  if (top <= 0) top = RoundTop(bars, 0);
  const double base = kTop + kPlot;
  std::string svg = SvgBegin(label, kWidth, base + kBottom) + ValueAxis(top, unit, base, kPlot);
  const double slot = kInner / static_cast<double>(std::max<size_t>(1, bars.size()));
  const double gap = slot > 4 ? 1.5 : slot * 0.2;
  for (size_t i = 0; i < bars.size(); ++i) {
    if (!bars[i].value) continue;
    const double x = kLeft + slot * static_cast<double>(i) + gap / 2;
    const double height = kPlot * std::clamp(*bars[i].value / top, 0.0, 1.0),
                 part = kPlot * std::clamp(bars[i].part / top, 0.0, 1.0);
    svg += SvgBox(x, base - height, slot - gap, std::max(height, 0.5), "bar", bars[i].tip);
    if (part > 0) svg += SvgBox(x, base - part, slot - gap, part, "bar2", bars[i].tip);
  }
  return svg + NumberAxis(bars.size(), base, "layer, in the order of the run") + "</svg>";
}

std::string LineChart(const std::string& label, const std::vector<std::vector<Bar>>& series, const char* unit) {
  double top = 0;
  for (const std::vector<Bar>& bars : series) top = RoundTop(bars, top);
  const double base = kTop + kPlot;
  const size_t count = series.empty() ? 0 : series[0].size();
  const double slot = kInner / static_cast<double>(std::max<size_t>(1, count));
  std::string svg = SvgBegin(label, kWidth, base + kBottom) + ValueAxis(top, unit, base, kPlot);
  for (size_t s = 0; s < series.size(); ++s) {
    std::vector<Point> points;
    std::string dots;
    const auto end_line = [&] {
      if (!points.empty()) svg += SvgLines(points, "line" + std::to_string(s % 4));
      points.clear();
    };
    for (size_t i = 0; i < series[s].size(); ++i) {
      const Bar& bar = series[s][i];
      if (!bar.value) {
        end_line();
        continue;
      }
      const double x = kLeft + slot * (static_cast<double>(i) + 0.5), y = base - kPlot * std::clamp(*bar.value / top, 0.0, 1.0);
      points.push_back({x, y});
      dots += SvgBox(x - 2, y - 2, 4, 4, "dot" + std::to_string(s % 4), bar.tip);
    }
    end_line();
    svg += dots;
  }
  return svg + NumberAxis(count, base, "layer, in the order of the table") + "</svg>";
}

std::string MemoryChart(const Report& report) {
  constexpr double kHigh = 300;
  const double base = kTop + kHigh;
  const auto steps = static_cast<double>(report.layers.size() + 2);  // with what is before the first and after the last node
  const uint64_t arena = report.summary.plan.arena_bytes;
  const double top = std::max(1.0 / 1024, static_cast<double>(arena) / 1024);
  std::string svg = SvgBegin("Memory over the steps of a run", kWidth, base + kBottom) + ValueAxis(top, "KiB", base, kHigh);
  const auto x_of = [&](double step) { return kLeft + kInner * (step + 1) / steps; };
  const auto y_of = [&](uint64_t bytes) { return base - kHigh * static_cast<double>(bytes) / 1024 / top; };
  // A box of `bytes` from `offset` on in the steps first .. last.
  const auto box = [&](int32_t first, int32_t last, uint64_t offset, uint64_t bytes, const std::string& type,
                       const std::string& name) {
    const double x = x_of(first), y = y_of(offset + bytes);
    svg += SvgBox(x, y, x_of(last + 1) - x, y_of(offset) - y, type,
                  name + ": " + std::to_string(bytes) + " bytes at " + std::to_string(offset) + ", steps " +
                      std::to_string(first) + " to " + std::to_string(last));
  };
  std::vector<uint64_t> needed(report.layers.size() + 2);
  const auto need = [&](int32_t first, int32_t last, uint64_t bytes) {
    for (int32_t step = first; step <= last; ++step) {
      if (const auto at = static_cast<size_t>(step + 1); at < needed.size()) needed[at] += bytes;
    }
  };
  for (size_t i = 0; i < report.tensors.size(); ++i) {
    const ReportTensor& tensor = report.tensors[i];
    if (tensor.constant || tensor.inside) continue;
    box(tensor.first_step, tensor.last_step, tensor.offset, tensor.bytes, "box" + std::to_string(i % 4), tensor.name);
    need(tensor.first_step, tensor.last_step, tensor.bytes);
  }
  for (size_t i = 0; i < report.layers.size(); ++i) {
    const ReportLayer& layer = report.layers[i];
    // A place that is handed over counts once in that step.
    if (layer.in_place >= 0) needed[i + 1] -= report.tensors[static_cast<size_t>(layer.in_place)].bytes;
    if (layer.scratch_bytes == 0) continue;
    const auto first = static_cast<int32_t>(i);
    const int32_t last = layer.block < 0 ? first : report.blocks[static_cast<size_t>(layer.block)].last;
    box(first, last, arena - layer.scratch_bytes, layer.scratch_bytes, "scratch", "scratch of " + layer.name);
    need(first, last, layer.scratch_bytes);
  }
  std::vector<Point> points;
  for (size_t i = 0; i < needed.size(); ++i) {
    for (const double step : {static_cast<double>(i) - 1, static_cast<double>(i)})
      points.push_back({x_of(step), y_of(needed[i])});
  }
  svg += SvgLines(points, "live");
  const auto tick = static_cast<size_t>(std::max(1.0, Tick(steps / 2)));
  for (size_t i = 0; i < report.layers.size(); i += tick) {
    svg += SvgText(x_of(static_cast<double>(i) + 0.5), base + 15, "middle", std::to_string(i));
  }
  return svg + SvgText(kWidth - kRight, base + 30, "end", "step: the layer that runs") + "</svg>";
}

std::string PartsChart(const std::vector<std::pair<std::string, uint64_t>>& parts) {
  uint64_t sum = 0;
  for (const auto& part : parts) sum += part.second;
  std::string svg = SvgBegin("Where the bytes of the file are", kWidth, 34);
  double x = 0;
  for (size_t i = 0; i < parts.size() && sum > 0; ++i) {
    const double width = kWidth * static_cast<double>(parts[i].second) / static_cast<double>(sum);
    if (parts[i].second > 0) {
      svg += SvgBox(x, 2, std::max(0.5, width - 1), 30, "part" + std::to_string(i % 8),
                    parts[i].first + ": " + std::to_string(parts[i].second) + " bytes");
    }
    x += width;
  }
  return svg + "</svg>";
}

}  // namespace cutis::convert
