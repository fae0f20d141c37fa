#include "converter/check.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "converter/load.h"
#include "converter/quant/compare.h"
#include "converter/quant/images.h"
#include "converter/quant/quantize.h"
#include "converter/recipe/labels.h"
#include "converter/recipe/of_model.h"
#include "converter/report/report.h"
#include "converter/summary.h"
#include "converter/write/file.h"

namespace cutis::convert {
namespace {

constexpr size_t kWorstShown = 5;

std::string ShapeText(const Shape& shape, int32_t images) {
  std::string text =
      std::to_string(shape.height) + " x " + std::to_string(shape.width) + " x " + std::to_string(shape.channels);
  return images == 1 ? text : std::to_string(images) + " x " + text;
}

// Inputs and outputs, by number.
Status CheckEnds(const char* what, std::span<const int> source, const Net& net, std::span<const int32_t> file,
                 const Model& model, const Options& options) {
  if (source.size() != file.size()) {
    return Status::Error(Code::kBadInput, "%s: has %zu %ss, %s has %zu: it was not made from that", options.check_file.c_str(),
                         file.size(), what, options.input.c_str(), source.size());
  }
  for (size_t i = 0; i < source.size(); ++i) {
    const NetTensor& mine = net.tensors[static_cast<size_t>(source[i])];
    const TensorInfo& other = model.tensors()[static_cast<size_t>(file[i])].info;
    if (mine.shape == other.shape && mine.images == other.images) continue;
    return Status::Error(Code::kBadInput,
                         "%s: %s %zu is %s, that of %s is %s (height x width x channels): it was not made from that",
                         options.check_file.c_str(), what, i, ShapeText(other.shape, other.images).c_str(),
                         options.input.c_str(), ShapeText(mine.shape, mine.images).c_str());
  }
  return {};
}

Status CheckRequest(const Options& options, const Sources& paths, const Model& model) {
  std::vector<std::string> taken = {paths.weights,      paths.graph,    paths.quant,
                                    options.check_file, options.labels, options.check_images};
  CUTIS_TRY(CheckReportPaths(options.reports, taken));
  if (!options.check_images.empty() && !IsFolder(options.check_images))
    return Status::Error(Code::kBadInput, "%s: is no folder of images", options.check_images.c_str());
  if (!options.check_images.empty() && model.preprocess() == nullptr) {
    return Status::Error(Code::kUsage, "%s: holds no preprocessing, so images cannot be given to it: leave the folder out",
                         options.check_file.c_str());
  }
  if (options.labels.empty()) return {};
  if (options.check_images.empty()) return Status::Error(Code::kUsage, "--labels: needs a folder of images");
  if (model.verdict() == nullptr)
    return Status::Error(Code::kUsage, "--labels: %s holds no labels to compare with", options.check_file.c_str());
  return {};
}

std::string Text(const Report& report) {
  const Agreement& agreement = *report.summary.agreement;
  char line[640];
  std::string text;
  const auto append = [&](int) { text += line; };
  append(std::snprintf(line, sizeof line, "file         %.200s, %s, made from %.200s\n", report.summary.output.c_str(),
                       report.summary.float32 ? "float32" : "int8", report.source.c_str()));
  for (const std::string& warning : report.warnings) text += "warning      " + warning + "\n";
  AppendAgreement(text, agreement, report.summary.float32 ? "the file with its source" : "int8 with the float32 of its source");
  append(std::snprintf(line, sizeof line, "difference   %.6g at most, of two elements of the outputs\n",
                       agreement.largest_difference));
  const std::vector<size_t> order = WorstInputs(agreement, kWorstShown);
  for (size_t i = 0; i < order.size(); ++i) {
    const InputAgreement& input = agreement.each[order[i]];
    append(std::snprintf(line, sizeof line, "%s%s: cosine %.5f, difference %.6g, %s\n",
                         i == 0 ? "worst        " : "             ", InputName(report.summary, order[i]).substr(0, 300).c_str(),
                         input.cosine, input.difference, input.same_top ? "same top label" : "another top label"));
  }
  if (report.min_cosine) {
    append(std::snprintf(line, sizeof line, "limit        mean cosine %.5f %s %.5f\n", agreement.mean_cosine,
                         agreement.mean_cosine >= *report.min_cosine ? "reaches" : "is below", *report.min_cosine));
  }
  return text;
}

Summary Describe(const Options& options, const Job& job, const Model& model, const std::vector<std::string>& images,
                 Agreement agreement) {
  Summary summary;
  summary.name = model.provenance().name;
  summary.output = options.check_file;
  summary.float32 = std::all_of(model.nodes().begin(), model.nodes().end(),
                                [](const ModelNode& node) { return node.op->type == DataType::kF32; });
  summary.file_bytes = model.file_bytes();
  summary.weight_bytes = model.weight_bytes();
  summary.nodes = model.nodes().size();
  summary.blocks = model.blocks().size();
  const Plan& plan = model.plan();
  summary.plan = {plan.activation_bytes, plan.scratch_bytes, model.ArenaBytes(1, 1), model.ArenaLowerBound(1, 1)};
  // A file does not say what its planner has proven, but a plan at the bound needs no proof.
  summary.plan.optimal = summary.plan.arena_bytes == summary.plan.lower_bound;
  summary.agreement = std::move(agreement);
  for (const std::string& image : images) summary.compared.push_back(NameInFolder(options.check_images, image));
  summary.notes = job.notes;
  for (const uint8_t byte : model.sha256()) {
    summary.sha256 += "0123456789abcdef"[byte >> 4];
    summary.sha256 += "0123456789abcdef"[byte & 15];
  }
  return summary;
}

}  // namespace

Result<Checked> Check(const Options& options, ProgressLine& progress) {
  progress.Show("reading");
  CUTIS_ASSIGN(Sources paths, FindSources(options));
  // What the folder holds besides the network is not looked at: the file has a recipe of its own. (The scales of quant.json
  // belong to the network where its weights are integers.)
  paths.recipe.clear();
  paths.calibrate.clear();
  CUTIS_ASSIGN(const std::unique_ptr<Model> model, Model::Open(options.check_file.c_str()));
  CUTIS_TRY(CheckRequest(options, paths, *model));
  // A float32 file computes on bytes at its ends only.
  const bool float32 = std::none_of(model->nodes().begin(), model->nodes().end(), [](const ModelNode& node) {
    return node.op->type == DataType::kU8 && node.op->kind != OpKind::kDequantize;
  });
  CUTIS_ASSIGN(Job job, LoadNetwork(std::move(paths), float32));
  CUTIS_TRY(CheckEnds("input", job.net.inputs, job.net, model->inputs(), *model, options));
  CUTIS_TRY(CheckEnds("output", job.net.outputs, job.net, model->outputs(), *model, options));
  job.recipe = RecipeOfModel(*model);
  CUTIS_ASSIGN(FileModel packed, PackFloat(job.net));
  CUTIS_ASSIGN(const Encoded real, Encode(std::move(packed), job));
  std::vector<std::string> images;
  if (!options.check_images.empty()) {
    CUTIS_ASSIGN(images, ListImages(options.check_images));
  }
  std::map<std::string, bool> labels;
  if (!options.labels.empty()) {
    CUTIS_ASSIGN(const std::string text, ReadText(options.labels));
    const VerdictSettings& verdict = *job.recipe.verdict;
    CUTIS_ASSIGN(labels, ParseLabels(text, verdict.labels[static_cast<size_t>(verdict.positive)], options.labels));
  }
  CUTIS_ASSIGN(Agreement agreement,
               Compare(*real.model, *model, images, options.labels.empty() ? nullptr : &labels, options.threads,
                       [&](int64_t done, int64_t total) { progress.Show("comparing", done, total); }));
  CUTIS_ASSIGN(Report report, GatherReport(options, job, Describe(options, job, *model, images, std::move(agreement)), *model));
  if (report.source_sha256 != job.source.sha256) {
    report.warnings.push_back(job.source.file + " is not the file that " + report.summary.output +
                              " was made from: its SHA-256 is " + job.source.sha256 + ", recorded is " + report.source_sha256);
  }
  CUTIS_TRY(WriteReports(options.reports, report));
  Checked checked;
  checked.text = Text(report);
  checked.below = options.min_cosine && !(report.summary.agreement->mean_cosine >= *options.min_cosine);
  return checked;
}

}  // namespace cutis::convert
