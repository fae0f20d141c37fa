#include "converter/quant/calibration.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

#include "converter/recipe/json.h"

namespace cutis::convert {

using nlohmann::json;

namespace {

constexpr const char* kFormat = "cutis-calibration-1";

// Nine digits bring every float back bit for bit; the JSON library would write it as a double with noise.
std::string FloatText(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  return text;
}

template <class T>
std::string ListText(const std::vector<T>& values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(values[i]);
  }
  text += ']';
  return text;
}

// An array of whole numbers up to `highest`.
template <class T>
Result<std::vector<T>> ReadList(JsonObject& object, const char* key, uint64_t highest) {
  CUTIS_ASSIGN(const json* array, object.Array(key));
  std::vector<T> values;
  values.reserve(array->size());
  for (const json& element : *array) {
    if (!element.is_number_unsigned() || element.get<uint64_t>() > highest) {
      return Status::Error(Code::kBadInput, "%s: element %zu must be a whole number from 0 to %llu", object.Where(key).c_str(),
                           values.size(), static_cast<unsigned long long>(highest));
    }
    values.push_back(static_cast<T>(element.get<uint64_t>()));
  }
  return values;
}

Result<TensorStatistics> ReadTensor(const json& value, const std::string& where) {
  constexpr double kMost = 3.4e38;
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(value, where));
  TensorStatistics tensor;
  CUTIS_ASSIGN(tensor.name, object.String("name"));
  CUTIS_ASSIGN(const double min, object.Number("min", -kMost, kMost));
  CUTIS_ASSIGN(const double max, object.Number("max", -kMost, kMost));
  if (min > max) return Status::Error(Code::kBadInput, "%s: min is above max", where.c_str());
  tensor.min = static_cast<float>(min);
  tensor.max = static_cast<float>(max);
  CUTIS_ASSIGN(const int64_t zeros, object.Integer("zeros", 0, kHistogramTotal));
  CUTIS_ASSIGN(const int64_t exponent, object.Integer("exponent", -200, 127));
  CUTIS_ASSIGN(const int64_t first_bin, object.Integer("first_bin", -(1 << 16), 1 << 16));
  tensor.zeros = static_cast<uint32_t>(zeros);
  tensor.exponent = static_cast<int32_t>(exponent);
  tensor.first_bin = static_cast<int32_t>(first_bin);
  CUTIS_ASSIGN(tensor.bins, ReadList<uint32_t>(object, "bins", kHistogramTotal));
  CUTIS_ASSIGN(tensor.channel_means, ReadList<uint16_t>(object, "channel_means", kMeanSteps));
  uint64_t total = tensor.zeros;
  for (const uint32_t count : tensor.bins) total += count;
  if (total != kHistogramTotal || tensor.bins.size() > 1 << 16) {
    return Status::Error(Code::kBadInput, "%s: zeros and bins must add up to %u", where.c_str(), kHistogramTotal);
  }
  CUTIS_TRY(object.Finish());
  return tensor;
}

}  // namespace

double TensorStatistics::ChannelMean(size_t channel) const {
  const double low = min, high = max;
  return low + (high - low) * channel_means[channel] / kMeanSteps;
}

std::string WriteCalibrationJson(const Calibration& calibration) {
  // Written by hand, a line a tensor: small, and a version control system shows what changed.
  std::string text = "{\n";
  text += "\"format\": " + json(kFormat).dump() + ",\n";
  text += "\"images\": " + std::to_string(calibration.images) + ",\n";
  text += "\"source_sha256\": " + json(calibration.source_sha256).dump() + ",\n";
  text += "\"preprocessing\": " + calibration.preprocessing.dump() + ",\n";
  text += "\"tensors\": [\n";
  for (size_t i = 0; i < calibration.tensors.size(); ++i) {
    const TensorStatistics& tensor = calibration.tensors[i];
    text += "{\"name\":" + json(tensor.name).dump() + ",\"min\":" + FloatText(tensor.min) +
            ",\"max\":" + FloatText(tensor.max) + ",\"zeros\":" + std::to_string(tensor.zeros) +
            ",\"exponent\":" + std::to_string(tensor.exponent) + ",\"first_bin\":" + std::to_string(tensor.first_bin) +
            ",\"bins\":" + ListText(tensor.bins) + ",\"channel_means\":" + ListText(tensor.channel_means) + "}";
    text += i + 1 < calibration.tensors.size() ? ",\n" : "\n";
  }
  return text + "]\n}\n";
}

