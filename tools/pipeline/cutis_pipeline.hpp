// The pipeline and its caches for C++20 and later: handles that free themselves over cutis_pipeline.h, cutis_model_cache.h and
// cutis_data_cache.h, with those of cutis.hpp. Header-only.
//
//   cutis_api::ModelCache cache;
//   cutis_api::CachedModel model;
//   cutis_api::Pipeline pipeline;
//   if (cutis_api::Error error = cache.Create()) return Complain(error.text());
//   if (cutis_api::Error error = cache.Get("bcc.cutis", &model)) ...
//   if (cutis_api::Error error = pipeline.Create(model)) ...
//   if (cutis_api::Error error = pipeline.Run(paths, [](const cutis_api::Outcome& outcome) { ...; return true; })) ...
//
// Errors are values, as in cutis.hpp, and not exceptions: the two headers are used together, and programs for devices are
// compiled without exceptions. What a callback throws is the caller's own and comes out of Run.
#ifndef CUTIS_TOOLS_PIPELINE_CUTIS_PIPELINE_HPP_
#define CUTIS_TOOLS_PIPELINE_CUTIS_PIPELINE_HPP_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cutis.hpp"
#include "cutis_data_cache.h"
#include "cutis_model_cache.h"
#include "cutis_pipeline.h"

namespace cutis_api {

// A use of a model of a ModelCache, released with it; may outlive the cache.
class CachedModel : public ModelView {
 public:
  CachedModel() = default;
  ~CachedModel() { cutis_model_cache_release(cache_, handle_); }
  CachedModel(CachedModel&& other) noexcept
      : ModelView(std::exchange(other.handle_, nullptr)), cache_(std::exchange(other.cache_, nullptr)) {}
  CachedModel& operator=(CachedModel&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(cache_, other.cache_);
    return *this;
  }

