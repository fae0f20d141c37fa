#include <cmath>
#include <cstdio>

#include "converter/report/html.h"
#include "converter/report/svg.h"
#include "tools/page/page.h"
#include "tools/page/text.h"

namespace cutis::convert {

using page::Escape, page::Figure, page::Fixed, page::Grouped, page::Percent;

namespace {

const char* TextOf(Measured measured) {
  constexpr const char* kTexts[] = {"", "images of the calibration", "images of the evaluation", "generated inputs"};
  return kTexts[static_cast<size_t>(measured)];
}

std::string Title(const Report& report, size_t i) { return std::to_string(i) + " " + report.layers[i].name; }

std::string SqnrFigure(const Report& report) {
  std::vector<Bar> bars;
  const ReportLayer* worst = nullptr;
  for (size_t i = 0; i < report.layers.size(); ++i) {
    const ReportLayer& layer = report.layers[i];
    Bar bar;
    if (layer.sqnr_db && std::isfinite(*layer.sqnr_db)) {
      bar.value = std::max(0.0, *layer.sqnr_db);
      bar.tip = Title(report, i) + ": " + Fixed(*layer.sqnr_db, 1) + " dB";
      if (worst == nullptr || *layer.sqnr_db < *worst->sqnr_db) worst = &layer;
    }
    bars.push_back(bar);
  }
  if (worst == nullptr) return "";
  const Summary& summary = report.summary;
  return Figure("Error of each layer", ColumnChart("Signal to quantisation noise of each layer", bars, "dB"),
                "Signal to quantisation noise of the layer's output, int8 against float32" +
                    std::string(summary.pruning ? " after pruning" : "") + ", with the errors of all layers before it; on " +
                    std::to_string(summary.sqnr_inputs) + " " + TextOf(summary.sqnr_on) +
                    ". Higher is better; 6 dB are one bit. Least: " + Fixed(*worst->sqnr_db, 1) + " dB at <code>" +
                    Escape(worst->name, 200) + "</code>.");
}

std::string SparsityFigure(const Report& report) {
  std::vector<Bar> bars;
  bool any = false, rows = false;
  for (size_t i = 0; i < report.layers.size(); ++i) {
    const ReportLayer& layer = report.layers[i];
    Bar bar;
    bar.tip = Title(report, i);
    if (layer.zero_weights && layer.zero_weights->second > 0) {
      bar.value = 100.0 * static_cast<double>(layer.zero_weights->first) / static_cast<double>(layer.zero_weights->second);
      bar.tip += ": " + Fixed(*bar.value, 1) + " % of the weights are zero";
      any = any || layer.zero_weights->first > 0;
    }
    if (layer.rows > 0) {
      const double dead = 100.0 * static_cast<double>(layer.rows - layer.live_rows) / static_cast<double>(layer.rows);
      if (!bar.value) bar.value = dead;
      if (layer.by_blocks) bar.part = dead;
      rows = rows || layer.by_blocks;
      any = any || layer.rows != layer.live_rows;
      bar.tip += "; " + Grouped(layer.live_rows) + " of " + Grouped(layer.rows) + " rows live";
    }
    bars.push_back(bar);
  }
  if (!any) return "<p>No weights are zero to speak of: nothing was pruned, and nothing is left out.</p>\n";
  return Figure(
      "Sparsity of each layer", ColumnChart("Share of zero weights of each layer", bars, "% zero", 100),
      std::string("Share of the weights that are zero.") +
          (rows ? " The lower colour is the share of rows (16 outputs x 4 inputs) that are neither stored nor multiplied."
                : " No layer has rows left out: these zeros are stored and multiplied like other weights."));
}

std::string SizeFigure(const Report& report) {
  std::vector<Bar> bars;
  for (size_t i = 0; i < report.layers.size(); ++i) {
    const ReportLayer& layer = report.layers[i];
    const auto bytes = static_cast<double>(layer.weight_bytes + layer.other_bytes);
    bars.push_back(
        {bytes > 0 ? std::optional<double>(bytes / 1024) : std::nullopt,
         Title(report, i) + ": " + Grouped(layer.weight_bytes) + " bytes of weights, " + Grouped(layer.other_bytes) + " others",
         0});
  }
  const FileParts& p = report.parts;
  const std::vector<std::pair<std::string, uint64_t>> parts = {{"weights of convolutions", p.conv},
                                                               {"weights of depthwise convolutions", p.depthwise},
                                                               {"weights of dense layers", p.dense},
                                                               {"biases and multipliers", p.biases},
                                                               {"constants", p.constants},
                                                               {"graph, plan, names, tables", p.graph},
                                                               {"alignment", p.padding},
                                                               {"header", p.header}};
  std::string legend = "<div class=\"scroll\"><table>";
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].second == 0) continue;
    const double share =
        static_cast<double>(parts[i].second) / static_cast<double>(std::max<uint64_t>(1, report.summary.file_bytes));
    legend += "<tr><td><i class=\"key k" + std::to_string(i) + "\"></i>" + parts[i].first + "</td><td class=\"n\">" +
              Grouped(parts[i].second) + "</td><td class=\"n\">" + Percent(share) + "</td></tr>";
  }
  return "<figure><h3>Where the bytes of the file are</h3>" + PartsChart(parts) + "<figcaption>" + legend +
         "</table></div></figcaption></figure>\n" +
         Figure("Size of each layer", ColumnChart("Bytes of each layer in the file", bars, "KiB"),
                "Weights, biases and multipliers of each layer in the file.");
}

