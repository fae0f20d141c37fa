// The memory plan: outputs in the place of an input, and every way to claim more than that.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "format_generated.h"
#include "runtime/golden.h"
#include "runtime/model.h"
#include "runtime/verify.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

using test::RawModel;
using test::RawNode;

constexpr IndexMap kWhole{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {1, 1, 1}};

RawNode MakeNode(const char* name, OpKind kind, format::Options options, std::vector<uint32_t> inputs, uint32_t output) {
  RawNode node = test::MakeRawNode(name, kind, options, std::move(inputs), output);
  for (int i = 0; kind == OpKind::kLookup && i < 256; ++i) node.options.table.push_back(static_cast<uint8_t>(i * 7 + 3));
  return node;
}

// 0 lookup 1, 1 lookup 2, 1 + 2 = 3, 3 max pool 4, 4 lookup 5; all of 128 bytes. 1 lies on the input, 3 on 2, 5 on 4.
RawModel ChainModel() {
  RawModel model = test::TinyModel();
  model.tensors.resize(6, model.tensors[0]);
  for (size_t i = 0; i < 6; ++i) {
    model.tensors[i].name = std::to_string(i);
    model.tensors[i].dims = {4, 8, 3};
    model.tensors[i].offset = i == 2 || i == 3 ? 128 : 0;
  }
  const RawNode pool = MakeNode("pool", OpKind::kMaxPool, format::Options::MaxPool, {3}, 4);
  model.nodes = {MakeNode("first", OpKind::kLookup, format::Options::Lookup, {0}, 1),
                 MakeNode("second", OpKind::kLookup, format::Options::Lookup, {1}, 2),
                 MakeNode("sum", OpKind::kAdd, format::Options::AddU8, {1, 2}, 3), pool,
                 MakeNode("last", OpKind::kLookup, format::Options::Lookup, {4}, 5)};
  model.outputs = {5};
  model.activation_bytes = 256;
  model.scratch_bytes.assign(5, 64);
  return model;
}

// 0, an image, plus or times 1 by a map.
RawModel PairModel(std::vector<uint32_t> dims_of_1, const IndexMap& b) {
  RawModel model = test::TinyModel();
  model.tensors.resize(3, model.tensors[0]);
  for (size_t i = 0; i < 3; ++i) {
    model.tensors[i].name = std::to_string(i);
    model.tensors[i].dims = i == 1 ? dims_of_1 : std::vector<uint32_t>{4, 8, 3};
  }
  model.tensors[1].offset = 128;
  RawNode node = MakeNode("sum", OpKind::kBinary, format::Options::BinaryU8, {0, 1}, 2);
  node.options.view = {3, {4, 8, 3}};
  node.options.a = kWhole;
  node.options.b = b;
  model.nodes = {node};
  model.more_inputs = {1};
  model.outputs = {2};
  model.activation_bytes = 256;
  return model;
}

std::string Hash(const RawModel& raw, int32_t batch, int32_t threads) {
  const test::Bytes file = test::Write(raw);
  const auto model = Model::OpenMemory(file.data.get(), file.size);
  REQUIRE_MESSAGE(model.ok(), model.status().text());
  SessionOptions options;
  options.batch = batch;
  options.threads = threads;
  uint8_t digest[32];
  REQUIRE(OutputHash(*model.value(), options, digest).ok());
  return std::string(reinterpret_cast<const char*>(digest), 32);
}

void CheckRefused(const RawModel& raw, const char* words) {
  const test::Bytes file = test::Write(raw);
  const Status status = Model::OpenMemory(file.data.get(), file.size).status();
  CAPTURE(std::string(status.text()));
  CHECK(status.code() == Code::kBadInput);
  CHECK(std::strstr(status.text(), words) != nullptr);
}

TEST_CASE("a network that works in place gives the bits of one that does not") {
  const RawModel shared = ChainModel();
  RawModel apart = shared;
  test::MakePlan(&apart);
  REQUIRE(apart.activation_bytes > shared.activation_bytes);
  const std::string expected = Hash(apart, 1, 1);
  for (const int32_t batch : {1, 3, 5}) {
    for (const int32_t threads : {1, 2, 4}) CHECK(Hash(shared, batch, threads) == expected);
  }
  const test::Bytes file = test::Write(shared);
  const auto model = Model::OpenMemory(file.data.get(), file.size);
  REQUIRE(model.ok());
  CHECK(model.value()->ArenaLowerBound(1, 1) == 256 + shared.scratch_bytes[0]);
  const int32_t in_place[] = {0, -1, 2, -1, 4};
  for (size_t i = 0; i < 5; ++i) CHECK(model.value()->nodes()[i].in_place == in_place[i]);
}

