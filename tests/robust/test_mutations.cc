// Files with a right hash and a wrong content: whatever the FlatBuffer says, opening returns, and what opens also runs.
// (Under the sanitizers this is the test that no byte outside is touched.)
#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "runtime/header.h"
#include "runtime/session.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

struct Tally {
  int opened = 0, refused = 0;
};

// Small enough to be run in a loop: mutations can make an arena of a gigabyte, which is legal.
void OpenAndRun(const test::Bytes& file, Tally* tally) {
  const auto model = Model::OpenMemory(file.data.get(), file.size);
  if (!model.ok()) {
    ++tally->refused;
    CHECK(model.status().text()[0] != '\0');
    CHECK(model.status().code() != Code::kInternal);
    return;
  }
  ++tally->opened;
  if (model.value()->ArenaBytes(2, 2) > (8u << 20)) return;
  const ModelExplanation* const explanation = model.value()->explanation();
  SessionOptions options;
  options.batch = 2;
  options.explain = explanation != nullptr && model.value()->ExplanationArenaBytes(2, 2) <= (8u << 20);
  const auto session = Session::Create(*model.value(), options);
  REQUIRE(session.ok());
  for (size_t i = 0; i < model.value()->inputs().size(); ++i) {
    const TensorInfo& input = model.value()->tensors()[static_cast<size_t>(model.value()->inputs()[i])].info;
    std::memset(session.value()->input(static_cast<int32_t>(i), 0), 0x3f, 2 * EntryBytes(input));
  }
  CHECK(session.value()->Run(2).ok());
  if (!options.explain) return;
  const Shape& cells = model.value()->tensors()[static_cast<size_t>(explanation->map)].info.shape;
  std::vector<float> map(static_cast<size_t>(cells.height) * static_cast<size_t>(cells.width));
  CHECK(session.value()->GetExplanation(1, 0, map).ok());
}

TEST_CASE("each byte of the FlatBuffer, altered in several ways") {
  for (const test::RawModel& raw :
       {test::TinyModel(), test::Explained(test::SmallU8Model()), test::Explained(test::SmallSparseModel()),
        Explained(test::SmallF32Model()), test::SmallMapModel()}) {
    test::Bytes file = test::Write(raw);
    const size_t end = sizeof(FileHeader) + static_cast<size_t>(test::GraphBytes(file));
    Tally tally;
    for (size_t i = sizeof(FileHeader); i < end; ++i) {
      const uint8_t old = file.data[i];
      for (int value : {old ^ 1, old ^ 0x80, old + 1, 0, 255}) {
        if (static_cast<uint8_t>(value) == old) continue;
        file.data[i] = static_cast<uint8_t>(value);
        test::FixHash(&file);
        OpenAndRun(file, &tally);
      }
      file.data[i] = old;
    }
    // Both must occur, or the mutations missed their aim.
    CHECK(tally.opened > 100);
    CHECK(tally.refused > 100);
  }
}

TEST_CASE("each 32-bit word of the FlatBuffer, replaced by extremes") {
  for (const test::RawModel& raw : {test::TinyModel(), test::Explained(test::SmallU8Model()),
                                    test::Explained(test::SmallSparseModel()), test::SmallMapModel()}) {
    test::Bytes file = test::Write(raw);
    const size_t end = sizeof(FileHeader) + static_cast<size_t>(test::GraphBytes(file));
    Tally tally;
    for (size_t i = sizeof(FileHeader); i + 4 <= end; i += 4) {
      uint32_t old;
      std::memcpy(&old, &file.data[i], 4);
      for (uint32_t value : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu, 0x7f800000u, 16384u, old - 4, old + 4, old + 64}) {
        std::memcpy(&file.data[i], &value, 4);
        test::FixHash(&file);
        OpenAndRun(file, &tally);
      }
      std::memcpy(&file.data[i], &old, 4);
    }
    CHECK(tally.opened > 10);
    CHECK(tally.refused > 100);
  }
}

TEST_CASE("pairs of bytes at random, and weights at random") {
  test::Bytes file = test::Write(test::Explained(test::SmallU8Model()));
  uint32_t random = 3;
  auto next = [&] { return random = random * 1664525u + 1013904223u, random >> 8; };
  Tally tally;
  for (int round = 0; round < 3000; ++round) {
    const size_t begin = sizeof(FileHeader),
                 size = round % 2 == 0 ? static_cast<size_t>(test::GraphBytes(file)) : file.size - begin;
    const size_t a = begin + next() % size, b = begin + next() % size;
    const uint8_t old_a = file.data[a], old_b = file.data[b];
    file.data[a] = static_cast<uint8_t>(next());
    file.data[b] = static_cast<uint8_t>(next());
    test::FixHash(&file);
    OpenAndRun(file, &tally);
    file.data[b] = old_b;
    file.data[a] = old_a;
  }
  CHECK(tally.opened > 100);
  CHECK(tally.refused > 100);
}

}  // namespace
}  // namespace cutis
