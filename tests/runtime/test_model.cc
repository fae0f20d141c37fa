// Opening a .cutis file: what is accepted, what is refused, and with which words.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <random>
#include <string>

#include "runtime/file.h"
#include "runtime/header.h"
#include "runtime/model.h"
#include "runtime/verify.h"
#include "tests/runtime/refused.h"
#include "tests/runtime/test_file.h"

namespace cutis {
namespace {

using test::Bytes;
using test::CheckAllRefused;
using test::CheckRefused;
using test::OpenStatus;
using test::RawModel;

// A file with a name that is not ASCII.
struct TemporaryFile {
  std::filesystem::path file = std::filesystem::temp_directory_path() / (u8"cutis_\u00e4\u03bb_" + Unique());
  std::string path = Utf8(file);
  explicit TemporaryFile(const Bytes& bytes) {
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data.get()), static_cast<std::streamsize>(bytes.size));
    REQUIRE(out.flush());
  }
  ~TemporaryFile() { std::filesystem::remove(file); }

  static std::string Utf8(const std::filesystem::path& path) {
    const std::u8string text = path.u8string();
    return std::string(text.begin(), text.end());
  }
  static std::u8string Unique() {
    const std::string number = std::to_string(std::random_device()());
    return std::u8string(number.begin(), number.end());
  }
};

TEST_CASE("a sound file opens, and what it says is what was written") {
  const RawModel raw = test::SmallU8Model();
  const Bytes file = test::Write(raw);
  const auto result = Model::OpenMemory(file.data.get(), file.size);
  REQUIRE_MESSAGE(result.ok(), result.status().text());
  const Model& model = *result.value();
  REQUIRE(model.tensors().size() == raw.tensors.size());
  for (size_t i = 0; i < raw.tensors.size(); ++i) {
    CHECK(raw.tensors[i].name == model.tensors()[i].name);
    CHECK(model.tensors()[i].info.shape.channels == static_cast<int32_t>(raw.tensors[i].dims[2]));
    CHECK(model.tensors()[i].offset == raw.tensors[i].offset);
  }
  CHECK(model.tensors()[static_cast<size_t>(model.input())].first_step == -1);
  CHECK(model.tensors()[1].first_step == 0);
  CHECK(model.tensors()[1].last_step == 3);  // the stem is read by the sum, node 3
  CHECK(model.tensors()[static_cast<size_t>(model.outputs()[0])].last_step == static_cast<int32_t>(raw.nodes.size()));
  CHECK(model.plan().activation_bytes == raw.activation_bytes);
  CHECK(model.ScratchBytes(3) == raw.scratch_bytes[3]);
  CHECK(model.ArenaLowerBound(1, 1) <= model.ArenaBytes(1, 1));
  // The stem's step: the image of 12*12*4 bytes and the stem of 6*6*20, each rounded to 64, or a later step.
  CHECK(model.ArenaLowerBound(1, 1) - raw.scratch_bytes[0] >= 576 + 768);
  REQUIRE(model.preprocess() != nullptr);
  CHECK(model.preprocess()->steps.size() == 3);
  CHECK(model.preprocess()->steps[1].filter == Filter::kBicubic);
  CHECK(model.preprocess()->std[2] == 57.4f);
  REQUIRE(model.verdict() != nullptr);
  CHECK(std::string(model.verdict()->labels[4]) == "akiec_scc");
  CHECK(std::string(model.verdict()->operating_points[0].note) == "not fitted");
  CHECK(model.verdict()->operating_points[1].calibrated);
  CHECK(std::string(model.provenance().name) == "test");
  CHECK(std::string(model.provenance().licence).empty());
  CHECK(model.file_bytes() == file.size);
  CHECK(model.memory_bytes() > 0);
  CHECK(std::memcmp(model.sha256().data(), file.data.get() + offsetof(FileHeader, sha256), 32) == 0);
}

TEST_CASE("float32 and tiny files open; a file, a copy and memory give the same") {
  for (const RawModel& raw : {test::SmallU8Model(), test::SmallSparseModel(), test::SmallF32Model(), test::TinyModel()}) {
    const Bytes bytes = test::Write(raw);
    const TemporaryFile file(bytes);
    for (bool copy : {false, true}) {
      OpenOptions options;
      options.copy = copy;
      const auto mapped = Model::Open(file.path.c_str(), options);
      REQUIRE_MESSAGE(mapped.ok(), mapped.status().text());
      CHECK((mapped.value()->memory_bytes() > bytes.size) == (copy || bytes.size < 17000));
      const auto memory = Model::OpenMemory(bytes.data.get(), bytes.size, options);
      REQUIRE_MESSAGE(memory.ok(), memory.status().text());
      CHECK((raw.has_verdict) == (memory.value()->verdict() != nullptr));
    }
  }
}

