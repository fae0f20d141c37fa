// cutis classify: images in, verdicts out.
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cutis_pipeline.h"
#include "runtime/c_abi.h"
#include "tools/cutis/common.h"
#include "tools/cutis/explain.h"
#include "tools/cutis/inputs.h"
#include "tools/cutis/metrics.h"
#include "tools/cutis/progress.h"
#include "tools/cutis/result_file.h"
#include "tools/cutis/system.h"
#include "tools/cutis/verdict_text.h"
#include "tools/exit_code.h"

namespace cutis::cli {
namespace {

struct ClassifyOptions {
  ModelOptions model;
  std::vector<std::string> images;
  std::string operating_point;  // empty: the model's default
  int32_t threads = 0;
  std::string batch = "1";
  std::string views = "1";
  bool no_gates = false;
  std::string cache, cache_size;  // empty: none; 1G
  std::string metrics;            // empty: none
  bool json = false;
  std::string out;  // empty: the standard output
  bool resume = false;
  std::string explain;  // empty: no picture
};

// What the network wants from a model that shall classify: a recipe, labels, and the operating point asked for.
Status CheckModel(const Model& model, const std::string& path, const std::string& operating_point) {
  const VerdictRecipe* recipe = model.verdict();
  if (model.preprocess() == nullptr || recipe == nullptr) {
    return Status::Error(Code::kUnsupported,
                         "%s: the model takes and gives bare tensors (it holds no image recipe and labels); convert "
                         "it with --recipe to classify images",
                         path.c_str());
  }
  if (operating_point.empty()) return Status();
  std::string names;
  for (const OperatingPoint& point : recipe->operating_points) {
    if (operating_point == point.name) return Status();
    names += names.empty() ? "" : ", ";
    names += point.name;
  }
  return Status::Error(Code::kUsage, "--operating-point %s: the model holds %s", operating_point.c_str(),
                       names.empty() ? "no operating point" : ("only: " + names).c_str());
}

struct DestroyPipeline {
  void operator()(cutis_pipeline* pipeline) const { cutis_pipeline_destroy(pipeline); }
};
struct CloseCache {
  void operator()(cutis_data_cache* cache) const { cutis_data_cache_close(cache); }
};

// --batch: a number, or "auto" (0).
Result<int32_t> ReadBatch(const std::string& text) {
  if (text == "auto") return 0;
  int32_t batch = 0;
  CUTIS_TRY(ReadNumber("batch", text.c_str(), 1, kMaxBatch, &batch));
  return batch;
}

// --cache-size: bytes, or with K, M or G behind it 1024 times as many, and so on.
Result<uint64_t> ReadSize(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const unsigned long long number =
      std::isdigit(static_cast<unsigned char>(text[0])) ? std::strtoull(text.c_str(), &end, 10) : 0;
  const char* const unit = end == nullptr || *end == '\0' ? "" : std::strchr("KMG", *end);
  const int shift = unit == nullptr || *unit == '\0' ? 0 : *unit == 'K' ? 10 : *unit == 'M' ? 20 : 30;
  const bool whole = end != nullptr && (*end == '\0' || (unit != nullptr && end[1] == '\0'));
  if (!whole || errno != 0 || number < 1 || number > (uint64_t{1} << 50) >> shift) {
    return Status::Error(Code::kUsage, "--cache-size %s: a number of bytes, or one with K, M or G behind it", text.c_str());
  }
  return uint64_t{number} << shift;
}

Result<std::unique_ptr<cutis_data_cache, CloseCache>> OpenCache(const ClassifyOptions& options) {
  std::unique_ptr<cutis_data_cache, CloseCache> cache;
  if (options.cache.empty() && !options.cache_size.empty())
    return Status::Error(Code::kUsage, "--cache-size is the size of the folder of --cache");
  if (options.cache.empty()) return cache;
  CUTIS_ASSIGN(const uint64_t bytes, ReadSize(options.cache_size.empty() ? "1G" : options.cache_size));
  cutis_data_cache* opened = nullptr;
  char error[512] = "";
  const cutis_status status = cutis_data_cache_open(options.cache.c_str(), bytes, &opened, error, sizeof error);
  if (status != CUTIS_OK) return Status::Error(static_cast<Code>(status), "--cache %s", error);
  cache.reset(opened);
  return cache;
}

cutis_data_cache_statistics StatisticsOf(const cutis_data_cache* cache) {
  cutis_data_cache_statistics statistics = {};
  statistics.struct_size = sizeof statistics;
  (void)cutis_data_cache_get_statistics(cache, &statistics);
  return statistics;
}

// What goes into the pipeline, and what comes out of it in the same order.
class Run {
 public:
  Run(const Judging& judging, bool json, Inputs& inputs, ResultFile* file, const cutis_data_cache* cache)
      : judging_(judging),
        json_(json),
        inputs_(inputs),
        file_(file),
        cache_(cache),
        progress_(inputs.total(), file != nullptr) {}

  static int Next(void* run, cutis_pipeline_image* image) { return static_cast<Run*>(run)->Next(image); }
  static int Take(void* run, const cutis_pipeline_outcome* outcome) { return static_cast<Run*>(run)->Take(*outcome); }

