#include "tools/cutis/autotune.h"

#include <algorithm>
#include <cstdio>

#include "ops/cpu.h"
#include "runtime/golden.h"
#include "runtime/header.h"
#include "runtime/session.h"
#include "runtime/system_file.h"
#include "runtime/tuning.h"
#include "tools/cutis/system.h"

namespace cutis::cli {
namespace {

// A lesser set must be so much faster, or what is kept would be noise.
constexpr double kLeastGain = 0.97;
constexpr int kRounds = 25, kWarmUp = 3;

std::string Cpu() {
  char name[128];
  DescribeCpu(name, sizeof name);
  return name;
}

// Name of a file for this CPU and model: the first 16 digits of either hash are enough to tell files apart, since the tuning
// itself names both in full.
std::string FileName(const std::string& model_hex) {
  const std::string cpu = Cpu();
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : cpu) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  char name[64];
  std::snprintf(name, sizeof name, "%s-%016llx.txt", model_hex.substr(0, 16).c_str(), static_cast<unsigned long long>(hash));
  return name;
}

// "" when the environment names no home.
std::string CacheFolder() {
  const std::string home = CacheHome();
  return home.empty() ? "" : home + "/cutis/tuning";
}

// Folders that do not exist yet.
Status MakeFolders(const std::string& path) {
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at == path.size() || path[at] == '/') CUTIS_TRY(MakeFolder(path.substr(0, at)));
  }
  return {};
}

bool IsLastOfStep(const Model& model, size_t node) {
  const int32_t block = model.nodes()[node].block;
  return block < 0 || static_cast<size_t>(model.blocks()[static_cast<size_t>(block)].last) == node;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// A model with the kernels of one set, ready to run on generated inputs.
struct Contender {
  Isa isa = Isa::kScalar;
  std::unique_ptr<Model> model;
  std::unique_ptr<Session> session;
  std::vector<std::vector<double>> node_ms;  // [node][round]
  std::vector<double> run_ms;

  Status Open(const std::string& path, CpuFeatures cpu, const char* tune_file, int32_t threads, int32_t batch) {
    OpenOptions open;
    open.cpu = cpu;
    open.tune_file = tune_file;
    CUTIS_ASSIGN(model, Model::Open(path.c_str(), open));
    SessionOptions options;
    options.threads = threads;
    options.batch = batch;
    options.profile = true;
    CUTIS_ASSIGN(session, Session::Create(*model, options));
    node_ms.resize(model->nodes().size());
    return {};
  }

  Status Run(const std::vector<uint8_t>& pixels, int32_t batch, bool counts) {
    for (int32_t i = 0; i < batch; ++i) CUTIS_TRY(session->SetInputU8(i, pixels.data(), pixels.size()));
    const Stopwatch watch;
    CUTIS_TRY(session->Run(batch));
    if (!counts) return {};
    run_ms.push_back(watch.Milliseconds());
    for (size_t n = 0; n < node_ms.size(); ++n)
      node_ms[n].push_back(1e-6 * static_cast<double>(session->node_nanoseconds()[n]));
    return {};
  }
};

// All in turn, so that a phase in which the machine is slow meets all of them.
Status Race(std::vector<Contender>& contenders, int32_t batch) {
  const Model& model = *contenders[0].model;
  const Shape& shape = model.tensors()[static_cast<size_t>(model.input())].info.shape;
  std::vector<uint8_t> pixels(static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) *
                              static_cast<size_t>(shape.channels));
  GenerateInput(0, shape, pixels.data());
  for (int round = -kWarmUp; round < kRounds; ++round) {
    for (Contender& contender : contenders) CUTIS_TRY(contender.Run(pixels, batch, round >= 0));
  }
  return {};
}

