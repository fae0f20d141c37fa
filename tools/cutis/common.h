// What the subcommands of `cutis` share: options, messages, JSON, files.
#ifndef CUTIS_TOOLS_CUTIS_COMMON_H_
#define CUTIS_TOOLS_CUTIS_COMMON_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "ops/status.h"
#include "runtime/model.h"
#include "tools/cutis/options.h"
#include "tools/threads.h"

namespace cutis::cli {

// Keys keep the order in which they were added. Reals are float32, so that a probability is printed with the fewest digits
// that read back as the same float.
using Json = nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool, int64_t, uint64_t, float>;

inline constexpr int32_t kMaxBatch = 1024;
inline constexpr int32_t kMaxRuns = 1'000'000;

Command MakeClassify();
Command MakeInspect();
Command MakeBench();
Command MakeSelfTest();

// Options that mean the same everywhere.
struct ModelOptions {
  std::string path;
  std::string isa;        // empty: what the machine has, under CUTIS_ISA
  std::string tune_file;  // empty: the one in the cache folder, if there is one
  bool no_tune = false;
  int32_t threads = 1;  // that hash the file
};
void AddModelOptions(Command& command, ModelOptions& options);
void AddTuneOptions(Command& command, ModelOptions& options);
// See ThreadsOf() for what becomes of the number.
void AddThreads(Command& command, int32_t& threads);
// Those of a session: as asked for; where nothing was (0), what ThreadsOf() made of that, within what the model's device holds.
int32_t SessionThreads(const Model& model, int32_t asked, int32_t threads);

// Opens and checks a model for the instruction sets asked for, with a tuning if one is named, or lies in the cache folder and
// nothing was said of instruction sets.
Result<std::unique_ptr<Model>> OpenModel(const ModelOptions& options);

// One line on stderr, "cutis: ...", whatever bytes the text holds. Returns the exit code of the status.
int Fail(const Status& status);
void PrintError(const std::string& text);

// One value, one line. Bytes that are not UTF-8 (in a file name) become U+FFFD.
void PrintJsonLine(const Json& json);
// The same over several lines.
void PrintJson(const Json& json);

// Everything printed so far has reached stdout, or the exit code and message for a full disk.
int FinishOutput();

std::string Hex(std::span<const uint8_t> bytes);
// Digits in groups of three: 5 111 808.
std::string Grouped(uint64_t value);
// A file without its folder: what goes into files that are passed on, where folders are nobody else's matter.
std::string BaseName(const std::string& path);
std::string PrintableLine(const std::string& text);  // control characters replaced by '?'

// A share with its interval; null without one.
Json EstimateJson(const std::optional<Estimate>& estimate);

// What was measured at an operating point, for people (", sensitivity 95.1 % (92.0 .. 97.5), ..."; empty when nothing was), and
// as JSON (null when nothing was).
std::string EvidenceText(const OperatingPoint& point);
Json EvidenceJson(const OperatingPoint& point);

class Stopwatch {
 public:
  Stopwatch() : start_(std::chrono::steady_clock::now()) {}
  double Milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_;
};

}  // namespace cutis::cli

#endif  // CUTIS_TOOLS_CUTIS_COMMON_H_
