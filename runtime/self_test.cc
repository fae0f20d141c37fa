#include "runtime/self_test.h"

#include <cstdlib>
#include <cstring>
#include <memory>

#include "ops/hash/sha256.h"
#include "runtime/classify.h"
#include "runtime/golden.h"
#include "runtime/image.h"
#include "runtime/memory.h"

namespace cutis {
namespace {

#include "runtime/self_test_pictures.inc"

void UpdateWord(uint32_t word, Sha256* hash) {
  const uint8_t bytes[4] = {static_cast<uint8_t>(word), static_cast<uint8_t>(word >> 8), static_cast<uint8_t>(word >> 16),
                            static_cast<uint8_t>(word >> 24)};
  hash->Update(bytes, sizeof bytes);
}

void UpdateFloats(std::span<const float> values, Sha256* hash) {
  for (const float value : values) UpdateWord(__builtin_bit_cast(uint32_t, value), hash);
}

Status HashVerdict(Session& session, Sha256* hash) {
  const VerdictRecipe& recipe = *session.model().verdict();
  const size_t labels = recipe.labels.size(), features = recipe.limits ? recipe.limits->features : 0;
  const std::unique_ptr<float[], MallocDeleter> values(
      static_cast<float*>(std::malloc((2 * labels + features) * sizeof(float))));
  if (values == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no room for %zu outputs", labels);
  const std::span<float> outputs(values.get(), labels), probabilities(values.get() + labels, labels);
  const std::span<float> seen(values.get() + 2 * labels, features);
  CUTIS_TRY(session.Run(1));
  CUTIS_ASSIGN(const Judgement judgement, JudgeImage(session, 0, nullptr, outputs, probabilities, seen));
  UpdateFloats(probabilities, hash);
  UpdateFloats(seen, hash);
  const uint8_t verdict = static_cast<uint8_t>(judgement.verdict);
  hash->Update(&verdict, 1);
  UpdateWord(judgement.reasons, hash);
  return {};
}

Status HashPicture(Session& session, size_t index, PictureHashes* hashes) {
  const Model& model = session.model();
  const Preprocess& recipe = *model.preprocess();
  CUTIS_ASSIGN(const Image image, DecodeImage(SelfTestPicture(index), recipe, session.options().threads));
  Sha256 pixels(model.cpu()), input(model.cpu()), verdict(model.cpu());
  UpdateWord(static_cast<uint32_t>(image.width), &pixels);
  UpdateWord(static_cast<uint32_t>(image.height), &pixels);
  pixels.Update(image.rgb.get(), static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3);
  pixels.Finish(hashes->pixels);

  const Shape& shape = model.tensors()[static_cast<size_t>(model.input())].info.shape;
  const size_t bytes = static_cast<size_t>(shape.width) * static_cast<size_t>(shape.height) * 3;
  const std::unique_ptr<uint8_t[], MallocDeleter> made(static_cast<uint8_t*>(std::malloc(bytes)));
  if (made == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no %zu bytes for a preprocessed picture", bytes);
  CUTIS_TRY(PreprocessImage(recipe, image, model.cpu(), shape.width, shape.height, 3, made.get()));
  input.Update(made.get(), bytes);
  input.Finish(hashes->input);

  CUTIS_TRY(session.SetInputImage(0, image));
  CUTIS_TRY(HashVerdict(session, &verdict));
  verdict.Finish(hashes->verdict);
  return {};
}

bool Same(const uint8_t (&a)[32], const uint8_t (&b)[32]) { return std::memcmp(a, b, 32) == 0; }

}  // namespace

const char* SelfTestPictureName(size_t index) {
  constexpr const char* kNames[kSelfTestPictures] = {"jpeg", "png"};
  return index < kSelfTestPictures ? kNames[index] : nullptr;
}

std::span<const uint8_t> SelfTestPicture(size_t index) {
  return index == 0 ? std::span<const uint8_t>(kJpeg) : std::span<const uint8_t>(kPng);
}

Result<SelfTestHashes> RunSelfTest(const Model& model, const SessionOptions& options, bool quick) {
  SelfTestHashes hashes;
  if (!quick) CUTIS_TRY(OutputHash(model, options, hashes.outputs));
  CUTIS_TRY(OutputHash(model, options, hashes.first_outputs, kQuickInputs));
  hashes.has_pictures = model.preprocess() != nullptr && model.verdict() != nullptr;
  if (!hashes.has_pictures) return hashes;
  CUTIS_ASSIGN(const std::unique_ptr<Session> session, Session::Create(model, options));
  for (size_t i = 0; i < kSelfTestPictures; ++i) CUTIS_TRY(HashPicture(*session, i, &hashes.pictures[i]));
  return hashes;
}

const char* FirstDifference(const SelfTestHashes& a, const SelfTestHashes& b, bool quick) {
  constexpr const char* kNames[kSelfTestPictures][3] = {
      {"the pixels of the JPEG", "the network's input from the JPEG", "the verdict on the JPEG"},
      {"the pixels of the PNG", "the network's input from the PNG", "the verdict on the PNG"}};
  if (!quick && !Same(a.outputs, b.outputs)) return "the outputs";
  if (!Same(a.first_outputs, b.first_outputs)) return "the first outputs";
  if (a.has_pictures != b.has_pictures) return "whether it takes pictures";
  for (size_t i = 0; a.has_pictures && i < kSelfTestPictures; ++i) {
    if (!Same(a.pictures[i].pixels, b.pictures[i].pixels)) return kNames[i][0];
    if (!Same(a.pictures[i].input, b.pictures[i].input)) return kNames[i][1];
    if (!Same(a.pictures[i].verdict, b.pictures[i].verdict)) return kNames[i][2];
  }
  return nullptr;
}

}  // namespace cutis
