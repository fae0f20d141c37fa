#include "tools/cutis/baseline.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "tools/cutis/common.h"
#include "tools/pipeline/read_file.h"

namespace cutis::cli {
namespace {

constexpr size_t kMostBytes = size_t{1} << 24;

// A text, or the name and value of each entry of an object; "" for anything else.
std::string TextOf(const Json& json, const char* key) {
  const auto at = json.find(key);
  if (at == json.end()) return "";
  if (at->is_string()) return at->get<std::string>();
  std::string text;
  if (!at->is_object()) return text;
  for (const auto& [name, value] : at->items()) {
    if (value.is_string()) text.append(text.empty() ? "" : ", ").append(name).append(" ").append(value.get<std::string>());
  }
  return text;
}

// A number above zero; nothing where there is none under that name.
Result<std::optional<double>> NumberOf(const Json& json, const char* key) {
  const auto at = json.find(key);
  if (at == json.end() || at->is_null()) return std::optional<double>();
  const double value = at->is_number() ? at->get<double>() : 0;
  if (!std::isfinite(value) || value <= 0) return Status::Error(Code::kBadInput, "\"%s\" is no number above zero", key);
  return std::optional<double>(value);
}

Status ReadFigures(const Json& json, const char* key, Figures* figures) {
  const auto at = json.find(key);
  if (at == json.end() || !at->is_object()) return Status::Error(Code::kBadInput, "\"%s\" is missing or no object", key);
  figures->name = TextOf(*at, "name");
  figures->versions = TextOf(*at, "versions");
  if (figures->name.empty()) return Status::Error(Code::kBadInput, "\"%s\" has no name", key);
  bool any = false;
  for (size_t i = 0; i < kMeasures.size(); ++i) {
    CUTIS_ASSIGN(figures->values[i], NumberOf(*at, kMeasures[i].key));
    any = any || figures->values[i];
  }
  if (!any) return Status::Error(Code::kBadInput, "\"%s\" holds none of the figures that are known", key);
  return {};
}

Status ReadBeforeAfter(const Json& json, Baseline* baseline) {
  baseline->about = TextOf(json, "about");
  baseline->machine = TextOf(json, "machine");
  CUTIS_TRY(ReadFigures(json, "before", &baseline->before));
  if (!json.contains("after")) return {};
  CUTIS_TRY(ReadFigures(json, "after", &baseline->after.emplace()));
  for (size_t i = 0; i < kMeasures.size(); ++i) {
    const std::optional<double>&before = baseline->before.values[i], &after = baseline->after->values[i];
    if (before && after) baseline->ratio[i] = *before / *after;
  }
  const auto ratios = json.find("ratios");
  if (ratios == json.end()) return {};
  // Taken within rounds: better than a ratio of medians.
  for (size_t i = 0; i < kMeasures.size(); ++i) {
    const auto at = ratios->find(kMeasures[i].key);
    if (at == ratios->end() || !at->is_object() || !baseline->ratio[i]) continue;
    CUTIS_ASSIGN(const std::optional<double> median, NumberOf(*at, "median"));
    if (median) baseline->ratio[i] = median;
  }
  return {};
}

Status ReadBench(const Json& json, Baseline* baseline) {
  Figures& before = baseline->before;
  baseline->about = "cutis bench on generated inputs";
  baseline->machine = TextOf(json, "cpu");
  before.name = BaseName(TextOf(json, "model"));
  before.versions = "Cutis " + TextOf(json, "version") + ", " + TextOf(json, "isa");
  CUTIS_ASSIGN(before.Of("inference_ms"), NumberOf(json, "ms_per_image"));
  CUTIS_ASSIGN(before.Of("peak_bytes"), NumberOf(json, "peak_rss_bytes"));
  CUTIS_ASSIGN(std::optional<double> p90, NumberOf(json, "p90_ms"));
  CUTIS_ASSIGN(const std::optional<double> batch, NumberOf(json, "batch"));
  CUTIS_ASSIGN(const std::optional<double> load, NumberOf(json, "load_ms"));
  CUTIS_ASSIGN(const std::optional<double> first, NumberOf(json, "first_ms"));
  if (before.name.empty() || !before.Of("inference_ms") || !before.Of("peak_bytes") || !p90 || !batch || !load || !first) {
    return Status::Error(Code::kBadInput, "something is missing of what bench --json prints");
  }
  before.Of("inference_p90_ms") = *p90 / *batch;
  before.Of("start_ms") = *load + *first;
  return {};
}

}  // namespace

std::optional<double>& Figures::Of(const char* key) {
  size_t at = 0;
  while (std::strcmp(kMeasures[at].key, key) != 0) ++at;
  return values[at];
}

Result<Baseline> ReadBaseline(const std::string& path) {
  std::vector<uint8_t> bytes;
  std::string error;
  if (const cutis_status status = pipeline::ReadFile(path.c_str(), kMostBytes, &bytes, &error); status != CUTIS_OK) {
    return Status::Error(static_cast<Code>(status), "--baseline %s: %s", path.c_str(), error.c_str());
  }
  const Json json = Json::parse(std::string(bytes.begin(), bytes.end()), nullptr, false);
  const std::string schema = json.is_object() ? TextOf(json, "schema") : "";
  Baseline baseline;
  Status status =
      Status::Error(Code::kBadInput, "neither what bench --json prints nor what tools/compare/before_after.py writes");
  if (schema == kBenchSchema) {
    status = ReadBench(json, &baseline);
  } else if (schema == kBeforeAfterSchema) {
    status = ReadBeforeAfter(json, &baseline);
  }
  if (!status.ok()) return Status::Error(status.code(), "--baseline %s: %s", path.c_str(), status.text());
  return baseline;
}

}  // namespace cutis::cli
