#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "converter/load.h"
#include "converter/report/report.h"
#include "converter/write/file.h"

namespace cutis::convert {

std::string InputName(const Summary& summary, size_t index) {
  return index < summary.compared.size() ? summary.compared[index] : "generated input " + std::to_string(index);
}

std::vector<size_t> WorstInputs(const Agreement& agreement, size_t most) {
  const auto key = [&](size_t i) { return std::isnan(agreement.each[i].cosine) ? -2.0 : agreement.each[i].cosine; };
  std::vector<size_t> order(agreement.each.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
  order.resize(std::min(order.size(), most));
  return order;
}

Status CheckReportPaths(const std::vector<std::string>& reports, const std::vector<std::string>& taken) {
  for (size_t i = 0; i < reports.size(); ++i) {
    const std::string& path = reports[i];
    if (!EndsWith(path, ".html") && !EndsWith(path, ".json"))
      return Status::Error(Code::kUsage, "--report %s: must end in .html or .json", path.c_str());
    if (IsFolder(path)) return Status::Error(Code::kUsage, "--report %s: is a folder", path.c_str());
    for (const std::string& other : taken) {
      if (!other.empty() && SameFile(path, other))
        return Status::Error(Code::kUsage, "--report %s: would replace a file of this conversion or share its place",
                             path.c_str());
    }
    for (size_t j = 0; j < i; ++j) {
      if (SameFile(path, reports[j])) return Status::Error(Code::kUsage, "--report %s: stands twice", path.c_str());
    }
  }
  return {};
}

Status WriteReports(const std::vector<std::string>& paths, const Report& report) {
  for (const std::string& path : paths) {
    const std::string text = EndsWith(path, ".json") ? ReportJson(report) : ReportHtml(report);
    CUTIS_TRY(WriteFileAtomically(path, std::as_bytes(std::span(text))));
  }
  return {};
}

}  // namespace cutis::convert
