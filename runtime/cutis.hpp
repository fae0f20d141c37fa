// Cutis for C++17 and later: handles that free themselves over runtime/cutis.h. Header-only; throws nothing.
//
//   cutis_api::Model model;
//   if (cutis_api::Error error = model.Open("bcc.cutis")) return Complain(error.text());
//   cutis_api::Session session;
//   if (cutis_api::Error error = session.Create(model)) ...
//   cutis_result result = CUTIS_RESULT_INIT;
//   if (cutis_api::Error error = session.Classify(bytes, size, &result)) ...
#ifndef CUTIS_RUNTIME_CUTIS_HPP_
#define CUTIS_RUNTIME_CUTIS_HPP_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "cutis.h"

namespace cutis_api {

// What a call returned, with its text; converts to true when something went wrong.
class [[nodiscard]] Error {
 public:
  static constexpr size_t kSize = 320;
  explicit operator bool() const { return status_ != CUTIS_OK; }
  cutis_status status() const { return status_; }
  const char* text() const { return text_; }

  // Of `call(text, size)`, which makes a call of the C interface with that room for its text.
  template <class Call>
  static Error Of(Call&& call) {
    Error error;
    error.status_ = call(error.text_, kSize);
    return error;
  }

 private:
  cutis_status status_ = CUTIS_OK;
  char text_[kSize] = "";
};

// A model that somebody else keeps open.
class ModelView {
 public:
  ModelView() = default;
  explicit ModelView(const cutis_model* handle) : handle_(handle) {}

  explicit operator bool() const { return handle_ != nullptr; }
  const cutis_model* get() const { return handle_; }

  // All of it is zero while nothing is open.
  cutis_model_info Describe() const {
    cutis_model_info info = {};
    info.struct_size = sizeof info;
    (void)cutis_model_describe(handle_, &info);
    return info;
  }
  const char* Label(int32_t index) const { return cutis_model_label(handle_, index); }
  // All of it is zero where there is none.
  cutis_operating_point_info OperatingPoint(int32_t index) const {
    cutis_operating_point_info info = {};
    info.struct_size = sizeof info;
    (void)cutis_model_describe_operating_point(handle_, index, &info);
    return info;
  }
  cutis_calibration Calibration() const {
    cutis_calibration calibration = {};
    calibration.struct_size = sizeof calibration;
    (void)cutis_model_calibration(handle_, &calibration);
    return calibration;
  }
  cutis_limits Limits() const {
    cutis_limits limits = {};
    limits.struct_size = sizeof limits;
    (void)cutis_model_limits(handle_, &limits);
    return limits;
  }
  uint64_t ArenaBytes(int32_t batch = 1, int32_t threads = 1) const { return cutis_model_arena_bytes(handle_, batch, threads); }
  // All of it is zero where there are no explanations.
  cutis_explanation_info Explanation() const {
    cutis_explanation_info info = {};
    info.struct_size = sizeof info;
    (void)cutis_model_explanation(handle_, &info);
    return info;
  }

 protected:
  const cutis_model* handle_ = nullptr;
};

// A movable owner of a cutis_model.
class Model : public ModelView {
 public:
  Model() = default;
  ~Model() { Close(); }
  Model(Model&& other) noexcept : ModelView(std::exchange(other.handle_, nullptr)) {}
  Model& operator=(Model&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  // Replaces what was open before, once the new model is.
  Error Open(const char* path, const cutis_open_options* options = nullptr) {
    cutis_model* handle = nullptr;
    Error error = Error::Of([&](char* text, size_t size) { return cutis_model_open(path, options, &handle, text, size); });
    if (!error) Adopt(handle);
    return error;
  }
  Error OpenMemory(const void* bytes, size_t count, const cutis_open_options* options = nullptr) {
    cutis_model* handle = nullptr;
    Error error =
        Error::Of([&](char* text, size_t size) { return cutis_model_open_memory(bytes, count, options, &handle, text, size); });
    if (!error) Adopt(handle);
    return error;
  }

 private:
  void Close() { cutis_model_close(const_cast<cutis_model*>(handle_)); }
  void Adopt(cutis_model* handle) {
    Close();
    handle_ = handle;
  }
};

// A movable owner of a cutis_session; its model must outlive it.
class Session {
 public:
  Session() = default;
  ~Session() { cutis_session_destroy(handle_); }
  Session(Session&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Session& operator=(Session&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  Error Create(const ModelView& model, const cutis_session_options* options = nullptr) {
    cutis_session* handle = nullptr;
    Error error =
        Error::Of([&](char* text, size_t size) { return cutis_session_create(model.get(), options, &handle, text, size); });
    if (!error) {
      cutis_session_destroy(handle_);
      handle_ = handle;
    }
    return error;
  }

  explicit operator bool() const { return handle_ != nullptr; }
  cutis_session* get() { return handle_; }

  Error SetInput(int32_t image, const uint8_t* pixels, size_t bytes) {
    return Error::Of(
        [&](char* text, size_t size) { return cutis_session_set_input_u8(handle_, image, pixels, bytes, text, size); });
  }
  Error SetInput(int32_t image, const float* values, size_t count) {
    return Error::Of(
        [&](char* text, size_t size) { return cutis_session_set_input_f32(handle_, image, values, count, text, size); });
  }
  Error Run(int32_t images = 1) {
    return Error::Of([&](char* text, size_t size) { return cutis_session_run(handle_, images, text, size); });
  }
  Error GetOutput(int32_t index, int32_t image, float* values, size_t count) const {
    return Error::Of([&](char* text, size_t size) {
      return cutis_session_get_output_f32(handle_, index, image, values, count, text, size);
    });
  }
  Error GetExplanation(int32_t image, int32_t label, float* map, size_t count) const {
    return Error::Of(
        [&](char* text, size_t size) { return cutis_session_get_explanation(handle_, image, label, map, count, text, size); });
  }
  // `result` as made by CUTIS_RESULT_INIT.
  Error Classify(const void* encoded, size_t bytes, cutis_result* result, const char* operating_point = nullptr) {
    return Error::Of([&](char* text, size_t size) {
      return cutis_session_classify(handle_, encoded, bytes, operating_point, result, text, size);
    });
  }
  // Classify in three steps, for several images in one run: SetImage for each, Run, Judge for each.
  Error SetImage(int32_t image, const void* encoded, size_t bytes, cutis_image_times* times = nullptr) {
    return Error::Of(
        [&](char* text, size_t size) { return cutis_session_set_image(handle_, image, encoded, bytes, times, text, size); });
  }
  // Instead of SetImage: pixels that were preprocessed already.
  Error SetPixels(int32_t image, const uint8_t* pixels, size_t bytes) {
    return Error::Of(
        [&](char* text, size_t size) { return cutis_session_set_pixels(handle_, image, pixels, bytes, text, size); });
  }
  Error Judge(int32_t image, cutis_result* result, const char* operating_point = nullptr) const {
    return Error::Of(
        [&](char* text, size_t size) { return cutis_session_judge(handle_, image, operating_point, result, text, size); });
  }

 private:
  cutis_session* handle_ = nullptr;
};

}  // namespace cutis_api

#endif  // CUTIS_RUNTIME_CUTIS_HPP_
