#include "tools/cutis/common.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ops/cpu.h"
#include "tools/cutis/autotune.h"
#include "tools/exit_code.h"

namespace cutis::cli {

void AddModelOptions(Command& command, ModelOptions& options) {
  command.AddPositional("MODEL", options.path, "The .cutis file");
  command.AddText("isa", "NAME", options.isa,
                  "Use no instruction set after NAME: scalar sse4 avx2 avxvnni avx512vnni amx, scalar neon dotprod i8mm, or "
                  "scalar simd128. Default: all that the machine has, under the variable CUTIS_ISA");
}

int32_t SessionThreads(const Model& model, int32_t asked, int32_t threads) {
  return asked == 0 && model.device() != nullptr ? std::min(threads, model.device()->threads) : threads;
}

void AddThreads(Command& command, int32_t& threads) {
  command.AddNumber("threads", threads, 0, kMaxThreads,
                    "Threads of one run; 0: as many as the affinity mask and the CPU quota of the process allow");
}

void AddTuneOptions(Command& command, ModelOptions& options) {
  command.AddText("tune-file", "FILE", options.tune_file,
                  "What bench --autotune has measured. Default: the one in the cache folder, if there is one and neither --isa "
                  "nor CUTIS_ISA is given");
  command.AddFlag("no-tune", options.no_tune, "Use no tuning");
  command.Exclude("tune-file");
}

Result<std::unique_ptr<Model>> OpenModel(const ModelOptions& options) {
  OpenOptions open;
  open.threads = options.threads;
  if (options.isa.empty()) {
    CUTIS_ASSIGN(open.cpu, CpuFromEnvironment());
  } else {
    CUTIS_ASSIGN(open.cpu, MaskCpu(DetectCpu(), options.isa.c_str()));
  }
  std::string tuning = options.tune_file;
  const char* environment = std::getenv("CUTIS_ISA");
  const bool said = !options.isa.empty() || (environment != nullptr && environment[0] != '\0');
  if (tuning.empty() && !options.no_tune && !said) tuning = CachedTuning(options.path);
  if (!tuning.empty()) open.tune_file = tuning.c_str();
  Result<std::unique_ptr<Model>> model = Model::Open(options.path.c_str(), open);
  // A tuning from the cache is a matter of speed: without it all is as before.
  if (!model.ok() && open.tune_file != nullptr && options.tune_file.empty()) {
    open.tune_file = nullptr;
    Result<std::unique_ptr<Model>> plain = Model::Open(options.path.c_str(), open);
    if (plain.ok()) PrintError("note: no tuning is used: " + std::string(model.status().text()));
    return plain;
  }
  return model;
}

void PrintError(const std::string& text) {
  std::fflush(stdout);
  std::fprintf(stderr, "cutis: %s\n", PrintableLine(text).c_str());
}

int Fail(const Status& status) {
  PrintError(status.text());
  return ExitCode(status);
}

std::string PrintableLine(const std::string& text) {
  std::string line = text;
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return line;
}

void PrintJsonLine(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

void PrintJson(const Json& json) {
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
}

int FinishOutput() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return 0;
  return Fail(Status::Error(Code::kIo, "cannot write to the standard output: %s", std::strerror(errno)));
}

std::string Hex(std::span<const uint8_t> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string Grouped(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ' ');
  return text;
}

std::string BaseName(const std::string& path) { return path.substr(path.find_last_of("/\\") + 1); }

std::string EvidenceText(const OperatingPoint& point) {
  std::string text;
  for (const auto& [name, estimate] : {std::pair{"sensitivity", &point.sensitivity}, {"specificity", &point.specificity}}) {
    if (!*estimate) continue;
    const auto percent = [](float share) { return 100.0 * static_cast<double>(share); };
    char part[96];
    std::snprintf(part, sizeof part, ", %s %.1f %% (%.1f .. %.1f)", name, percent((*estimate)->value),
                  percent((*estimate)->low), percent((*estimate)->high));
    text += part;
  }
  return text;
}

Json EstimateJson(const std::optional<Estimate>& estimate) {
  return estimate ? Json{{"value", estimate->value}, {"low", estimate->low}, {"high", estimate->high}} : Json(nullptr);
}

Json EvidenceJson(const OperatingPoint& point) {
  if (!point.sensitivity && !point.specificity) return nullptr;
  return {{"sensitivity", EstimateJson(point.sensitivity)}, {"specificity", EstimateJson(point.specificity)}};
}

}  // namespace cutis::cli
