// cutis bench: time, memory and output hash of a model on generated inputs.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/content_hash.h"
#include "runtime/golden.h"
#include "runtime/session.h"
#include "tools/cutis/autotune.h"
#include "tools/cutis/common.h"
#include "tools/cutis/profile.h"
#include "tools/cutis/system.h"
#include "tools/pipeline/read_file.h"

namespace cutis::cli {
namespace {

struct BenchOptions {
  ModelOptions model;
  int32_t threads = 0, batch = 1, runs = 50;
  bool profile = false, json = false, autotune = false;
  std::string hash = "output";
};

struct Measurement {
  double load_ms = 0, first_ms = 0;
  double hash_ms = 0;           // what the hash takes of load_ms, measured apart
  std::vector<double> run_ms;   // sorted
  std::vector<double> node_ms;  // medians
  Profile profile;
  uint64_t peak_rss_bytes = 0;
  uint8_t output_hash[32] = {};
  std::vector<TensorHash> tensor_hashes;
};

// The value below which `share` of the sorted values lie, interpolated between neighbours.
double Percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const size_t low = static_cast<size_t>(at), high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - static_cast<double>(low));
}

// The inputs of one run, generated beforehand: setting them is not part of what is timed.
class Inputs {
 public:
  Inputs(const Shape& shape, int32_t batch)
      : bytes_(static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * static_cast<size_t>(shape.channels)),
        kinds_(std::min(batch, kGoldenInputs)),
        pixels_(bytes_ * static_cast<size_t>(kinds_)) {
    for (int32_t i = 0; i < kinds_; ++i) GenerateInput(i, shape, pixels_.data() + static_cast<size_t>(i) * bytes_);
  }

  Status Set(Session& session, int32_t batch) const {
    for (int32_t i = 0; i < batch; ++i) {
      CUTIS_TRY(session.SetInputU8(i, pixels_.data() + static_cast<size_t>(i % kinds_) * bytes_, bytes_));
    }
    return Status();
  }

 private:
  size_t bytes_;
  int32_t kinds_;
  std::vector<uint8_t> pixels_;
};

Status MeasureRuns(const Model& model, const BenchOptions& options, const SessionOptions& session_options,
                   Measurement& result) {
  const Inputs inputs(model.tensors()[static_cast<size_t>(model.input())].info.shape, options.batch);
  const Stopwatch first;
  CUTIS_ASSIGN(const std::unique_ptr<Session> session, Session::Create(model, session_options));
  CUTIS_TRY(inputs.Set(*session, options.batch));
  CUTIS_TRY(session->Run(options.batch));
  result.first_ms = first.Milliseconds();

  const size_t runs = static_cast<size_t>(options.runs), nodes = options.profile ? model.nodes().size() : 0;
  const int32_t warm_up = std::min(options.runs, 3);
  std::vector<std::vector<double>> node_ms(nodes, std::vector<double>(runs));
  result.run_ms.resize(runs);
  for (int32_t i = -warm_up; i < options.runs; ++i) {
    CUTIS_TRY(inputs.Set(*session, options.batch));
    const Stopwatch run;
    CUTIS_TRY(session->Run(options.batch));
    const double ms = run.Milliseconds();
    if (i < 0) continue;
    const size_t at = static_cast<size_t>(i);
    result.run_ms[at] = ms;
    for (size_t n = 0; n < nodes; ++n) node_ms[n][at] = 1e-6 * static_cast<double>(session->node_nanoseconds()[n]);
  }
  result.peak_rss_bytes = PeakRssBytes();
  std::sort(result.run_ms.begin(), result.run_ms.end());
  result.node_ms.resize(nodes);
  for (size_t n = 0; n < nodes; ++n) {
    std::sort(node_ms[n].begin(), node_ms[n].end());
    result.node_ms[n] = Percentile(node_ms[n], 0.5);
  }
  return Status();
}

Json TuningJson(const TuneResult& tuning) {
  Json json = {{"file", tuning.file}, {"best_ms", tuning.best_ms}, {"tuned_ms", tuning.tuned_ms}, {"steps", Json::array()}};
  for (const TunedStep& step : tuning.steps) {
    json["steps"].push_back(
        {{"step", step.node}, {"node", step.name}, {"isa", NameOf(step.isa)}, {"ms", step.ms}, {"best_ms", step.best_ms}});
  }
  return json;
}

