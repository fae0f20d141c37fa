#include "converter/prune/prune.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace cutis::convert {
namespace {

// A decimal number and nothing else.
bool ParseShare(const std::string& text, double* value) {
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string::npos) return false;
  char* end = nullptr;
  *value = std::strtod(text.c_str(), &end);
  return *end == '\0' && std::isfinite(*value);
}

}  // namespace

double CapOf(const PruneOptions& options, const std::string& layer) {
  const auto limit = options.limits.find(layer);
  return limit != options.limits.end() ? limit->second : std::max(kLayerCap, (1 + options.rate) / 2);
}

const char* NameOf(PruneMode mode) {
  switch (mode) {
    case PruneMode::kNone:
      return "none";
    case PruneMode::kUnstructured:
      return "unstructured";
    case PruneMode::kBlock:
      return "block";
    case PruneMode::kChannel:
      return "channel";
  }
  return "";
}

const char* NameOf(PruneBy by) { return by == PruneBy::kL1 ? "l1" : "activation"; }

const char* UnitOf(PruneMode mode) {
  return mode == PruneMode::kChannel ? "channels" : mode == PruneMode::kBlock ? "blocks" : "weights";
}

namespace {

Status ParseMode(const std::string& text, PruneOptions* options) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  for (const PruneMode mode : {PruneMode::kNone, PruneMode::kUnstructured, PruneMode::kBlock, PruneMode::kChannel}) {
    if (name != NameOf(mode)) continue;
    options->mode = mode;
    options->rate = 0;
    if (mode == PruneMode::kNone && colon == std::string::npos) return {};
    if (mode != PruneMode::kNone && colon != std::string::npos && ParseShare(text.substr(colon + 1), &options->rate) &&
        options->rate < 1) {
      return {};
    }
  }
  return Status::Error(
      Code::kUsage, "--prune %.100s: give unstructured:RATE, block:RATE or channel:RATE with RATE from 0 to below 1, or none",
      text.c_str());
}

Status ParseLimit(const std::string& text, PruneOptions* options) {
  const size_t equals = text.rfind('=');
  double share = 0;
  if (equals == std::string::npos || equals == 0 || !ParseShare(text.substr(equals + 1), &share) || share > 1) {
    return Status::Error(Code::kUsage, "--prune-limit %.100s: give LAYER=SHARE with a SHARE from 0 to 1", text.c_str());
  }
  options->limits[text.substr(0, equals)] = share;
  return {};
}

Status ParseBy(const std::string& text, PruneOptions* options) {
  for (const PruneBy by : {PruneBy::kL1, PruneBy::kActivation}) {
    if (text == NameOf(by)) {
      options->by = by;
      return {};
    }
  }
  return Status::Error(Code::kUsage, "--prune-by %.100s: give l1 or activation", text.c_str());
}

}  // namespace

Status ParsePruning(const std::string& mode, const std::string& by, const std::vector<std::string>& limits,
                    PruneOptions* options) {
  if (!mode.empty()) CUTIS_TRY(ParseMode(mode, options));
  if (!by.empty()) CUTIS_TRY(ParseBy(by, options));
  for (const std::string& limit : limits) CUTIS_TRY(ParseLimit(limit, options));
  if (options->mode == PruneMode::kNone && (options->first || options->last || !limits.empty())) {
    return Status::Error(Code::kUsage, "%s: has no meaning without --prune",
                         options->first  ? "--prune-first"
                         : options->last ? "--prune-last"
                                         : "--prune-limit");
  }
  if (options->mode == PruneMode::kChannel && options->last) {
    return Status::Error(Code::kUsage, "--prune-last: the channels of the last layer are the outputs, which cannot go");
  }
  return {};
}

}  // namespace cutis::convert