// The sets that kernels may differ in, the best first. The reference kernels are there to be compared with, not to be fast.
std::vector<std::pair<Isa, CpuFeatures>> Sets(CpuFeatures cpu) {
  std::vector<std::pair<Isa, CpuFeatures>> sets;
  for (int i = static_cast<int>(BestIsa(cpu)); i > static_cast<int>(Isa::kScalar); --i) {
    const Isa isa = static_cast<Isa>(i);
    if (const Result<CpuFeatures> mask = MaskCpu(cpu, NameOf(isa)); mask.ok()) sets.emplace_back(isa, mask.value());
  }
  if (sets.empty()) sets.emplace_back(Isa::kScalar, cpu);
  return sets;
}

std::string TuningText(const Model& model, const std::vector<TunedStep>& steps) {
  std::string text = std::string(kTuningHeader) + "\ncpu " + Cpu() + "\nmodel " + Hex(model.sha256()) + "\n";
  for (const TunedStep& step : steps) text += "step " + std::to_string(step.node) + " " + NameOf(step.isa) + "\n";
  return text;
}

}  // namespace

std::string CachedTuning(const std::string& model_path) {
  const std::string folder = CacheFolder();
  if (folder.empty()) return "";
  std::FILE* const file = OpenStream(model_path.c_str());
  if (file == nullptr) return "";
  FileHeader header = {};
  const bool read = std::fread(&header, sizeof header, 1, file) == 1;
  std::fclose(file);
  const std::string path = folder + "/" + FileName(Hex(header.sha256));
  return read && Exists(path) ? path : "";
}

Result<TuneResult> Autotune(const ModelOptions& options, int32_t threads, int32_t batch) {
  CpuFeatures cpu = 0;
  if (options.isa.empty()) {
    CUTIS_ASSIGN(cpu, CpuFromEnvironment());
  } else {
    CUTIS_ASSIGN(cpu, MaskCpu(DetectCpu(), options.isa.c_str()));
  }
  std::vector<Contender> contenders;
  for (const auto& [isa, mask] : Sets(cpu)) {
    Contender& contender = contenders.emplace_back();
    contender.isa = isa;
    CUTIS_TRY(contender.Open(options.path, mask, nullptr, threads, batch));
  }
  CUTIS_TRY(Race(contenders, batch));

  TuneResult result;
  const Model& model = *contenders[0].model;
  for (size_t n = 0; n < model.nodes().size(); ++n) {
    if (!IsLastOfStep(model, n)) continue;
    TunedStep step = {static_cast<int32_t>(n), model.nodes()[n].name, contenders[0].isa, 0, Median(contenders[0].node_ms[n])};
    step.ms = step.best_ms;
    for (const Contender& contender : contenders) {
      const double ms = Median(contender.node_ms[n]);
      if (ms < kLeastGain * step.best_ms && ms < step.ms) {
        step.ms = ms;
        step.isa = contender.isa;
      }
    }
    if (step.isa != contenders[0].isa) result.steps.push_back(step);
  }

  result.file = options.tune_file;
  if (result.file.empty()) {
    const std::string folder = CacheFolder();
    if (folder.empty())
      return Status::Error(Code::kUsage, "--autotune: no cache folder is known; name a file with --tune-file");
    CUTIS_TRY(MakeFolders(folder));
    result.file = folder + "/" + FileName(Hex(model.sha256()));
  }
  CUTIS_TRY(WriteWhole(result.file, TuningText(model, result.steps)));

  // Steps that win by themselves may lose together (what one leaves in the caches, another finds there).
  std::vector<Contender> finals(2);
  CUTIS_TRY(finals[0].Open(options.path, cpu, nullptr, threads, batch));
  CUTIS_TRY(finals[1].Open(options.path, cpu, result.file.c_str(), threads, batch));
  CUTIS_TRY(Race(finals, batch));
  result.best_ms = Median(finals[0].run_ms);
  result.tuned_ms = Median(finals[1].run_ms);
  if (!result.steps.empty() && result.tuned_ms >= result.best_ms) {
    result.steps.clear();
    result.tuned_ms = result.best_ms;
    CUTIS_TRY(WriteWhole(result.file, TuningText(model, result.steps)));
  }
  return result;
}

}  // namespace cutis::cli
