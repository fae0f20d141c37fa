// cutis inspect: everything that a model file says, and what the runtime makes of it on this machine.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <set>
#include <string>

#include "ops/stored.h"
#include "runtime/image.h"
#include "runtime/image_limits.h"
#include "runtime/pixel_features.h"
#include "tools/cutis/common.h"
#include "tools/cutis/footprint.h"

namespace cutis::cli {
namespace {

constexpr int32_t kShownThreads = 4;

struct InspectOptions {
  ModelOptions model;
  bool json = false;
  bool ops = false;
};

std::string ShapeText(const Shape& s) {
  return std::to_string(s.height) + "x" + std::to_string(s.width) + "x" + std::to_string(s.channels);
}

const ModelTensor& TensorAt(const Model& model, int32_t index) { return model.tensors()[static_cast<size_t>(index)]; }

// What a build must hold to run the model, as the Meson option ops takes it.
std::set<std::string> OpsOf(const Model& model) {
  std::set<std::string> names;
  for (const ModelNode& node : model.nodes()) names.insert(OptionNameOf(*node.op));
  return names;
}

uint64_t Macs(const ModelNode& node) { return MacsOf(*node.op, node.node); }

// How the layers with weights compute, in a word; of a model without any, its other nodes.
const char* Precision(const Model& model) {
  const bool weights = std::any_of(model.nodes().begin(), model.nodes().end(),
                                   [](const ModelNode& node) { return StoredBytes(node.node.options).weights > 0; });
  bool u8 = false, f32 = false;
  for (const ModelNode& node : model.nodes()) {
    if (weights && StoredBytes(node.node.options).weights == 0) continue;
    (node.op->type == DataType::kU8 ? u8 : f32) = true;
  }
  return u8 && f32 ? "mixed" : u8 ? "int8" : "float32";
}

const char* NameOfStep(PreprocessStep::Kind kind) {
  switch (kind) {
    case PreprocessStep::Kind::kCenterSquare:
      return "center_square";
    case PreprocessStep::Kind::kResize:
      return "resize";
    case PreprocessStep::Kind::kCenterCrop:
      return "center_crop";
  }
  return "";
}

const char* NameOfFilter(Filter filter) { return filter == Filter::kBilinear ? "bilinear" : "bicubic"; }

const char* NameOfScores(Scores scores) {
  switch (scores) {
    case Scores::kProbabilities:
      return "probabilities";
    case Scores::kSoftmax:
      return "softmax";
    case Scores::kSigmoid:
      return "sigmoid";
  }
  return "";
}

// -- JSON -----------------------------------------------------------------------------------------

Json TensorJson(const ModelTensor& tensor) {
  const TensorInfo& info = tensor.info;
  Json json = {{"name", tensor.name},
               {"type", NameOf(info.type)},
               {"shape", {info.shape.height, info.shape.width, info.shape.channels}},
               {"channel_stride", info.channel_stride},
               {"bytes", info.image_bytes},
               {"first_step", tensor.first_step},
               {"last_step", tensor.last_step}};
  if (tensor.constant != nullptr) {
    json["constant"] = true;
  } else if (tensor.inside) {
    json["inside_block"] = true;
  } else {
    json["offset"] = tensor.offset;
  }
  if (info.type == DataType::kU8) {
    json["scale"] = info.scale;
    json["zero_point"] = info.zero_point;
  }
  return json;
}

Json NodeJson(const ModelNode& node) {
  Json json;
  json["name"] = node.name;
  json["op"] = node.op->name;
  json["type"] = NameOf(node.op->type);
  json["kernel"] = node.kernel->name;
  json["inputs"] = Json::array();
  for (int32_t input : node.inputs) json["inputs"].push_back(input);
  json["output"] = node.output;
  if (node.in_place >= 0) json["in_place"] = node.in_place;
  if (node.block >= 0) json["block"] = node.block;
  json["macs"] = Macs(node);
  const Stored stored = StoredBytes(node.node.options);
  json["weight_bytes"] = stored.weights;
  json["other_bytes"] = stored.others;
  if (const std::string window = WindowText(node.node.options); !window.empty()) json["window"] = window;
  if (const Rows rows = RowsOf(node.node); rows.all != 0) {
    json["live_rows"] = rows.live;
    json["rows"] = rows.all;
  }
  return json;
}

Json PlanJson(const Model& model) {
  const Plan& plan = model.plan();
  Json json = {
      {"most_activation_bytes", plan.activation_bytes}, {"most_scratch_bytes", plan.scratch_bytes}, {"batch_1", Json::array()}};
  for (int32_t threads = 1; threads <= kShownThreads; ++threads) {
    const uint64_t bytes = model.ArenaBytes(1, threads), bound = model.ArenaLowerBound(1, threads);
    json["batch_1"].push_back({{"threads", threads},
                               {"arena_bytes", bytes},
                               {"arena_lower_bound", bound},
                               {"ratio", bound == 0 ? 1.0 : static_cast<double>(bytes) / static_cast<double>(bound)}});
  }
  return json;
}

// The second plan, of sessions that explain.
Json ExplanationJson(const Model& model) {
  const ModelExplanation* const explanation = model.explanation();
  if (explanation == nullptr) return nullptr;
  Json json = {{"feature_map", explanation->map},
               {"logits", explanation->dense},
               {"most_activation_bytes", explanation->activation_bytes},
               {"batch_1", Json::array()},
               {"offsets", std::vector<uint32_t>(explanation->offsets.begin(), explanation->offsets.end())}};
  for (int32_t threads = 1; threads <= kShownThreads; ++threads)
    json["batch_1"].push_back({{"threads", threads}, {"arena_bytes", model.ExplanationArenaBytes(1, threads)}});
  return json;
}

Json RecipeJson(const Preprocess& recipe) {
  Json steps = Json::array();
  for (const PreprocessStep& step : recipe.steps) {
    Json json = {{"step", NameOfStep(step.kind)}};
    if (step.kind != PreprocessStep::Kind::kCenterSquare) {
      json["width"] = step.width;
      json["height"] = step.height;
    }
    if (step.kind == PreprocessStep::Kind::kResize) json["filter"] = NameOfFilter(step.filter);
    steps.push_back(json);
  }
  const char* const version = DecoderVersion(recipe.decoder);
  return {{"decoder", recipe.decoder},
          {"decoder_version", version == nullptr ? Json(nullptr) : Json(version)},
          {"steps", steps},
          {"mean", std::vector<float>(recipe.mean.begin(), recipe.mean.end())},
          {"std", std::vector<float>(recipe.std.begin(), recipe.std.end())}};
}

// The rules without their many numbers, which recipe.json holds.
Json LimitsJson(const Limits& limits) {
  Json rules = Json::array();
  for (const Limit& limit : limits.rules) {
    Json rule = {{"reason", NameOf(limit.reason)}};
    if (limit.kind == Limit::Kind::kFeature) {
      rule["feature"] = NameOf(static_cast<PixelFeature>(limit.feature));
      rule["least"] = std::isfinite(limit.least) ? Json(limit.least) : Json(nullptr);
      rule["most"] = std::isfinite(limit.most) ? Json(limit.most) : Json(nullptr);
    } else {
      rule[limit.kind == Limit::Kind::kLinear ? "score_at_most" : "distance_at_most"] = limit.most;
    }
    rules.push_back(rule);
  }
  return {{"features", limits.features},
          {"embedding", limits.embedding < 0 ? Json(nullptr) : Json(limits.embedding)},
          {"rules", rules},
          {"refused", EstimateJson(limits.refused)},
          {"images", limits.images},
          {"note", limits.note}};
}

Json CalibrationJson(const PlattScaling& calibration) {
  return {{"slope", calibration.slope},
          {"intercept", calibration.intercept},
          {"bcc_share", calibration.bcc_share},
          {"images", calibration.images},
          {"note", calibration.note}};
}

Json PointsJson(std::span<const OperatingPoint> points, int32_t default_point) {
  Json list = Json::array();
  for (size_t i = 0; i < points.size(); ++i) {
    const OperatingPoint& point = points[i];
    list.push_back({{"name", point.name},
                    {"threshold", point.threshold},
                    {"refer_low", point.refer_low},
                    {"refer_high", point.refer_high},
                    {"note", point.note},
                    {"calibrated", point.calibrated},
                    {"evidence", EvidenceJson(point)},
                    {"default", static_cast<int32_t>(i) == default_point}});
  }
  return list;
}

Json ViewsJson(const ViewsRecipe& views, int32_t default_point) {
  Json stops = Json::array();
  for (const ViewStop& stop : views.stops) stops.push_back({{"rise", stop.rise}, {"fall", stop.fall}});
  return {{"calibration", CalibrationJson(views.calibration)},
          {"operating_points", PointsJson(views.operating_points, default_point)},
          {"stops", stops},
          {"images", views.images},
          {"mean_views", views.mean_views},
          {"note", views.note}};
}

Json VerdictJson(const VerdictRecipe& recipe) {
  Json json;
  json["labels"] = std::vector<std::string>(recipe.labels.begin(), recipe.labels.end());
  json["positive"] = recipe.labels[static_cast<size_t>(recipe.positive)];
  json["scores"] = NameOfScores(recipe.scores);
  json["temperature"] = recipe.temperature;
  json["calibration"] = recipe.calibration ? CalibrationJson(*recipe.calibration) : Json(nullptr);
  json["limits"] = recipe.limits ? LimitsJson(*recipe.limits) : Json(nullptr);
  json["output_hash"] = recipe.output_hash.empty() ? Json(nullptr) : Json(Hex(recipe.output_hash));
  json["operating_points"] = PointsJson(recipe.operating_points, recipe.default_operating_point);
  json["views"] = recipe.views ? ViewsJson(*recipe.views, recipe.default_operating_point) : Json(nullptr);
  return json;
}

Json ModelJson(const Model& model, const std::string& path) {
  const Provenance& from = model.provenance();
  Json json;
  json["file"] = path;
  json["file_bytes"] = model.file_bytes();
  json["weight_bytes"] = model.weight_bytes();
  json["format_version"] = model.format_version();
  json["model_hash"] = Hex(model.sha256());
  json["precision"] = Precision(model);
  json["isa"] = NameOf(BestIsa(model.cpu()));
  uint64_t macs = 0;
  for (const ModelNode& node : model.nodes()) macs += Macs(node);
  json["macs"] = macs;
  json["ops"] = OpsOf(model);
  json["input"] = model.input();
  json["outputs"] = std::vector<int32_t>(model.outputs().begin(), model.outputs().end());
  json["tensors"] = Json::array();
  for (const ModelTensor& tensor : model.tensors()) json["tensors"].push_back(TensorJson(tensor));
  json["nodes"] = Json::array();
  for (size_t i = 0; i < model.nodes().size(); ++i) {
    json["nodes"].push_back(NodeJson(model.nodes()[i]));
    json["nodes"].back()["scratch_bytes"] = model.ScratchBytes(static_cast<int32_t>(i));
  }
  json["blocks"] = Json::array();
  for (const ModelBlock& block : model.blocks()) {
    json["blocks"].push_back({{"first", block.first}, {"last", block.last}, {"rows", block.rows}});
  }
  json["plan"] = PlanJson(model);
  json["explanation"] = ExplanationJson(model);
  json["recipe"] = model.preprocess() == nullptr ? Json(nullptr) : RecipeJson(*model.preprocess());
  json["verdict"] = model.verdict() == nullptr ? Json(nullptr) : VerdictJson(*model.verdict());
  json["provenance"] = {{"name", from.name},       {"converter", from.converter},
                        {"source", from.source},   {"source_sha256", from.source_sha256},
                        {"licence", from.licence}, {"card", from.card}};
  return json;
}

// -- for people -----------------------------------------------------------------------------------

void PrintHead(const Model& model, const std::string& path) {
  const Provenance& from = model.provenance();
  std::printf("%s: format %u, %s bytes (%s of weights), content hash %s\n", PrintableLine(path).c_str(), model.format_version(),
              Grouped(model.file_bytes()).c_str(), Grouped(model.weight_bytes()).c_str(), Hex(model.sha256()).c_str());
  const struct {
    const char *key, *value;
  } rows[] = {{"name", from.name},        {"made by", from.converter},
              {"made from", from.source}, {"source SHA-256", from.source_sha256},
              {"licence", from.licence},  {"card", from.card}};
  for (const auto& row : rows) {
    if (row.value[0] != '\0') std::printf("  %-15s %s\n", row.key, PrintableLine(row.value).c_str());
  }
}

// Joins the nodes of a block.
char BlockMark(const Model& model, size_t i) {
  const int32_t index = model.nodes()[i].block;
  if (index < 0) return ' ';
  const ModelBlock& block = model.blocks()[static_cast<size_t>(index)];
  return static_cast<int32_t>(i) == block.first ? '/' : static_cast<int32_t>(i) == block.last ? '\\' : '|';
}

void PrintNodes(const Model& model) {
  std::printf("\nGraph: %zu nodes, %s, kernels chosen for %s\n", model.nodes().size(), Precision(model),
              NameOf(BestIsa(model.cpu())));
  std::printf("%4s  %-12s %-9s %-14s %-14s %13s %10s %12s %4s %9s  %s\n", "step", "op", "window", "in", "out", "MACs",
              "weights", "scale", "zero", "offset", "kernel");
  const ModelTensor& input = TensorAt(model, model.input());
  std::printf("%4s  %-12s %-9s %-14s %-14s %13s %10s %12.6g %4d %9llu\n", "-", "input", "", "",
              ShapeText(input.info.shape).c_str(), "", "", static_cast<double>(input.info.scale), input.info.zero_point,
              static_cast<unsigned long long>(input.offset));
  uint64_t macs = 0;
  for (size_t i = 0; i < model.nodes().size(); ++i) {
    const ModelNode& node = model.nodes()[i];
    const ModelTensor &in = TensorAt(model, node.inputs[0]), &out = TensorAt(model, node.output);
    macs += Macs(node);
    std::printf("%4zu %c%-12s %-9s %-14s %-14s %13s %10s ", i, BlockMark(model, i), node.op->name,
                WindowText(node.node.options).c_str(), ShapeText(in.info.shape).c_str(), ShapeText(out.info.shape).c_str(),
                Grouped(Macs(node)).c_str(), Grouped(StoredBytes(node.node.options).weights).c_str());
    if (out.info.type == DataType::kU8) {
      std::printf("%12.6g %4d", static_cast<double>(out.info.scale), out.info.zero_point);
    } else {
      std::printf("%12s %4s", "f32", "");
    }
    if (out.inside) {
      std::printf(" %9s  %s", "-", node.kernel->name);
    } else {
      std::printf(" %9llu%c %s", static_cast<unsigned long long>(out.offset), node.in_place >= 0 ? '=' : ' ',
                  node.kernel->name);
    }
    if (const Rows rows = RowsOf(node.node); rows.all != 0) std::printf(", %zu of %zu rows", rows.live, rows.all);
    std::printf("\n");
  }
  std::printf(
      "%s multiply-adds an image. Activations: uint8 by one scale and zero point a tensor; weights: int8 by one scale an "
      "output channel\n"
      "(float32 nodes have neither). Offsets and shapes are those of batch 1; after an offset, = says that the output lies on "
      "an input.\n",
      Grouped(macs).c_str());
  if (model.blocks().empty()) return;
  std::printf(
      "Nodes joined by / | \\ run as one step, some rows at a time (%zu blocks): what lies between them takes no arena.\n",
      model.blocks().size());
}

void PrintPlan(const Model& model) {
  const Plan& plan = model.plan();
  std::printf("\nArena = the most, over the steps, of batch * activations (up to %s) + threads * scratch (up to %s) bytes\n",
              Grouped(plan.activation_bytes).c_str(), Grouped(plan.scratch_bytes).c_str());
  for (int32_t threads = 1; threads <= kShownThreads; ++threads) {
    const uint64_t bytes = model.ArenaBytes(1, threads), bound = model.ArenaLowerBound(1, threads);
    std::printf("  batch 1, %d thread%s %13s bytes, lower bound %13s, ratio %.3f\n", threads,
                threads == 1 ? ": " : "s:", Grouped(bytes).c_str(), Grouped(bound).c_str(),
                bound == 0 ? 1.0 : static_cast<double>(bytes) / static_cast<double>(bound));
  }
  const ModelExplanation* const explanation = model.explanation();
  if (explanation == nullptr) return;
  std::printf("  to explain, with the feature map %s kept to the end, threads 1 to %d:",
              ShapeText(TensorAt(model, explanation->map).info.shape).c_str(), kShownThreads);
  for (int32_t threads = 1; threads <= kShownThreads; ++threads)
    std::printf("%s %s", threads == 1 ? "" : ",", Grouped(model.ExplanationArenaBytes(1, threads)).c_str());
  std::printf(" bytes\n");
}

void PrintRecipe(const Preprocess& recipe) {
  const char* const version = DecoderVersion(recipe.decoder);
  const std::string note = version == nullptr ? " (not in this build)" : version[0] == '\0' ? "" : " " + std::string(version);
  std::printf("\nImage: decoder %s%s, EXIF orientation", PrintableLine(recipe.decoder).c_str(), note.c_str());
  for (const PreprocessStep& step : recipe.steps) {
    switch (step.kind) {
      case PreprocessStep::Kind::kCenterSquare:
        std::printf(", centre square");
        break;
      case PreprocessStep::Kind::kResize:
        std::printf(", resize to %dx%d (%s)", step.width, step.height, NameOfFilter(step.filter));
        break;
      case PreprocessStep::Kind::kCenterCrop:
        std::printf(", centre %dx%d", step.width, step.height);
        break;
    }
  }
  std::printf("\n  network input = (byte - mean) / std; mean");
  for (float mean : recipe.mean) std::printf(" %g", static_cast<double>(mean));
  std::printf(", std");
  for (float std : recipe.std) std::printf(" %g", static_cast<double>(std));
  std::printf("\n");
}

void PrintLimits(const Limits& limits) {
  std::printf("  unusable images:");
  for (size_t i = 0; i < limits.rules.size(); ++i) {
    const Limit& limit = limits.rules[i];
    std::printf("%s %s when ", i == 0 ? "" : ";", NameOf(limit.reason));
    if (limit.kind == Limit::Kind::kFeature) {
      const std::string name = NameOf(static_cast<PixelFeature>(limit.feature));
      if (std::isfinite(limit.least)) std::printf("%s < %g", name.c_str(), static_cast<double>(limit.least));
      if (std::isfinite(limit.least) && std::isfinite(limit.most)) std::printf(" or ");
      if (std::isfinite(limit.most)) std::printf("%s > %g", name.c_str(), static_cast<double>(limit.most));
    } else {
      std::printf("%s > %g", limit.kind == Limit::Kind::kLinear ? "its score" : "its distance from the training images",
                  static_cast<double>(limit.most));
    }
  }
  std::printf("; %zu features of an image", limits.features);
  if (limits.refused) {
    std::printf(", fitted on %u good ones of which %.1f %% are refused", limits.images,
                100.0 * static_cast<double>(limits.refused->value));
  }
  std::printf("%s%s\n", limits.note[0] == '\0' ? "" : "; ", PrintableLine(limits.note).c_str());
}

void PrintCalibration(const PlattScaling& calibration) {
  std::printf(
      "calibrated: log-odds %g * z %+g, fitted on %u images of which %.1f %% are BCC; p_bcc holds for such a share%s%s\n",
      static_cast<double>(calibration.slope), static_cast<double>(calibration.intercept), calibration.images,
      100.0 * static_cast<double>(calibration.bcc_share), calibration.note[0] == '\0' ? "" : "; ",
      PrintableLine(calibration.note).c_str());
}

void PrintPoints(std::span<const OperatingPoint> points, int32_t default_point, const char* indent) {
  for (size_t i = 0; i < points.size(); ++i) {
    const OperatingPoint& point = points[i];
    std::printf("%soperating point \"%s\"%s: bcc when p >= %g", indent, PrintableLine(point.name).c_str(),
                static_cast<int32_t>(i) == default_point ? " (default)" : "", static_cast<double>(point.threshold));
    if (point.refer_low < point.refer_high) {
      std::printf(", refer when %g <= p < %g", static_cast<double>(point.refer_low), static_cast<double>(point.refer_high));
    }
    std::printf(", %s%s%s%s\n", point.calibrated ? "calibrated" : "uncalibrated", EvidenceText(point).c_str(),
                point.note[0] == '\0' ? "" : "; ", PrintableLine(point.note).c_str());
  }
}

void PrintViews(const ViewsRecipe& views, int32_t default_point) {
  std::printf("  of several views (classify --tta), the mean of the outputs is judged so:\n    ");
  PrintCalibration(views.calibration);
  PrintPoints(views.operating_points, default_point, "    ");
  std::printf("    the other views are left out where no bound is near, after");
  for (size_t i = 0; i < views.stops.size(); ++i) {
    std::printf("%s %zu: +%g -%g", i == 0 ? "" : ",", i + 1, static_cast<double>(views.stops[i].rise),
                static_cast<double>(views.stops[i].fall));
  }
  std::printf("%s (log-odds); fitted on %u images, which took %.2f views on average%s%s\n", views.stops.empty() ? " none" : "",
              views.images, static_cast<double>(views.mean_views), views.note[0] == '\0' ? "" : "; ",
              PrintableLine(views.note).c_str());
}

void PrintVerdict(const VerdictRecipe& recipe) {
  std::printf("\nLabels:");
  for (const char* label : recipe.labels) std::printf(" %s", PrintableLine(label).c_str());
  std::printf("\n  p_bcc is that of \"%s\"; scores: %s, temperature %g\n",
              PrintableLine(recipe.labels[static_cast<size_t>(recipe.positive)]).c_str(), NameOfScores(recipe.scores),
              static_cast<double>(recipe.temperature));
  if (recipe.calibration) {
    std::printf("  ");
    PrintCalibration(*recipe.calibration);
  }
  if (recipe.limits) PrintLimits(*recipe.limits);
  if (recipe.operating_points.empty()) std::printf("  no operating point: the model gives probabilities, no verdict\n");
  PrintPoints(recipe.operating_points, recipe.default_operating_point, "  ");
  if (recipe.views) PrintViews(*recipe.views, recipe.default_operating_point);
  if (!recipe.output_hash.empty())
    std::printf("  fitted with the network of output hash %s, which is this one's\n", Hex(recipe.output_hash).c_str());
}

int RunInspect(const InspectOptions& options) {
  Result<std::unique_ptr<Model>> opened = OpenModel(options.model);
  if (!opened.ok()) return Fail(opened.status());
  const Model& model = *opened.value();
  if (options.ops) {
    std::string list;
    for (const std::string& name : OpsOf(model)) list += (list.empty() ? "" : ",") + name;
    std::printf("%s\n", list.c_str());
    return 0;
  }
  if (options.json) {
    Json json = ModelJson(model, options.model.path);
    Result<Json> footprint = FootprintJson(model);
    if (!footprint.ok()) return Fail(footprint.status());
    json["footprint"] = std::move(footprint.value());
    PrintJson(json);
    return 0;
  }
  PrintHead(model, options.model.path);
  PrintNodes(model);
  PrintPlan(model);
  if (Status status = PrintFootprint(model); !status.ok()) return Fail(status);
  if (model.preprocess() != nullptr) PrintRecipe(*model.preprocess());
  if (model.verdict() != nullptr) PrintVerdict(*model.verdict());
  return 0;
}

}  // namespace

Command MakeInspect() {
  auto options = std::make_shared<InspectOptions>();
  Command command("inspect", "Show a model file: graph, quantisation, kernels, memory plan, recipe, labels, provenance");
  AddModelOptions(command, options->model);
  AddTuneOptions(command, options->model);
  command.AddFlag("json", options->json, "The same as one JSON object, with every tensor of the plan");
  command.AddFlag("ops", options->ops, "Only the operators, as the Meson option ops takes them");
  command.Exclude("json");
  command.run = [options] { return RunInspect(*options); };
  return command;
}

}  // namespace cutis::cli