  // Of the image that was judged last, but for its probabilities.
  const cutis_result& last() const { return last_; }
  const std::string& path() const { return path_; }

  // Whatever kept an image from being judged, or the file of results from being written.
  int Finish() {
    progress_.Clear();
    if (file_ == nullptr) {
      if (!json_ && cache_ != nullptr) std::printf("%s\n", CacheText().c_str());
      return status_.ok() ? code_ : Fail(status_);
    }
    if (status_.ok()) status_ = file_->Finish();
    if (!status_.ok()) return Fail(status_);
    std::printf("%zu images: %zu bcc, %zu not_bcc, %zu refer, %zu unusable, %zu without a verdict, %zu errors", counted_,
                verdicts_[CUTIS_VERDICT_BCC], verdicts_[CUTIS_VERDICT_NOT_BCC], verdicts_[CUTIS_VERDICT_REFER],
                verdicts_[CUTIS_VERDICT_UNUSABLE], verdicts_[CUTIS_VERDICT_NONE], errors_);
    if (skipped_ > 0) std::printf("; %zu were there already", skipped_);
    if (cache_ != nullptr) std::printf("; %s", CacheText().c_str());
    std::printf("; %.0f images a second\n", 1000.0 * static_cast<double>(counted_) / std::max(watch_.Milliseconds(), 1e-3));
    return file_->had_errors() ? kExitBadInput : code_;
  }

 private:
  std::string CacheText() const {
    const cutis_data_cache_statistics of = StatisticsOf(cache_);
    std::string text("cache: ");
    text.append(std::to_string(of.hits))
        .append(" of ")
        .append(std::to_string(of.hits + of.misses + of.damaged))
        .append(" known");
    if (of.damaged > 0) text.append(", ").append(std::to_string(of.damaged)).append(" damaged and made anew");
    if (of.failures > 0) text.append(", ").append(std::to_string(of.failures)).append(" could not be written");
    return text;
  }

  int Next(cutis_pipeline_image* image) {
    while (inputs_.Next(&path_)) {
      if (file_ != nullptr && file_->TakeDone(path_)) {
        ++skipped_;
        progress_.Skip();
        continue;
      }
      image->path = path_.c_str();
      return 1;
    }
    return 0;
  }

  int Take(const cutis_pipeline_outcome& outcome) {
    progress_.Add();
    ++counted_;
    if (outcome.status != CUTIS_OK) {
      progress_.Clear();
      PrintError(std::string(outcome.path) + ": " + outcome.error);
      ++errors_;
      code_ = kExitBadInput;
    } else {
      ++verdicts_[outcome.result.verdict];
      last_ = outcome.result;
    }
    if (file_ != nullptr) {
      status_ = file_->Write(outcome);
      return status_.ok() ? 0 : 1;
    }
    if (json_) {
      PrintJsonLine(OutcomeJson(judging_, outcome));
    } else if (outcome.status == CUTIS_OK) {
      PrintVerdict(judging_, outcome);
    }
    return std::ferror(stdout);  // nobody sees what else comes
  }

