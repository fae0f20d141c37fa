#include "runtime/classify.h"

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "runtime/clock.h"
#include "runtime/fpenv.h"
#include "runtime/image.h"
#include "runtime/image_limits.h"
#include "runtime/memory.h"

namespace cutis {
namespace {

double Milliseconds(uint64_t from, uint64_t to) { return static_cast<double>(to - from) * 1e-6; }

}  // namespace

Status GetFeatures(const Session& session, const Limits& limits, int32_t image, std::span<float> features) {
  if (features.size() != limits.features || features.size() < kPixelFeatures) {
    return Status::Error(Code::kInternal, "room for %zu features where the model's limits look at %zu", features.size(),
                         limits.features);
  }
  CUTIS_TRY(session.GetPixelFeatures(image, features.first<kPixelFeatures>()));
  const std::span<float> embedding = features.subspan(kPixelFeatures);
  if (limits.embedding < 0) return {};
  return session.GetOutputF32(limits.embedding, image, embedding.data(), embedding.size());
}

Result<Judgement> JudgeImage(const Session& session, int32_t image, const char* operating_point, std::span<float> outputs,
                             std::span<float> probabilities, std::span<float> features) {
  const VerdictRecipe& recipe = *session.model().verdict();
  CUTIS_TRY(session.GetOutputF32(0, image, outputs.data(), outputs.size()));
  const FloatEnvironment environment;
  CUTIS_ASSIGN(Judgement judgement, Judge(recipe, outputs, operating_point, probabilities));
  if (recipe.limits) {
    CUTIS_TRY(GetFeatures(session, *recipe.limits, image, features));
    Refuse(ExceededLimits(*recipe.limits, features), &judgement);
  }
  return judgement;
}

Result<Classification> ClassifyImage(Session& session, std::span<const uint8_t> encoded, const char* operating_point,
                                     std::span<float> probabilities) {
  const Preprocess* recipe = session.model().preprocess();
  const VerdictRecipe* verdict = session.model().verdict();
  if (recipe == nullptr || verdict == nullptr) {
    return Status::Error(Code::kUsage, "this model says nothing about images or verdicts: give it tensors");
  }
  const size_t labels = verdict->labels.size(), features = verdict->limits ? verdict->limits->features : 0;
  if (probabilities.size() != labels) {
    return Status::Error(Code::kUsage, "room for %zu probabilities, the model has %zu labels", probabilities.size(), labels);
  }
  const std::unique_ptr<float[], MallocDeleter> values(static_cast<float*>(std::malloc((labels + features) * sizeof(float))));
  if (values == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no room for %zu outputs", labels + features);
  const std::span<float> outputs(values.get(), labels), seen(values.get() + labels, features);

  Classification made;
  const uint64_t start = Nanoseconds();
  CUTIS_ASSIGN(const Image image, DecodeImage(encoded, *recipe, session.options().threads));
  const uint64_t decoded = Nanoseconds();
  CUTIS_TRY(session.SetInputImage(0, image));
  const uint64_t preprocessed = Nanoseconds();
  CUTIS_TRY(session.Run(1));
  CUTIS_ASSIGN(made.judgement, JudgeImage(session, 0, operating_point, outputs, probabilities, seen));
  made.decode_ms = Milliseconds(start, decoded);
  made.preprocess_ms = Milliseconds(decoded, preprocessed);
  made.inference_ms = Milliseconds(preprocessed, Nanoseconds());
  return made;
}

}  // namespace cutis
