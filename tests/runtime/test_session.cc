// Running a model: right results, the same bits for every batch, thread count and instruction set, and nothing outside the
// arena.
#include <doctest/doctest.h>
#include <pthread.h>

#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "ops/hash/sha256.h"
#include "ops/xnnpack.h"
#include "runtime/file.h"
#include "runtime/fpenv.h"
#include "runtime/golden.h"
#include "runtime/session.h"
#include "tests/guarded_pages.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

using test::Bytes;
using test::RawModel;

struct Opened {
  Bytes file;
  std::unique_ptr<Model> model;
};

Opened Open(const RawModel& raw, const OpenOptions& options = {}) {
  Opened opened{test::Write(raw), nullptr};
  auto result = Model::OpenMemory(opened.file.data.get(), opened.file.size, options);
  REQUIRE_MESSAGE(result.ok(), result.status().text());
  opened.model = std::move(result.value());
  return opened;
}

std::unique_ptr<Session> Make(const Model& model, const SessionOptions& options = {}) {
  auto result = Session::Create(model, options);
  REQUIRE_MESSAGE(result.ok(), result.status().text());
  return std::move(result.value());
}

size_t Elements(const TensorInfo& info) {
  return static_cast<size_t>(info.shape.height) * static_cast<size_t>(info.shape.width) *
         static_cast<size_t>(info.shape.channels);
}

// The generated input into image i of the session.
void SetGenerated(Session* session, int32_t image, int32_t index) {
  const TensorInfo& info = session->model().tensors()[static_cast<size_t>(session->model().input())].info;
  std::vector<uint8_t> pixels(Elements(info));
  GenerateInput(index, info.shape, pixels.data());
  REQUIRE(session->SetInputU8(image, pixels.data(), pixels.size()).ok());
}

std::string Hash(const Model& model, int32_t batch, int32_t threads) {
  SessionOptions options;
  options.batch = batch;
  options.threads = threads;
  uint8_t digest[32];
  const Status status = OutputHash(model, options, digest);
  REQUIRE_MESSAGE(status.ok(), status.text());
  return std::string(reinterpret_cast<const char*>(digest), 32);
}

// Every node computed by its reference kernel in memory of its own: no plan, no arena, no threads.
std::vector<float> RunAlone(const Model& model, int32_t index) {
  std::vector<Bytes> tensors;
  for (const ModelTensor& tensor : model.tensors()) {
    tensors.push_back({AllocateAligned(tensor.info.image_bytes), tensor.info.image_bytes});
    std::memset(tensors.back().data.get(), 0, tensor.info.image_bytes);
  }
  const TensorInfo& input = model.tensors()[static_cast<size_t>(model.input())].info;
  std::vector<uint8_t> pixels(Elements(input));
  GenerateInput(index, input.shape, pixels.data());
  uint8_t* data = tensors[static_cast<size_t>(model.input())].data.get();
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t pixel = i / 3, c = i % 3, at = pixel * static_cast<size_t>(input.channel_stride) + c;
    if (input.type == DataType::kU8) {
      data[at] = pixels[i];
    } else {
      reinterpret_cast<float*>(data)[at] =
          (static_cast<float>(pixels[i]) - model.preprocess()->mean[c]) / model.preprocess()->std[c];
    }
  }
  for (const ModelNode& node : model.nodes()) {
    std::vector<const std::byte*> inputs;
    for (int32_t i : node.inputs)
      inputs.push_back(reinterpret_cast<const std::byte*>(tensors[static_cast<size_t>(i)].data.get()));
    const Bytes scratch{AllocateAligned(node.op->scratch_bytes(node.node) + 64), 0};
    const RunArgs args{inputs.data(), reinterpret_cast<std::byte*>(tensors[static_cast<size_t>(node.output)].data.get()), 1};
    node.op->run(node.node, ChooseKernel(KernelKindOf(*node.op, node.node), FeatureOf(Isa::kScalar))->fn, args, 0,
                 node.op->units(node.node, 1), reinterpret_cast<std::byte*>(scratch.data.get()));
  }
  const size_t output = static_cast<size_t>(model.outputs()[0]);
  const float* values = reinterpret_cast<const float*>(tensors[output].data.get());
  return std::vector<float>(values, values + Elements(model.tensors()[output].info));
}

