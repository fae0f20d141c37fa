// What was pruned, layer by layer, and how sensitive the layers are.
#include <cmath>

#include "converter/report/html.h"
#include "converter/report/svg.h"
#include "tools/page/page.h"
#include "tools/page/text.h"

namespace cutis::convert {

using page::Escape, page::Figure, page::Fixed, page::Grouped, page::Percent;

namespace {

std::string Cell(const std::string& text, const char* type = "n") {
  return "<td class=\"" + std::string(type) + "\">" + text + "</td>";
}

std::string Head(const std::string& text) { return "<th class=\"n\">" + text + "</th>"; }

std::string Count(int64_t value) { return Grouped(static_cast<uint64_t>(std::max<int64_t>(0, value))); }

double Part(int64_t part, int64_t whole) { return whole <= 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

// PrunedLayer::spared in words.
std::string WhySpared(const std::string& spared, PruneMode mode) {
  const bool channels = mode == PruneMode::kChannel;
  if (spared == "first") return channels ? "tied to the first layer" : "first layer";
  if (spared == "last") return "last layer";
  if (spared == "limit") return "a limit of 0";
  if (spared == "depthwise") return "depthwise: has no blocks";
  if (spared == "fixed") return "an output, or fixed by an operator";
  return Escape(spared, 60);
}

std::string PrunedRow(const PruneReport& pruning, const PrunedLayer& layer) {
  const bool spared = layer.spared[0] != '\0', units = layer.units > 0;
  const std::string dash = "\u2013";
  return "<tr>" + Cell(Escape(layer.name, 120), "w") + Cell(spared ? dash : Percent(pruning.options.rate)) +
         Cell(spared ? dash : Percent(CapOf(pruning.options, layer.name))) + Cell(units ? Count(layer.units) : dash) +
         Cell(units ? Count(layer.units - layer.zero) : dash) + Cell(units ? Count(layer.units - layer.removed) : dash) +
         Cell(units ? Percent(Part(layer.removed, layer.units)) : dash) +
         Cell(spared ? WhySpared(layer.spared, pruning.options.mode) : "", "w") + "</tr>\n";
}

std::string PrunedHtml(const PruneReport& pruning) {
  const std::string units = UnitOf(pruning.options.mode);
  std::string html = "<h2>Pruning</h2>\n<p>By " + units + ", " + Percent(pruning.options.rate) +
                     " asked for: " + Count(pruning.removed) + " of " + Count(pruning.units) + " went (" +
                     Percent(Part(pruning.removed, pruning.units)) +
                     " of the layers that are not spared), the least important of " +
                     "all these layers together (importance: " + NameOf(pruning.options.by) +
                     "). So a layer may lose more or less than what was asked for, up to its limit.</p>\n" +
                     "<div class=\"scroll\"><table>\n<tr><th>layer</th>" + Head("asked") + Head("at most") + Head(units) +
                     Head("live before") + Head("live after") + Head("gone or zero") + "<th>spared because</th></tr>\n";
  for (const PrunedLayer& layer : pruning.layers) html += PrunedRow(pruning, layer);
  return html + "</table></div>\n";
}

std::string SensitivityHtml(const Sensitivity& sensitivity) {
  constexpr size_t kRates = kSensitivityRates.size();
  const std::string units = UnitOf(sensitivity.mode);
  std::vector<std::vector<Bar>> series(kRates);
  std::string legend, head = "<tr>" + Head("#") + "<th>layer</th>" + Head(units), rows;
  for (size_t rate = 0; rate < kRates; ++rate) {
    const std::string share = Percent(kSensitivityRates[rate], 0);
    head += Head(share);
    legend += "<i class=\"key d" + std::to_string(rate) + "\"></i>" + share + " ";
  }
  for (size_t i = 0; i < sensitivity.layers.size(); ++i) {
    const LayerSensitivity& layer = sensitivity.layers[i];
    rows += "<tr>" + Cell(std::to_string(i)) + Cell(Escape(layer.layer, 120), "w") + Cell(Count(layer.units));
    for (size_t rate = 0; rate < kRates; ++rate) {
      const double cosine = layer.cosine[rate];
      rows += Cell(Fixed(cosine, 4));
      Bar bar;
      if (std::isfinite(cosine)) {
        bar.value = std::max(0.0, 1 - cosine);
        bar.tip =
            std::to_string(i) + " " + layer.layer + ", " + Percent(kSensitivityRates[rate], 0) + ": cosine " + Fixed(cosine, 4);
      }
      series[rate].push_back(bar);
    }
    rows += "</tr>\n";
  }
  return "<h2>Sensitivity to pruning</h2>\n" +
         Figure("What each layer alone would cost", LineChart("Loss of cosine by layer and share pruned", series, "loss"),
                "One layer is pruned by " + units + " (" + NameOf(sensitivity.by) +
                    "), all others stay whole: 1 minus the mean cosine " +
                    "of the float32 outputs with those of the whole network, on " + std::to_string(sensitivity.images) +
                    " images. Lower is better. Share pruned: " + legend) +
         "<p>Mean cosine by share pruned:</p>\n<div class=\"scroll\"><table>\n" + head + "</tr>\n" + rows + "</table></div>\n";
}

}  // namespace

std::string PruningHtml(const Report& report) {
  const Summary& summary = report.summary;
  return (summary.pruning ? PrunedHtml(*summary.pruning) : "") +
         (summary.sensitivity ? SensitivityHtml(*summary.sensitivity) : "");
}

}  // namespace cutis::convert
