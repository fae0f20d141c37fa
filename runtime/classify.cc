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

static Status CheckVerdict(const Session& session, size_t probabilities) {
  const VerdictRecipe* recipe = session.model().verdict();
  if (recipe == nullptr) return Status::Error(Code::kUsage, "this model says nothing about verdicts: it gives tensors");
  if (probabilities == recipe->labels.size()) return {};
  return Status::Error(Code::kUsage, "room for %zu probabilities, the model has %zu labels", probabilities,
                       recipe->labels.size());
}

Result<Judgement> JudgeImage(const Session& session, int32_t image, const char* operating_point,
                             std::span<float> probabilities) {
  CUTIS_TRY(CheckVerdict(session, probabilities.size()));
  const VerdictRecipe& recipe = *session.model().verdict();
  const size_t labels = recipe.labels.size(), features = recipe.limits ? recipe.limits->features : 0;
  const std::unique_ptr<float[], MallocDeleter> values(static_cast<float*>(std::malloc((labels + features) * sizeof(float))));
  if (values == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no room for %zu outputs", labels + features);
  return JudgeImage(session, image, operating_point, {values.get(), labels}, probabilities, {values.get() + labels, features});
}

Result<ImageTimes> SetImage(Session& session, int32_t image, std::span<const uint8_t> encoded) {
  const Preprocess* recipe = session.model().preprocess();
  if (recipe == nullptr) return Status::Error(Code::kUsage, "this model says nothing about images: give it tensors");
  const uint64_t start = Nanoseconds();
  CUTIS_ASSIGN(const Image picture, DecodeImage(encoded, *recipe, session.options().threads));
  const uint64_t decoded = Nanoseconds();
  CUTIS_TRY(session.SetInputImage(image, picture));
  return ImageTimes{Milliseconds(start, decoded), Milliseconds(decoded, Nanoseconds())};
}

Result<Classification> ClassifyImage(Session& session, std::span<const uint8_t> encoded, const char* operating_point,
                                     std::span<float> probabilities) {
  CUTIS_TRY(CheckVerdict(session, probabilities.size()));
  Classification made;
  CUTIS_ASSIGN(made.image, SetImage(session, 0, encoded));
  const uint64_t start = Nanoseconds();
  CUTIS_TRY(session.Run(1));
  CUTIS_ASSIGN(made.judgement, JudgeImage(session, 0, operating_point, probabilities));
  made.inference_ms = Milliseconds(start, Nanoseconds());
  return made;
}

}  // namespace cutis
