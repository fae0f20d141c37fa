#include "converter/summary.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>

namespace cutis::convert {
namespace {

[[gnu::format(printf, 2, 3)]] void Append(std::string& text, const char* format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  std::vsnprintf(line, sizeof line, format, args);
  va_end(args);
  text += line;
}

// How ranges, weights and biases were chosen, and where it cost most.
void AppendQuantisation(std::string& text, const Summary& summary) {
  const LayerReport* worst = nullptr;
  bool adaptive = false;
  for (const LayerReport& layer : summary.layers) {
    if (layer.sqnr_db && (worst == nullptr || *layer.sqnr_db < *worst->sqnr_db)) worst = &layer;
    adaptive = adaptive || layer.rounding == "adaptive";
  }
  if (summary.calibration.empty()) {
    text += "quantised    by the scales of the source";
  } else if (summary.sqnr_on != Measured::kCalibration) {
    text += "quantised    by statistics alone: ranges of the least expected error, biases corrected by the recorded means";
  } else {
    Append(text, "quantised    %s, biases by the means of the quantised network",
           adaptive ? "ranges by the error of the outputs, weights by the error of their sums"
                    : "ranges of the least expected error");
  }
  if (worst != nullptr) Append(text, "; least SQNR %.1f dB (%.100s)", *worst->sqnr_db, worst->name.c_str());
  text += "\n";
  if (summary.equalised_channels > 0) Append(text, "equalised    %zu channels, by powers of two\n", summary.equalised_channels);
}

// What a device holds of the model, and what is left for images.
void AppendFit(std::string& text, const Fit& fit) {
  const Footprint& footprint = fit.footprint;
  Append(text,
         "device       %s: file %" PRIu64 " bytes, heap %" PRIu64 " (model %" PRIu64 ", session of %d thread%s %" PRIu64
         ", arena %" PRIu64 ")\n",
         fit.device.name.c_str(), footprint.file, footprint.Heap(), footprint.model, footprint.threads,
         footprint.threads == 1 ? "" : "s", footprint.session, footprint.arena);
  if (fit.camera_heap == 0) return;  // no images
  Append(text,
         "             left for an image %" PRIu64 " bytes beside its file of up to %" PRIu64
         "; one of the camera takes up to %" PRIu64 "\n",
         fit.device.image_bytes, fit.device.image_file_bytes, fit.camera_heap);
}

}  // namespace

void AppendAgreement(std::string& text, const Agreement& agreement, const char* what) {
  Append(text, "agreement    %s on %" PRId64 " %s: mean cosine %.5f (worst %.5f), same top label %.2f %%\n", what,
         agreement.inputs, agreement.generated ? "generated inputs (no images were given)" : "images", agreement.mean_cosine,
         agreement.worst_cosine, 100 * agreement.top1);
  if (!agreement.auc) return;
  const AucComparison& auc = *agreement.auc;
  Append(text,
         "AUC          float32 %.4f, int8 %.4f, difference %+.4f (95 %% paired bootstrap %+.4f .. %+.4f); %d positives, %d "
         "negatives",
         auc.first, auc.second, auc.second - auc.first, auc.low, auc.high, auc.positives, auc.negatives);
  if (agreement.unlabelled > 0) Append(text, "; %" PRId64 " images have no label", agreement.unlabelled);
  text += "\n";
}

std::string SummaryText(const Summary& summary) {
  std::string text;
  Append(text, "model        %s, %s, %zu layers", summary.name.c_str(), summary.float32 ? "float32" : "int8", summary.nodes);
  if (summary.blocks > 0) Append(text, ", %zu blocks of them run as one step each", summary.blocks);
  text += "\n";
  Append(text, "file         %s, %" PRIu64 " bytes (weights %" PRIu64 ")\n", summary.output.c_str(), summary.file_bytes,
         summary.weight_bytes);
  Append(text, "sha256       %s\n", summary.sha256.c_str());
  const PlanReport& plan = summary.plan;
  const uint64_t bytes = plan.arena_bytes, bound = plan.lower_bound;
  Append(text,
         "arena        %" PRIu64 " bytes, lower bound %" PRIu64 ", ratio %.4f, %s (activations up to %" PRIu64
         ", scratch up to %" PRIu64 "; batch 1, 1 thread)\n",
         bytes, bound, static_cast<double>(bytes) / static_cast<double>(bound),
         plan.optimal ? "proven least" : "not proven least", plan.activation_bytes, plan.scratch_bytes);
  if (summary.fit) AppendFit(text, *summary.fit);
  if (!summary.float32 && !summary.calibration.empty()) {
    Append(text, "calibration  %s, %" PRId64 " images\n", summary.calibration.c_str(), summary.calibration_images);
  }
  text += PruningText(summary.pruning ? &*summary.pruning : nullptr, summary.sparsity, summary.dead_channels);
  if (summary.pruning_alone) {
    Append(text,
           "             float32 after pruning with float32 before: mean cosine %.5f (worst %.5f), same top label %.2f %%\n",
           summary.pruning_alone->mean_cosine, summary.pruning_alone->worst_cosine, 100 * summary.pruning_alone->top1);
  }
  if (!summary.float32) AppendQuantisation(text, summary);
  if (summary.agreement)
    AppendAgreement(text, *summary.agreement, summary.pruning ? "int8 with float32 before pruning" : "int8 with float32");
  if (!summary.output_hash.empty()) {
    Append(text, "output hash  %s, %s recipe.json says\n", summary.output_hash.c_str(),
           summary.left_out.empty() ? "as" : "not what");
  }
  if (summary.sensitivity) text += SensitivityText(*summary.sensitivity);
  for (const std::string& note : summary.notes) text.append("note         ").append(note).append("\n");
  return text;
}

}  // namespace cutis::convert
