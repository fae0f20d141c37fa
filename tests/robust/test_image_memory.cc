// What images take from the heap, measured, against what their headers promise. Takes the place of malloc and its kin for the
// whole process, so that allocations of libjpeg-turbo are seen too.
#include <doctest/doctest.h>
#include <malloc.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "runtime/image.h"
#include "runtime/image_memory.h"

namespace {

std::atomic<int64_t> g_live{0}, g_peak{0};

void* Took(void* memory) {
  if (memory == nullptr) return nullptr;
  const int64_t live =
      g_live.fetch_add(static_cast<int64_t>(malloc_usable_size(memory))) + static_cast<int64_t>(malloc_usable_size(memory));
  int64_t peak = g_peak.load();
  while (live > peak && !g_peak.compare_exchange_weak(peak, live)) {
  }
  return memory;
}

void Gave(void* memory) {
  if (memory != nullptr) g_live.fetch_sub(static_cast<int64_t>(malloc_usable_size(memory)));
}

}  // namespace

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* memory);

void* malloc(size_t size) { return Took(__libc_malloc(size)); }
void* calloc(size_t count, size_t size) { return Took(__libc_calloc(count, size)); }
void* aligned_alloc(size_t alignment, size_t size) { return Took(__libc_memalign(alignment, size)); }
int posix_memalign(void** memory, size_t alignment, size_t size) {
  *memory = aligned_alloc(alignment, size);
  return *memory == nullptr ? 12 : 0;  // ENOMEM
}
void free(void* memory) {
  Gave(memory);
  __libc_free(memory);
}
// Never in place: then both blocks exist for a moment, as they may with any allocator.
void* realloc(void* memory, size_t size) {
  if (memory == nullptr) return malloc(size);
  void* const grown = malloc(size);
  if (grown == nullptr) return nullptr;
  const size_t kept = malloc_usable_size(memory);
  __builtin_memcpy(grown, memory, kept < size ? kept : size);
  free(memory);
  return grown;
}
}

namespace cutis {
namespace {

constexpr int32_t kSide = 192;
constexpr int64_t kSmall = 96 * 1024;  // what a refused image may take, for the tables of its check

std::vector<uint8_t> Read(const std::string& name) {
  std::ifstream file(std::string(std::getenv("CUTIS_TESTS")) + "/robust/data/" + name, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// For a device that takes a file of this size; its memory for images is the caller's to set.
Preprocess RecipeFor(const std::vector<uint8_t>& file, std::span<const PreprocessStep> steps, DeviceLimits* device) {
  device->name = "the test";
  device->image_file_bytes = file.size();
  Preprocess recipe;
  recipe.steps = steps;
  recipe.device = device;
  return recipe;
}

struct Outcome {
  Status status;
  int64_t peak = 0;  // bytes beside those before
};

Outcome ToInput(const std::vector<uint8_t>& file, const Preprocess& recipe, uint8_t* out, int32_t threads = 1) {
  Outcome outcome;
  const int64_t before = g_live.load();
  g_peak = before;
  {
    const Result<Image> image = DecodeImage(file, recipe, threads);
    outcome.status = image.status();
    if (image.ok()) outcome.status = PreprocessImage(recipe, image.value(), FeatureOf(Isa::kScalar), kSide, kSide, 3, out);
  }
  outcome.peak = g_peak.load() - before;
  if (threads == 1) CHECK(g_live.load() == before);  // of a thread that has ended, glibc keeps some
  return outcome;
}

TEST_CASE("an image takes what its header promises, and no more than the device has") {
  const PreprocessStep steps[] = {{PreprocessStep::Kind::kCenterSquare},
                                  {PreprocessStep::Kind::kResize, kSide, kSide, Filter::kBicubic}};
  const struct {
    const char* name;
    double slack;  // the bound may be so many times what is taken
  } kImages[] = {{"420.jpg", 1.6},           {"444.jpg", 1.4},
                 {"progressive.jpg", 1.5},   {"turned.jpg", 1.4},
                 {"grey.jpg", 1.4},          {"8_2.png", 1.6},
                 {"8_3.png", 1.6},           {"8_6_interlaced.png", 1.6},
                 {"16_6.png", 1.6},          {"16_6_interlaced.png", 1.6},
                 {"1_0_interlaced.png", 1.6}};
  std::vector<uint8_t> pixels(size_t{kSide} * kSide * 3);
  for (const char* const decoder : DecoderNames()) {
    if (DecoderVersion(decoder) == nullptr) continue;
    for (const auto& [name, slack] : kImages) {
      CAPTURE(std::string(decoder));
      CAPTURE(std::string(name));
      const std::vector<uint8_t> file = Read(name);
      DeviceLimits device;
      Preprocess recipe = RecipeFor(file, steps, &device);
      recipe.decoder = decoder;
      // The least that it is accepted with is the promise.
      uint64_t low = 0, high = uint64_t{1} << 30;
      while (high - low > 1) {
        device.image_bytes = low + (high - low) / 2;
        const Outcome outcome = ToInput(file, recipe, pixels.data());
        if (outcome.status.ok()) {
          high = device.image_bytes;
          CHECK(static_cast<uint64_t>(outcome.peak) <= device.image_bytes);
        } else {
          low = device.image_bytes;
          CHECK(outcome.status.code() == Code::kBadInput);
          CHECK(std::string(outcome.status.text()).find("too large for the test") != std::string::npos);
          CHECK(outcome.peak < kSmall);
        }
      }
      device.image_bytes = high;
      const Outcome last = ToInput(file, recipe, pixels.data());
      CHECK(last.status.ok());
      CHECK(static_cast<uint64_t>(last.peak) <= high);
      CHECK(static_cast<double>(high) <= slack * static_cast<double>(last.peak) + 200e3);
      const Outcome together = ToInput(file, recipe, pixels.data(), 2);  // checked while it is decoded
      CHECK(together.status.ok());
      CHECK(static_cast<uint64_t>(together.peak) <= high);
      device.image_file_bytes = file.size() - 1;
      CHECK(ToInput(file, recipe, pixels.data()).status.code() == Code::kBadInput);
    }
  }
}

TEST_CASE("data that unpack to more than the header says take no more than it promises") {
  const PreprocessStep steps[] = {{PreprocessStep::Kind::kResize, kSide, kSide, Filter::kBicubic}};
  std::vector<uint8_t> pixels(size_t{kSide} * kSide * 3);
  for (const char* const name : {"bomb.png", "bomb_1.png"}) {
    CAPTURE(std::string(name));
    const std::vector<uint8_t> file = Read(name);
    DeviceLimits device;
    const Preprocess recipe = RecipeFor(file, steps, &device);
    int64_t most = 0;
    uint64_t low = 0, high = uint64_t{1} << 30;  // the promise: from there on, it is refused for its data, not its size
    while (high - low > 1) {
      device.image_bytes = low + (high - low) / 2;
      const Outcome outcome = ToInput(file, recipe, pixels.data());
      CHECK(outcome.status.code() == Code::kBadInput);
      if (std::string(outcome.status.text()).find("too large for the test") != std::string::npos) {
        low = device.image_bytes;
      } else {
        high = device.image_bytes;
        most = outcome.peak;
      }
    }
    CHECK(most > kSmall);
    CHECK(static_cast<uint64_t>(most) <= high);
  }
}

}  // namespace
}  // namespace cutis
