#include "tools/python/model.h"

#include <charconv>
#include <cstdlib>

#include "tools/python/errors.h"

namespace py = pybind11;

namespace cutis::python {
namespace {

double Real(double value) {
  char text[64];
  *std::to_chars(text, text + sizeof text - 1, static_cast<float>(value)).ptr = '\0';
  return std::strtod(text, nullptr);
}

py::object EstimateOf(bool known, const cutis_estimate& estimate) {
  if (!known) return py::none();
  py::dict made;
  made["value"] = Real(static_cast<double>(estimate.value));
  made["low"] = Real(static_cast<double>(estimate.low));
  made["high"] = Real(static_cast<double>(estimate.high));
  return made;
}

// What was measured at the operating point of that name.
py::object EvidenceOf(const Model& model, std::string_view name) {
  for (int32_t i = 0; i < model.info().operating_point_count; ++i) {
    const cutis_operating_point_info point = model.view().OperatingPoint(i);
    if (name != point.name || (!point.has_sensitivity && !point.has_specificity)) continue;
    py::dict made;
    made["sensitivity"] = EstimateOf(point.has_sensitivity != 0, point.sensitivity);
    made["specificity"] = EstimateOf(point.has_specificity != 0, point.specificity);
    return made;
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

py::dict ResultOf(const Model& model, py::object file, const cutis_result& result) {
  py::dict made;
  made["file"] = std::move(file);
  made["verdict"] = TextOrNone(cutis_verdict_name(result.verdict));
  made["p_bcc"] = Real(static_cast<double>(result.p_bcc));
  made["bcc_share"] = result.bcc_share == 0 ? py::object(py::none()) : py::float_(Real(static_cast<double>(result.bcc_share)));
  made["operating_point"] = TextOrNone(result.operating_point);
  made["evidence"] = result.operating_point == nullptr ? py::none() : EvidenceOf(model, result.operating_point);
  py::list reasons;
  for (int bit = 0; bit < 32; ++bit) {
    if ((result.reasons >> bit & 1u) != 0) reasons.append(TextOrNone(cutis_reason_name(1u << bit)));
  }
  made["reasons"] = std::move(reasons);
  py::dict probabilities;
  for (int32_t i = 0; i < model.info().label_count; ++i) {
    probabilities[Text(model.view().Label(i))] = Real(static_cast<double>(result.probabilities[i]));
  }
  made["probabilities"] = std::move(probabilities);
  made["model_hash"] = model.Hash();
  py::dict ms;
  ms["decode"] = Real(result.decode_ms);
  ms["preprocess"] = Real(result.preprocess_ms);
  ms["inference"] = Real(result.inference_ms);
  made["ms"] = std::move(ms);
  return made;
}

py::dict FailureOf(py::object file, std::string_view error) {
  py::dict made;
  made["file"] = std::move(file);
  made["error"] = Text(error);
  return made;
}

}  // namespace cutis::python
