#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tools/pipeline/c_structs.h"
#include "tools/pipeline/cutis_pipeline.h"
#include "tools/pipeline/histogram.h"
#include "tools/pipeline/worker.h"

namespace {

using cutis::pipeline::Histogram;
using cutis::pipeline::Report;
using cutis::pipeline::Shared;
using cutis::pipeline::Slot;
using cutis::pipeline::Worker;

// Windows of twice what the workers hold: whoever is done goes on while the oldest image is still on its way.
constexpr int32_t kWindows = 2;
constexpr int32_t kMostMeasured = 32;  // the largest batch that is tried

double MillisecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

struct cutis_pipeline {
  cutis_status Create(const cutis_model* model, const cutis_pipeline_options& given, char* error, size_t error_size);
  cutis_status Run(cutis_pipeline_source source, cutis_pipeline_sink sink, void* context, char* error, size_t error_size);
  int32_t window() const { return static_cast<int32_t>(slots_.size()); }
  int32_t batch() const { return shared_.options.batch; }
  cutis_pipeline_metrics metrics() const;
  double NodeMs(int32_t index) const;

 private:
  cutis_status Read(const cutis_model* model, const cutis_pipeline_options& given, char* error, size_t error_size);
  cutis_status MeasureBatch(char* error, size_t error_size);
  void Work(Worker& worker);
  bool Take(Worker& worker);
  void GiveOut(Worker& worker);
  void Count(const Slot& slot);

  Shared shared_;
  std::string operating_point_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Slot> slots_;  // image i has slot i % size

  // Of all runs.
  uint64_t images_ = 0, errors_ = 0, cached_ = 0, views_ = 0;
  double seconds_ = 0;
  Histogram read_, decode_, preprocess_, inference_, whole_;

  // Of the run at hand. The source is called, and the end known, under the one mutex; the sink, and all else, under the other,
  // which is taken last.
  std::mutex source_mutex_;
  bool ended_ = false;  // the source has no more
  std::mutex mutex_;
  std::condition_variable room_;
  cutis_pipeline_source source_ = nullptr;
  cutis_pipeline_sink sink_ = nullptr;
  void* context_ = nullptr;
  uint64_t taken_ = 0, given_ = 0;
  bool stopped_ = false;  // the sink wants no more, or the run has failed
  bool out_of_memory_ = false;
  std::chrono::steady_clock::time_point start_;
};

// What the options ask for, and whether the model can give it.
cutis_status cutis_pipeline::Read(const cutis_model* model, const cutis_pipeline_options& given, char* error,
                                  size_t error_size) {
  cutis_pipeline_options& options = shared_.options = given;
  if (options.workers < 1 || options.workers > 256) {
    return Report(CUTIS_ERROR_USAGE, "workers must be 1 .. 256", error, error_size);
  }
  if (options.batch < 0 || options.batch > 1024) {
    return Report(CUTIS_ERROR_USAGE, "batch must be 1 .. 1024, or 0 to measure it", error, error_size);
  }
  if (options.views != 1 && options.views != CUTIS_VIEWS) {
    return Report(CUTIS_ERROR_USAGE, "views must be 1 or 8", error, error_size);
  }
  cutis_model_info info = {};
  info.struct_size = sizeof info;
  if (const cutis_status status = cutis_model_describe(model, &info); status != CUTIS_OK) {
    return Report(status, "the model cannot be described", error, error_size);
  }
  if (!info.takes_images) {
    return Report(CUTIS_ERROR_USAGE, "this model says nothing about images or verdicts: give it tensors", error, error_size);
  }
  if (options.views > 1 && info.input_height != info.input_width) {
    return Report(CUTIS_ERROR_UNSUPPORTED, "several views need a square input, the network's is none", error, error_size);
  }
  if (given.operating_point != nullptr) {
    operating_point_ = given.operating_point;
    options.operating_point = operating_point_.c_str();
    bool known = false;
    for (int32_t i = 0; i < info.operating_point_count; ++i) {
      known = known || operating_point_ == cutis_model_operating_point(model, i);
    }
    if (!known) return Report(CUTIS_ERROR_USAGE, "the model has no operating point of that name", error, error_size);
  }
  cutis_limits limits = {};
  limits.struct_size = sizeof limits;
  const bool has_limits = cutis_model_limits(model, &limits) == CUTIS_OK;
  shared_.model = model;
  std::copy(std::begin(info.content_hash), std::end(info.content_hash), shared_.model_hash);
  shared_.side = info.input_height;
  shared_.shape.labels = static_cast<uint32_t>(info.label_count);
  shared_.shape.features = has_limits ? static_cast<uint32_t>(limits.features) : 0;
  shared_.shape.pixel_bytes = static_cast<uint32_t>(info.input_height * info.input_width * info.input_channels);
  shared_.session.threads = options.session_threads == 0 ? 1 : options.session_threads;
  shared_.session.profile = options.profile;
  cutis_node_info node = {};
  node.struct_size = sizeof node;
  while (options.profile && cutis_model_node(model, static_cast<int32_t>(shared_.nodes), &node) == CUTIS_OK) ++shared_.nodes;
  return CUTIS_OK;
}

// The batch of 1, 2, 4, ... whose images take the least time each, of the best of three runs; a larger one has to be better by
// a fiftieth, since it takes more memory. The input does not matter: all kernels take the same time for every value.
cutis_status cutis_pipeline::MeasureBatch(char* error, size_t error_size) {
  const std::vector<uint8_t> pixels(shared_.shape.pixel_bytes, 127);
  double best = 0;
  for (int32_t batch = 1; batch <= kMostMeasured; batch *= 2) {
    cutis_session_options options = shared_.session;
    options.batch = batch;
    cutis_session* made = nullptr;
    const cutis_status created = cutis_session_create(shared_.model, &options, &made, error, error_size);
    if (created != CUTIS_OK) return created;
    const std::unique_ptr<cutis_session, decltype(&cutis_session_destroy)> session(made, cutis_session_destroy);
    double least = 0;
    for (int round = 0; round < 4; ++round) {  // the first one warms up
      for (int32_t i = 0; i < batch; ++i) {
        const cutis_status set = cutis_session_set_input_u8(made, i, pixels.data(), pixels.size(), error, error_size);
        if (set != CUTIS_OK) return set;
      }
      const auto start = std::chrono::steady_clock::now();
      if (const cutis_status ran = cutis_session_run(made, batch, error, error_size); ran != CUTIS_OK) return ran;
      const double each = MillisecondsSince(start) / batch;
      if (round > 0) least = round == 1 ? each : std::min(least, each);
    }
    if (batch > 1 && least > 0.98 * best) break;
    best = least;
    shared_.options.batch = batch;
  }
  return CUTIS_OK;
}

cutis_status cutis_pipeline::Create(const cutis_model* model, const cutis_pipeline_options& given, char* error,
                                    size_t error_size) {
  if (const cutis_status status = Read(model, given, error, error_size); status != CUTIS_OK) return status;
  if (shared_.options.batch == 0) {
    if (const cutis_status status = MeasureBatch(error, error_size); status != CUTIS_OK) return status;
  }
  const cutis_pipeline_options& options = shared_.options;
  shared_.session.batch = options.batch;
  for (int32_t i = 0; i < options.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(shared_));
    const cutis_status status = workers_.back()->Create(error, error_size);
    if (status != CUTIS_OK) return status;
  }
  slots_.resize(static_cast<size_t>(options.workers) * static_cast<size_t>(options.batch) * kWindows);
  for (Slot& slot : slots_) slot.probabilities.resize(shared_.shape.labels);
  return CUTIS_OK;
}