 private:
  friend class ModelCache;
  CachedModel(cutis_model_cache* cache, const cutis_model* handle) : ModelView(handle), cache_(cache) {}
  cutis_model_cache* cache_ = nullptr;
};

// A movable owner of a cutis_model_cache. Any number of threads may call Get, Clear and Describe at the same time.
class ModelCache {
 public:
  ModelCache() = default;
  ~ModelCache() { cutis_model_cache_destroy(handle_); }
  ModelCache(ModelCache&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ModelCache& operator=(ModelCache&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  // Replaces the cache that was there before.
  Error Create(const cutis_model_cache_options* options = nullptr) {
    cutis_model_cache* handle = nullptr;
    Error error = Error::Of([&](char* text, size_t size) { return cutis_model_cache_create(options, &handle, text, size); });
    if (!error) cutis_model_cache_destroy(std::exchange(handle_, handle));
    return error;
  }
  explicit operator bool() const { return handle_ != nullptr; }

  // What was in `model` before is released, once the new one is there.
  Error Get(const char* path, CachedModel* model, const cutis_open_options* options = nullptr) {
    const cutis_model* found = nullptr;
    Error error =
        Error::Of([&](char* text, size_t size) { return cutis_model_cache_get(handle_, path, options, &found, text, size); });
    if (!error) *model = CachedModel(handle_, found);
    return error;
  }
  void Clear() { cutis_model_cache_clear(handle_); }
  // All of it is zero before Create.
  cutis_model_cache_statistics Describe() const {
    cutis_model_cache_statistics statistics = {};
    statistics.struct_size = sizeof statistics;
    (void)cutis_model_cache_describe(handle_, &statistics);
    return statistics;
  }

 private:
  cutis_model_cache* handle_ = nullptr;
};

// A movable owner of a cutis_data_cache, for cutis_pipeline_options.cache; all pipelines that use it are gone before it.
class DataCache {
 public:
  DataCache() = default;
  ~DataCache() { cutis_data_cache_close(handle_); }
  DataCache(DataCache&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  DataCache& operator=(DataCache&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  // Replaces what was open before.
  Error Open(const char* path, uint64_t bytes) {
    cutis_data_cache* handle = nullptr;
    Error error = Error::Of([&](char* text, size_t size) { return cutis_data_cache_open(path, bytes, &handle, text, size); });
    if (!error) cutis_data_cache_close(std::exchange(handle_, handle));
    return error;
  }
  explicit operator bool() const { return handle_ != nullptr; }
  cutis_data_cache* get() { return handle_; }
  // All of it is zero while nothing is open.
  cutis_data_cache_statistics Describe() const {
    cutis_data_cache_statistics statistics = {};
    statistics.struct_size = sizeof statistics;
    (void)cutis_data_cache_get_statistics(handle_, &statistics);
    return statistics;
  }

 private:
  cutis_data_cache* handle_ = nullptr;
};

// What became of an image, for the time of the call that it is given to.
class Outcome {
 public:
  explicit Outcome(const cutis_pipeline_outcome& outcome) : outcome_(outcome) {}

  uint64_t index() const { return outcome_.index; }
  // As it was given; empty without one.
  std::string_view path() const { return outcome_.path != nullptr ? outcome_.path : std::string_view(); }
  bool ok() const { return outcome_.status == CUTIS_OK; }
  cutis_status status() const { return outcome_.status; }
  // Empty for CUTIS_OK.
  std::string_view error() const { return outcome_.error != nullptr ? outcome_.error : std::string_view(); }
  // These are there for CUTIS_OK alone.
  const cutis_result& result() const { return outcome_.result; }
  int32_t views() const { return outcome_.views; }
  bool cached() const { return outcome_.cached != 0; }
  std::span<const float> probabilities() const { return {outcome_.result.probabilities, outcome_.result.probability_count}; }

  const cutis_pipeline_outcome& get() const { return outcome_; }

 private:
  const cutis_pipeline_outcome& outcome_;
};

// A movable owner of a cutis_pipeline; its model must outlive it.
class Pipeline {
 public:
  Pipeline() = default;
  ~Pipeline() { cutis_pipeline_destroy(handle_); }
  Pipeline(Pipeline&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Pipeline& operator=(Pipeline&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  // Replaces the pipeline that was there before.
  Error Create(const ModelView& model, const cutis_pipeline_options* options = nullptr) {
    cutis_pipeline* handle = nullptr;
    Error error =
        Error::Of([&](char* text, size_t size) { return cutis_pipeline_create(model.get(), options, &handle, text, size); });
    if (!error) cutis_pipeline_destroy(std::exchange(handle_, handle));
    return error;
  }
  explicit operator bool() const { return handle_ != nullptr; }
  int32_t window() const { return cutis_pipeline_window(handle_); }
  int32_t batch() const { return cutis_pipeline_batch(handle_); }
  // All of it is zero before Create.
  cutis_pipeline_metrics Metrics() const {
    cutis_pipeline_metrics metrics = {};
    metrics.struct_size = sizeof metrics;
    (void)cutis_pipeline_get_metrics(handle_, &metrics);
    return metrics;
  }
  double NodeMs(int32_t index) const { return cutis_pipeline_node_ms(handle_, index); }

  // `source(image)` sets the next image, a cutis_pipeline_image, and returns true; false: there are no more. `sink(outcome)`
  // takes an Outcome, in the order of the images; false stops the run. They are called as in cutis_pipeline_run. What one of
  // them throws stops the run and is thrown from here.
  template <class Source, class Sink>
  Error Run(Source&& source, Sink&& sink) {
    Call<Source, Sink> call(source, sink);
    Error error = Error::Of([&](char* text, size_t size) {
      return cutis_pipeline_run(handle_, Call<Source, Sink>::Next, Call<Source, Sink>::Take, &call, text, size);
    });
#if defined(__cpp_exceptions)
    if (call.source_threw) std::rethrow_exception(call.source_threw);
    if (call.sink_threw) std::rethrow_exception(call.sink_threw);
#endif
    return error;
  }

  // The files at these paths.
  template <class Sink>
  Error Run(std::span<const std::string> paths, Sink&& sink) {
    size_t next = 0;
    const auto source = [paths, &next](cutis_pipeline_image& image) {
      if (next == paths.size()) return false;
      image.path = paths[next++].c_str();
      return true;
    };
    return Run(source, std::forward<Sink>(sink));
  }
  // JPEG or PNG files that are in memory.
  template <class Sink>
  Error Run(std::span<const std::span<const uint8_t>> files, Sink&& sink) {
    size_t next = 0;
    const auto source = [files, &next](cutis_pipeline_image& image) {
      if (next == files.size()) return false;
      image.bytes = files[next].data();
      image.size = files[next++].size();
      return true;
    };
    return Run(source, std::forward<Sink>(sink));
  }

 private:
  // Source and sink may be called side by side, each by one thread at a time.
  template <class Source, class Sink>
  struct Call {
    Source& source;
    Sink& sink;
    std::atomic<bool> stopped = false;
    std::exception_ptr source_threw, sink_threw;

    Call(Source& a_source, Sink& a_sink) : source(a_source), sink(a_sink) {}
    static int Next(void* context, cutis_pipeline_image* image) {
      Call& call = *static_cast<Call*>(context);
      return call.Guarded(&call.source_threw, [&] { return call.source(*image); }) ? 1 : 0;
    }
    static int Take(void* context, const cutis_pipeline_outcome* outcome) {
      Call& call = *static_cast<Call*>(context);
      return call.Guarded(&call.sink_threw, [&] { return call.sink(Outcome(*outcome)); }) ? 0 : 1;
    }

    template <class Function>
    bool Guarded(std::exception_ptr* threw, Function function) {
#if defined(__cpp_exceptions)
      try {
        return !stopped && function();
      } catch (...) {
        *threw = std::current_exception();
        stopped = true;
        return false;
      }
#else
      (void)threw;
      return function();
#endif
    }
  };

  cutis_pipeline* handle_ = nullptr;
};

}  // namespace cutis_api

#endif  // CUTIS_TOOLS_PIPELINE_CUTIS_PIPELINE_HPP_