TEST_CASE("a session computes what its nodes compute alone") {
  for (const RawModel& raw :
       {test::SmallU8Model(), test::SmallSparseModel(), test::SmallBlocksModel(), test::SmallF32Model()}) {
    const Opened opened = Open(raw);
    SessionOptions options;
    options.batch = 3;
    options.threads = 2;
    const auto session = Make(*opened.model, options);
    bool differ = false;
    for (int32_t i = 0; i < 3; ++i) SetGenerated(session.get(), i, i);
    REQUIRE(session->Run(3).ok());
    std::vector<float> first;
    for (int32_t i = 0; i < 3; ++i) {
      std::vector<float> got(7);
      REQUIRE(session->GetOutputF32(0, i, got.data(), got.size()).ok());
      const std::vector<float> wanted = RunAlone(*opened.model, i);
      for (size_t j = 0; j < 7; ++j) CHECK(got[j] == doctest::Approx(wanted[j]).epsilon(1e-5));
      if (first.empty()) first = got;
      differ |= first != got;
    }
    CHECK(differ);  // the network tells the images apart, so that the comparison means something
  }
}

TEST_CASE("blocks give the bits of their nodes, and only the last one is seen") {
  const RawModel raw = test::SmallBlocksModel();
  RawModel plain = raw;
  plain.blocks.clear();
  test::MakePlan(&plain);
  OpenOptions scalar;
  scalar.cpu = FeatureOf(Isa::kScalar);
  const Opened apart = Open(plain), best = Open(raw), slow = Open(raw, scalar);
  CHECK(best.model->plan().activation_bytes < apart.model->plan().activation_bytes);
  const std::string hash = Hash(*apart.model, 1, 1);
  for (int32_t threads = 1; threads <= 7; ++threads) {
    for (const int32_t batch : {1, 3, 8}) {
      CHECK(Hash(*best.model, batch, threads) == hash);
      CHECK(Hash(*slow.model, batch, threads) == hash);
    }
  }
  // Strips of whole images: threads share channels where there are fewer images than threads.
  RawModel whole = raw;
  whole.blocks[0].rows = whole.blocks[1].rows = 6;
  const Opened shared = Open(whole);
  for (int32_t threads = 1; threads <= 7; ++threads) {
    for (const int32_t batch : {1, 3, 8}) CHECK(Hash(*shared.model, batch, threads) == hash);
  }

  SessionOptions options;
  options.profile = true;
  std::vector<TensorHash> of_blocks(raw.tensors.size()), of_nodes(raw.tensors.size());
  REQUIRE(TensorHashes(*best.model, options, of_blocks).ok());
  REQUIRE(TensorHashes(*apart.model, options, of_nodes).ok());
  for (size_t i = 0; i < raw.tensors.size(); ++i) {
    const bool inside = best.model->tensors()[i].inside;
    const std::string& name = raw.tensors[i].name;
    CHECK(inside == (name == "stem" || name == "three" || name == "wide" || name == "five" || name == "project"));
    CHECK(inside == (std::memcmp(of_blocks[i].digest, of_nodes[i].digest, 32) != 0));
  }
  const auto session = Make(*best.model, options);
  SetGenerated(session.get(), 0, 0);
  std::vector<int32_t> seen;
  session->SetObserver(
      [](void* context, int32_t node, const void*, int32_t) { static_cast<std::vector<int32_t>*>(context)->push_back(node); },
      &seen);
  REQUIRE(session->Run(1).ok());
  CHECK(seen == std::vector<int32_t>{2, 6, 7, 8, 9});
  for (size_t i = 0; i < raw.nodes.size(); ++i)
    CHECK((session->node_nanoseconds()[i] > 0) == (std::find(seen.begin(), seen.end(), static_cast<int32_t>(i)) != seen.end()));
}