TEST_CASE("a place is taken over only from an input that nothing needs any more") {
  const RawModel sound = ChainModel();
  struct Case {
    const char* words;
    std::function<void(RawModel*)> change;
  };
  const Case cases[] = {
      {"buffers 1 and 2 share bytes", [](RawModel* m) { m->tensors[2].offset = 0; }},    // the sum reads 1 too
      {"buffers 3 and 4 share bytes", [](RawModel* m) { m->tensors[4].offset = 128; }},  // a pool
      {"buffers 4 and 5 share bytes", [](RawModel* m) { m->tensors[5].offset = 64; }},   // a part
      {"buffers 4 and 5 share bytes",
       [](RawModel* m) {
         m->outputs = {4, 5};
       }},  // a result of the network
      {"buffers 2 and 3 share bytes",
       [](RawModel* m) {
         m->outputs = {5, 2};
       }},
      {"buffers 1 and 2 share bytes", [](RawModel* m) { m->tensors[1].offset = 128, m->tensors[0].offset = 128; }},
      {"buffers 0 and 1 share bytes",
       [](RawModel* m) {
         m->nodes[2].inputs = {0, 2};
       }},  // the network's input, read later
      {"buffers 0 and 4 share bytes",
       [](RawModel* m) {  // not in the step of its last reader, but while it waits
         m->nodes[4] = MakeNode("last", OpKind::kAdd, format::Options::AddU8, {4, 0}, 5);
         m->tensors[1].offset = 256, m->activation_bytes = 384;
       }},
  };
  for (const Case& c : cases) {
    RawModel changed = sound;
    c.change(&changed);
    CheckRefused(changed, c.words);
  }
}

TEST_CASE("an operand of another shape or layout, or repeated, keeps its place") {
  const IndexMap repeated{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {0, 0, 1}};
  const IndexMap turned{{}, {Dim::kWidth, Dim::kHeight, Dim::kChannel}, {1, 1, 1}};
  const auto on = [](RawModel model, uint64_t offset) {
    model.tensors[2].offset = offset;
    model.activation_bytes = std::max<uint64_t>(model.activation_bytes, offset + 128);
    return model;
  };
  RawModel equal = PairModel({4, 8, 3}, kWhole);
  Hash(on(equal, 0), 1, 1);
  Hash(on(equal, 128), 1, 1);
  RawModel both = on(equal, 0);
  both.tensors[1].offset = 0;
  both.activation_bytes = 128;
  CheckRefused(both, "buffers 0 and 1 share bytes");

  RawModel small = PairModel({1, 1, 3}, repeated);
  small.activation_bytes = 192;
  Hash(on(small, 0), 1, 1);
  CheckRefused(on(small, 128), "buffers 1 and 2 share bytes");
  CheckRefused(on(PairModel({4, 8, 3}, repeated), 128), "buffers 1 and 2 share bytes");
  Hash(on(PairModel({8, 4, 3}, turned), 0), 1, 1);
  CheckRefused(on(PairModel({8, 4, 3}, turned), 128), "buffers 1 and 2 share bytes");

  // x + turned(x)
  RawModel own = PairModel({4, 8, 3}, kWhole);
  for (auto& tensor : own.tensors) tensor.dims = {8, 8, 3};
  own.tensors[0].offset = 0, own.tensors[1].offset = 256;
  own.activation_bytes = 512;
  own.nodes[0].inputs = {0, 0};
  own.nodes[0].options.view = {3, {8, 8, 3}};
  own.tensors[2].offset = 0;
  Hash(own, 1, 1);
  own.nodes[0].options.b = turned;
  CheckRefused(own, "buffers 0 and 2 share bytes");
}

TEST_CASE("the plan check with pairs agrees with one that looks at every byte of every step") {
  uint32_t random = 11;
  const auto next = [&] { return random = random * 1664525u + 1013904223u, random >> 16; };
  int sound = 0, in_place = 0, broken = 0;
  for (int round = 0; round < 20000; ++round) {
    PlannedBuffer buffers[4];
    uint64_t end = 0;
    for (PlannedBuffer& buffer : buffers) {
      buffer.offset = next() % 4 * 64;
      buffer.bytes = (next() % 2 + 1) * 64;
      buffer.first_step = static_cast<int32_t>(next() % 5) - 1;
      buffer.last_step = buffer.first_step + static_cast<int32_t>(next() % 3);
      end = std::max(end, buffer.offset + buffer.bytes);
    }
    InPlace pair[] = {{next() % 4, next() % 4}};
    const PlannedBuffer &from = buffers[pair[0].input], &to = buffers[pair[0].output];
    const bool possible = pair[0].input != pair[0].output && from.bytes == to.bytes && from.last_step == to.first_step &&
                          from.first_step < to.first_step;
    const bool taken = possible && from.offset == to.offset;
    bool overlap = false;
    uint64_t bound = 0;
    for (int step = -1; step <= 8; ++step) {
      int used[8] = {};
      uint64_t live = 0;
      for (const PlannedBuffer& buffer : buffers) {
        if (step < buffer.first_step || step > buffer.last_step) continue;
        const bool twice = &buffer == &to && step == to.first_step;
        if (!(twice && possible)) live += buffer.bytes;
        if (twice && taken) continue;
        for (uint64_t line = buffer.offset / 64; line < (buffer.offset + buffer.bytes) / 64; ++line)
          overlap |= ++used[line] > 1;
      }
      bound = std::max(bound, live);
    }
    CHECK(CheckPlan(buffers, end, pair).ok() == !overlap);
    StepMemory steps[10];
    MeasureSteps(buffers, pair, steps);
    CHECK(ArenaLowerBound(steps, 1, 1) == bound);
    ++(overlap ? broken : taken ? in_place : sound);
  }
  CHECK(sound > 20);
  CHECK(in_place > 20);
  CHECK(broken > 20);
}

