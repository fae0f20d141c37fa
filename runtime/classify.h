// From an image file to a verdict: what the C interface and the command line share.
#ifndef CUTIS_RUNTIME_CLASSIFY_H_
#define CUTIS_RUNTIME_CLASSIFY_H_

#include <cstdint>
#include <span>

#include "runtime/session.h"
#include "runtime/verdict.h"

namespace cutis {

// The features that limits speak of, of image `image` after a run: those of its pixels, as Session::SetInputImage found them,
// and after them the real values of output limits.embedding. `features` has limits.features elements.
Status GetFeatures(const Session& session, const Limits& limits, int32_t image, std::span<float> features);

struct ImageTimes {
  double decode_ms = 0, preprocess_ms = 0;
};

struct Classification {
  Judgement judgement;
  ImageTimes image;
  double inference_ms = 0;
};

// Decodes the bytes of a JPEG or PNG file, and preprocesses by the model's recipe, into image `image` of the next run. kUsage
// for a model without an image recipe. Decoding takes memory of its own for the time of the call.
Result<ImageTimes> SetImage(Session& session, int32_t image, std::span<const uint8_t> encoded);

// Judges image `image` after a run, at the named operating point (null: the default one), and looks at the model's limits.
// outputs, probabilities: room for one of each label; features: for those of the limits, none without limits.
Result<Judgement> JudgeImage(const Session& session, int32_t image, const char* operating_point, std::span<float> outputs,
                             std::span<float> probabilities, std::span<float> features);

// The same with memory of its own for the time of the call. kUsage for a model without labels, or another number of
// probabilities.
Result<Judgement> JudgeImage(const Session& session, int32_t image, const char* operating_point,
                             std::span<float> probabilities);

// SetImage, Run and JudgeImage of one image. The model, and the room for probabilities, are looked at before anything else.
Result<Classification> ClassifyImage(Session& session, std::span<const uint8_t> encoded, const char* operating_point,
                                     std::span<float> probabilities);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_CLASSIFY_H_