TEST_CASE("a copy may lie anywhere and its source may go; memory in place must be aligned") {
  const Bytes file = test::Write(test::TinyModel());
  Bytes shifted{AllocateAligned(file.size + 1), file.size + 1};
  std::memcpy(shifted.data.get() + 1, file.data.get(), file.size);
  CHECK(Model::OpenMemory(shifted.data.get() + 1, file.size).status().code() == Code::kUsage);
  OpenOptions options;
  options.copy = true;
  const auto model = Model::OpenMemory(shifted.data.get() + 1, file.size, options);
  REQUIRE(model.ok());
  std::memset(shifted.data.get(), 0xee, file.size + 1);
  CHECK(std::string(model.value()->tensors()[0].name) == "in");
}

TEST_CASE("instruction sets that the machine lacks are refused") {
  const Bytes file = test::Write(test::TinyModel());
  OpenOptions options;
  options.cpu = CpuFeatures{1} << 31;
  CHECK(Model::OpenMemory(file.data.get(), file.size, options).status().code() == Code::kUsage);
  options.cpu = FeatureOf(Isa::kScalar);
  const auto model = Model::OpenMemory(file.data.get(), file.size, options);
  REQUIRE(model.ok());
  CHECK(model.value()->nodes()[0].kernel->isa == Isa::kScalar);
}

TEST_CASE("paths that lead to no file") {
  CHECK(Model::Open("/nonexistent/bcc.cutis").status().code() == Code::kBadInput);
  CHECK(std::strstr(Model::Open("/nonexistent/bcc.cutis").status().text(), "/nonexistent/bcc.cutis") != nullptr);
  const std::string folder = TemporaryFile::Utf8(std::filesystem::temp_directory_path());
  CHECK(std::strstr(Model::Open(folder.c_str()).status().text(), "not a regular file") != nullptr);
#if defined(_WIN32)
  const char* const device = "NUL";
#else
  const char* const device = "/dev/null";
#endif
  CHECK(std::strstr(Model::Open(device).status().text(), "not a regular file") != nullptr);
  CHECK(Model::Open(nullptr).status().code() == Code::kUsage);
  const TemporaryFile empty(Bytes{AllocateAligned(64), 0});
  CHECK(Model::Open(empty.path.c_str()).status().code() == Code::kBadInput);
}

TEST_CASE("every truncation and every single altered byte is refused") {
  Bytes file = test::Write(test::TinyModel());
  for (size_t size = 0; size < file.size; ++size) {
    const Bytes shorter = test::MakeBytes(file.data.get(), size);
    CHECK_FALSE(OpenStatus(shorter).ok());
  }
  for (size_t i = 0; i < file.size; ++i) {
    for (int change : {1, 0x80}) {
      file.data[i] = static_cast<uint8_t>(file.data[i] ^ change);
      CAPTURE(i);
      CHECK_FALSE(OpenStatus(file).ok());
      file.data[i] = static_cast<uint8_t>(file.data[i] ^ change);
    }
  }
  CHECK(OpenStatus(file).ok());
}

