// One run at a time of a model in one arena.
#ifndef CUTIS_RUNTIME_SESSION_H_
#define CUTIS_RUNTIME_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/memory.h"
#include "runtime/model.h"
#include "runtime/pixel_features.h"

namespace cutis {

struct Image;  // runtime/image.h

enum class FloatBackend : uint8_t { kOwn, kXnnpack };

struct SessionOptions {
  int32_t batch = 1;       // the most images of one run
  int32_t threads = 1;     // 1: no thread is created
  void* arena = nullptr;   // the caller's, 64-byte aligned, kept while the session lives; null: the session allocates one
  size_t arena_bytes = 0;  // of the caller's arena; less than model.ArenaBytes(batch, threads) is refused
                           // (XNNPACK: and kXnnpackExtraBytes more, which it may read but not write)
  FloatBackend float_backend = FloatBackend::kOwn;
  bool profile = false;         // keep the time of every node
  bool explain = false;         // keep what GetExplanation needs: the arena is model.ExplanationArenaBytes(batch, threads)
  bool pixel_features = false;  // compute them for a model without limits too (kUsage where it takes no images)
};

// Called after a node has been computed, from the thread that called Run; `data` is image 0 of its output.
using NodeObserver = void (*)(void* context, int32_t node, const void* data, int32_t batch);

// Not thread-safe; several sessions may share one model, each in a thread of its own.
class Session : public FromMalloc {
 public:
  // `model` must outlive the session.
  static Result<std::unique_ptr<Session>> Create(const Model& model, const SessionOptions& options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // An "image" is an entry of the batch; where the network's own tensors are of several images, it is all of these, one after
  // the other, each image_bytes long.

  // Where image i of the input lies: rows of width pixels, channel_stride elements a pixel
  // (model.tensors()[model.input()].info). Its content is used up by Run (the plan may reuse the place).
  void* input(int32_t image) { return input(0, image); }
  // The same of input `index` (model.inputs()); null for one that does not exist.
  void* input(int32_t index, int32_t image);

  // Tight NHWC pixels (3 bytes a pixel for RGB) into image i. For a float32 network (byte - mean) / std is taken by the recipe.
  Status SetInputU8(int32_t image, const uint8_t* pixels, size_t bytes);
  // The same for pixels that the recipe's steps have made of an image: with the features of them, where the session makes any.
  Status SetInputPixels(int32_t image, const uint8_t* pixels, size_t bytes);
  // What the recipe's steps make of a decoded image, into image i: straight into the place of a uint8 network's input, by way
  // of tight pixels for a float32 network. kUsage without a recipe.
  Status SetInputImage(int32_t image, const Image& picture);
  // The tight bytes that SetInputImage or SetInputU8 has put into image i, before Run uses them up: of a float32 network they
  // are found again by rounding. kUsage without a recipe, for another number of bytes.
  Status GetInputU8(int32_t image, uint8_t* pixels, size_t bytes) const;
  // Tight NHWC real values, the network's own input; for a uint8 network clamp(rne(value * std + mean)) by the recipe (without
  // a recipe: by the scale and zero point of the input).
  Status SetInputF32(int32_t image, const float* values, size_t count) { return SetInputF32(0, image, values, count); }
  // The same for input `index`; only the first one has a recipe.
  Status SetInputF32(int32_t index, int32_t image, const float* values, size_t count);

  // Computes `images` images, 1 .. batch. No allocation, no lock of its own, no exception. Fails only for a wrong count.
  Status Run(int32_t images);

  // Output `index` of image i after Run: 1 x 1 x channels or NHWC with the tensor's channel_stride. Valid until the next input.
  const void* output(int32_t index, int32_t image) const;
  // The same as real values, tight; `count` must be the number of elements.
  Status GetOutputF32(int32_t index, int32_t image, float* values, size_t count) const;

  // The features of the pixels (runtime/pixel_features.h) that SetInputImage or SetInputPixels made for image i; a model
  // without limits has none unless the session was created to. kUsage where there are none, or another input was set since.
  Status GetPixelFeatures(int32_t image, std::span<float, kPixelFeatures> features) const;

  // After Run: what each cell of the last feature map adds to a label of image i (runtime/explain.h), row by row; label -1 is
  // the positive one of the verdict. Valid until the next input, like the outputs. kUsage where the session was not created to
  // explain.
  Status GetExplanation(int32_t image, int32_t label, std::span<float> map) const;

  void SetObserver(NodeObserver observer, void* context);
  std::span<const uint64_t> node_nanoseconds() const;  // of the last Run; empty without profile

  size_t arena_bytes() const;
  uint64_t memory_bytes() const;  // heap taken by the session beside the arena (external backends included)
  const Model& model() const;
  const SessionOptions& options() const;

 private:
  Session();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cutis

#endif  // CUTIS_RUNTIME_SESSION_H_