TEST_CASE("the smallest network inverts its bytes") {
  const Opened opened = Open(test::TinyModel());
  const auto session = Make(*opened.model);
  uint8_t pixels[48];
  for (int i = 0; i < 48; ++i) pixels[i] = static_cast<uint8_t>(5 * i);
  REQUIRE(session->SetInputU8(0, pixels, 48).ok());
  REQUIRE(session->Run(1).ok());
  const uint8_t* out = static_cast<const uint8_t*>(session->output(0, 0));
  for (int pixel = 0; pixel < 16; ++pixel) {
    for (int c = 0; c < 3; ++c) CHECK(out[pixel * 4 + c] == 255 - pixels[pixel * 3 + c]);
  }
}

TEST_CASE("the same bits for every batch, number of threads and instruction set") {
  OpenOptions scalar;
  scalar.cpu = FeatureOf(Isa::kScalar);
  for (const RawModel& raw : {test::SmallU8Model(), test::SmallF32Model()}) {
    const Opened best = Open(raw), plain = Open(raw, scalar);
    const std::string hash = Hash(*best.model, 1, 1);
    for (int32_t threads = 1; threads <= 4; ++threads) {
      for (int32_t batch : {1, 5, 8}) CHECK(Hash(*best.model, batch, threads) == hash);
    }
    if (raw.tensors[0].type == 0) CHECK(Hash(*plain.model, 1, 1) == hash);
    if (raw.tensors[0].type == 0) CHECK(Hash(*plain.model, 8, 3) == hash);
  }
}

TEST_CASE("the hashes of tensors do not depend on the batch, and the outputs' is that of the outputs") {
  const Opened opened = Open(test::SmallU8Model());
  const Model& model = *opened.model;
  std::vector<TensorHash> one(model.tensors().size()), many(model.tensors().size());
  SessionOptions options;
  REQUIRE(TensorHashes(model, options, one).ok());
  options.batch = 5;
  options.threads = 3;
  REQUIRE(TensorHashes(model, options, many).ok());
  for (size_t i = 0; i < one.size(); ++i) {
    CHECK(std::string(one[i].name) == model.tensors()[i].name);
    CHECK(std::memcmp(one[i].digest, many[i].digest, 32) == 0);
    for (size_t j = 0; j < i; ++j) CHECK(std::memcmp(one[i].digest, one[j].digest, 32) != 0);
  }
  CHECK(std::memcmp(one[static_cast<size_t>(model.outputs()[0])].digest, Hash(model, 1, 1).data(), 32) == 0);
  // The input's hash is that of the generated bytes, without the stride's.
  Sha256 hash(DetectCpu());
  for (int32_t i = 0; i < kGoldenInputs; ++i) {
    uint8_t pixels[12 * 12 * 3];
    GenerateInput(i, {12, 12, 3}, pixels);
    hash.Update(pixels, sizeof pixels);
  }
  uint8_t digest[32];
  hash.Finish(digest);
  CHECK(std::memcmp(digest, one[0].digest, 32) == 0);
  CHECK_FALSE(TensorHashes(model, options, std::span<TensorHash>(one).first(2)).ok());
}

TEST_CASE("generated inputs are the stated ones") {
  // The first output of SplitMix64 started at 0, from the generator's published test vector: 0xe220a8397b1dcdaf.
  uint8_t noise[12];
  GenerateInput(0, {2, 2, 3}, noise);
  const uint8_t first[] = {0xaf, 0xcd, 0x1d, 0x7b, 0x39, 0xa8, 0x20, 0xe2};
  CHECK(std::memcmp(noise, first, 8) == 0);
  uint8_t gradient[2 * 2 * 3];
  GenerateInput(3, {2, 2, 3}, gradient);  // k = 1: slopes 2 and 1, start 37
  const uint8_t wanted[] = {37, 122, 207, 39, 124, 209, 38, 123, 208, 40, 125, 210};
  CHECK(std::memcmp(gradient, wanted, sizeof wanted) == 0);
  uint8_t wide[300];
  GenerateInput(1, {1, 300, 1}, wide);  // up to the turn of the wave
  CHECK(wide[255] == 255);
  CHECK(wide[256] == 255);
  CHECK(wide[299] == 511 - 299);
}