TEST_CASE("headers of other files, other versions, signed files") {
  const Bytes file = test::Write(test::TinyModel());
  auto with = [&](const std::function<void(FileHeader*)>& change) {
    Bytes altered = test::MakeBytes(file.data.get(), file.size);
    FileHeader header;
    std::memcpy(&header, altered.data.get(), sizeof header);
    change(&header);
    std::memcpy(altered.data.get(), &header, sizeof header);
    return altered;
  };
  CheckRefused(with([](FileHeader* h) { std::memcpy(h->magic, "\x89PNG\r\n\x1a\n", 8); }), Code::kBadInput,
               "not a .cutis file");
  CheckRefused(with([](FileHeader* h) { h->version = kFormatVersion + 1; }), Code::kUnsupported, "newer version");
  CheckRefused(with([](FileHeader* h) { h->version = 0; }), Code::kBadInput, "version 0");
  CheckRefused(with([](FileHeader* h) { h->signature_bytes = 128; }), Code::kUnsupported, "signed");
  CheckRefused(with([](FileHeader* h) { h->graph_bytes = 0; }), Code::kBadInput, "sizes");
  CheckRefused(with([](FileHeader* h) { h->graph_bytes += 1; }), Code::kBadInput, "sizes");
  CheckRefused(with([](FileHeader* h) { h->graph_bytes = 0ull - 64; }), Code::kBadInput, "sizes");
  CheckRefused(with([](FileHeader* h) { h->segment_bytes = 0ull - h->graph_bytes; }), Code::kBadInput, "sizes");
  CheckRefused(with([](FileHeader* h) { h->segment_bytes = 64; }), Code::kBadInput, "truncated");
  CheckRefused(with([](FileHeader* h) { h->graph_bytes -= 64; }), Code::kBadInput, "too long");
  CheckRefused(with([](FileHeader* h) { h->sha256[31] ^= 1; }), Code::kBadInput, "hash of its content");
}

TEST_CASE("tensors and graphs without sense") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  CheckAllRefused(
      {
          {"no name", [](RawModel* m) { m->tensors[2].name.clear(); }},
          {"printable", [](RawModel* m) { m->tensors[2].name = "a\nb"; }},
          {"printable", [](RawModel* m) { m->tensors[2].name = "\xc0\x80"; }},
          {"printable", [](RawModel* m) { m->tensors[2].name = "\xed\xa0\x80"; }},
          {"printable", [](RawModel* m) { m->tensors[2].name = "\xe2\x80\xae"; }},
          {"printable", [](RawModel* m) { m->tensors[2].name = std::string("a\0b", 3); }},
          {"longer", [](RawModel* m) { m->tensors[2].name = std::string(kMaxName + 1, 'a'); }},
          {"data type", [](RawModel* m) { m->tensors[2].type = 2; }},
          {"3 dimensions",
           [](RawModel* m) {
             m->tensors[2].dims = {6, 6};
           }},
          {"3 dimensions",
           [](RawModel* m) {
             m->tensors[2].dims = {1, 6, 6, 20};
           }},
          {"1 .. 16384",
           [](RawModel* m) {
             m->tensors[2].dims = {0, 6, 20};
           }},
          {"1 .. 16384",
           [](RawModel* m) {
             m->tensors[2].dims = {6, 6, 16385};
           }},
          {"1 .. 16384",
           [](RawModel* m) {
             m->tensors[2].dims = {6, 0xffffffffu, 20};
           }},
          {"256 MiB",
           [](RawModel* m) {
             m->tensors[2].dims = {16384, 16384, 16384};
           }},
          {"scale", [](RawModel* m) { m->tensors[2].scale = 0; }},
          {"scale", [](RawModel* m) { m->tensors[2].scale = -1; }},
          {"scale", [=](RawModel* m) { m->tensors[2].scale = nan; }},
          {"scale", [=](RawModel* m) { m->tensors[2].scale = infinity; }},
          {"input is no tensor", [](RawModel* m) { m->nodes[1].inputs = {999}; }},
          {"no inputs", [](RawModel* m) { m->nodes[1].inputs = {}; }},
          {"no inputs, or too many", [](RawModel* m) { m->nodes[1].inputs.assign(kMaxNodeInputs + 1, 1); }},
          {"before it is made", [](RawModel* m) { m->nodes[1].inputs = {2}; }},
          {"before it is made", [](RawModel* m) { std::swap(m->nodes[0], m->nodes[1]); }},
          {"output is no tensor", [](RawModel* m) { m->nodes[1].output = 999; }},
          {"by another node", [](RawModel* m) { m->nodes[1].output = 1; }},
          {"by another node", [](RawModel* m) { m->nodes[1].output = 0; }},
          {"no name", [](RawModel* m) { m->nodes[1].name.clear(); }},
          {"unknown kind", [](RawModel* m) { m->nodes[1].kind = 19; }},
          {"unknown kind", [](RawModel* m) { m->nodes[1].kind = 255; }},
          {"another operator", [](RawModel* m) { m->nodes[1].options.type = static_cast<uint8_t>(format::Options::Reshape); }},
          {"another operator", [](RawModel* m) { m->nodes[1].options.type = 0; }},
          {"another operator", [](RawModel* m) { m->nodes[1].options.type = 200; }},
          {"no operator", [](RawModel* m) { m->nodes.back().kind = static_cast<uint8_t>(OpKind::kClamp); }, Code::kUnsupported},
          {"made by no node", [](RawModel* m) { m->tensors.push_back(m->tensors[2]); }},
          {"no tensor", [](RawModel* m) { m->input = 1000; }},
          {"made by no node", [](RawModel* m) { m->outputs = {1000}; }},
          {"made by no node", [](RawModel* m) { m->outputs = {m->input}; }},
          {"no outputs", [](RawModel* m) { m->outputs = {}; }},
          {"twice", [](RawModel* m) { m->outputs.push_back(m->outputs[0]); }},
          {"empty", [](RawModel* m) { m->nodes.clear(); }},
          {"too large", [](RawModel* m) { m->tensors.resize(kMaxTensors + 1, m->tensors[1]); }},
      },
      test::SmallU8Model());
}

