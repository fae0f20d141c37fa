// The self-test: what a model gives is measured, compared, and any difference is found and named.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "ops/hash/sha256.h"
#include "runtime/classify.h"
#include "runtime/golden.h"
#include "runtime/image.h"
#include "runtime/model.h"
#include "runtime/self_test.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

using Digest = std::vector<uint8_t>;

template <size_t kSize>
Digest Copy(const uint8_t (&hash)[kSize]) {
  return {hash, hash + kSize};
}

struct Opened {
  test::Bytes file;
  std::unique_ptr<Model> model;
};

Opened Open(const test::RawModel& raw, const OpenOptions& options = {}) {
  Opened opened{test::Write(raw), nullptr};
  auto model = Model::OpenMemory(opened.file.data.get(), opened.file.size, options);
  REQUIRE_MESSAGE(model.ok(), model.status().text());
  opened.model = std::move(model.value());
  return opened;
}

SelfTestHashes Run(const Model& model, bool quick = false, int32_t threads = 1, int32_t batch = 1) {
  SessionOptions options;
  options.threads = threads;
  options.batch = batch;
  const auto result = RunSelfTest(model, options, quick);
  REQUIRE_MESSAGE(result.ok(), result.status().text());
  return result.value();
}

// The model with what it gives written into it.
test::RawModel WithSelfTest(test::RawModel raw) {
  const Opened opened = Open(raw);
  const SelfTestHashes hashes = Run(*opened.model);
  raw.has_self_test = true;
  raw.test_outputs = Copy(hashes.outputs);
  raw.first_outputs = Copy(hashes.first_outputs);
  for (const PictureHashes& picture : hashes.pictures) {
    for (const Digest& digest : {Copy(picture.pixels), Copy(picture.input), Copy(picture.verdict)}) {
      if (hashes.has_pictures) raw.pictures.push_back(digest);
    }
  }
  return raw;
}

test::RawModel Limited(test::RawModel raw) {
  test::AddLimits(&raw);
  return raw;
}

TEST_CASE("the library's pictures decode, upright") {
  Preprocess stb;
  for (size_t i = 0; i < kSelfTestPictures; ++i) {
    const auto image = DecodeImage(SelfTestPicture(i), stb);
    REQUIRE_MESSAGE(image.ok(), image.status().text());
    CHECK(image.value().width == (i == 0 ? 67 : 64));  // the JPEG lies on its side
    CHECK(image.value().height == (i == 0 ? 83 : 48));
  }
  CHECK(std::string(SelfTestPictureName(0)) == "jpeg");
  CHECK(SelfTestPictureName(kSelfTestPictures) == nullptr);
}

TEST_CASE("every instruction set, thread count and batch passes what another one measured") {
  for (const test::RawModel& plain : {test::SmallU8Model(), test::SmallF32Model(), Limited(test::SmallCalibratedModel())}) {
    const test::RawModel raw = WithSelfTest(plain);
    for (const Isa isa : kAllIsas) {
      const auto cpu = MaskCpu(DetectCpu(), NameOf(isa));
      if (!cpu.ok()) continue;
      OpenOptions options;
      options.cpu = cpu.value();
      const Opened opened = Open(raw, options);
      REQUIRE(opened.model->self_test() != nullptr);
      CHECK(opened.model->self_test()->has_pictures);
      CHECK(FirstDifference(*opened.model->self_test(), Run(*opened.model), false) == nullptr);
      CHECK(FirstDifference(*opened.model->self_test(), Run(*opened.model, true), true) == nullptr);
      CHECK(FirstDifference(*opened.model->self_test(), Run(*opened.model, false, 2, 3), false) == nullptr);
    }
  }
}

