#include "tools/cutis/report.h"

#include <algorithm>
#include <chrono>

#include "tools/cutis/charts.h"
#include "tools/page/page.h"
#include "tools/page/text.h"

namespace cutis::cli {

using page::Escape, page::Figure, page::Fixed, page::Format, page::Percent, page::Row, page::Tile;

namespace {

constexpr char kStyle[] = R"css(
i.key{margin-left:.9em}i.key:first-child{margin-left:0}.bar{fill:var(--a)}.mark{stroke:var(--fg);stroke-width:1.2}svg .name{fill:var(--fg)}
.roof{fill:none;stroke:var(--fg);stroke-width:1.4}circle{fill-opacity:.72;stroke:var(--bg);stroke-width:.7}
.live{fill:var(--c0)}.gap{fill:var(--line)}.scratch{fill:var(--c1)}.arena{stroke:var(--fg);stroke-width:1.2;stroke-dasharray:5 3}
.live,.gap,.scratch{stroke:var(--bg);stroke-width:.4}
.before{fill:var(--c7);background:var(--c7)}.after{fill:var(--c0);background:var(--c0)}.run{fill:var(--c2);background:var(--c2)}
i.live{background:var(--c0)}i.gap{background:var(--line)}i.scratch{background:var(--c1)}
)css";

struct Page {
  const Model& model;
  const BenchOptions& options;
  const Measurement& result;
  const Baseline* baseline;

  double ImageMs(double share) const { return result.RunMs(share) / options.batch; }
};

std::string Key(const char* name, const std::string& text) {
  return "<i class=\"key " + std::string(name) + "\"></i>" + text + " ";
}

// "3.21 MB" and the like: what is compared, not what must be exact.
std::string Megabytes(double bytes) { return Fixed(1e-6 * bytes, bytes < 1e8 ? 2 : 0) + "\u202fMB"; }

std::string ValueText(Measure::Unit unit, double value) {
  switch (unit) {
    case Measure::Unit::kMs:
      return Fixed(value, value < 10 ? 3 : value < 100 ? 2 : 1) + "\u202fms";
    case Measure::Unit::kBytes:
      return Megabytes(value);
    case Measure::Unit::kShare:
      return Fixed(value, 2);
  }
  return "";
}

Figures ThisRun(const Page& page) {
  Figures figures;
  figures.name = "this run";
  figures.Of("inference_ms") = page.ImageMs(0.5);
  figures.Of("inference_p90_ms") = page.ImageMs(0.9);
  figures.Of("start_ms") = page.result.load_ms + page.result.first_ms;
  if (const uint64_t peak = page.result.resident().peak; peak > 0) figures.Of("peak_bytes") = static_cast<double>(peak);
  return figures;
}

std::string RatioText(double ratio) { return Fixed(ratio, ratio < 10 ? 2 : 1) + "x"; }

// The end of a long name tells more than its beginning.
std::string Shortened(const std::string& name, size_t most) {
  if (name.size() <= most) return name;
  return std::string("\u2026").append(name, name.size() - most + 1);
}

// -- parts ----------------------------------------------------------------------------------------

std::string Tiles(const Page& page) {
  const Model& model = page.model;
  const int32_t batch = page.options.batch, threads = page.options.threads;
  const uint64_t arena = model.ArenaBytes(batch, threads), bound = model.ArenaLowerBound(batch, threads);
  const double ms = page.ImageMs(0.5);
  std::string html = "<div class=\"tiles\">\n";
  html += Tile("Inference", Fixed(ms, 3) + " ms", "an image, median; 90 % below " + Fixed(page.ImageMs(0.9), 3));
  html += Tile("Images a second", Fixed(ms > 0 ? 1000 / ms : 0, 0),
               Format("of inference alone, %d thread%s", threads, threads == 1 ? "" : "s"));
  html += Tile("Start", Fixed(page.result.load_ms + page.result.first_ms, 2) + " ms",
               "open and check " + Fixed(page.result.load_ms, 2) + ", first run " + Fixed(page.result.first_ms, 2));
  html += Tile("Arena", page::Grouped(arena),
               arena == bound ? "bytes, the lower bound" : "bytes; lower bound " + page::Grouped(bound));
  html += Tile("Peak memory", Megabytes(static_cast<double>(page.result.resident().peak)), "resident, of the whole process");
  return html + "</div>\n";
}

// Not by strftime(), which brings time zones and languages into a static program.
std::string Now() {
  const auto now = std::chrono::floor<std::chrono::minutes>(std::chrono::system_clock::now());
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  return Format("%d-%02u-%02u %02d:%02d UTC", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()));
}