TEST_CASE("options and buffers without sense") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto window = [](format::Window value) { return [=](RawModel* m) { m->nodes[0].options.window = value; }; };
  CheckAllRefused(
      {
          {"window", window({0, 3, 2, 2, 1, 1, 0, 0, 1, 1})},
          {"window", window({3, 3, 0, 2, 1, 1, 0, 0, 1, 1})},
          {"window", window({3, 3, 2, 2, -1, 1, 0, 0, 1, 1})},
          {"window", window({3, 3, 2, 2, 1, 16385, 0, 0, 1, 1})},
          {"padding", window({3, 3, 2, 2, 1, 1, -1, 0, 1, 1})},
          {"padding", window({3, 3, 2, 2, 1, 1, 0, 0, 2147483647, 1})},
          {"", window({3, 3, 1, 1, 1, 1, 0, 0, 1, 1})},  // another shape than the output has
          {"", window({5, 3, 2, 2, 1, 1, 1, 0, 2, 1})},  // other weights than there are
          {"groups", [](RawModel* m) { m->nodes[0].options.groups = 0; }},
          {"groups", [](RawModel* m) { m->nodes[0].options.groups = 2147483647; }},
          {"", [](RawModel* m) { m->nodes[0].options.groups = 3; }},
          {"groups", [](RawModel* m) { m->nodes[1].options.groups = 20; }},
          {"clamp",
           [](RawModel* m) {
             m->nodes[0].options.clamp = {9, 8};
           }},
          {"weights", [](RawModel* m) { m->nodes[0].options.weights.move = 1; }},
          {"weights", [](RawModel* m) { m->nodes[0].options.weights.move = 1u << 20; }},
          {"weights", [](RawModel* m) { m->nodes[0].options.weights.move = 0ull - 64; }},
          {"weights", [](RawModel* m) { m->nodes[0].options.weights.grow = 1u << 20; }},
          {"weights", [](RawModel* m) { m->nodes[0].options.weights.grow = 0ull - 64; }},
          {"biases", [](RawModel* m) { m->nodes[0].options.bias.grow = 2; }},
          {"", [](RawModel* m) { m->nodes[0].options.bias.grow = 64; }},
          {"", [](RawModel* m) { m->nodes[0].options.weights.bytes.resize(64); }},
          {"", [](RawModel* m) { m->nodes[0].options.multiplier.bytes.resize(64); }},
          {"", [](RawModel* m) { m->nodes[0].options.weights.bytes[5] = 0x80; }},  // -128
          {"",
           [](RawModel* m) {
             m->nodes[0].options.bias.bytes[2] = 0xff, m->nodes[0].options.bias.bytes[3] = 0x7f;
           }},  // sums beyond int32
          {"", [](RawModel* m) { m->nodes[0].options.multiplier.bytes[3] = 0x7f; }},
          {"",
           [](RawModel* m) {
             m->nodes[0].options.padding = {1, 2};
           }},
          {"", [](RawModel* m) { m->nodes[0].options.padding.assign(20000, 1); }},
          {"", [](RawModel* m) { m->nodes[3].inputs = {1}; }},
          {"",
           [](RawModel* m) {
             m->nodes[3].inputs = {1, 3, 3};
           }},
          {"", [=](RawModel* m) { m->nodes[3].options.multiplier_a = nan; }},
          {"", [](RawModel* m) { m->nodes[5].options.table.resize(255); }},
          {"", [](RawModel* m) { m->nodes[5].options.table.resize(257); }},
          {"", [](RawModel* m) { m->nodes[6].options.counts = {}; }},
          {"", [](RawModel* m) { m->nodes[6].options.counts = {8}; }},
          {"", [](RawModel* m) { m->nodes[6].options.counts.assign(20000, 9); }},
          {"", [](RawModel* m) { m->nodes[6].options.multipliers = {}; }},
      },
      test::SmallU8Model());
  CheckAllRefused(
      {
          {"not a number",
           [=](RawModel* m) {
             m->nodes[5].options.clamp_f32 = {nan, 1};
           }},
          {"above",
           [](RawModel* m) {
             m->nodes[5].options.clamp_f32 = {2, 1};
           }},
          {"another operator", [](RawModel* m) { m->nodes[0].options.type = static_cast<uint8_t>(format::Options::ConvU8); }},
      },
      test::SmallF32Model());
}

