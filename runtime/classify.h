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

struct Classification {
  Judgement judgement;
  double decode_ms = 0, preprocess_ms = 0, inference_ms = 0;
};

// Judges image `image` after a run, at the named operating point (null: the default one), and looks at the model's limits.
// outputs, probabilities: room for one of each label; features: for those of the limits, none without limits.
Result<Judgement> JudgeImage(const Session& session, int32_t image, const char* operating_point, std::span<float> outputs,
                             std::span<float> probabilities, std::span<float> features);

// Decodes the bytes of a JPEG or PNG file, preprocesses by the model's recipe, runs it as image 0, judges at the named
// operating point (null: the default one) and looks at the model's limits. Writes a probability a label. kUsage for a model
// without an image recipe or labels, or too little room. Takes memory of its own for the time of the call.
Result<Classification> ClassifyImage(Session& session, std::span<const uint8_t> encoded, const char* operating_point,
                                     std::span<float> probabilities);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_CLASSIFY_H_
