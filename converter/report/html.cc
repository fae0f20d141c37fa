#include "converter/report/html.h"

#include <cstdio>

#include "converter/report/style.h"
#include "tools/page/page.h"
#include "tools/page/text.h"

namespace cutis::convert {

using page::Escape, page::Fixed, page::Grouped, page::Percent, page::Row, page::Tile;

namespace {

std::string Signed(double value, int digits) {
  const std::string text = Fixed(value, digits);
  return value >= 0 ? "+" + text : text;
}

// Zero weights, or where the source is not looked at layer by layer, rows that are not stored.
std::string SparsityTile(const Report& report) {
  int64_t zero = 0, weights = 0;
  uint64_t rows = 0, live = 0;
  for (const ReportLayer& layer : report.layers) {
    if (layer.zero_weights) {
      zero += layer.zero_weights->first;
      weights += layer.zero_weights->second;
    }
    rows += layer.rows;
    live += layer.live_rows;
  }
  const std::string detail = rows == 0 ? "" : Grouped(live) + " of " + Grouped(rows) + " rows live";
  if (weights > 0)
    return Tile("Sparsity", Percent(static_cast<double>(zero) / static_cast<double>(weights)),
                "of the weights are zero" + (rows == 0 ? "" : "; " + detail));
  return Tile("Sparsity", rows == 0 ? "\u2013" : Percent(static_cast<double>(rows - live) / static_cast<double>(rows)), detail);
}

std::string Tiles(const Report& report) {
  const Summary& summary = report.summary;
  std::string html = "<div class=\"tiles\">\n" +
                     Tile("File", Grouped(summary.file_bytes), "bytes, of them " + Grouped(summary.weight_bytes) + " weights");
  const uint64_t arena = summary.plan.arena_bytes, bound = summary.plan.lower_bound;
  html += Tile("Arena", Grouped(arena), arena == bound ? "bytes, the lower bound" : "bytes; lower bound " + Grouped(bound));
  if (summary.agreement) {
    const Agreement& agreement = *summary.agreement;
    html += Tile("Cosine with float32", Fixed(agreement.mean_cosine, 5), "mean; worst " + Fixed(agreement.worst_cosine, 5));
    if (agreement.auc) {
      const AucComparison& auc = *agreement.auc;
      html += Tile("AUC difference", Signed(auc.second - auc.first, 4),
                   "95\u202f% " + Signed(auc.low, 4) + " to " + Signed(auc.high, 4));
    } else {
      html += Tile("AUC difference", "\u2013", "no labels were given");
    }
  } else {
    html += Tile("Precision", "float32", "nothing was quantised") + Tile("AUC difference", "\u2013", "nothing to compare");
  }
  return html + SparsityTile(report) + "</div>\n";
}

std::string Verdict(const Report& report) {
  const Summary& summary = report.summary;
  if (!summary.agreement) return "<p>A float32 file: it computes what its source does.</p>\n";
  const Agreement& agreement = *summary.agreement;
  std::string html = "<p>On " + std::to_string(agreement.inputs) +
                     (agreement.generated ? " generated inputs (no images were given)" : " images") +
                     " the file gives the same most likely label as the float32 network" +
                     (summary.pruning ? " before pruning" : "") + (report.check ? " of its source" : "") + " in " +
                     Percent(agreement.top1) + " of the cases";
  if (!summary.compared.empty() || agreement.generated) {
    const std::vector<size_t> worst = WorstInputs(agreement, 1);
    if (!worst.empty()) html += "; they agree least on <code>" + Escape(InputName(summary, worst[0]), 200) + "</code>";
  }
  html += ".</p>\n";
  if (report.min_cosine) {
    html += "<p>The mean cosine " + std::string(agreement.mean_cosine >= *report.min_cosine ? "reaches" : "is below") +
            " the limit asked for, " + Fixed(*report.min_cosine, 5) + ".</p>\n";
  }
  return html;
}

std::string ShareText(const Share& share) {
  return Percent(share.value) + " (" + std::to_string(share.hits) + "/" + std::to_string(share.count) + ", " +
         Percent(share.low) + " to " + Percent(share.high) + ")";
}

std::string AgreementHtml(const Report& report) {
  if (!report.summary.agreement) return "";
  const Agreement& agreement = *report.summary.agreement;
  std::string html =
      "<h2>Agreement with float32</h2>\n<div class=\"scroll\"><table>\n" +
      Row("inputs", std::to_string(agreement.inputs) + (agreement.generated ? " generated ones" : " images")) +
      Row("cosine of the outputs", "mean " + Fixed(agreement.mean_cosine, 6) + ", worst " + Fixed(agreement.worst_cosine, 6)) +
      Row("same most likely label", Percent(agreement.top1, 2)) +
      Row("largest difference", Fixed(agreement.largest_difference, 6) + " of two elements of the outputs");
  if (report.summary.pruning_alone) {
    const Agreement& alone = *report.summary.pruning_alone;
    html += Row("pruning alone, in float32", "mean cosine " + Fixed(alone.mean_cosine, 6) + ", worst " +
                                                 Fixed(alone.worst_cosine, 6) + ", same label " + Percent(alone.top1, 2));
  }
  html += "</table></div>\n";
  if (agreement.auc) {
    const AucComparison& auc = *agreement.auc;
    const auto area = [](double value, double low, double high) {
      return Fixed(value, 4) + " (" + Fixed(low, 4) + " to " + Fixed(high, 4) + ")";
    };
    html += "<h3>Against the labels</h3>\n<p>" + std::to_string(auc.positives) + " positives, " +
            std::to_string(auc.negatives) + " negatives" +
            (agreement.unlabelled > 0 ? ", " + std::to_string(agreement.unlabelled) + " images without a label" : "") +
            ". In brackets 95\u202f% intervals: bootstrap over images for the areas (paired for their difference), Wilson's "
            "for the shares. "
            "Images that are referred count neither as found nor as cleared.</p>\n<div class=\"scroll\"><table>\n"
            "<tr><th></th><th>float32</th><th>this file</th></tr>\n<tr><th>area under the ROC curve</th><td>" +
            area(auc.first, auc.first_low, auc.first_high) + "</td><td>" + area(auc.second, auc.second_low, auc.second_high) +
            "</td></tr>\n";
    for (const PointRates& point : agreement.points) {
      const std::string name = Escape(point.point.name, 200) + (point.point.calibrated ? "" : " (not calibrated)");
      html += "<tr><th>sensitivity at " + name + "</th><td>" + ShareText(point.first.Sensitivity()) + "</td><td>" +
              ShareText(point.second.Sensitivity()) + "</td></tr>\n";
      html += "<tr><th>specificity at " + name + "</th><td>" + ShareText(point.first.Specificity()) + "</td><td>" +
              ShareText(point.second.Specificity()) + "</td></tr>\n";
    }
    html += "</table></div>\n";
  }
  html +=
      "<h3>Inputs that agree least</h3>\n<div class=\"scroll\"><table>\n<tr><th>input</th><th class=\"n\">cosine</th><th "
      "class=\"n\">largest difference</th><th>label</th></tr>\n";
  for (const size_t i : WorstInputs(agreement, 10)) {
    const InputAgreement& input = agreement.each[i];
    html += "<tr><td class=\"w\">" + Escape(InputName(report.summary, i), 300) + "</td><td class=\"n\">" +
            Fixed(input.cosine, 6) + "</td><td class=\"n\">" + Fixed(input.difference, 6) + "</td><td>" +
            (input.same_top ? "same" : "another") + "</td></tr>\n";
  }
  return html + "</table></div>\n";
}

std::string OriginHtml(const Report& report) {
  std::string html =
      "<h2>What it was made from</h2>\n<div class=\"scroll\"><table>\n<tr><th>part</th><th>file</th><th "
      "class=\"n\">bytes</th><th>SHA-256</th></tr>\n";
  for (const ReportFile& file : report.files) {
    html += "<tr><td class=\"s\">" + Escape(file.role) + "</td><td class=\"w\">" + Escape(file.name, 300) +
            (file.images >= 0 ? ", " + std::to_string(file.images) + " images" : "") + "</td><td class=\"n\">" +
            Grouped(file.bytes) + "</td><td class=\"h\">" + Escape(file.sha256) + "</td></tr>\n";
  }
  html += "</table></div>\n<p>Options:";
  for (const auto& [name, value] : report.options)
    html += " <code>" + Escape(name + (value.empty() ? "" : " " + value), 300) + "</code>";
  html +=
      "</p>\n<h2>Passes</h2>\n<div class=\"scroll\"><table>\n<tr><th>pass</th><th class=\"n\">nodes before</th><th "
      "class=\"n\">after</th><th>operators</th><th>what for</th></tr>\n";
  for (const PassTrace& pass : report.passes) {
    std::string changes;
    for (const auto& [op, more] : pass.operators)
      changes += (changes.empty() ? "" : ", ") + Escape(op, 60) + (more > 0 ? " +" : " \u2212") +
                 std::to_string(more > 0 ? more : -more);
    html += "<tr><td>" + Escape(pass.name) + "</td><td class=\"n\">" + std::to_string(pass.nodes_before) +
            "</td><td class=\"n\">" + std::to_string(pass.nodes_after) + "</td><td class=\"w\">" + changes +
            "</td><td class=\"w\">" + Escape(pass.what) + "</td></tr>\n";
  }
  return html + "</table></div>\n";
}

std::string BlocksRow(const Report& report) {
  if (report.blocks.empty()) return "";
  uint64_t inside = 0;
  for (const ReportTensor& tensor : report.tensors) inside += tensor.inside ? tensor.bytes : 0;
  return Row("layers run together", std::to_string(report.blocks.size()) + " blocks; between their layers lie " +
                                        Grouped(inside) + " bytes an image that no longer exist whole");
}

std::string PlanHtml(const Report& report) {
  const PlanReport& plan = report.summary.plan;
  return "<h2>Memory plan</h2>\n<div class=\"scroll\"><table>\n" +
         Row("arena, batch 1, one thread", Grouped(plan.arena_bytes) + " bytes") +
         Row("lower bound", Grouped(plan.lower_bound) + " bytes") +
         Row("proven to be the least for this order of layers", plan.optimal ? "yes" : "no") +
         Row("activations of an image, in the step with the most", Grouped(plan.activation_bytes) + " bytes") +
         Row("scratch of a thread, in the step with the most", Grouped(plan.scratch_bytes) + " bytes") + BlocksRow(report) +
         "</table></div>\n<p>Arena = the most of images x activations + threads x scratch over the steps.</p>\n";
}

std::string NotesHtml(const Report& report) {
  std::string items;
  const Summary& summary = report.summary;
  if (summary.dead_channels > 0)
    items +=
        "<li>" + std::to_string(summary.dead_channels) + " channels that could not change the outputs were removed.</li>\n";
  if (summary.equalised_channels > 0)
    items += "<li>" + std::to_string(summary.equalised_channels) + " channels were equalised, by powers of two.</li>\n";
  for (const std::string& note : summary.notes) items += "<li>" + Escape(note, 1000) + "</li>\n";
  return items.empty() ? "" : "<h2>Notes</h2>\n<ul>\n" + items + "</ul>\n";
}

std::string ProvenanceHtml(const Report& report) {
  std::string html =
      "<h2>Provenance and licence</h2>\n<div class=\"scroll\"><table>\n" + Row("file", Escape(report.summary.output, 300)) +
      Row("SHA-256 of the content", "<code>" + Escape(report.summary.sha256) + "</code>") +
      Row("made from", Escape(report.source, 300)) +
      Row("its SHA-256", "<code>" + Escape(report.source_sha256, 100) + "</code>") +
      Row("licence", Escape(report.licence.empty() ? "not stated" : report.licence)) + Row("card", Escape(report.card));
  for (const auto& [name, value] : {std::pair{"preprocessing", &report.preprocess}, {"verdict", &report.verdict}}) {
    if (!value->is_null())
      html += Row(name, "<code>" + Escape(value->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) + "</code>");
  }
  return html + "</table></div>\n";
}

}  // namespace

std::string ReportHtml(const Report& report) {
  const Summary& summary = report.summary;
  const std::string name = Escape(summary.name.empty() ? summary.output : summary.name, 200);
  std::string html = page::Begin(name, kReportStyle);
  html += "<h1>" + name + "</h1>\n<p class=\"soft\">" +
          (report.check ? "Check of a file with its source" : "Report of a conversion") + ": <code>" +
          Escape(summary.output, 200) + "</code>, " + (summary.float32 ? "float32" : "int8") + ", " +
          std::to_string(summary.nodes) + (summary.nodes == 1 ? " layer, " : " layers, ") + Grouped(report.macs()) +
          " multiply-adds an image; " + Escape(report.converter) + "</p>\n";
  for (const std::string& warning : report.warnings) html += "<p class=\"warn\">" + Escape(warning, 1000) + "</p>\n";
  html += Tiles(report) + Verdict(report) + PicturesHtml(report) + AgreementHtml(report) + PlanHtml(report) +
          PruningHtml(report) + LayersHtml(report) + OriginHtml(report) + NotesHtml(report) + ProvenanceHtml(report);
  return html + page::End();
}

}  // namespace cutis::convert