// An arena between two pages that may not be touched; it ends or begins at one of them.
class GuardedArena {
 public:
  explicit GuardedArena(size_t bytes) : pages_(bytes), bytes_(bytes) { std::memset(pages_.begin(), kPattern, inner()); }
  uint8_t* at_end() { return pages_.end() - bytes_; }  // sizes are multiples of 64
  uint8_t* at_begin() { return pages_.begin(); }
  size_t inner() const { return static_cast<size_t>(pages_.end() - pages_.begin()); }
  static constexpr uint8_t kPattern = 0xa5;

 private:
  test::GuardedPages pages_;
  size_t bytes_;
};

TEST_CASE("the arena is used as planned, not beyond, and one byte less is refused") {
  for (const RawModel& raw : {test::SmallU8Model(), test::SmallBlocksModel(), test::SmallF32Model(), test::TinyModel()}) {
    const Opened opened = Open(raw);
    for (int32_t batch : {1, 8}) {
      for (int32_t threads : {1, 3}) {
        const size_t bytes = static_cast<size_t>(opened.model->ArenaBytes(batch, threads));
        REQUIRE(bytes % 64 == 0);
        GuardedArena memory(bytes);
        SessionOptions options;
        options.batch = batch;
        options.threads = threads;
        options.arena_bytes = bytes;
        uint8_t digests[2][32];
        // Once against the page behind, once against the page before.
        options.arena = memory.at_end();
        REQUIRE(OutputHash(*opened.model, options, digests[0]).ok());
        options.arena = memory.at_begin();
        std::memset(memory.at_begin(), GuardedArena::kPattern, memory.inner());
        REQUIRE(OutputHash(*opened.model, options, digests[1]).ok());
        CHECK(std::memcmp(digests[0], digests[1], 32) == 0);
        // From below the activations reach as far as the plan says; from above there is scratch where some node wants it.
        const auto activations = static_cast<size_t>(opened.model->plan().activation_bytes) * static_cast<size_t>(batch);
        size_t highest = 0, highest_below = 0;
        for (size_t i = 0; i < memory.inner(); ++i) {
          if (memory.at_begin()[i] == GuardedArena::kPattern) continue;
          highest = i;
          if (i < activations) highest_below = i;
        }
        CHECK(highest < bytes);
        CHECK(highest_below >= activations - 64);

        --options.arena_bytes;
        CHECK(Session::Create(*opened.model, options).status().code() == Code::kUsage);
      }
    }
  }
}

