#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tools/pipeline/cutis_pipeline.h"
#include "tools/pipeline/read_file.h"

namespace {

constexpr size_t kErrorBytes = 512;
constexpr size_t kEncodedBytes = size_t{64} << 20;  // the most that the runtime decodes
// Windows of twice what the workers hold: whoever is done goes on while the oldest image is still on its way.
constexpr int32_t kWindows = 2;

// An image between source and sink.
struct Slot {
  bool ready = false;
  bool has_path = false;
  std::string path, error;
  const void* bytes = nullptr;
  size_t size = 0;
  std::vector<float> probabilities;
  cutis_pipeline_outcome outcome = {};
};

// What one thread works with.
struct Worker {
  cutis_session* session = nullptr;
  std::vector<uint8_t> file;
  std::vector<Slot*> batch;  // taken, in their order
  std::vector<Slot*> run;    // those of them that the session holds
  ~Worker() { cutis_session_destroy(session); }
};

double Milliseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

cutis_status Report(cutis_status status, const char* text, char* error, size_t error_size) {
  if (error != nullptr && error_size > 0) std::snprintf(error, error_size, "%s", text);
  return status;
}

}  // namespace

struct cutis_pipeline {
  cutis_status Create(const cutis_model* model, const cutis_pipeline_options& given, char* error, size_t error_size);
  cutis_status Run(cutis_pipeline_source source, cutis_pipeline_sink sink, void* context, char* error, size_t error_size);
  int32_t window() const { return static_cast<int32_t>(slots_.size()); }

 private:
  void Work(Worker& worker);
  bool Take(Worker& worker);
  void Judge(Worker& worker);
  void GiveOut(Worker& worker);
  bool SetImage(Worker& worker, Slot& slot);

  cutis_pipeline_options options_ = CUTIS_PIPELINE_OPTIONS_INIT;
  std::string operating_point_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Slot> slots_;  // image i has slot i % size

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
};

cutis_status cutis_pipeline::Create(const cutis_model* model, const cutis_pipeline_options& given, char* error,
                                    size_t error_size) {
  options_ = given;
  if (options_.workers < 1 || options_.workers > 256) {
    return Report(CUTIS_ERROR_USAGE, "workers must be 1 .. 256", error, error_size);
  }
  cutis_model_info info = {};
  info.struct_size = sizeof info;
  if (const cutis_status status = cutis_model_describe(model, &info); status != CUTIS_OK) {
    return Report(status, "the model cannot be described", error, error_size);
  }
  if (!info.takes_images) {
    return Report(CUTIS_ERROR_USAGE, "this model says nothing about images or verdicts: give it tensors", error, error_size);
  }
  if (given.operating_point != nullptr) {
    operating_point_ = given.operating_point;
    options_.operating_point = operating_point_.c_str();
    bool known = false;
    for (int32_t i = 0; i < info.operating_point_count; ++i) {
      known = known || operating_point_ == cutis_model_operating_point(model, i);
    }
    if (!known) return Report(CUTIS_ERROR_USAGE, "the model has no operating point of that name", error, error_size);
  }
  cutis_session_options session = CUTIS_SESSION_OPTIONS_INIT;
  session.batch = options_.batch;
  session.threads = options_.session_threads == 0 ? 1 : options_.session_threads;
  for (int32_t i = 0; i < options_.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>());
    const cutis_status status = cutis_session_create(model, &session, &workers_.back()->session, error, error_size);
    if (status != CUTIS_OK) return status;
  }
  slots_.resize(static_cast<size_t>(options_.workers) * static_cast<size_t>(options_.batch) * kWindows);
  for (Slot& slot : slots_) slot.probabilities.resize(static_cast<size_t>(info.label_count));
  return CUTIS_OK;
}

// The next images, as many as a batch and the window hold; false when there are none. A source may wait for its next image as
// long as it likes: results are handed out meanwhile.
bool cutis_pipeline::Take(Worker& worker) {
  worker.batch.clear();
  const std::lock_guard asking(source_mutex_);
  while (worker.batch.size() < static_cast<size_t>(options_.batch)) {
    {
      std::unique_lock lock(mutex_);
      // Not while images of its own wait: they may be the oldest.
      const auto may_ask = [this] { return stopped_ || taken_ - given_ < slots_.size(); };
      if (worker.batch.empty()) room_.wait(lock, may_ask);
      if (stopped_ || ended_ || !may_ask()) break;
    }
    cutis_pipeline_image image = {sizeof image, nullptr, nullptr, 0};
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
    slot.size = image.size;
    slot.outcome = {};
    slot.outcome.struct_size = sizeof slot.outcome;
    slot.outcome.index = taken_++;
    worker.batch.push_back(&slot);
  }
  return !worker.batch.empty();
}

// Reads, decodes and preprocesses into the session's next place.
bool cutis_pipeline::SetImage(Worker& worker, Slot& slot) {
  cutis_pipeline_outcome& outcome = slot.outcome;
  outcome.encoded_bytes = slot.size;
  if (slot.bytes == nullptr) {
    outcome.status = cutis::pipeline::ReadFile(slot.path.c_str(), kEncodedBytes, &worker.file, &slot.error);
    if (outcome.status != CUTIS_OK) return false;
    slot.bytes = worker.file.data();
    slot.size = outcome.encoded_bytes = worker.file.size();
  }
  char error[kErrorBytes] = "";
  cutis_image_times times = {sizeof times, 0.0, 0.0};
  outcome.status = cutis_session_set_image(worker.session, static_cast<int32_t>(worker.run.size()), slot.bytes, slot.size,
                                           &times, error, sizeof error);
  slot.error = error;
  outcome.result = CUTIS_RESULT_INIT;
  outcome.result.decode_ms = times.decode_ms;
  outcome.result.preprocess_ms = times.preprocess_ms;
  return outcome.status == CUTIS_OK;
}

void cutis_pipeline::Judge(Worker& worker) {
  worker.run.clear();
  for (Slot* slot : worker.batch) {
    if (SetImage(worker, *slot)) worker.run.push_back(slot);
  }
  if (worker.run.empty()) return;
  char error[kErrorBytes] = "";
  const int32_t count = static_cast<int32_t>(worker.run.size());
  const auto start = std::chrono::steady_clock::now();
  const cutis_status status = cutis_session_run(worker.session, count, error, sizeof error);
  const double each = Milliseconds(std::chrono::steady_clock::now() - start) / count;
  for (int32_t i = 0; i < count; ++i) {
    Slot& slot = *worker.run[static_cast<size_t>(i)];
    const cutis_result times = slot.outcome.result;
    cutis_result& result = slot.outcome.result;
    result.probabilities = slot.probabilities.data();
    result.probability_count = slot.probabilities.size();
    slot.outcome.status = status != CUTIS_OK
                              ? status
                              : cutis_session_judge(worker.session, i, options_.operating_point, &result, error, sizeof error);
    slot.error = slot.outcome.status == CUTIS_OK ? "" : error;
    result.decode_ms = times.decode_ms;
    result.preprocess_ms = times.preprocess_ms;
    result.inference_ms = each;
  }
}

// The worker's images are ready; hands out all that are, in their order.
void cutis_pipeline::GiveOut(Worker& worker) {
  const std::lock_guard lock(mutex_);
  for (Slot* slot : worker.batch) slot->ready = true;
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
    Judge(worker);
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
  return out_of_memory_ ? Report(CUTIS_ERROR_NO_MEMORY, "out of memory", error, error_size) : status;
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