// The next images, as many as a batch and the window hold; false when there are none. A source may wait for its next image as
// long as it likes: results are handed out meanwhile.
bool cutis_pipeline::Take(Worker& worker) {
  worker.batch.clear();
  const std::lock_guard asking(source_mutex_);
  while (worker.batch.size() < static_cast<size_t>(batch())) {
    {
      std::unique_lock lock(mutex_);
      // Not while images of its own wait: they may be the oldest.
      const auto may_ask = [this] { return stopped_ || taken_ - given_ < slots_.size(); };
      if (worker.batch.empty()) room_.wait(lock, may_ask);
      if (stopped_ || ended_ || !may_ask()) break;
    }
    cutis_pipeline_image image = {sizeof image, nullptr, nullptr, 0, 0};
    if (source_(context_, &image) == 0) {
      ended_ = true;
      break;
    }
    const std::lock_guard lock(mutex_);
    Slot& slot = slots_[taken_ % slots_.size()];
    slot.ready = false;
    slot.has_path = image.path != nullptr;
    slot.path = slot.has_path ? image.path : "";
    slot.error.clear();
    slot.bytes = image.bytes;
    slot.is_pixels = image.bytes != nullptr && image.is_pixels != 0;
    slot.size = image.size;
    slot.outcome = {};
    slot.outcome.struct_size = sizeof slot.outcome;
    slot.outcome.index = taken_++;
    slot.asked_ms = MillisecondsSince(start_);
    worker.batch.push_back(&slot);
  }
  return !worker.batch.empty();
}

void cutis_pipeline::Count(const Slot& slot) {
  const cutis_pipeline_outcome& outcome = slot.outcome;
  if (outcome.status != CUTIS_OK) {
    ++errors_;
    return;
  }
  ++images_;
  views_ += static_cast<uint64_t>(outcome.views);
  whole_.Add(MillisecondsSince(start_) - slot.asked_ms);
  if (outcome.read_ms > 0) read_.Add(outcome.read_ms);
  if (outcome.cached) {
    ++cached_;
    return;
  }
  if (outcome.result.decode_ms > 0) {  // not of pixels, nor where the cache had them
    decode_.Add(outcome.result.decode_ms);
    preprocess_.Add(outcome.result.preprocess_ms);
  }
  inference_.Add(outcome.result.inference_ms);
}