void PrintBenchJson(const Model& model, const BenchOptions& options, const Measurement& result,
                    const std::optional<TuneResult>& tuning) {
  Json json;
  json["model"] = options.model.path;
  json["model_hash"] = Hex(model.sha256());
  json["version"] = CUTIS_VERSION;
  json["median_ms"] = Percentile(result.run_ms, 0.5);
  json["p10_ms"] = Percentile(result.run_ms, 0.1);
  json["p90_ms"] = Percentile(result.run_ms, 0.9);
  json["ms_per_image"] = Percentile(result.run_ms, 0.5) / options.batch;
  json["runs"] = options.runs;
  json["threads"] = options.threads;
  json["batch"] = options.batch;
  json["isa"] = NameOf(BestIsa(model.cpu()));
  json["load_ms"] = result.load_ms;
  json["hash_ms"] = result.hash_ms;
  json["first_ms"] = result.first_ms;
  json["arena_bytes"] = model.ArenaBytes(options.batch, options.threads);
  json["arena_lower_bound"] = model.ArenaLowerBound(options.batch, options.threads);
  json["peak_rss_bytes"] = result.peak_rss_bytes;
  json["file_bytes"] = model.file_bytes();
  json["output_hash"] = Hex(result.output_hash);
  if (!result.tensor_hashes.empty()) {
    json["tensor_hashes"] = Json::array();
    for (const TensorHash& hash : result.tensor_hashes) {
      json["tensor_hashes"].push_back({{"tensor", hash.name}, {"sha256", Hex(hash.digest)}});
    }
  }
  if (tuning.has_value()) json["tuning"] = TuningJson(*tuning);
  if (options.profile) {
    json["roofs"] = RoofsJson(result.profile.roofs);
    json["profile"] = StepsJson(model, result.profile);
  }
  PrintJson(json);
}

void PrintBench(const Model& model, const BenchOptions& options, const Measurement& result) {
  const uint64_t arena = model.ArenaBytes(options.batch, options.threads),
                 bound = model.ArenaLowerBound(options.batch, options.threads);
  std::printf("%s: %d runs of batch %d, %d thread%s, %s\n", PrintableLine(options.model.path).c_str(), options.runs,
              options.batch, options.threads, options.threads == 1 ? "" : "s", NameOf(BestIsa(model.cpu())));
  std::printf("  run        median %.3f ms, p10 %.3f, p90 %.3f", Percentile(result.run_ms, 0.5), Percentile(result.run_ms, 0.1),
              Percentile(result.run_ms, 0.9));
  if (options.batch > 1) std::printf(" (%.3f ms an image)", Percentile(result.run_ms, 0.5) / options.batch);
  std::printf("\n  start      open and check %.3f ms (of it the hash %.3f), first run with its session %.3f ms\n",
              result.load_ms, result.hash_ms, result.first_ms);
  std::printf("  memory     arena %s bytes (lower bound %s), peak resident %s, file %s\n", Grouped(arena).c_str(),
              Grouped(bound).c_str(), Grouped(result.peak_rss_bytes).c_str(), Grouped(model.file_bytes()).c_str());
  std::printf("  output     %s\n", Hex(result.output_hash).c_str());
  for (const TensorHash& hash : result.tensor_hashes)
    std::printf("  tensor     %s  %s\n", Hex(hash.digest).c_str(), PrintableLine(hash.name).c_str());
  if (options.profile) PrintProfile(model, result.profile);
}

// The least of some runs of the hash alone, over as many bytes as the file has.
Status MeasureHash(const Model& model, const std::string& path, int32_t threads, Measurement& result) {
  constexpr int kRuns = 3;
  std::vector<uint8_t> bytes;
  std::string error;
  const size_t limit = static_cast<size_t>(model.file_bytes());
  if (const cutis_status status = pipeline::ReadFile(path.c_str(), limit, &bytes, &error); status != CUTIS_OK) {
    return Status::Error(static_cast<Code>(status), "%s", error.c_str());
  }
  for (int run = 0; run < kRuns; ++run) {
    uint8_t digest[Sha256::kDigestBytes];
    const Stopwatch watch;
    CUTIS_TRY(HashContent(model.cpu(), threads, {}, bytes, digest));
    const double ms = watch.Milliseconds();
    result.hash_ms = run == 0 ? ms : std::min(result.hash_ms, ms);
  }
  return {};
}