TEST_CASE("the hashes are of what they say") {
  const Opened opened = Open(Limited(test::SmallCalibratedModel()));
  const Model& model = *opened.model;
  const SelfTestHashes hashes = Run(model);
  uint8_t outputs[32], first[32];
  REQUIRE(OutputHash(model, {}, outputs).ok());
  REQUIRE(OutputHash(model, {}, first, kQuickInputs).ok());
  CHECK(Copy(hashes.outputs) == Copy(outputs));
  CHECK(Copy(hashes.first_outputs) == Copy(first));
  CHECK(Copy(outputs) != Copy(first));
  CHECK(Copy(Run(model, true).outputs) == Digest(32, 0));
  // The picture's way, step by step.
  auto session = Session::Create(model, {});
  REQUIRE(session.ok());
  const Limits& limits = *model.verdict()->limits;
  const auto image = DecodeImage(SelfTestPicture(0), *model.preprocess());
  std::vector<uint8_t> pixels = {67, 0, 0, 0, 83, 0, 0, 0};
  pixels.insert(pixels.end(), image.value().rgb.get(), image.value().rgb.get() + 67 * 83 * 3);
  uint8_t digest[32];
  Sha256::Hash(model.cpu(), pixels.data(), pixels.size(), digest);
  CHECK(Copy(hashes.pictures[0].pixels) == Copy(digest));
  std::vector<uint8_t> input(12 * 12 * 3);
  REQUIRE(PreprocessImage(*model.preprocess(), image.value(), model.cpu(), 12, 12, 3, input.data()).ok());
  Sha256::Hash(model.cpu(), input.data(), input.size(), digest);
  CHECK(Copy(hashes.pictures[0].input) == Copy(digest));
  REQUIRE(session.value()->SetInputImage(0, image.value()).ok());
  REQUIRE(session.value()->Run(1).ok());
  std::vector<float> out(7), values(7 + limits.features);
  const auto judgement =
      JudgeImage(*session.value(), 0, nullptr, out, std::span(values).first(7), std::span(values).subspan(7));
  REQUIRE(judgement.ok());
  std::vector<uint8_t> bytes(values.size() * 4 + 5);
  std::memcpy(bytes.data(), values.data(), values.size() * 4);  // little-endian, as every machine of these tests
  bytes[values.size() * 4] = static_cast<uint8_t>(judgement.value().verdict);
  std::memcpy(&bytes[values.size() * 4 + 1], &judgement.value().reasons, 4);
  Sha256::Hash(model.cpu(), bytes.data(), bytes.size(), digest);
  CHECK(Copy(hashes.pictures[0].verdict) == Copy(digest));
}

TEST_CASE("a difference is found and named") {
  const Opened opened = Open(test::SmallU8Model());
  const SelfTestHashes right = Run(*opened.model);
  const auto named = [&](const SelfTestHashes& wrong, bool quick = false) {
    const char* name = FirstDifference(right, wrong, quick);
    return std::string(name == nullptr ? "" : name);
  };
  CHECK(named(right).empty());
  SelfTestHashes wrong = right;
  wrong.outputs[31] ^= 1;
  CHECK(named(wrong) == "the outputs");
  CHECK(named(wrong, true).empty());
  wrong = right;
  wrong.first_outputs[0] ^= 128;
  CHECK(named(wrong, true) == "the first outputs");
  wrong = right;
  wrong.has_pictures = false;
  CHECK(named(wrong) == "whether it takes pictures");
  wrong = right;
  wrong.pictures[1].verdict[5] ^= 4;
  CHECK(named(wrong) == "the verdict on the PNG");
  wrong.pictures[1].input[5] ^= 4;
  CHECK(named(wrong) == "the network's input from the PNG");
  wrong.pictures[0].pixels[5] ^= 4;
  CHECK(named(wrong, true) == "the pixels of the JPEG");
}

TEST_CASE("models that take tensors have outputs alone") {
  test::RawModel raw = test::SmallU8Model();
  raw.has_preprocess = raw.has_verdict = false;
  const Opened opened = Open(WithSelfTest(raw));
  CHECK_FALSE(opened.model->self_test()->has_pictures);
  CHECK(FirstDifference(*opened.model->self_test(), Run(*opened.model), false) == nullptr);
  CHECK(Open(raw).model->self_test() == nullptr);
}

}  // namespace
}  // namespace cutis