TEST_CASE("pruned weights whose lists do not hold") {
  // Node 0: the stem, two panels of 9 k-groups, the second without rows; node 2: two groups of one panel each.
  const RawModel sound = test::SmallSparseModel();
  REQUIRE(sound.nodes[0].options.live == std::vector<uint8_t>{0x6d, 0x01, 0, 0});
  REQUIRE(sound.nodes[0].options.weights.bytes.size() == 6 * 64);
  const auto live = [](std::vector<uint8_t> bits) {
    return [bits](RawModel* m) {
      m->nodes[0].options.live = bits;
      m->nodes[0].options.write_live = true;
    };
  };
  const auto weights = [](size_t bytes) { return [bytes](RawModel* m) { m->nodes[0].options.weights.bytes.resize(bytes); }; };
  CheckAllRefused(
      {
          {"bytes of weights", [](RawModel* m) { m->nodes[0].options.live.clear(); }},
          {"0 bytes for 2 panels", live({})},
          {"1 bytes for 2 panels", live({0x3f})},
          {"3 bytes for 2 panels", live({0x6d, 0x01, 0})},
          {"bytes for 2 panels", live(std::vector<uint8_t>(2 * 8193))},
          {"do not agree", live({0x6d, 0, 0, 0})},
          {"more than the 6", live({0x7d, 0x01, 0, 0})},
          {"more than the 6", live({0x6d, 0x01, 0x01, 0})},
          {"k-group 9", live({0x6d, 0x02, 0, 0})},
          {"k-group 15", live({0x6d, 0x80, 0, 0})},
          {"k-group 9", live({0x6c, 0x01, 0, 0x02})},
          {"k-group 65535",
           [](RawModel* m) {
             m->nodes[0].options.live = std::vector<uint8_t>(2 * 8192);
             m->nodes[0].options.live[0] = 0x1f;
             m->nodes[0].options.live[8191] = 0x80;
           }},
          {"more than the 5", weights(5 * 64)},
          {"do not agree", weights(7 * 64)},
          {"do not agree", weights(6 * 64 + 1)},
          {"more than the 0", weights(0)},
          {"beyond the last input", [](RawModel* m) { m->nodes[0].options.weights.bytes[64 + 3] = 1; }},
          {"-128", [](RawModel* m) { m->nodes[0].options.weights.bytes[64 + 1] = 0x80; }},
          {"panels", [](RawModel* m) { m->nodes[0].options.bias.bytes.clear(); }},
          {"biases", [](RawModel* m) { m->nodes[0].options.bias.bytes.resize(64); }},
          {"bias", [](RawModel* m) { m->nodes[0].options.bias.bytes[1 * 4 + 3] = 0x80; }},
          {"depthwise",
           [](RawModel* m) {
             m->nodes[1].options.live = {1, 1};
           }},
          {"depthwise", [](RawModel* m) { m->nodes[1].options.write_live = true; }},
      },
      sound);
  // Bits beyond the input that no row needs are not written, but harmless.
  RawModel wide = sound;
  wide.nodes[0].options.live = {0x6d, 0x01, 0, 0, 0, 0};
  CHECK(OpenStatus(test::Write(wide)).ok());
}

