#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "converter/report/report.h"

namespace cutis::convert {
namespace {

using Json = nlohmann::ordered_json;

// A float32 as the shortest number that it is.
double Short(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = value;
  std::from_chars(text, end, result);
  return result;
}

Json ShareJson(const Share& share) {
  return {{"hits", share.hits}, {"count", share.count}, {"value", share.value}, {"low", share.low}, {"high", share.high}};
}

Json RatesJson(const Rates& rates) {
  return {{"sensitivity", ShareJson(rates.Sensitivity())},
          {"specificity", ShareJson(rates.Specificity())},
          {"positives_referred", rates.positives_referred},
          {"negatives_referred", rates.negatives_referred}};
}

Json AgreementJson(const Agreement& agreement, const Summary& summary) {
  Json json = {{"inputs", agreement.inputs},           {"generated", agreement.generated},
               {"mean_cosine", agreement.mean_cosine}, {"worst_cosine", agreement.worst_cosine},
               {"same_top", agreement.top1},           {"largest_difference", agreement.largest_difference}};
  json["worst"] = Json::array();
  for (const size_t i : WorstInputs(agreement, 10)) {
    const InputAgreement& input = agreement.each[i];
    json["worst"].push_back({{"input", InputName(summary, i)},
                             {"cosine", input.cosine},
                             {"difference", input.difference},
                             {"same_top", input.same_top}});
  }
  if (!agreement.auc) return json;
  const AucComparison& auc = *agreement.auc;
  json["auc"] = {{"float32", {{"value", auc.first}, {"low", auc.first_low}, {"high", auc.first_high}}},
                 {"file", {{"value", auc.second}, {"low", auc.second_low}, {"high", auc.second_high}}},
                 {"difference", {{"value", auc.second - auc.first}, {"low", auc.low}, {"high", auc.high}}},
                 {"positives", auc.positives},
                 {"negatives", auc.negatives},
                 {"unlabelled", agreement.unlabelled}};
  json["operating_points"] = Json::array();
  for (const PointRates& point : agreement.points) {
    json["operating_points"].push_back({{"name", point.point.name},
                                        {"threshold", Short(point.point.threshold)},
                                        {"calibrated", point.point.calibrated},
                                        {"float32", RatesJson(point.first)},
                                        {"file", RatesJson(point.second)}});
  }
  return json;
}

Json LayerJson(const ReportLayer& layer, const Report& report) {
  const auto shape = [&](int tensor) -> Json {
    const ReportTensor& t = report.tensors[static_cast<size_t>(tensor)];
    return {t.images, t.shape.height, t.shape.width, t.shape.channels};
  };
  Json json = {{"name", layer.name}, {"op", layer.op}, {"type", NameOf(layer.type)}};
  if (!layer.window.empty()) json["window"] = layer.window;
  json["inputs"] = layer.inputs;
  json["output"] = layer.output;
  if (layer.in_place >= 0) json["in_place"] = layer.in_place;
  if (layer.block >= 0) json["block"] = layer.block;
  json["scratch_bytes"] = layer.scratch_bytes;
  json["input_shape"] = layer.inputs.empty() ? Json(nullptr) : shape(layer.inputs[0]);
  json["output_shape"] = shape(layer.output);
  json["macs"] = layer.macs;
  json["parameters"] = layer.parameters;
  json["weight_bytes"] = layer.weight_bytes;
  json["other_bytes"] = layer.other_bytes;
  if (layer.rows > 0) json["rows"] = {{"all", layer.rows}, {"live", layer.live_rows}, {"only_live_stored", layer.by_blocks}};
  if (layer.zero_weights) json["zero_weights"] = {{"zero", layer.zero_weights->first}, {"all", layer.zero_weights->second}};
  if (layer.weight_scales)
    json["weight_scales"] = {{"least", layer.weight_scales->first}, {"largest", layer.weight_scales->second}};
  const bool exact = layer.sqnr_db && std::isinf(*layer.sqnr_db);
  json["sqnr_db"] = layer.sqnr_db && !exact ? Json(*layer.sqnr_db) : Json(nullptr);
  if (exact) json["exact"] = true;
  if (!layer.range.empty()) json["range"] = layer.range;
  if (!layer.rounding.empty()) json["rounding"] = layer.rounding;
  return json;
}

Json TensorJson(const ReportTensor& tensor) {
  Json json = {{"name", tensor.name},
               {"type", NameOf(tensor.type)},
               {"shape", {tensor.images, tensor.shape.height, tensor.shape.width, tensor.shape.channels}},
               {"bytes", tensor.bytes}};
  if (tensor.type == DataType::kU8) {
    json["scale"] = Short(tensor.scale);
    json["zero_point"] = tensor.zero_point;
  }
  if (tensor.constant) {
    json["constant"] = true;
  } else if (tensor.inside) {
    json["inside_block"] = true;
  } else {
    json["offset"] = tensor.offset;
    json["first_step"] = tensor.first_step;
    json["last_step"] = tensor.last_step;
  }
  return json;
}

Json PruningJson(const PruneReport& pruning) {
  Json json = {{"mode", NameOf(pruning.options.mode)}, {"rate", pruning.options.rate}, {"by", NameOf(pruning.options.by)},
               {"unit", UnitOf(pruning.options.mode)}, {"units", pruning.units},       {"removed", pruning.removed}};
  json["layers"] = Json::array();
  for (const PrunedLayer& layer : pruning.layers) {
    json["layers"].push_back({{"name", layer.name},
                              {"asked_rate", layer.spared[0] == '\0' ? pruning.options.rate : 0},
                              {"largest_rate", layer.spared[0] == '\0' ? CapOf(pruning.options, layer.name) : 0},
                              {"units", layer.units},
                              {"live_before", layer.units - layer.zero},
                              {"live_after", layer.units - layer.removed},
                              {"zero_before", layer.zero},
                              {"removed", layer.removed},
                              {"spared", layer.spared}});
  }
  return json;
}

const char* NameOf(Measured measured) {
  constexpr const char* kNames[] = {"nothing", "calibration images", "evaluation images", "generated inputs"};
  return kNames[static_cast<size_t>(measured)];
}

}  // namespace

std::string ReportJson(const Report& report) {
  const Summary& summary = report.summary;
  Json json = {{"schema", "cutis-report-1"}, {"kind", report.check ? "check" : "conversion"}, {"converter", report.converter}};
  json["model"] = {{"name", summary.name},
                   {"file", summary.output},
                   {"sha256", summary.sha256},
                   {"precision", summary.float32 ? "float32" : "int8"},
                   {"file_bytes", summary.file_bytes},
                   {"weight_bytes", summary.weight_bytes},
                   {"layers", summary.nodes},
                   {"macs", report.macs()}};
  json["provenance"] = {
      {"source", report.source}, {"source_sha256", report.source_sha256}, {"licence", report.licence}, {"card", report.card}};
  json["files"] = Json::array();
  for (const ReportFile& file : report.files) {
    Json entry = {{"role", file.role}, {"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}};
    if (file.images >= 0) entry["images"] = file.images;
    json["files"].push_back(entry);
  }
  json["options"] = Json::array();
  for (const auto& [name, value] : report.options) json["options"].push_back({{"option", name}, {"value", value}});
  json["output_hash"] = summary.output_hash.empty() ? Json(nullptr) : Json(summary.output_hash);
  json["warnings"] = report.warnings;
  json["notes"] = summary.notes;
  json["passes"] = Json::array();
  for (const PassTrace& pass : report.passes) {
    json["passes"].push_back({{"name", pass.name},
                              {"what", pass.what},
                              {"nodes_before", pass.nodes_before},
                              {"nodes_after", pass.nodes_after},
                              {"operators", pass.operators}});
  }
  json["dead_channels"] = summary.dead_channels;
  json["equalised_channels"] = summary.equalised_channels;
  json["pruning"] = summary.pruning ? PruningJson(*summary.pruning) : Json(nullptr);
  json["sensitivity"] = summary.sensitivity ? Json::parse(SensitivityJson(*summary.sensitivity)) : Json(nullptr);
  json["plan"] = {{"arena_bytes", summary.plan.arena_bytes},
                  {"lower_bound", summary.plan.lower_bound},
                  {"proven_least", summary.plan.optimal},
                  {"most_activation_bytes", summary.plan.activation_bytes},
                  {"most_scratch_bytes", summary.plan.scratch_bytes}};
  json["blocks"] = Json::array();
  for (const ReportBlock& block : report.blocks) {
    json["blocks"].push_back({{"first", block.first}, {"last", block.last}, {"rows", block.rows}});
  }
  const FileParts& p = report.parts;
  json["file_parts"] = {{"header", p.header},       {"graph", p.graph},
                        {"conv_weights", p.conv},   {"depthwise_weights", p.depthwise},
                        {"dense_weights", p.dense}, {"biases_and_multipliers", p.biases},
                        {"constants", p.constants}, {"padding", p.padding}};
  json["agreement"] = summary.agreement ? AgreementJson(*summary.agreement, summary) : Json(nullptr);
  if (summary.pruning_alone) json["pruning_alone"] = AgreementJson(*summary.pruning_alone, summary);
  if (report.min_cosine) json["min_cosine"] = *report.min_cosine;
  json["sqnr_measured_on"] = {{"what", NameOf(summary.sqnr_on)}, {"inputs", summary.sqnr_inputs}};
  json["inputs"] = report.inputs;
  json["outputs"] = report.outputs;
  json["layers"] = Json::array();
  for (const ReportLayer& layer : report.layers) json["layers"].push_back(LayerJson(layer, report));
  json["tensors"] = Json::array();
  for (const ReportTensor& tensor : report.tensors) json["tensors"].push_back(TensorJson(tensor));
  json["preprocess"] = report.preprocess;
  json["verdict"] = report.verdict;
  // What is no valid UTF-8 in a name becomes U+FFFD.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cutis::convert