void PrintTuning(const TuneResult& tuning) {
  std::printf("tuning: %.3f ms with the best instruction set throughout, %.3f ms as tuned; written to %s\n", tuning.best_ms,
              tuning.tuned_ms, PrintableLine(tuning.file).c_str());
  for (const TunedStep& step : tuning.steps) {
    std::printf("  step %d: %s, %.4f ms instead of %.4f  %s\n", step.node, NameOf(step.isa), step.ms, step.best_ms,
                PrintableLine(step.name).c_str());
  }
  if (tuning.steps.empty()) std::printf("  no step is faster with a lesser set\n");
}

int RunBench(BenchOptions options) {
  const int32_t asked = options.threads;
  options.threads = options.model.threads = ThreadsOf(asked, "cutis");
  std::optional<TuneResult> tuning;
  if (options.autotune) {
    if (options.model.no_tune) return Fail(Status::Error(Code::kUsage, "--autotune: has no meaning with --no-tune"));
    ModelOptions plain = options.model;  // the tuning may not be there yet
    plain.no_tune = true;
    plain.tune_file.clear();
    const Result<std::unique_ptr<Model>> untuned = OpenModel(plain);
    if (!untuned.ok()) return Fail(untuned.status());
    options.threads = SessionThreads(*untuned.value(), asked, options.threads);
    Result<TuneResult> tuned = Autotune(options.model, options.threads, options.batch);
    if (!tuned.ok()) return Fail(tuned.status());
    tuning = tuned.value();
    options.model.tune_file = tuning->file;
    if (!options.json) PrintTuning(*tuning);
  }
  Measurement result;
  const Stopwatch load;
  Result<std::unique_ptr<Model>> opened = OpenModel(options.model);
  result.load_ms = load.Milliseconds();
  if (!opened.ok()) return Fail(opened.status());
  const Model& model = *opened.value();
  options.threads = SessionThreads(model, asked, options.threads);
  SessionOptions session_options;
  session_options.batch = options.batch;
  session_options.threads = options.threads;
  session_options.profile = options.profile;
  if (Status status = MeasureRuns(model, options, session_options, result); !status.ok()) return Fail(status);
  session_options.profile = false;
  if (options.profile) {
    const Result<Roofs> roofs = MeasureRoofs(model.cpu(), model.file_bytes(), options.threads);
    if (!roofs.ok()) return Fail(roofs.status());
    result.profile = MakeProfile(model, options.batch, result.node_ms, roofs.value());
  }
  if (Status status = MeasureHash(model, options.model.path, options.threads, result); !status.ok()) return Fail(status);
  if (Status status = OutputHash(model, session_options, result.output_hash); !status.ok()) return Fail(status);
  if (options.hash == "all") {
    result.tensor_hashes.resize(model.tensors().size());
    if (Status status = TensorHashes(model, session_options, result.tensor_hashes); !status.ok()) return Fail(status);
    for (size_t i = result.tensor_hashes.size(); i-- > 0;) {
      if (!model.tensors()[i].inside) continue;  // else it never exists whole
      result.tensor_hashes.erase(result.tensor_hashes.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  if (options.json) {
    PrintBenchJson(model, options, result, tuning);
  } else {
    PrintBench(model, options, result);
  }
  return 0;
}

}  // namespace

Command MakeBench() {
  auto options = std::make_shared<BenchOptions>();
  Command command("bench", "Measure time, memory and the output hash on generated inputs");
  AddModelOptions(command, options->model);
  AddTuneOptions(command, options->model);
  AddThreads(command, options->threads);
  command.AddNumber("batch", options->batch, 1, kMaxBatch, "Images of one run");
  command.AddNumber("runs", options->runs, 1, kMaxRuns, "Timed runs, after a few to warm up");
  command.AddFlag("profile", options->profile, "Time every step, and print a row for each beside what the machine could do");
  command.AddChoice("hash", {"output", "all"}, options->hash,
                    "What to hash over the generated inputs: the outputs, or all tensors too");
  command.AddFlag(
      "autotune", options->autotune,
      "Measure which instruction set is fastest for each step, and keep it in --tune-file or the user's cache folder");
  command.AddFlag("json", options->json, "One JSON object");
  command.run = [options] { return RunBench(*options); };
  return command;
}

}  // namespace cutis::cli