std::string MeasuredHtml(const Page& page) {
  const Model& model = page.model;
  const BenchOptions& options = page.options;
  const std::string cpu = CpuName(), made_by = model.provenance().converter;
  const std::string system = SystemName();
  return "<h2>What was measured</h2>\n<div class=\"scroll\"><table>\n" +
         Row("model", Escape(BaseName(options.model.path), 300) + ", " + page::Grouped(model.file_bytes()) + " bytes") +
         Row("its content hash", "<code>" + Hex(model.sha256()) + "</code>") +
         Row("outputs", "<code>" + Hex(page.result.output_hash) + "</code>") +
         Row("processor", Escape(cpu.empty() ? "not stated by the system" : cpu)) +
         Row("instruction set", NameOf(BestIsa(model.cpu()))) +
         Row("runs", Format("%d of %d image%s each, %d thread%s, generated inputs", options.runs, options.batch,
                            options.batch == 1 ? "" : "s", options.threads, options.threads == 1 ? "" : "s")) +
         Row("versions", "Cutis " CUTIS_VERSION ", model made by " + Escape(made_by.empty() ? "not stated" : made_by, 200)) +
         Row("system", Escape(system.empty() ? "not stated" : system)) + Row("when", Now()) + "</table></div>\n";
}

// -- before and after -----------------------------------------------------------------------------

// The bars of one measure; the one before comes first.
void AddBars(const Baseline& baseline, const Figures& run, size_t measure, std::vector<BarRow>* rows) {
  const Measure& what = kMeasures[measure];
  const struct {
    const Figures* figures;
    const char* name;
  } bars[] = {{&baseline.before, "before"}, {baseline.after ? &*baseline.after : nullptr, "after"}, {&run, "run"}};
  double most = 0;
  for (const auto& bar : bars) most = std::max(most, bar.figures ? bar.figures->values[measure].value_or(0) : 0);
  const double before = *baseline.before.values[measure];
  rows->push_back({what.title, {}, "", "", "", {}});
  for (const auto& bar : bars) {
    if (bar.figures == nullptr || !bar.figures->values[measure]) continue;
    const double value = *bar.figures->values[measure];
    std::string text = ValueText(what.unit, value);
    if (bar.figures != &baseline.before && what.unit != Measure::Unit::kShare) {
      const double ratio = bar.figures == &run ? before / value : baseline.ratio[measure].value_or(before / value);
      text += Format("  (%s %s)", RatioText(ratio >= 1 ? ratio : 1 / ratio).c_str(), ratio >= 1 ? "less" : "more");
    }
    rows->push_back({Shortened(bar.figures->name, 32), value / most, bar.name, text, bar.figures->name + ": " + text, {}});
  }
}

std::string FiguresKey(const char* name, const Figures& figures) {
  std::string text = Escape(figures.name, 200);
  if (!figures.versions.empty()) text.append(" (").append(Escape(figures.versions, 300)).append(")");
  return Key(name, text);
}

std::string BaselineHtml(const Page& page) {
  if (page.baseline == nullptr) return "";
  const Baseline& baseline = *page.baseline;
  const Figures run = ThisRun(page);
  std::vector<BarRow> rows;
  for (size_t i = 0; i < kMeasures.size(); ++i) {
    const bool other = run.values[i] || (baseline.after && baseline.after->values[i]);
    if (baseline.before.values[i] && other) AddBars(baseline, run, i, &rows);
  }
  std::string html("<h2>Before and after</h2>\n<p>");
  html += FiguresKey("before", baseline.before);
  if (baseline.after) html += FiguresKey("after", *baseline.after);
  html += FiguresKey("run", run) + "</p>\n";
  std::string caption = Escape(baseline.about, 400);
  if (baseline.after) caption += ". The first two were measured in turn; their ratios are medians over rounds";
  if (!baseline.machine.empty()) caption += ". Measured on " + Escape(baseline.machine, 200);
  if (!baseline.machine.empty() && baseline.machine != CpuName()) {
    html += "<p class=\"warn\">The figures to compare with come from another processor than this run's.</p>\n";
  }
  return html + Figure("Time and memory", BarsChart("Time and memory before and after", rows, 210), caption + ".");
}

// -- steps ----------------------------------------------------------------------------------------

std::string NameOfStep(const Model& model, const ProfileStep& step) { return model.nodes()[step.last].name; }

std::string KindKeys(const Profile& profile) {
  std::string html;
  size_t i = 0;
  for (const char* kind : OpKinds(profile)) html += Key(Format("k%zu", i++ % 8).c_str(), Escape(kind));
  return html;
}