// A line beside the layers of a block, from its first to its last.
std::string BlockMark(const Report& report, size_t i) {
  const int block = report.layers[i].block;
  if (block < 0) return "";
  const ReportBlock& of = report.blocks[static_cast<size_t>(block)];
  const auto at = static_cast<int32_t>(i);
  return at == of.first ? "&#x250c;" : at == of.last ? "&#x2514;" : "&#x2502;";
}

std::string LayerRow(const Report& report, size_t i) {
  const ReportLayer& layer = report.layers[i];
  const auto tensor = [&](int t) -> const ReportTensor& { return report.tensors[static_cast<size_t>(t)]; };
  const auto shape = [&](int t) {
    const Shape& s = tensor(t).shape;
    const std::string text = std::to_string(s.height) + "x" + std::to_string(s.width) + "x" + std::to_string(s.channels);
    return tensor(t).images == 1 ? text : std::to_string(tensor(t).images) + "x" + text;
  };
  const auto cell = [](const std::string& text, const char* type = "n") {
    return "<td class=\"" + std::string(type) + "\">" + text + "</td>";
  };
  const auto scale = [](double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return std::string(text);
  };
  const auto grouped = [](uint64_t value) { return value == 0 ? std::string() : Grouped(value); };
  std::string row = "<tr>" + cell(std::to_string(i)) + cell(BlockMark(report, i), "s") + cell(Escape(layer.name, 120), "w") +
                    cell(Escape(layer.op + (layer.window.empty() || layer.window == "1x1" ? "" : " " + layer.window)), "s");
  row += cell(layer.inputs.empty() ? "" : shape(layer.inputs[0]), "s") + cell(shape(layer.output), "s");
  row += cell(grouped(layer.macs)) + cell(grouped(layer.parameters)) + cell(grouped(layer.weight_bytes));
  row += cell(layer.zero_weights && layer.zero_weights->second > 0
                  ? Percent(static_cast<double>(layer.zero_weights->first) / static_cast<double>(layer.zero_weights->second))
                  : "");
  row += cell(layer.rows > 0 ? Grouped(layer.live_rows) + "/" + Grouped(layer.rows) : "");
  const ReportTensor& out = tensor(layer.output);
  row += out.type == DataType::kU8 ? cell(scale(static_cast<double>(out.scale))) + cell(std::to_string(out.zero_point))
                                   : cell("float32") + cell("");
  row += cell(layer.weight_scales ? scale(layer.weight_scales->first) + " .. " + scale(layer.weight_scales->second) : "");
  row += cell(!layer.sqnr_db ? "" : std::isinf(*layer.sqnr_db) ? "exact" : Fixed(*layer.sqnr_db, 1));
  return row + cell(Escape(layer.range), "s") + cell(Escape(layer.rounding), "s") + "</tr>\n";
}

}  // namespace

std::string PicturesHtml(const Report& report) {
  return SqnrFigure(report) + SparsityFigure(report) +
         Figure("Memory over time", MemoryChart(report),
                "Each rectangle from below is a tensor: its place in the arena by the steps during which it is needed (batch "
                "1, one thread); those that hang from above are the scratch of the kernels. The line is the sum of what is "
                "needed at a step; its highest point is the lower bound that no plan can beat. Layers that run together as a "
                "block are one step, and what lies between them takes no place.") +
         SizeFigure(report);
}

std::string LayersHtml(const Report& report) {
  std::string html =
      "<h2>Layers</h2>\n<p>Shapes are height x width x channels. MACs are those of the rows that are multiplied. Scale and "
      "zero point are "
      "those of the output; real = scale x (byte - zero point). Weight scales: least and largest over the output "
      "channels. A bracket joins layers that run together as a block.</p>\n"
      "<div class=\"scroll\"><table>\n<tr><th "
      "class=\"n\">#</th><th></th><th>layer</th><th>operator</th><th>in</th><th>out</th><th "
      "class=\"n\">MACs</th>"
      "<th class=\"n\">parameters</th><th class=\"n\">weight bytes</th><th class=\"n\">zero</th><th class=\"n\">live rows</th>"
      "<th class=\"n\">scale</th><th class=\"n\">zero point</th><th class=\"n\">weight scales</th><th class=\"n\">SQNR "
      "dB</th><th>range by</th>"
      "<th>rounding</th></tr>\n";
  for (size_t i = 0; i < report.layers.size(); ++i) html += LayerRow(report, i);
  return html + "</table></div>\n";
}

}  // namespace cutis::convert