// -- bounds and checks, without a file

uint64_t LargestSum(std::span<const PlannedBuffer> buffers) {
  StepMemory steps[10];
  MeasureSteps(buffers, {}, steps);
  return ArenaLowerBound(steps, 1, 1);
}

TEST_CASE("the arena is that of the hungriest step") {
  // Steps -1 .. 2. Two images on three threads: 2 * 192, 2 * 192 + 3 * 64, 2 * 320 + 3 * 0, 2 * 320 + 3 * 128.
  const PlannedBuffer buffers[] = {{0, 64, -1, 1}, {64, 128, -1, 0}, {192, 128, 1, 2}};
  StepMemory steps[4];
  steps[1].scratch = 64;
  steps[3].scratch = 128;
  MeasureSteps(buffers, {}, steps);
  const uint64_t tops[] = {192, 192, 320, 320}, live[] = {192, 192, 192, 128};
  for (size_t i = 0; i < 4; ++i) CHECK((steps[i].top == tops[i] && steps[i].live == live[i]));
  CHECK(ArenaBytes(steps, 1, 1) == 320 + 128);
  CHECK(ArenaBytes(steps, 2, 3) == 2 * 320 + 3 * 128);
  CHECK(ArenaLowerBound(steps, 1, 1) == 256);
  CHECK(ArenaLowerBound(steps, 2, 3) == 2 * 128 + 3 * 128);
  steps[3].scratch = 0;
  steps[1].scratch = 256;
  CHECK(ArenaBytes(steps, 1, 1) == 192 + 256);
  CHECK(ArenaBytes(steps, 3, 1) == 3 * 320);
}

TEST_CASE("the plan is checked exactly, the bound is the largest step") {
  const PlannedBuffer sound[] = {{0, 64, -1, 0}, {64, 128, 0, 1}, {0, 64, 1, 2}};
  CHECK(CheckPlan(sound, 192).ok());
  CHECK(LargestSum(sound) == 192);
  const PlannedBuffer touching[] = {{0, 64, 0, 1}, {0, 64, 2, 3}};
  CHECK(CheckPlan(touching, 64).ok());
  CHECK(LargestSum(touching) == 64);
  const PlannedBuffer shared[] = {{0, 64, 0, 2}, {0, 64, 2, 3}};
  CHECK_FALSE(CheckPlan(shared, 64).ok());
  CHECK(LargestSum(shared) == 128);
  const PlannedBuffer late[] = {{0, 128, 0, 9}, {128, 64, 1, 1}, {64, 64, 5, 5}};
  CHECK(std::strstr(CheckPlan(late, 192).text(), "0 and 2") != nullptr);
  const PlannedBuffer backwards[] = {{0, 64, 3, 1}};
  CHECK_FALSE(CheckPlan(backwards, 64).ok());
  CHECK_FALSE(CheckPlan({}, 0).ok());
}

TEST_CASE("the plan check agrees with one that looks at every byte of every step") {
  uint32_t random = 7;
  int sound = 0, broken = 0;
  for (int round = 0; round < 2000; ++round) {
    PlannedBuffer buffers[5];
    uint64_t end = 0;
    for (PlannedBuffer& buffer : buffers) {
      auto next = [&] { return random = random * 1664525u + 1013904223u, random >> 16; };
      buffer.offset = next() % 6 * 64;
      buffer.bytes = (next() % 3 + 1) * 64;
      buffer.first_step = static_cast<int32_t>(next() % 6) - 1;
      buffer.last_step = buffer.first_step + static_cast<int32_t>(next() % 3);
      end = std::max(end, buffer.offset + buffer.bytes);
    }
    bool overlap = false;
    uint64_t bound = 0;
    for (int step = -1; step <= 8; ++step) {
      int used[16] = {};
      uint64_t live = 0;
      for (const PlannedBuffer& buffer : buffers) {
        if (step < buffer.first_step || step > buffer.last_step) continue;
        live += buffer.bytes;
        for (uint64_t line = buffer.offset / 64; line < (buffer.offset + buffer.bytes) / 64; ++line)
          overlap |= ++used[line] > 1;
      }
      bound = std::max(bound, live);
    }
    CHECK(CheckPlan(buffers, end).ok() == !overlap);
    CHECK(LargestSum(buffers) == bound);
    ++(overlap ? broken : sound);
  }
  CHECK(sound > 20);
  CHECK(broken > 20);
}

}  // namespace
}  // namespace cutis
