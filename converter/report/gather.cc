#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <type_traits>
#include <utility>

#include "converter/load.h"
#include "converter/onnx/external_files.h"
#include "converter/quant/images.h"
#include "converter/recipe/of_model.h"
#include "converter/report/report.h"
#include "converter/write/file.h"
#include "ops/conv/pack.h"
#include "ops/stored.h"
#include "runtime/header.h"

namespace cutis::convert {
namespace {

constexpr uint64_t kMostFileBytes = uint64_t{4} << 30;

// The last part of the way to a folder or file.
std::string LastName(const std::string& path) {
  std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  if (normal.filename().empty()) normal = normal.parent_path();
  if (normal.filename() == "." || normal.filename() == ".." || normal.filename().empty()) {
    std::error_code error;
    normal = std::filesystem::weakly_canonical(path, error);
    if (normal.filename().empty()) normal = normal.parent_path();
  }
  return normal.filename().string();
}

Result<ReportFile> DescribeFile(const char* role, const std::string& path, const std::string& name) {
  CUTIS_ASSIGN(const std::vector<std::byte> bytes, ReadFile(path, kMostFileBytes));
  return ReportFile{role, name, bytes.size(), HexSha256(bytes), -1};
}

Result<ReportFile> DescribeFolder(const char* role, const std::string& folder) {
  ReportFile result{role, LastName(folder), 0, "", 0};
  CUTIS_ASSIGN(const std::vector<std::string> images, ListImages(folder));
  std::string lines;
  for (const std::string& path : images) {
    CUTIS_ASSIGN(const ReportFile image, DescribeFile(role, path, NameInFolder(folder, path)));
    result.bytes += image.bytes;
    lines += image.sha256 + "  " + image.name + "\n";
  }
  result.images = static_cast<int64_t>(images.size());
  result.sha256 = HexSha256(std::as_bytes(std::span(lines)));
  return result;
}

Status DescribeFiles(const Options& options, const Job& job, Report& report) {
  const Sources& paths = job.paths;
  report.files.push_back({"weights", job.source.file, job.source_bytes, job.source.sha256, -1});
  if (paths.graph.empty()) {
    CUTIS_ASSIGN(const std::vector<std::string> external, ListExternalFiles(paths.weights));
    const std::filesystem::path folder = std::filesystem::path(paths.weights).parent_path();
    for (const std::string& place : external) {
      CUTIS_ASSIGN(ReportFile file, DescribeFile("external data", (folder / place).string(), place));
      report.files.push_back(std::move(file));
    }
  }
  const std::string calibration = options.float32 || options.check ? "" : paths.calibrate;
  for (const auto& [role, path] : {std::pair{"graph", &paths.graph},
                                   {"recipe", &paths.recipe},
                                   {"quantisation", &paths.quant},
                                   {"calibration", &calibration},
                                   {"labels", &options.labels},
                                   {"evaluation", &options.evaluate},
                                   {"check images", &options.check_images},
                                   {"converted file", &options.check_file}}) {
    if (path->empty()) continue;
    auto file = IsFolder(*path) ? DescribeFolder(role, *path) : DescribeFile(role, *path, FileName(*path));
    CUTIS_ASSIGN(ReportFile described, std::move(file));
    report.files.push_back(std::move(described));
  }
  return {};
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

void DescribeOptions(const Options& options, Report& report) {
  const auto add = [&](const char* name, const std::string& value) { report.options.emplace_back(name, value); };
  if (options.check) add("--check", "");
  add("INPUT", LastName(options.input));
  if (!options.output.empty()) add("-o", FileName(options.output));
  for (const auto& [name, path] : {std::pair{"--graph", &options.graph},
                                   {"--recipe", &options.recipe},
                                   {"--quant", &options.quant},
                                   {"--calibrate", &options.calibrate},
                                   {"--labels", &options.labels},
                                   {"--evaluate", &options.evaluate},
                                   {"FILE", &options.check_file},
                                   {"IMAGES", &options.check_images},
                                   {"--write-calibration", &options.write_calibration},
                                   {"--sensitivity", &options.sensitivity}}) {
    if (!path->empty()) add(name, LastName(*path));
  }
  if (options.float32) add("--float", "");
  if (options.mixed) add("--mixed", "");
  if (options.effort == Effort::kHigh) add("--effort", "high");
  const PruneOptions& prune = options.prune;
  if (prune.mode != PruneMode::kNone) {
    add("--prune", std::string(NameOf(prune.mode)) + ":" + Number(prune.rate));
    add("--prune-by", NameOf(prune.by));
    if (prune.first) add("--prune-first", "");
    if (prune.last) add("--prune-last", "");
    for (const auto& [layer, share] : prune.limits) add("--prune-limit", layer + "=" + Number(share));
  }
  if (options.min_cosine) add("--min-cosine", Number(*options.min_cosine));
}

// Weights and biases of a layer as the network has them, however they are stored.
uint64_t Parameters(const ModelNode& node) {
  return std::visit(
      [&](const auto& o) -> uint64_t {
        if constexpr (requires { o.weights; }) {
          const auto out = static_cast<uint64_t>(node.node.output->shape.channels);
          uint64_t in = 1;
          if constexpr (requires { o.groups; }) {
            in = static_cast<uint64_t>(node.node.inputs[0]->shape.channels / o.groups);
          }
          return out * (static_cast<uint64_t>(o.window.kernel_h) * static_cast<uint64_t>(o.window.kernel_w) * in + 1);
        } else {
          return 0;
        }
      },
      node.node.options);
}

// s_w = m * s_y / s_x, of the channels that there are.
std::optional<std::pair<double, double>> WeightScales(const ModelNode& node) {
  return std::visit(
      [&](const auto& o) -> std::optional<std::pair<double, double>> {
        if constexpr (requires { o.weights, o.multiplier; }) {
          const double scale = static_cast<double>(node.node.output->scale) / static_cast<double>(node.node.inputs[0]->scale);
          std::optional<std::pair<double, double>> range;
          for (const float multiplier : o.multiplier) {
            if (!(multiplier > 0)) continue;  // the tail of a panel
            const double value = static_cast<double>(multiplier) * scale;
            if (!range) range = {value, value};
            range = {std::min(range->first, value), std::max(range->second, value)};
          }
          return range;
        } else {
          return std::nullopt;
        }
      },
      node.node.options);
}

void CountRows(const ModelNode& node, ReportLayer& layer) {
  const auto* conv = std::get_if<ConvU8Options>(&node.node.options);
  if (conv == nullptr) return;
  if (const Rows rows = RowsOf(node.node); rows.all != 0) {
    layer.rows = rows.all;
    layer.live_rows = rows.live;
    layer.by_blocks = true;
    return;
  }
  layer.rows = conv->weights.size() / 64;
  layer.live_rows = CountLiveRows(conv->weights.data(), conv->weights.size());
}

void DescribeLayers(const Summary& summary, const Model& model, Report& report) {
  std::map<std::string, const LayerReport*> quantised;  // by tensor
  for (const LayerReport& layer : summary.layers) quantised.emplace(layer.tensor, &layer);
  std::map<std::string, const LayerSparsity*> sparsity;
  for (const LayerSparsity& layer : summary.sparsity) sparsity.emplace(layer.name, &layer);
  for (const ModelNode& node : model.nodes()) {
    ReportLayer layer;
    layer.name = node.name;
    layer.op = node.op->name;
    layer.window = WindowText(node.node.options);
    layer.type = node.op->type;
    layer.inputs.assign(node.inputs.begin(), node.inputs.end());
    layer.output = node.output;
    layer.in_place = node.in_place;
    layer.block = node.block;
    layer.scratch_bytes = model.ScratchBytes(static_cast<int32_t>(report.layers.size()));
    layer.macs = MacsOf(*node.op, node.node);
    const Stored stored = StoredBytes(node.node.options);
    layer.weight_bytes = stored.weights;
    layer.other_bytes = stored.others;
    layer.parameters = Parameters(node);
    layer.weight_scales = WeightScales(node);
    CountRows(node, layer);
    const ModelTensor& output = model.tensors()[static_cast<size_t>(node.output)];
    if (const auto found = quantised.find(output.name); found != quantised.end()) {
      layer.sqnr_db = found->second->sqnr_db;
      layer.range = found->second->method;
      layer.rounding = found->second->rounding;
    }
    const auto zeros = sparsity.find(node.name);
    if (stored.weights > 0 && zeros != sparsity.end()) layer.zero_weights = {zeros->second->zero, zeros->second->weights};
    report.layers.push_back(std::move(layer));
  }
}

void DescribeParts(const Model& model, Report& report) {
  FileParts& parts = report.parts;
  const uint64_t file = model.file_bytes(), segment = model.weight_bytes();
  parts.header = sizeof(FileHeader);
  for (const ModelNode& node : model.nodes()) {
    std::visit(
        [&](const auto& o) {
          if constexpr (requires { o.weights; }) {
            uint64_t& part = node.op->kind == OpKind::kDepthwise ? parts.depthwise
                             : node.op->kind == OpKind::kDense   ? parts.dense
                                                                 : parts.conv;
            part += o.weights.size_bytes();
            parts.biases += o.bias.size_bytes();
            if constexpr (requires { o.multiplier; }) parts.biases += o.multiplier.size_bytes();
          }
        },
        node.node.options);
  }
  for (const ModelTensor& tensor : model.tensors()) {
    if (tensor.constant != nullptr) parts.constants += EntryBytes(tensor.info);
  }
  const uint64_t used = parts.conv + parts.depthwise + parts.dense + parts.biases + parts.constants;
  parts.padding = segment > used ? segment - used : 0;
  parts.graph = file - segment - parts.header;
}

}  // namespace

uint64_t Report::macs() const {
  uint64_t sum = 0;
  for (const ReportLayer& layer : layers) sum += layer.macs;
  return sum;
}

std::string NameInFolder(const std::string& folder, const std::string& path) {
  return std::filesystem::path(path).lexically_relative(folder).string();
}

Result<Report> GatherReport(const Options& options, const Job& job, const Summary& summary, const Model& model) {
  Report report;
  report.check = options.check;
  report.converter = "cutis-convert " CUTIS_VERSION;
  report.summary = summary;
  report.summary.output = FileName(summary.output);
  report.min_cosine = options.min_cosine;
  report.passes = job.passes;
  if (!summary.left_out.empty()) report.warnings.push_back(summary.left_out);
  CUTIS_TRY(DescribeFiles(options, job, report));
  DescribeOptions(options, report);
  for (const ModelTensor& tensor : model.tensors()) {
    const TensorInfo& info = tensor.info;
    report.tensors.push_back({tensor.name, info.type, info.shape, info.images, tensor.constant != nullptr, info.scale,
                              info.zero_point, tensor.offset, EntryBytes(info), tensor.first_step, tensor.last_step,
                              tensor.inside});
  }
  for (const ModelBlock& block : model.blocks()) {
    report.blocks.push_back({block.first, block.last, block.rows});
  }
  DescribeLayers(summary, model, report);
  DescribeParts(model, report);
  report.inputs.assign(model.inputs().begin(), model.inputs().end());
  report.outputs.assign(model.outputs().begin(), model.outputs().end());
  const Recipe recipe = RecipeOfModel(model);
  if (recipe.preprocess) report.preprocess = recipe.preprocess->ToJson();
  if (recipe.verdict) report.verdict = VerdictJson(*recipe.verdict);
  report.source = model.provenance().source;
  report.source_sha256 = model.provenance().source_sha256;
  report.licence = recipe.licence;
  report.card = recipe.card;
  return report;
}

}  // namespace cutis::convert