std::string RooflineHtml(const Page& page) {
  const Profile& profile = page.result.profile;
  size_t without = 0;
  double their_ms = 0;
  for (const ProfileStep& step : profile.steps) {
    if (step.cost.GigaOps() > 0 && step.cost.Intensity() > 0) continue;
    ++without;
    their_ms += step.cost.ms;
  }
  std::string caption =
      "Each dot is a step (a layer, or the layers of a block), the larger the longer it takes; the numbers are those of the "
      "slowest. The line is what this machine's memory (slope) and arithmetic (flat) allow, measured in the same call on as "
      "many "
      "threads.";
  if (without > 0) {
    caption += Format(" %zu step%s without multiply-adds, %.4f ms together, %s no place here.", without,
                      without == 1 ? "" : "s", their_ms, without == 1 ? "has" : "have");
  }
  return "<h2>Steps under the roofs</h2>\n<p>" + KindKeys(profile) + "</p>\n" +
         Figure("Roofline", RooflineChart(page.model, profile), caption);
}

std::string StepsHtml(const Page& page) {
  const Profile& profile = page.result.profile;
  const std::vector<const char*> kinds = OpKinds(profile);
  double most = 0, all = 0;
  for (const ProfileStep& step : profile.steps) {
    most = std::max(most, step.cost.ms);
    all += step.cost.ms;
  }
  std::vector<BarRow> rows;
  for (const ProfileStep& step : profile.steps) {
    const Cost& cost = step.cost;
    const size_t kind = static_cast<size_t>(std::find(kinds.begin(), kinds.end(), step.op) - kinds.begin());
    const std::string name = NameOfStep(page.model, step);
    rows.push_back({Format("%zu %s ", step.last, step.op) + Shortened(name, 30), most > 0 ? cost.ms / most : 0,
                    Format("part%zu", kind % 8), Format("%.4f ms, ", cost.ms) + Percent(all > 0 ? cost.ms / all : 0),
                    name + Format(": %.4f ms; under its roof %.4f", cost.ms, cost.roof_ms),
                    most > 0 ? cost.roof_ms / most : 0});
  }
  return "<h2>Time by step</h2>\n<p>" + KindKeys(profile) + "</p>\n" +
         Figure("Medians over the runs", BarsChart("Time of each step", rows, 290),
                "For the whole batch, and its share of all steps. The line across a bar is what the step would take under the "
                "roof "
                "that bounds it.");
}

// What a step needs of the arena. A block's nodes are one step: the node that needs the most speaks for it.
ArenaStep ArenaOf(const Page& page, const ProfileStep& step) {
  const uint64_t batch = static_cast<uint64_t>(page.options.batch), threads = static_cast<uint64_t>(page.options.threads);
  ArenaStep most;
  for (size_t n = step.first; n <= step.last; ++n) {
    const StepMemory& node = page.model.steps()[n + 1];
    if (n > step.first && batch * node.top + threads * node.scratch <= most.top + most.scratch) continue;
    most.live = batch * node.live;
    most.top = batch * node.top;
    most.scratch = threads * node.scratch;
  }
  most.ms = step.cost.ms;
  most.name = Format("step %zu, ", step.last) + NameOfStep(page.model, step);
  return most;
}

std::string MemoryHtml(const Page& page, const std::vector<ArenaStep>& steps) {
  std::vector<BarRow> rows;
  const double peak = static_cast<double>(page.result.resident().peak);
  for (const MemoryStage& stage : page.result.stages) {
    const double now = static_cast<double>(stage.resident.now);
    rows.push_back(
        {stage.name, peak > 0 ? now / peak : 0, "bar", page::Grouped(stage.resident.now) + " bytes",
         stage.name + Format(": %llu bytes now, at most %llu so far", static_cast<unsigned long long>(stage.resident.now),
                             static_cast<unsigned long long>(stage.resident.peak)),
         peak > 0 ? static_cast<double>(stage.resident.peak) / peak : 0});
  }
  return "<h2>Memory over time</h2>\n<p>" + Key("live", "live activations") + Key("gap", "gaps between them") +
         Key("scratch", "scratch of the kernels") + "</p>\n" +
         Figure("The arena through a run", ArenaChart(steps, page.model.ArenaBytes(page.options.batch, page.options.threads)),
                Format("For %d image%s and %d thread%s. An output that may take an input's place is counted once. The arena is "
                       "as large as the step that needs the most; a run takes no other "
                       "memory.",
                       page.options.batch, page.options.batch == 1 ? "" : "s", page.options.threads,
                       page.options.threads == 1 ? "" : "s")) +
         Figure("Resident memory of the process", BarsChart("Resident memory of the process", rows, 170),
                "The line across is the most that it has held so far. Pages of the mapped model file count as far as they were "
                "touched.");
}