  const Judging& judging_;
  cutis_result last_ = CUTIS_RESULT_INIT;
  const bool json_;
  Inputs& inputs_;
  ResultFile* const file_;
  const cutis_data_cache* const cache_;
  Progress progress_;
  Stopwatch watch_;
  std::string path_;  // of the image that was named last
  Status status_;
  int code_ = kExitOk;
  size_t counted_ = 0, errors_ = 0, skipped_ = 0;
  size_t verdicts_[CUTIS_VERDICT_UNUSABLE + 1] = {};
};

int RunClassify(ClassifyOptions options) {
  options.model.threads = ThreadsOf(options.threads, "cutis");
  if (options.resume && options.out.empty())
    return Fail(Status::Error(Code::kUsage, "--resume goes on with the file of --out"));
  const Result<int32_t> batch = ReadBatch(options.batch);
  if (!batch.ok()) return Fail(batch.status());
  if (Status status = CheckMetricsName(options.metrics); !status.ok()) return Fail(status);
  Inputs inputs;
  if (Status status = inputs.Expand(options.images); !status.ok()) return Fail(status);
  Result<std::unique_ptr<Model>> opened = OpenModel(options.model);
  if (!opened.ok()) return Fail(opened.status());
  const Model& model = *opened.value();
  if (Status status = CheckModel(model, options.model.path, options.operating_point); !status.ok()) return Fail(status);

  if (!options.explain.empty()) {
    const Status status = CheckExplain(model, options.model.path, inputs.total(), options.explain);
    if (!status.ok()) return Fail(status);
  }

  const Judging judging = {model, options.operating_point, options.views == "1" ? 1 : CUTIS_VIEWS, !options.no_gates};
  Result<std::unique_ptr<cutis_data_cache, CloseCache>> cache = OpenCache(options);
  if (!cache.ok()) return Fail(cache.status());

  // Several images run side by side; of a single one the rows of its layers do. So they do with a file made for a device, whose
  // memory was reckoned for one session and one picture at a time.
  const int32_t threads = SessionThreads(model, options.threads, options.model.threads);
  cutis_pipeline_options with = CUTIS_PIPELINE_OPTIONS_INIT;
  (inputs.total() == 1 || model.device() != nullptr ? with.session_threads : with.workers) = threads;
  with.batch = batch.value() == 0 && model.device() != nullptr ? 1 : batch.value();
  with.views = judging.views;
  with.without_limits = options.no_gates;
  with.cache = cache.value().get();
  with.profile = !options.metrics.empty();
  if (!options.operating_point.empty()) with.operating_point = options.operating_point.c_str();
  cutis_pipeline* made = nullptr;
  char error[512] = "";
  cutis_status status = cutis_pipeline_create(ToHandle(&model), &with, &made, error, sizeof error);
  const std::unique_ptr<cutis_pipeline, DestroyPipeline> pipeline(made);
  if (status != CUTIS_OK) return Fail(Status::Error(static_cast<Code>(status), "%s", error));
  std::unique_ptr<ResultFile> file;
  if (!options.out.empty()) {
    Result<std::unique_ptr<ResultFile>> created = ResultFile::Open(options.out, judging, options.resume);
    if (!created.ok()) return Fail(created.status());
    file = std::move(created.value());
  }

  Run run(judging, options.json, inputs, file.get(), with.cache);
  const CpuSeconds before = CpuUse();
  status = cutis_pipeline_run(pipeline.get(), Run::Next, Run::Take, &run, error, sizeof error);
  const CpuSeconds after = CpuUse(), used = {after.user - before.user, after.system - before.system};
  const int code = run.Finish();
  if (status != CUTIS_OK) return Fail(Status::Error(static_cast<Code>(status), "%s", error));
  if (!options.metrics.empty()) {
    const cutis_data_cache_statistics known = StatisticsOf(with.cache);
    const Status written =
        WriteMetrics(options.metrics, judging, with, *pipeline, used, with.cache != nullptr ? &known : nullptr);
    if (!written.ok()) return Fail(written);
  }
  if (!options.explain.empty() && code == kExitOk) {
    const Status explained = Explain(model, run.path(), run.last(), threads, options.explain);
    if (!explained.ok()) return Fail(explained);
  }
  if (!options.json) {
    const char* licence = model.provenance().licence;
    std::printf("Not a medical device: no result replaces an examination.%s%s\n",
                licence[0] == '\0' ? "" : " Model licence: ", PrintableLine(licence).c_str());
  }
  return code;
}

}  // namespace

Command MakeClassify() {
  auto options = std::make_shared<ClassifyOptions>();
  Command command("classify", "Judge images (JPEG or PNG): bcc, not_bcc, refer or unusable");
  AddModelOptions(command, options->model);
  AddTuneOptions(command, options->model);
  command.AddPositionals(
      "IMAGES", options->images,
      "Image files; folders, with all below them; patterns with * and ?; - for a list of names on the standard input");
  command.AddText("operating-point", "NAME", options->operating_point,
                  "The threshold to judge at (default: the model's own choice; see inspect)");
  command.AddNumber(
      "threads", options->threads, 0, kMaxThreads,
      "Images that are judged at the same time (of a single one: threads of its run); 0: as many as the affinity mask "
      "and the CPU quota of the process allow");
  command.AddText("batch", "N|auto", options->batch,
                  "The most images of one run, 1 to 1024; auto: the fastest number is measured first (it changes no result)");
  command.AddChoice(
      "tta", {"1", "8"}, options->views,
      "Views of each image: 8 judges the mean of its flips and quarter turns, as many of them as are needed to be "
      "sure of the decision");
  command.AddFlag("no-gates", options->no_gates,
                  "Judge every image, whatever the model's limits of usable ones say; each result says so");
  command.AddText(
      "cache", "DIR", options->cache,
      "Keep what is known of images in this folder, made for the user alone (no verdicts, no names), and use it again");
  command.AddText("cache-size", "SIZE", options->cache_size,
                  "The most that --cache takes, in bytes or as 512M, 2G; default: 1G");
  command.AddText("metrics", "FILE", options->metrics,
                  "Write times by stage and by step, rates, memory and CPU use into FILE: *.json, or *.prom for Prometheus");
  command.AddFlag("json", options->json, "One line of JSON an image");
  command.AddText("out", "FILE", options->out,
                  "Write the results into this file, *.jsonl or *.csv, and a summary to the standard output");
  command.Exclude("json");
  command.AddFlag("resume", options->resume, "Go on with the file of --out: images whose results are there are passed over");
  command.AddText(
      "explain", "FILE", options->explain,
      "Write a PNG of the one image that is judged, with a heat map of what speaks for the verdict and what against it");
  command.Exclude("out");
  command.SetFooter(
      "Results come in the order of the images, whatever the number of threads. All images are done; the exit code is 3 if any "
      "of "
      "them could not be judged. refer and unusable are results.");
  command.run = [options] { return RunClassify(*options); };
  return command;
}

}  // namespace cutis::cli