TEST_CASE("plans that do not hold") {
  CheckAllRefused(
      {
          {"aligned", [](RawModel* m) { m->tensors[2].offset += 16; }},
          {"share bytes", [](RawModel* m) { m->tensors[1].offset = m->tensors[0].offset; }},
          {"beyond", [](RawModel* m) { m->tensors[2].offset = 0ull - 64; }},
          {"beyond", [](RawModel* m) { m->tensors[2].offset = m->activation_bytes; }},
          {"beyond", [](RawModel* m) { m->activation_bytes -= 64; }},
          {"the buffers end at", [](RawModel* m) { m->activation_bytes += 64; }},
          {"too large", [](RawModel* m) { m->activation_bytes = 0ull - 64; }},
          {"the scratch of node \"sum\" is too large", [](RawModel* m) { m->scratch_bytes[3] = 1u << 31; }},
          {"the scratch of node \"sum\" is too large, not aligned", [](RawModel* m) { m->scratch_bytes[3] += 16; }},
          {"node \"stem\" needs", [](RawModel* m) { m->scratch_bytes[0] = 0; }, Code::kUnsupported},
          {"the scratch of 10 nodes of 9", [](RawModel* m) { m->scratch_bytes.push_back(0); }},
          {"the scratch of 8 nodes of 9", [](RawModel* m) { m->scratch_bytes.pop_back(); }},
      },
      test::SmallU8Model());
}

TEST_CASE("blocks that are none, or lie in one another's way") {
  CHECK(OpenStatus(test::Write(test::SmallBlocksModel())).ok());
  CheckAllRefused(
      {
          {"block 0: it has not 2 to 4 nodes", [](RawModel* m) { m->blocks[0].nodes = 1; }},
          {"block 0: it has not 2 to 4 nodes", [](RawModel* m) { m->blocks[0].nodes = 0; }},
          {"block 0: it has not 2 to 4 nodes", [](RawModel* m) { m->blocks[0].nodes = 5; }},
          {"block 1: it has not 2 to 4 nodes", [](RawModel* m) { m->blocks[1].first = 0xffffffffu; }},
          {"block 1: it has not 2 to 4 nodes", [](RawModel* m) { m->blocks[1].first = 7; }},  // of 10
          {"block 1: it does not begin after", [](RawModel* m) { std::swap(m->blocks[0], m->blocks[1]); }},
          {"block 1: it does not begin after", [](RawModel* m) { m->blocks[1] = m->blocks[0]; }},
          {"block 1: it does not begin after",
           [](RawModel* m) {
             m->blocks[1] = {2, 2, 1};
           }},
          {"more blocks than nodes", [](RawModel* m) { m->blocks.assign(kMaxNodes + 1, m->blocks[0]); }},
          {"block 0: its strips", [](RawModel* m) { m->blocks[0].rows = 0; }},
          {"block 0: its strips", [](RawModel* m) { m->blocks[0].rows = 7; }},
          {"block 0: its strips", [](RawModel* m) { m->blocks[0].rows = 0xffffffffu; }},
          {"has a place in the arena", [](RawModel* m) { m->tensors[1].offset = 64; }},
          {"needed elsewhere", [](RawModel* m) { m->outputs.push_back(1); }},
          // The sum reads the tensor between the second and the third node too.
          {"needed elsewhere",
           [](RawModel* m) {
             m->nodes[6].inputs = {3, 3};
             m->blocks = {{2, 2, 1}};
           }},
          {"block: it has no depthwise",
           [](RawModel* m) {
             m->blocks[1] = {5, 2, 1};
           }},  // projection and sum
          // Without the blocks the tensors inside them would lie on others.
          {"memory plan", [](RawModel* m) { m->blocks.pop_back(), m->scratch_bytes.assign(10, 1 << 17); }},
          {"memory plan", [](RawModel* m) { m->blocks.clear(), m->scratch_bytes.assign(10, 1 << 17); }},
          // The block's output has to be clear of its input until its last strip.
          {"share bytes", [](RawModel* m) { m->tensors[7].offset = m->tensors[3].offset; }},
          {"share bytes", [](RawModel* m) { m->tensors[0].offset = m->activation_bytes - 576; }},  // to the end of the block
          {"node \"wide\" needs", [](RawModel* m) { m->scratch_bytes[3] = 64; }, Code::kUnsupported},
          {"within a block", [](RawModel* m) { m->scratch_bytes[4] = 64; }},
      },
      test::SmallBlocksModel());
}

TEST_CASE("names may be in any language") {
  RawModel model = test::SmallU8Model();
  model.labels[0] = "Basalzellkarzinom \xc3\xa4\xe2\x82\xac\xf0\x9f\x94\xac";
  const Bytes file = test::Write(model);
  CHECK(OpenStatus(file).ok());
}

}  // namespace
}  // namespace cutis
