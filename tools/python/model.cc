#include "tools/python/model.h"

#include <charconv>
#include <cstdlib>
#include <optional>
#include <span>

#include "runtime/model.h"
#include "tools/python/errors.h"

namespace py = pybind11;

namespace cutis::python {
namespace {

double Real(double value) {
  char text[64];
  *std::to_chars(text, text + sizeof text - 1, static_cast<float>(value)).ptr = '\0';
  return std::strtod(text, nullptr);
}

py::object EstimateOf(const std::optional<Estimate>& estimate) {
  if (!estimate) return py::none();
  py::dict made;
  made["value"] = Real(static_cast<double>(estimate->value));
  made["low"] = Real(static_cast<double>(estimate->low));
  made["high"] = Real(static_cast<double>(estimate->high));
  return made;
}

// What was measured at the operating point that a result was judged at: `name` is its very text, in the model, which several
// views have points of their own in.
py::object EvidenceOf(const Model& model, const char* name) {
  const VerdictRecipe& recipe = *reinterpret_cast<const cutis::Model*>(model.view().get())->verdict();  // runtime/c_abi.h
  std::span<const OperatingPoint> of_views;
  if (recipe.views) of_views = recipe.views->operating_points;
  for (const std::span<const OperatingPoint> points : {std::span<const OperatingPoint>(recipe.operating_points), of_views}) {
    for (const OperatingPoint& point : points) {
      if (name != point.name || (!point.sensitivity && !point.specificity)) continue;
      py::dict made;
      made["sensitivity"] = EstimateOf(point.sensitivity);
      made["specificity"] = EstimateOf(point.specificity);
      return made;
    }
  }
  return py::none();
}

py::object TextOrNone(const char* text) { return text == nullptr ? py::object(py::none()) : Text(text); }

}  // namespace

std::string Model::Hash() const {
  std::string text;
  for (const uint8_t byte : info_.content_hash) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::vector<const char*> Model::Labels() const {
  std::vector<const char*> labels;
  for (int32_t i = 0; i < info_.label_count; ++i) labels.push_back(model_.Label(i));
  return labels;
}

std::vector<const char*> Model::OperatingPoints() const {
  std::vector<const char*> names;
  for (int32_t i = 0; i < info_.operating_point_count; ++i) names.push_back(model_.OperatingPoint(i).name);
  return names;
}

py::dict DictOf(const Model& model, const Judging& judging, py::object file, const Judged& judged) {
  py::dict made;
  made["file"] = std::move(file);
  if (!judged.error.empty()) {
    made["error"] = Text(judged.error);
    return made;
  }
  const cutis_result& result = judged.result;
  made["verdict"] = TextOrNone(cutis_verdict_name(result.verdict));
  made["p_bcc"] = Real(static_cast<double>(result.p_bcc));
  made["bcc_share"] = result.bcc_share > 0 ? py::object(py::float_(Real(static_cast<double>(result.bcc_share)))) : py::none();
  made["operating_point"] = TextOrNone(result.operating_point);
  made["evidence"] = EvidenceOf(model, result.operating_point);
  py::list reasons;
  for (int bit = 0; bit < 32; ++bit) {
    if ((result.reasons >> bit & 1u) != 0) reasons.append(TextOrNone(cutis_reason_name(1u << bit)));
  }
  made["reasons"] = std::move(reasons);
  py::dict probabilities;
  for (int32_t i = 0; i < model.info().label_count; ++i) {
    probabilities[Text(model.view().Label(i))] = Real(static_cast<double>(judged.probabilities[static_cast<size_t>(i)]));
  }
  made["probabilities"] = std::move(probabilities);
  made["views"] = judged.views;
  made["gates"] = judging.gates && model.info().has_limits != 0;
  made["model_hash"] = model.Hash();
  py::dict ms;
  ms["decode"] = Real(result.decode_ms);
  ms["preprocess"] = Real(result.preprocess_ms);
  ms["inference"] = Real(result.inference_ms);
  made["ms"] = std::move(ms);
  return made;
}

}  // namespace cutis::python