// The worker's images are ready; hands out all that are, in their order.
void cutis_pipeline::GiveOut(Worker& worker) {
  const std::lock_guard lock(mutex_);
  for (Slot* slot : worker.batch) {
    slot->ready = true;
    Count(*slot);
  }
  while (!stopped_ && given_ < taken_ && slots_[given_ % slots_.size()].ready) {
    Slot& slot = slots_[given_ % slots_.size()];
    slot.outcome.path = slot.has_path ? slot.path.c_str() : nullptr;
    slot.outcome.error = slot.outcome.status == CUTIS_OK ? nullptr : slot.error.c_str();
    if (sink_(context_, &slot.outcome) != 0) stopped_ = true;
    ++given_;
  }
  room_.notify_all();
}

void cutis_pipeline::Work(Worker& worker) try {
  while (Take(worker)) {
    worker.Judge();
    GiveOut(worker);
  }
} catch (const std::bad_alloc&) {
  const std::lock_guard lock(mutex_);
  stopped_ = out_of_memory_ = true;
  room_.notify_all();
}

cutis_status cutis_pipeline::Run(cutis_pipeline_source source, cutis_pipeline_sink sink, void* context, char* error,
                                 size_t error_size) {
  source_ = source;
  sink_ = sink;
  context_ = context;
  taken_ = given_ = 0;
  ended_ = stopped_ = out_of_memory_ = false;
  start_ = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  cutis_status status = CUTIS_OK;
  try {
    for (size_t i = 1; i < workers_.size(); ++i) {
      threads.emplace_back([this, i] { Work(*workers_[i]); });
    }
  } catch (const std::system_error& failure) {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    room_.notify_all();
    status = Report(CUTIS_ERROR_NO_MEMORY, ("the system refuses a thread: " + std::string(failure.what())).c_str(), error,
                    error_size);
  }
  if (status == CUTIS_OK) Work(*workers_[0]);
  for (std::thread& thread : threads) thread.join();
  seconds_ += 1e-3 * MillisecondsSince(start_);
  return out_of_memory_ ? Report(CUTIS_ERROR_NO_MEMORY, "out of memory", error, error_size) : status;
}

cutis_pipeline_metrics cutis_pipeline::metrics() const {
  cutis_pipeline_metrics made = {};
  made.images = images_;
  made.errors = errors_;
  made.cached = cached_;
  made.views = views_;
  made.seconds = seconds_;
  made.read = read_.Summary();
  made.decode = decode_.Summary();
  made.preprocess = preprocess_.Summary();
  made.inference = inference_.Summary();
  made.whole = whole_.Summary();
  return made;
}

double cutis_pipeline::NodeMs(int32_t index) const {
  double ms = 0;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    const std::vector<double>& nodes = worker->node_ms();
    if (index >= 0 && static_cast<size_t>(index) < nodes.size()) ms += nodes[static_cast<size_t>(index)];
  }
  return ms;
}

cutis_status cutis_pipeline_create(const cutis_model* model, const cutis_pipeline_options* options, cutis_pipeline** pipeline,
                                   char* error, size_t error_size) try {
  if (model == nullptr || pipeline == nullptr) {
    return Report(CUTIS_ERROR_USAGE, "no model, or place for the pipeline, given", error, error_size);
  }
  cutis_pipeline_options given = CUTIS_PIPELINE_OPTIONS_INIT;
  if (options != nullptr) {
    if (options->struct_size < sizeof(size_t) || options->struct_size > sizeof given) {
      return Report(CUTIS_ERROR_USAGE, "struct_size of the options is not set, or that of a newer version", error, error_size);
    }
    std::memcpy(&given, options, options->struct_size);
  }
  auto made = std::make_unique<cutis_pipeline>();
  const cutis_status status = made->Create(model, given, error, error_size);
  if (status == CUTIS_OK) *pipeline = made.release();
  return status;
} catch (const std::bad_alloc&) {
  return Report(CUTIS_ERROR_NO_MEMORY, "out of memory", error, error_size);
}

void cutis_pipeline_destroy(cutis_pipeline* pipeline) { delete pipeline; }

cutis_status cutis_pipeline_run(cutis_pipeline* pipeline, cutis_pipeline_source source, cutis_pipeline_sink sink, void* context,
                                char* error, size_t error_size) {
  if (pipeline == nullptr || source == nullptr || sink == nullptr) {
    return Report(CUTIS_ERROR_USAGE, "no pipeline, source or sink given", error, error_size);
  }
  return pipeline->Run(source, sink, context, error, error_size);
}

int32_t cutis_pipeline_window(const cutis_pipeline* pipeline) { return pipeline == nullptr ? 0 : pipeline->window(); }

int32_t cutis_pipeline_batch(const cutis_pipeline* pipeline) { return pipeline == nullptr ? 0 : pipeline->batch(); }

cutis_status cutis_pipeline_get_metrics(const cutis_pipeline* pipeline, cutis_pipeline_metrics* metrics) {
  if (pipeline == nullptr || metrics == nullptr || metrics->struct_size < sizeof(size_t)) return CUTIS_ERROR_USAGE;
  cutis::pipeline::GiveStruct(pipeline->metrics(), metrics);
  return CUTIS_OK;
}

double cutis_pipeline_node_ms(const cutis_pipeline* pipeline, int32_t index) {
  return pipeline == nullptr ? 0 : pipeline->NodeMs(index);
}