std::string TableHtml(const Page& page, const std::vector<ArenaStep>& arena) {
  const Profile& profile = page.result.profile;
  std::string html =
      "<h2>All steps</h2>\n<div class=\"scroll\"><table id=\"steps\">\n<tr><th "
      "class=\"n\">step</th><th>op</th><th>name</th><th "
      "class=\"n\">ms</th><th class=\"n\">GOP/s</th><th class=\"n\">op/byte</th><th class=\"n\">of the roof</th><th>bound "
      "by</th>"
      "<th class=\"n\">live bytes</th><th class=\"n\">top</th><th class=\"n\">scratch</th></tr>\n";
  for (size_t i = 0; i < profile.steps.size(); ++i) {
    const ProfileStep& step = profile.steps[i];
    const Cost& cost = step.cost;
    html += Format("<tr><td class=\"n\">%zu</td><td>", step.last) + Escape(step.op) + "</td><td class=\"w\">" +
            Escape(NameOfStep(page.model, step), 200) + "</td>";
    for (const std::string& cell :
         {Fixed(cost.ms, 4), Fixed(cost.GigaOps(), 1), Fixed(cost.Intensity(), 1), Percent(cost.RoofShare())}) {
      html += "<td class=\"n\">" + cell + "</td>";
    }
    html += "<td>" + std::string(cost.Bound()) + "</td>";
    for (const uint64_t bytes : {arena[i].live, arena[i].top, arena[i].scratch}) {
      html += "<td class=\"n\">" + page::Grouped(bytes) + "</td>";
    }
    html += "</tr>\n";
  }
  html +=
      "</table></div>\n<h3>By kind of operator</h3>\n<div class=\"scroll\"><table id=\"kinds\">\n<tr><th>op</th><th "
      "class=\"n\">steps</th>"
      "<th class=\"n\">ms</th><th class=\"n\">share</th><th class=\"n\">GOP/s</th><th class=\"n\">of the roof</th></tr>\n";
  const std::vector<OpTotal> totals = Totals(profile);
  for (const OpTotal& total : totals) {
    const double all = totals.back().cost.ms;
    html += "<tr><td>" + Escape(total.op) + Format("</td><td class=\"n\">%zu</td>", total.steps);
    for (const std::string& cell : {Fixed(total.cost.ms, 4), Percent(all > 0 ? total.cost.ms / all : 0),
                                    Fixed(total.cost.GigaOps(), 1), Percent(total.cost.RoofShare())}) {
      html += "<td class=\"n\">" + cell + "</td>";
    }
    html += "</tr>\n";
  }
  const Roofs& roofs = profile.roofs;
  return html + "</table></div>\n<p>Roofs: " + Format("uint8 %.1f GOP/s (", 2e-6 * roofs.u8.macs_per_ms) +
         Escape(roofs.u8.kernel) + Format("), float32 %.1f GOP/s (", 2e-6 * roofs.f32.macs_per_ms) + Escape(roofs.f32.kernel) +
         Format("), memory %.1f GB/s, reading ", 1e-6 * roofs.bytes_per_ms) + page::Grouped(roofs.buffer_bytes) +
         " bytes.</p>\n";
}

}  // namespace

Status CheckReport(BenchOptions& options, std::optional<Baseline>* baseline) {
  constexpr std::string_view kEnding = ".html";
  if (options.report.empty()) {
    if (options.baseline.empty()) return {};
    return Status::Error(Code::kUsage, "--baseline: is shown by --report FILE, which is missing");
  }
  if (options.report.size() <= kEnding.size() || !options.report.ends_with(kEnding)) {
    return Status::Error(Code::kUsage, "--report %s: must end in .html", options.report.c_str());
  }
  if (IsFolder(options.report)) return Status::Error(Code::kUsage, "--report %s: is a folder", options.report.c_str());
  options.profile = true;
  if (options.baseline.empty()) return {};
  CUTIS_ASSIGN(*baseline, ReadBaseline(options.baseline));
  return {};
}

std::string BenchReport(const Model& model, const BenchOptions& options, const Measurement& result, const Baseline* baseline) {
  const Page page = {model, options, result, baseline};
  std::vector<ArenaStep> arena;
  for (const ProfileStep& step : result.profile.steps) arena.push_back(ArenaOf(page, step));
  const std::string own = model.provenance().name;
  const std::string name = Escape(own.empty() ? BaseName(options.model.path) : own, 200);
  return page::Begin("Benchmark of " + name, kStyle) + "<h1>Benchmark of " + name + "</h1>\n" + Tiles(page) +
         MeasuredHtml(page) + BaselineHtml(page) + "<h2>Latency</h2>\n" +
         Figure("How long the runs took", LatencyChart(result), Format("%d runs, after a few to warm up.", options.runs)) +
         RooflineHtml(page) + StepsHtml(page) + MemoryHtml(page, arena) + TableHtml(page, arena) + page::End();
}

}  // namespace cutis::cli