TEST_CASE("sessions that cannot be, and calls that make no sense") {
  const Opened opened = Open(test::SmallU8Model());
  const Model& model = *opened.model;
  auto code = [&](auto change) {
    SessionOptions options;
    change(&options);
    return Session::Create(model, options).status().code();
  };
  CHECK(code([](SessionOptions*) {}) == Code::kOk);
  CHECK(code([](SessionOptions* o) { o->batch = 0; }) == Code::kUsage);
  CHECK(code([](SessionOptions* o) { o->batch = 1 << 30; }) == Code::kUsage);
  CHECK(code([](SessionOptions* o) { o->threads = 0; }) == Code::kUsage);
  CHECK(code([](SessionOptions* o) { o->threads = 100000; }) == Code::kUsage);
  CHECK(code([](SessionOptions* o) { o->arena_bytes = 1; }) == Code::kUsage);
  alignas(64) static uint8_t arena[2 << 20];
  CHECK(code([](SessionOptions* o) { o->arena = arena, o->arena_bytes = sizeof arena; }) == Code::kOk);
  CHECK(code([](SessionOptions* o) { o->arena = arena + 32, o->arena_bytes = sizeof arena - 32; }) == Code::kUsage);
  CHECK(code([](SessionOptions* o) { o->float_backend = FloatBackend::kXnnpack; }) == Code::kUnsupported);

  SessionOptions options;
  options.batch = 2;
  const auto session = Make(model, options);
  CHECK(session->arena_bytes() == model.ArenaBytes(2, 1));
  CHECK(session->memory_bytes() > 0);
  std::vector<uint8_t> pixels(432);
  std::vector<float> values(432);
  CHECK(session->SetInputU8(2, pixels.data(), 432).code() == Code::kUsage);
  CHECK(session->SetInputU8(-1, pixels.data(), 432).code() == Code::kUsage);
  CHECK(session->SetInputU8(0, pixels.data(), 431).code() == Code::kUsage);
  CHECK(session->SetInputU8(0, nullptr, 432).code() == Code::kUsage);
  CHECK(session->SetInputF32(0, values.data(), 433).code() == Code::kUsage);
  values[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK(session->SetInputF32(0, values.data(), 432).code() == Code::kUsage);
  CHECK(session->Run(0).code() == Code::kUsage);
  CHECK(session->Run(3).code() == Code::kUsage);
  CHECK(session->GetOutputF32(1, 0, values.data(), 7).code() == Code::kUsage);
  CHECK(session->GetOutputF32(0, 2, values.data(), 7).code() == Code::kUsage);
  CHECK(session->GetOutputF32(0, 0, values.data(), 8).code() == Code::kUsage);
  CHECK(session->input(2) == nullptr);
  CHECK(session->output(0, -1) == nullptr);
  CHECK(session->output(-1, 0) == nullptr);
}

TEST_CASE("real inputs: normalised by the recipe, rounded to the byte that they came from") {
  const Opened u8 = Open(test::SmallU8Model()), f32 = Open(test::SmallF32Model());
  const auto a = Make(*u8.model), b = Make(*u8.model), c = Make(*f32.model), d = Make(*f32.model);
  const Preprocess& recipe = *u8.model->preprocess();
  uint8_t pixels[432];
  float values[432];
  GenerateInput(0, {12, 12, 3}, pixels);
  for (size_t i = 0; i < 432; ++i) values[i] = (static_cast<float>(pixels[i]) - recipe.mean[i % 3]) / recipe.std[i % 3];
  REQUIRE(a->SetInputU8(0, pixels, 432).ok());
  REQUIRE(b->SetInputF32(0, values, 432).ok());
  for (size_t i = 0; i < 432; ++i) {
    const size_t at = i / 3 * 4 + i % 3;
    CHECK(static_cast<uint8_t*>(a->input(0))[at] == static_cast<uint8_t*>(b->input(0))[at]);
  }
  REQUIRE(c->SetInputU8(0, pixels, 432).ok());
  REQUIRE(d->SetInputF32(0, values, 432).ok());
  CHECK(std::memcmp(c->input(0), d->input(0), sizeof values) == 0);
  values[0] = 1e30f;
  values[1] = -1e30f;
  REQUIRE(b->SetInputF32(0, values, 432).ok());
  CHECK(static_cast<uint8_t*>(b->input(0))[0] == 255);
  CHECK(static_cast<uint8_t*>(b->input(0))[1] == 0);
  // Without a recipe the quantisation of the input speaks: scale 0.05, zero point 0.
  const Opened tiny = Open(test::TinyModel());
  const auto e = Make(*tiny.model);
  for (int i = 0; i < 48; ++i) values[i] = 0.05f * static_cast<float>(i);
  REQUIRE(e->SetInputF32(0, values, 48).ok());
  CHECK(static_cast<uint8_t*>(e->input(0))[4 * 4 + 1] == 13);
  REQUIRE(e->Run(1).ok());
  float out[48];
  REQUIRE(e->GetOutputF32(0, 0, out, 48).ok());
  CHECK(out[13] == 0.05f * 242.0f);
}

TEST_CASE("observer and profile see every node once, in order") {
  const Opened opened = Open(test::SmallU8Model());
  for (int32_t threads : {1, 3}) {
    SessionOptions options;
    options.batch = 2;
    options.threads = threads;
    options.profile = true;
    const auto session = Make(*opened.model, options);
    struct Seen {
      std::vector<int32_t> nodes;
      pthread_t thread;
      bool own_thread = true;
    } seen{{}, pthread_self()};
    session->SetObserver(
        [](void* context, int32_t node, const void* data, int32_t batch) {
          Seen* s = static_cast<Seen*>(context);
          s->own_thread = s->own_thread && pthread_equal(s->thread, pthread_self()) && data != nullptr && batch == 2;
          s->nodes.push_back(node);
        },
        &seen);
    SetGenerated(session.get(), 0, 0);
    SetGenerated(session.get(), 1, 1);
    REQUIRE(session->Run(2).ok());
    REQUIRE(seen.nodes.size() == opened.model->nodes().size());
    for (size_t i = 0; i < seen.nodes.size(); ++i) CHECK(seen.nodes[i] == static_cast<int32_t>(i));
    CHECK(seen.own_thread);
    uint64_t total = 0;
    REQUIRE(session->node_nanoseconds().size() == opened.model->nodes().size());
    for (uint64_t ns : session->node_nanoseconds()) total += ns;
    CHECK(total > 0);
    CHECK(total < 10'000'000'000u);
  }
  CHECK(Make(*opened.model)->node_nanoseconds().empty());
}

TEST_CASE("the caller's rounding mode and flush-to-zero change nothing, and come back") {
  for (const RawModel& raw : {test::SmallU8Model(), test::SmallF32Model()}) {
    const Opened opened = Open(raw);
    const std::string hash = Hash(*opened.model, 2, 2);
    for (int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
      REQUIRE(std::fesetround(mode) == 0);
#if defined(__x86_64__)
      const uintptr_t wild = ReadFloatControl() | 0x8040;  // flush to zero, denormals are zero
      WriteFloatControl(wild);
#endif
      const uintptr_t before = ReadFloatControl();
      const Opened again = Open(raw);
      const std::string other = Hash(*again.model, 2, 2);
      const uintptr_t after = ReadFloatControl();
      std::fesetround(FE_TONEAREST);
      WriteFloatControl(kFloatControl);
      CHECK(other == hash);
#if defined(__x86_64__)
      // Everything but the sticky flags, which the test's own arithmetic may have raised.
      CHECK((after & ~uintptr_t{0x3f}) == (before & ~uintptr_t{0x3f}));
#else
      CHECK(after == before);
#endif
    }
  }
}

TEST_CASE("sessions of one model run side by side") {
  const Opened opened = Open(test::SmallU8Model());
  const std::string hash = Hash(*opened.model, 1, 1);
  struct Job {
    const Model* model;
    std::string hash;
  } jobs[3];
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) {
    jobs[i].model = opened.model.get();
    REQUIRE(pthread_create(
                &threads[i], nullptr,
                [](void* job) -> void* {
                  Job* j = static_cast<Job*>(job);
                  SessionOptions options;
                  options.threads = 2;
                  uint8_t digest[32];
                  if (OutputHash(*j->model, options, digest).ok()) j->hash.assign(reinterpret_cast<char*>(digest), 32);
                  return nullptr;
                },
                &jobs[i]) == 0);
  }
  for (int i = 0; i < 3; ++i) {
    pthread_join(threads[i], nullptr);
    CHECK(jobs[i].hash == hash);
  }
}

TEST_CASE("XNNPACK gives nearly the same reals") {
  if (!XnnpackAvailable()) {
    MESSAGE("skipped: this build has no XNNPACK");
    return;
  }
  const Opened opened = Open(test::SmallF32Model());
  for (int32_t threads : {1, 2}) {
    SessionOptions options;
    options.batch = 3;
    options.threads = threads;
    const auto own = Make(*opened.model, options);
    options.float_backend = FloatBackend::kXnnpack;
    const auto external = Make(*opened.model, options);
    CHECK(external->arena_bytes() == own->arena_bytes() + kXnnpackExtraBytes);
    CHECK(external->memory_bytes() > own->memory_bytes());
    for (int32_t images : {3, 1}) {
      for (int32_t i = 0; i < images; ++i) {
        SetGenerated(own.get(), i, i);
        SetGenerated(external.get(), i, i);
      }
      REQUIRE(own->Run(images).ok());
      REQUIRE(external->Run(images).ok());
      for (int32_t i = 0; i < images; ++i) {
        float a[7], b[7];
        REQUIRE(own->GetOutputF32(0, i, a, 7).ok());
        REQUIRE(external->GetOutputF32(0, i, b, 7).ok());
        for (int j = 0; j < 7; ++j) CHECK(a[j] == doctest::Approx(b[j]).epsilon(1e-4));
      }
    }
  }
}

}  // namespace
}  // namespace cutis
