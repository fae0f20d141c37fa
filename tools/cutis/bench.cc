// cutis bench: time, memory and output hash of a model on generated inputs.
#include <cstdio>
#include <optional>
#include <string>

#include "tools/cutis/autotune.h"
#include "tools/cutis/baseline.h"
#include "tools/cutis/common.h"
#include "tools/cutis/measure.h"
#include "tools/cutis/report.h"
#include "tools/cutis/system.h"

namespace cutis::cli {
namespace {

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
  json["schema"] = kBenchSchema;
  json["model"] = options.model.path;
  json["model_hash"] = Hex(model.sha256());
  json["version"] = CUTIS_VERSION;
  json["median_ms"] = result.RunMs(0.5);
  json["p10_ms"] = result.RunMs(0.1);
  json["p90_ms"] = result.RunMs(0.9);
  json["p99_ms"] = result.RunMs(0.99);
  json["ms_per_image"] = result.RunMs(0.5) / options.batch;
  json["runs"] = options.runs;
  json["threads"] = options.threads;
  json["batch"] = options.batch;
  json["cpu"] = CpuName();
  json["isa"] = NameOf(BestIsa(model.cpu()));
  json["load_ms"] = result.load_ms;
  json["hash_ms"] = result.hash_ms;
  json["first_ms"] = result.first_ms;
  json["arena_bytes"] = model.ArenaBytes(options.batch, options.threads);
  json["arena_lower_bound"] = model.ArenaLowerBound(options.batch, options.threads);
  json["rss_bytes"] = result.resident().now;
  json["peak_rss_bytes"] = result.resident().peak;
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
  std::printf("  run        median %.3f ms, p10 %.3f, p90 %.3f", result.RunMs(0.5), result.RunMs(0.1), result.RunMs(0.9));
  if (options.batch > 1) std::printf(" (%.3f ms an image)", result.RunMs(0.5) / options.batch);
  std::printf("\n  start      open and check %.3f ms (of it the hash %.3f), first run with its session %.3f ms\n",
              result.load_ms, result.hash_ms, result.first_ms);
  std::printf("  memory     arena %s bytes (lower bound %s), peak resident %s, file %s\n", Grouped(arena).c_str(),
              Grouped(bound).c_str(), Grouped(result.resident().peak).c_str(), Grouped(model.file_bytes()).c_str());
  std::printf("  output     %s\n", Hex(result.output_hash).c_str());
  for (const TensorHash& hash : result.tensor_hashes)
    std::printf("  tensor     %s  %s\n", Hex(hash.digest).c_str(), PrintableLine(hash.name).c_str());
  if (options.profile) PrintProfile(model, result.profile);
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

// Measures which sets are fastest; from then on `options` names the file with them.
Result<TuneResult> Tune(BenchOptions& options, int32_t asked) {
  if (options.model.no_tune) return Status::Error(Code::kUsage, "--autotune: has no meaning with --no-tune");
  ModelOptions plain = options.model;  // the tuning may not be there yet
  plain.no_tune = true;
  plain.tune_file.clear();
  CUTIS_ASSIGN(const std::unique_ptr<Model> untuned, OpenModel(plain));
  options.threads = SessionThreads(*untuned, asked, options.threads);
  CUTIS_ASSIGN(TuneResult tuned, Autotune(options.model, options.threads, options.batch));
  options.model.tune_file = tuned.file;
  return tuned;
}

int RunBench(BenchOptions options) {
  const int32_t asked = options.threads;
  options.threads = options.model.threads = ThreadsOf(asked, "cutis");
  std::optional<Baseline> baseline;
  if (Status status = CheckReport(options, &baseline); !status.ok()) return Fail(status);
  std::optional<TuneResult> tuning;
  if (options.autotune) {
    Result<TuneResult> tuned = Tune(options, asked);
    if (!tuned.ok()) return Fail(tuned.status());
    tuning = tuned.value();
    if (!options.json) PrintTuning(*tuning);
  }
  Measurement result;
  result.stages.push_back({"before the file is opened", Resident()});
  const Stopwatch load;
  Result<std::unique_ptr<Model>> opened = OpenModel(options.model);
  result.load_ms = load.Milliseconds();
  if (!opened.ok()) return Fail(opened.status());
  const Model& model = *opened.value();
  options.threads = SessionThreads(model, asked, options.threads);
  for (const auto measure : {MeasureRuns, MeasureHash, TakeHashes}) {
    if (Status status = measure(model, options, result); !status.ok()) return Fail(status);
  }
  if (options.json) {
    PrintBenchJson(model, options, result, tuning);
  } else {
    PrintBench(model, options, result);
  }
  if (options.report.empty()) return 0;
  const Status status = WriteWhole(options.report, BenchReport(model, options, result, baseline ? &*baseline : nullptr));
  return status.ok() ? 0 : Fail(status);
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
  command.AddText("report", "FILE", options->report,
                  "Write a page (*.html) with plots of times, steps under the roofs and memory; measures what --profile does");
  command.AddText(
      "baseline", "FILE", options->baseline,
      "Show in it the times and memory of another run: what bench --json has printed, or tools/compare has written");
  command.AddFlag("json", options->json, "One JSON object");
  command.run = [options] { return RunBench(*options); };
  return command;
}

}  // namespace cutis::cli
