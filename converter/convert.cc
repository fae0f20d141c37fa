#include "converter/convert.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "converter/load.h"
#include "converter/plan/blocks.h"
#include "converter/prune/moments.h"
#include "converter/prune/realign.h"
#include "converter/quant/calibrate.h"
#include "converter/quant/forms.h"
#include "converter/quant/given.h"
#include "converter/quant/images.h"
#include "converter/quant/quantize.h"
#include "converter/quant/refine.h"
#include "converter/quant/report.h"
#include "converter/quant/search_ranges.h"
#include "converter/recipe/fitted.h"
#include "converter/recipe/labels.h"
#include "converter/recipe/of_model.h"
#include "converter/recipe/recipe.h"
#include "converter/report/report.h"
#include "converter/report/sqnr.h"
#include "converter/write/emit_c.h"
#include "converter/write/file.h"
#include "runtime/golden.h"
#include "runtime/model.h"
#include "runtime/session.h"

namespace cutis::convert {
namespace {

// Images whose activations are held layer by layer, and all at once while ranges are tried.
constexpr size_t kMostRefineImages = 128, kMostRangeImages = 32;

Status NeedsCalibration() {
  return Status::Error(
      Code::kUsage,
      "int8 needs to know the range of every tensor: give --calibrate DIR (a folder of typical images) or --calibrate "
      "calibration.json, or write a float32 model with --float");
}

// Options that contradict each other, found before any work is done.
Status CheckOptions(const Options& options, const Sources& sources) {
  for (const std::string* path : {&sources.weights, &sources.graph, &sources.recipe, &sources.quant, &sources.calibrate,
                                  &options.labels, &options.write_calibration, &options.sensitivity, &options.target}) {
    if (!path->empty() && SameFile(*path, options.output)) {
      return Status::Error(Code::kUsage, "%s: the output would replace it", path->c_str());
    }
  }
  if (options.float32 && options.mixed) return Status::Error(Code::kUsage, "--mixed: has no meaning with --float");
  if (options.float32 && !options.fuse) return Status::Error(Code::kUsage, "--no-fuse: has no meaning with --float");
  if (options.float32 && options.effort == Effort::kHigh)
    return Status::Error(Code::kUsage, "--effort: has no meaning with --float");
  if (options.float32) {
    for (const auto& [name, value] : {std::pair{"--calibrate", &options.calibrate},
                                      {"--write-calibration", &options.write_calibration},
                                      {"--labels", &options.labels},
                                      {"--evaluate", &options.evaluate},
                                      {"--sensitivity", &options.sensitivity}}) {
      if (!value->empty()) return Status::Error(Code::kUsage, "%s: has no meaning with --float", name);
    }
    if (options.prune.by != PruneBy::kL1) return Status::Error(Code::kUsage, "--prune-by: only l1 has a meaning with --float");
    return {};
  }
  if (sources.calibrate.empty()) {
    // The source may state all scales (GetCalibration); what works on images or ranges needs them anyway.
    const bool wanted = options.effort == Effort::kHigh || options.prune.mode != PruneMode::kNone ||
                        !options.write_calibration.empty() || !options.sensitivity.empty() ||
                        (!options.labels.empty() && options.evaluate.empty());
    if (wanted) return NeedsCalibration();
    if (options.evaluate.empty() || IsFolder(options.evaluate)) return {};
    return Status::Error(Code::kBadInput, "%s: is no folder of images", options.evaluate.c_str());
  }
  const bool images = IsFolder(sources.calibrate);
  if (!images && !Exists(sources.calibrate))
    return Status::Error(Code::kBadInput, "%s: does not exist", sources.calibrate.c_str());
  if (options.effort == Effort::kHigh && !images) {
    return Status::Error(
        Code::kUsage,
        "--effort high: statistics alone do not say how the network's layers answer to rounding: give --calibrate "
        "DIR, a folder of typical images");
  }
  if (!options.write_calibration.empty() && !images) {
    return Status::Error(Code::kUsage, "--write-calibration: needs --calibrate DIR with images");
  }
  if (options.prune.mode != PruneMode::kNone && !images) {
    return Status::Error(Code::kUsage, "--prune: changes the ranges that %s holds: give --calibrate DIR with images",
                         FileName(sources.calibrate).c_str());
  }
  if (options.prune.mode != PruneMode::kNone && !options.write_calibration.empty()) {
    return Status::Error(Code::kUsage, "--write-calibration: the ranges of a pruned network do not fit the source");
  }
  if (!options.sensitivity.empty() && !images) {
    return Status::Error(Code::kUsage, "--sensitivity: needs --calibrate DIR with images");
  }
  if (!options.labels.empty() && !images && options.evaluate.empty()) {
    return Status::Error(Code::kUsage, "--labels: needs images: --calibrate DIR or --evaluate DIR");
  }
  if (!options.evaluate.empty() && !IsFolder(options.evaluate)) {
    return Status::Error(Code::kBadInput, "%s: is no folder of images", options.evaluate.c_str());
  }
  return {};
}

InputRecipe InputRecipeOf(const Job& job) {
  if (!job.recipe.preprocess) return {};
  return {job.recipe.preprocess->mean, job.recipe.preprocess->std};
}

// Without images and ranges: the scales of the source have to do, all of them.
Result<Calibration> CalibrationOfSource(const Job& job) {
  const auto stated = [](const NetTensor& tensor) { return tensor.quantization != nullptr; };
  if (std::none_of(job.net.tensors.begin(), job.net.tensors.end(), stated)) return NeedsCalibration();
  CUTIS_ASSIGN(const std::vector<int> missing, TensorsWithoutScale(job.net, InputRecipeOf(job)));
  if (missing.empty()) return WithoutStatistics(job.net);
  return Status::Error(Code::kUsage,
                       "the source, quant.json included, states no scale for %zu of %zu tensors (\"%.100s\", ...): give "
                       "--calibrate DIR (a folder of typical images) or --calibrate calibration.json",
                       missing.size(), job.net.tensors.size(), job.net.tensors[static_cast<size_t>(missing[0])].name.c_str());
}

Result<Calibration> GetCalibration(const Options& options, const Job& job, const Model& real,
                                   const std::vector<std::string>& images, ProgressLine& progress) {
  const std::string& where = job.paths.calibrate;
  if (where.empty()) return CalibrationOfSource(job);
  if (images.empty()) {
    CUTIS_ASSIGN(const std::string text, ReadText(where));
    CUTIS_ASSIGN(Calibration calibration, ParseCalibrationJson(text, where));
    CutCalibration(job.dead_channels, calibration);
    CUTIS_TRY(FitCalibration(calibration, job.net, job.source.sha256, job.Preprocessing(), where));
    return calibration;
  }
  CUTIS_ASSIGN(Calibration calibration, Calibrate(job.net, real, images, options.threads, [&](int64_t done, int64_t total) {
                 progress.Show("calibrating", done, total);
               }));
  calibration.source_sha256 = job.source.sha256;
  calibration.preprocessing = job.Preprocessing();
  return calibration;
}

Result<Agreement> CompareOn(const Options& options, const Job& job, const Model& real, const Model& quantised,
                            const std::vector<std::string>& images, ProgressLine& progress) {
  std::map<std::string, bool> labels;
  if (!options.labels.empty()) {
    CUTIS_ASSIGN(const std::string text, ReadText(options.labels));
    const VerdictSettings& verdict = *job.recipe.verdict;
    CUTIS_ASSIGN(labels, ParseLabels(text, verdict.labels[static_cast<size_t>(verdict.positive)], options.labels));
  }
  return Compare(real, quantised, images, options.labels.empty() ? nullptr : &labels, options.threads,
                 [&](int64_t done, int64_t total) { progress.Show("comparing with float32", done, total); });
}

// Prunes the network of the job, whose float32 model is `real`, and measures what that costs each layer; as far as asked for.
Status PruneJob(const Options& options, const Encoded& real, std::span<const std::string> images, Job& job, Summary& summary,
                ProgressLine& progress) {
  if (options.prune.mode == PruneMode::kNone && options.sensitivity.empty()) return {};
  Moments moments;
  if (!images.empty()) {
    CUTIS_ASSIGN(moments, CollectMoments(job.net, *real.model, images, options.threads, [&](int64_t done, int64_t total) {
                   progress.Show("measuring activations", done, total);
                 }));
  }
  // The recipe speaks of outputs that a part of a network does not have.
  Job plain;
  plain.recipe.name = job.recipe.name;
  plain.recipe.preprocess = job.recipe.preprocess;
  const OpenNet open = [&](const Net& net) -> Result<std::unique_ptr<Model>> {
    CUTIS_ASSIGN(FileModel file, PackFloat(net));
    CUTIS_ASSIGN(Encoded encoded, Encode(std::move(file), plain));
    return std::move(encoded.model);
  };
  if (!options.sensitivity.empty()) {
    const PruneMode mode = options.prune.mode == PruneMode::kNone ? PruneMode::kBlock : options.prune.mode;
    CUTIS_ASSIGN(summary.sensitivity, MeasureSensitivity(mode, options.prune.by, job.graph, job.net, *real.model, moments, open,
                                                         images, options.threads, [&](int64_t done, int64_t total) {
                                                           progress.Show("measuring sensitivity", done, total);
                                                         }));
  }
  if (options.prune.mode == PruneMode::kNone) return {};
  progress.Show("pruning");
  CUTIS_ASSIGN(Pruned pruned, Prune(options.prune, job.graph, job.net, images.empty() ? nullptr : &moments));
  if (!images.empty()) {
    CUTIS_TRY(Realign(
        job.net, pruned.kept, open, images, options.threads,
        [&](int64_t done, int64_t total) { progress.Show("realigning", done, total); }, &pruned.net));
  }
  job.net = std::move(pruned.net);
  job.net.mixed = options.mixed;
  summary.pruning = std::move(pruned.report);
  return {};
}

// Up to `most` of the images, spread over the list.
Result<PixelImages> LoadSome(const std::vector<std::string>& images, size_t most, const Model& real) {
  const Shape& shape = real.tensors()[static_cast<size_t>(real.input())].info.shape;
  const size_t count = std::min(images.size(), most);
  PixelImages pixels;
  for (size_t i = 0; i < count; ++i) {
    CUTIS_ASSIGN(std::vector<uint8_t> image, LoadImage(images[i * images.size() / count], *real.preprocess(), shape));
    pixels.push_back(std::move(image));
  }
  return pixels;
}

// A network in the form that is quantised, with its statistics.
struct Form {
  Net net;
  FileModel real;
  Calibration calibration;
  size_t equalised = 0;  // channels
};

// Scales the channels of `form` where that makes the quantised outputs better on the images (equalise.h).
Status EqualiseForm(const Options& options, const Job& job, const InputRecipe& input, const std::vector<std::string>& images,
                    const PixelImages& pixels, Form& form, ProgressLine& progress) {
  CUTIS_ASSIGN(const ChannelRanges ranges, MeasureChannels(form.net, form.real, input, pixels, options.threads));
  CUTIS_ASSIGN(double least, OutputError(form.net, form.real, form.calibration, input, pixels, options.threads));
  const Net original = form.net;
  for (const double strength : {0.5, 1.0}) {
    Form scaled;
    scaled.net = original;
    scaled.equalised = Equalise(scaled.net, ranges, strength);
    if (scaled.equalised == 0) continue;
    CUTIS_ASSIGN(scaled.real, PackFloat(scaled.net));
    CUTIS_ASSIGN(const Encoded encoded, Encode(scaled.real, job));
    CUTIS_ASSIGN(scaled.calibration,
                 Calibrate(scaled.net, *encoded.model, images, options.threads,
                           [&](int64_t done, int64_t total) { progress.Show("equalising channels", done, total); }));
    CUTIS_ASSIGN(const double error, OutputError(scaled.net, scaled.real, scaled.calibration, input, pixels, options.threads));
    if (!(error < least)) continue;
    least = error;
    form = std::move(scaled);
  }
  return {};
}

// int8 by statistics alone, or, where there are images, by what the quantised network makes of them.
Result<FileModel> QuantizeJob(const Options& options, const Job& job, const Model& real, const Calibration& calibration,
                              const std::vector<std::string>& images, Summary& summary, ProgressLine& progress) {
  progress.Show("quantising");
  const InputRecipe input = InputRecipeOf(job);
  const bool high = options.effort == Effort::kHigh;
  if (images.empty() || !CanRefine(job.net)) {
    if (high && !images.empty()) {
      return Status::Error(Code::kUnsupported,
                           "--effort high: not for networks with several inputs or several images an entry");
    }
    CUTIS_ASSIGN(FileModel model, Quantize(job.net, calibration, input));
    summary.layers = ReportLayers(job.net, calibration, model, nullptr, nullptr, false);
    return model;
  }
  Form form{job.net, {}, calibration, 0};
  CUTIS_ASSIGN(form.real, PackFloat(form.net));
  std::optional<ChosenRanges> ranges;
  if (high) {
    CUTIS_ASSIGN(const PixelImages pixels, LoadSome(images, kMostRangeImages, real));
    CUTIS_TRY(EqualiseForm(options, job, input, images, pixels, form, progress));
    CUTIS_ASSIGN(ranges, SearchRanges(form.net, form.real, form.calibration, input, pixels, options.threads,
                                      [&](int64_t done, int64_t total) { progress.Show("trying ranges", done, total); }));
  }
  CUTIS_ASSIGN(const PixelImages pixels, LoadSome(images, kMostRefineImages, real));
  Refiner refiner(form.net, form.real, input, pixels, {high, options.threads},
                  [&](int64_t done, int64_t total) { progress.Show(high ? "rounding weights" : "quantising", done, total); });
  if (ranges) refiner.SetAffines(ranges->affines);
  CUTIS_ASSIGN(FileModel model, Quantize(form.net, form.calibration, input, &refiner));
  summary.sqnr_on = Measured::kCalibration;
  summary.sqnr_inputs = static_cast<int64_t>(pixels.size());
  summary.layers = ReportLayers(form.net, form.calibration, model, ranges ? &*ranges : nullptr, &refiner, high);
  summary.equalised_channels = form.equalised;
  return model;
}

void Describe(const Job& job, const Encoded& encoded, Summary& summary) {
  summary.dead_channels = job.dead_channels.removed;
  summary.sparsity = CountSparsity(job.net, *encoded.model);
  summary.name = job.recipe.name;
  summary.notes = job.notes;
  summary.file_bytes = encoded.bytes.size();
  summary.weight_bytes = encoded.model->weight_bytes();
  summary.nodes = encoded.model->nodes().size();
  summary.blocks = encoded.model->blocks().size();
  summary.plan = encoded.plan;
  for (const uint8_t byte : encoded.model->sha256()) {
    summary.sha256 += "0123456789abcdef"[byte >> 4];
    summary.sha256 += "0123456789abcdef"[byte & 15];
  }
}

// The error of the layers, where quantising has not measured it already.
Status MeasureLayers(const Options& options, const Model& real, const Model& quantised, const std::vector<std::string>& images,
                     Summary& summary, ProgressLine& progress) {
  if (options.reports.empty() || summary.sqnr_on != Measured::kNothing) return {};
  CUTIS_ASSIGN(const MeasuredSqnr measured,
               MeasureSqnr(real, quantised, images, options.threads,
                           [&](int64_t done, int64_t total) { progress.Show("measuring the error of layers", done, total); }));
  summary.sqnr_on = images.empty()             ? Measured::kGenerated
                    : options.evaluate.empty() ? Measured::kCalibration
                                               : Measured::kEvaluation;
  summary.sqnr_inputs = measured.inputs;
  for (LayerReport& layer : summary.layers) {
    if (const auto found = measured.db.find(layer.tensor); found != measured.db.end()) layer.sqnr_db = found->second;
  }
  return {};
}

Result<std::string> HashOf(const Model& model, int32_t threads) {
  SessionOptions options;
  options.threads = threads;
  uint8_t digest[32];
  CUTIS_TRY(OutputHash(model, options, digest));
  return HexText(digest);
}

// Numbers of the recipe that were fitted with a network hold for it alone: where `model` is another one, they go, and the job's
// recipe has to be encoded again.
Result<bool> LeaveOutForeign(const Model& model, int32_t threads, Job& job, Summary& summary) {
  if (!job.recipe.verdict || job.recipe.verdict->output_hash.empty()) return false;
  CUTIS_ASSIGN(summary.output_hash, HashOf(model, threads));
  const std::string stated = job.recipe.verdict->output_hash;
  if (stated == summary.output_hash) return false;
  const std::string gone = TakeOutFitted(*job.recipe.verdict);
  summary.left_out = gone.empty() ? std::string("the recipe's output_hash is that of another network")
                                  : std::string("left out, since it was fitted with another network: ").append(gone);
  summary.left_out.append(" (recipe.json: output hash ").append(stated).append("; this network: ").append(summary.output_hash);
  summary.left_out.append(
      "). Convert as when the numbers were fitted, or fit them anew with this network and write its hash into "
      "recipe.json");
  job.notes.push_back(summary.left_out);
  return true;
}

// Puts the layers that can run together into blocks, and sees to it that the bits are the same. `hash` is that of the network's
// outputs, or empty: then it is measured.
Status Fuse(const Job& job, int32_t threads, std::string& hash, FileModel& file, Encoded& encoded) {
  file.blocks = FindBlocks(file);
  if (file.blocks.empty()) return {};
  CUTIS_ASSIGN(Encoded fused, EncodeAsItIs(file, job));
  if (hash.empty()) {
    CUTIS_ASSIGN(hash, HashOf(*encoded.model, threads));
  }
  CUTIS_ASSIGN(const std::string after, HashOf(*fused.model, threads));
  if (hash != after) {
    return Status::Error(Code::kInternal, "layers run together give other bits than one by one; --no-fuse keeps them apart");
  }
  encoded = std::move(fused);
  return {};
}

// All that a conversion writes, the model last.
Status WriteAll(const Options& options, const Job& job, const Summary& summary, const Encoded& encoded,
                const Calibration* calibration, ProgressLine& progress) {
  progress.Show("writing");
  if (!options.reports.empty()) {
    CUTIS_ASSIGN(const Report report, GatherReport(options, job, summary, *encoded.model));
    CUTIS_TRY(WriteReports(options.reports, report));
  }
  if (summary.sensitivity) {
    const std::string text = SensitivityJson(*summary.sensitivity);
    CUTIS_TRY(WriteFileAtomically(options.sensitivity, std::as_bytes(std::span(text))));
  }
  if (!options.write_calibration.empty()) {
    const std::string text = WriteCalibrationJson(*calibration);
    CUTIS_TRY(WriteFileAtomically(options.write_calibration, std::as_bytes(std::span(text))));
  }
  if (!options.emit_c.empty()) CUTIS_TRY(EmitC(encoded.bytes, options.output, options.emit_c));
  return WriteFileAtomically(options.output, encoded.bytes);
}

}  // namespace

Result<Summary> Convert(const Options& options, ProgressLine& progress) {
  progress.Show("reading");
  CUTIS_ASSIGN(Sources paths, FindSources(options));
  CUTIS_TRY(CheckOptions(options, paths));
  CUTIS_TRY(CheckReportPaths(
      options.reports, {options.output, paths.weights, paths.graph, paths.recipe, paths.quant, paths.calibrate, options.labels,
                        options.evaluate, options.write_calibration, options.sensitivity, options.emit_c}));
  CUTIS_ASSIGN(Job job, Load(options, std::move(paths)));
  if (!options.target.empty()) {
    CUTIS_ASSIGN(const std::string text, ReadText(options.target));
    CUTIS_ASSIGN(job.profile, ParseProfile(text, options.target));
    CUTIS_TRY(CheckWeights(*job.profile, job.net, options.float32, options.prune.mode != PruneMode::kNone));
  }
  CUTIS_ASSIGN(FileModel real_file, PackFloat(job.net));
  CUTIS_ASSIGN(const Encoded real, Encode(std::move(real_file), job));
  Summary summary;
  summary.output = options.output;
  summary.float32 = options.float32;
  summary.effort = options.effort;
  std::vector<std::string> images;
  if (!options.float32 && IsFolder(job.paths.calibrate)) {
    CUTIS_ASSIGN(images, ListImages(job.paths.calibrate));
  }
  CUTIS_TRY(PruneJob(options, real, images, job, summary, progress));
  std::optional<Encoded> pruned;
  if (summary.pruning) {
    CUTIS_ASSIGN(FileModel pruned_file, PackFloat(job.net));
    CUTIS_ASSIGN(pruned, Encode(std::move(pruned_file), job));
  }
  const Encoded& base = pruned ? *pruned : real;  // what is quantised
  if (options.float32) {
    progress.Show("comparing with the recipe");
    CUTIS_TRY(LeaveOutForeign(*base.model, options.threads, job, summary).status());
    progress.Show("measuring the self-test");
    CUTIS_ASSIGN(FileModel file, PackFloat(job.net));
    RemoveUnusedTensors(file);
    CUTIS_ASSIGN(Encoded whole, EncodeAsItIs(file, job));  // the recipe as it is now
    CUTIS_ASSIGN(whole, EncodeFinished(file, job, *whole.model, summary.output_hash, options.threads, &summary.fit));
    Describe(job, whole, summary);
    CUTIS_TRY(WriteAll(options, job, summary, whole, nullptr, progress));
    return summary;
  }
  CUTIS_ASSIGN(const Calibration calibration, GetCalibration(options, job, *base.model, images, progress));
  CUTIS_ASSIGN(FileModel quantised_file, QuantizeJob(options, job, *base.model, calibration, images, summary, progress));
  RemoveUnusedTensors(quantised_file);
  CUTIS_ASSIGN(Encoded quantised, EncodeAsItIs(quantised_file, job));
  CUTIS_ASSIGN(const bool foreign, LeaveOutForeign(*quantised.model, options.threads, job, summary));
  if (foreign) {
    CUTIS_ASSIGN(quantised, EncodeAsItIs(quantised_file, job));
  }
  std::vector<std::string> compared = images;
  const std::string& folder = options.evaluate.empty() ? job.paths.calibrate : options.evaluate;
  if (!options.evaluate.empty()) {
    CUTIS_ASSIGN(compared, ListImages(options.evaluate));
  }
  CUTIS_ASSIGN(summary.agreement, CompareOn(options, job, *real.model, *quantised.model, compared, progress));
  for (const std::string& image : compared) summary.compared.push_back(NameInFolder(folder, image));
  if (pruned) {
    CUTIS_ASSIGN(summary.pruning_alone, CompareOn(options, job, *real.model, *pruned->model, compared, progress));
  }
  CUTIS_TRY(MeasureLayers(options, *base.model, *quantised.model, compared, summary, progress));
  // Every tensor was there to be looked at; from here on those inside blocks are not.
  std::string hash = summary.output_hash;
  if (options.fuse) CUTIS_TRY(Fuse(job, options.threads, hash, quantised_file, quantised));
  progress.Show("measuring the self-test");
  CUTIS_ASSIGN(quantised, EncodeFinished(quantised_file, job, *quantised.model, hash, options.threads, &summary.fit));
  Describe(job, quantised, summary);
  summary.calibration = FileName(job.paths.calibrate);
  if (summary.calibration.empty()) summary.calibration = job.paths.calibrate;
  summary.calibration_images = calibration.images;
  CUTIS_TRY(WriteAll(options, job, summary, quantised, &calibration, progress));
  return summary;
}

}  // namespace cutis::convert
