// What a page of cutis bench shows a run beside: figures of another run, read from a JSON file (docs/report.md).
#ifndef CUTIS_TOOLS_CUTIS_BASELINE_H_
#define CUTIS_TOOLS_CUTIS_BASELINE_H_

#include <array>
#include <optional>
#include <string>

#include "ops/status.h"

namespace cutis::cli {

inline constexpr const char* kBenchSchema = "cutis-bench-1";               // what bench --json prints
inline constexpr const char* kBeforeAfterSchema = "cutis-before-after-1";  // what tools/compare/before_after.py writes

struct Measure {
  const char* key;    // in JSON
  const char* title;  // for people
  enum class Unit { kMs, kBytes, kShare } unit;
};
// In the order of the page. Of all but a share less is better.
inline constexpr std::array kMeasures = {
    Measure{"inference_ms", "Inference of an image, median", Measure::Unit::kMs},
    Measure{"inference_p90_ms", "Inference of an image, 90 % below", Measure::Unit::kMs},
    Measure{"prepare_ms", "Decoding and resizing an image", Measure::Unit::kMs},
    Measure{"image_ms", "From an image file to its verdict, median", Measure::Unit::kMs},
    Measure{"image_p90_ms", "From an image file to its verdict, 90 % below", Measure::Unit::kMs},
    Measure{"first_image_ms", "First image, from the start of the process", Measure::Unit::kMs},
    Measure{"start_ms", "Opening the model and a first run", Measure::Unit::kMs},
    Measure{"cpu_ms", "Processor time of an image", Measure::Unit::kMs},
    Measure{"peak_bytes", "Peak resident memory of the process", Measure::Unit::kBytes},
    Measure{"pss_bytes", "Its memory with shared pages shared out", Measure::Unit::kBytes},
    Measure{"utilisation", "CPUs kept busy", Measure::Unit::kShare},
};

// Figures of one program or file; those of kMeasures that it has.
struct Figures {
  std::string name, versions;
  std::array<std::optional<double>, kMeasures.size()> values;

  std::optional<double>& Of(const char* key);
};

struct Baseline {
  std::string about;    // of what the figures are
  std::string machine;  // "" where the file does not say
  Figures before;
  std::optional<Figures> after;                               // measured in turn with the one before
  std::array<std::optional<double>, kMeasures.size()> ratio;  // of the one before to the one after; more is better
};

// kBadInput, with the path, for a file that is missing, damaged or something else.
Result<Baseline> ReadBaseline(const std::string& path);

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_BASELINE_H_