Result<Calibration> ParseCalibrationJson(std::string_view text, const std::string& where) {
  CUTIS_ASSIGN(const json document, ParseJson(text, where));
  CUTIS_ASSIGN(JsonObject object, JsonObject::From(document, where));
  CUTIS_ASSIGN(const std::string format, object.String("format"));
  if (format != kFormat) {
    return Status::Error(Code::kBadInput, "%s: is not a calibration of this version (format %s)", where.c_str(), kFormat);
  }
  Calibration calibration;
  CUTIS_ASSIGN(calibration.images, object.Integer("images", 1, int64_t{1} << 40));
  CUTIS_ASSIGN(calibration.source_sha256, object.String("source_sha256"));
  CUTIS_ASSIGN(const json* preprocessing, object.Get("preprocessing"));
  calibration.preprocessing = *preprocessing;
  CUTIS_ASSIGN(const json* tensors, object.Array("tensors"));
  for (const json& value : *tensors) {
    const std::string place = object.Where("tensors[" + std::to_string(calibration.tensors.size()) + "]");
    CUTIS_ASSIGN(TensorStatistics tensor, ReadTensor(value, place));
    calibration.tensors.push_back(std::move(tensor));
  }
  CUTIS_TRY(object.Finish());
  return calibration;
}

Status FitCalibration(Calibration& calibration, const Net& net, const std::string& source_sha256, const json& preprocessing,
                      const std::string& where) {
  std::map<std::string, TensorStatistics> by_name;
  for (TensorStatistics& tensor : calibration.tensors) {
    std::string name = tensor.name;
    if (!by_name.emplace(name, std::move(tensor)).second) {
      return Status::Error(Code::kBadInput, "%s: tensor \"%s\" stands twice", where.c_str(), name.c_str());
    }
  }
  std::vector<TensorStatistics> ordered;
  for (const NetTensor& wanted : net.tensors) {
    const auto found = by_name.find(wanted.name);
    if (found == by_name.end()) {
      return Status::Error(Code::kBadInput, "%s: has no tensor \"%s\" of the network; calibrate it again with images",
                           where.c_str(), wanted.name.c_str());
    }
    if (found->second.channel_means.size() != static_cast<size_t>(wanted.shape.channels)) {
      return Status::Error(Code::kBadInput, "%s: tensor \"%s\" has %zu channels, that of the network %d", where.c_str(),
                           wanted.name.c_str(), found->second.channel_means.size(), wanted.shape.channels);
    }
    ordered.push_back(std::move(found->second));
    by_name.erase(found);
  }
  if (!by_name.empty()) {
    return Status::Error(Code::kBadInput, "%s: the network has no tensor \"%s\"; calibrate it again with images", where.c_str(),
                         by_name.begin()->first.c_str());
  }
  if (calibration.source_sha256 != source_sha256) {
    return Status::Error(Code::kBadInput,
                         "%s: was made from other weights (SHA-256 %.12s..., these have %.12s...); calibrate again",
                         where.c_str(), calibration.source_sha256.c_str(), source_sha256.c_str());
  }
  if (calibration.preprocessing != preprocessing) {
    return Status::Error(Code::kBadInput, "%s: was made with other preprocessing than the recipe's; calibrate again",
                         where.c_str());
  }
  calibration.tensors = std::move(ordered);
  return {};
}

}  // namespace cutis::convert
