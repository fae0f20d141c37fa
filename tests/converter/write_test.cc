// What is written: the same bytes each time, a file that the runtime opens and that says what went in, all of it or nothing.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "converter/plan/plan.h"
#include "converter/quant/quantize.h"
#include "converter/recipe/of_model.h"
#include "converter/write/encode.h"
#include "converter/write/file.h"
#include "runtime/model.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cutis-test-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const char* name) const { return path_ + "/" + name; }
  size_t Files() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++count;
    return count;
  }

 private:
  std::string path_;
};

std::vector<std::byte> Bytes(const char* text) {
  const std::string string = text;
  const auto* begin = reinterpret_cast<const std::byte*>(string.data());
  return {begin, begin + string.size()};
}

Net SmallNet() {
  NetBuilder b(21, {12, 12, 3});
  const int x = b.Conv(0, 8, Square(3, 2, 0, 1));
  b.Clamp(0, 6);
  const int y = b.Depthwise(x, Square(3, 1, 1, 1));
  const int sum = b.Add(x, y);
  const int pooled = b.Pool(OpKind::kAveragePool, sum, Square(6, 1, 0, 0));
  return b.Build(b.Dense(pooled, 3));
}

Recipe SmallRecipe() {
  Recipe recipe;
  recipe.name = "small";
  recipe.licence = "none";
  recipe.card = "A test.";
  recipe.preprocess = PreprocessRecipe{"stb",
                                       {{PreprocessStep::Kind::kCenterSquare, 0, 0, Filter::kBilinear},
                                        {PreprocessStep::Kind::kResize, 14, 14, Filter::kBicubic},
                                        {PreprocessStep::Kind::kCenterCrop, 12, 12, Filter::kBilinear}},
                                       {127, 127, 127},
                                       {128, 128, 128}};
  VerdictSettings verdict;
  verdict.labels = {"bcc", "nv", "mel"};
  verdict.positive = 0;
  verdict.temperature = 1.5f;
  verdict.operating_points = {
      {"first", 0.5f, 0.5f, 0.5f, "", false, {}, {}},
      {"second", 0.25f, 0.125f, 0.375f, "a note", true, Estimate{0.9375f, 0.875f, 1}, Estimate{0, 0, 0.25f}}};
  for (int i = 0; i < 32; ++i) verdict.output_hash.append(1, 'f').append(1, "0123456789abcdef"[i % 16]);
  verdict.default_operating_point = 1;
  verdict.calibration = CalibrationRecipe{0.75f, -0.5f, 0.25f, 1200, "a calibration"};
  LimitsRecipe limits;
  limits.rules = {{LimitReason::kBlurred, Limit::Kind::kFeature, 2, -1, HUGE_VALF, {}, {}},
                  {LimitReason::kOverExposed, Limit::Kind::kLinear, 0, 0, 3, std::vector<float>(12, 0.5f), {}},
                  {LimitReason::kUnlikeTraining, Limit::Kind::kDistance, 0, 0, 4, std::vector<float>(78, 0.25f),
                   std::vector<float>(12, 2)}};
  limits.refused = Estimate{0.25f, 0.125f, 0.5f};
  limits.images = 77;
  limits.note = "limits";
  verdict.limits = limits;
  recipe.verdict = verdict;
  return recipe;
}

std::vector<std::byte> EncodeSmall(bool quantised) {
  const Net net = SmallNet();
  std::vector<std::vector<double>> inputs(2, std::vector<double>(12 * 12 * 3));
  for (size_t i = 0; i < inputs[0].size(); ++i) inputs[0][i] = static_cast<double>(i % 7) - 3, inputs[1][i] = -inputs[0][i];
  auto file = quantised ? Quantize(net, CalibrationOf(net, inputs), {{127, 127, 127}, {128, 128, 128}}) : PackFloat(net);
  REQUIRE(file.ok());
  REQUIRE(PlanMemory(file.value()).ok());
  const auto bytes = EncodeModel(file.value(), SmallRecipe(), {"weights.safetensors", "abc"});
  REQUIRE(bytes.ok());
  return bytes.value();
}

}  // namespace

TEST_CASE("the same model gives the same bytes, and they open as what went in") {
  for (const bool quantised : {false, true}) {
    const std::vector<std::byte> bytes = EncodeSmall(quantised);
    CHECK(bytes == EncodeSmall(quantised));
    OpenOptions options;
    options.copy = true;
    const auto opened = Model::OpenMemory(bytes.data(), bytes.size(), options);
    INFO(std::string(opened.status().text()));
    REQUIRE(opened.ok());
    const Model& model = *opened.value();
    const Net net = SmallNet();
    REQUIRE(model.tensors().size() == net.tensors.size());
    REQUIRE(model.nodes().size() == net.nodes.size());
    for (size_t i = 0; i < net.tensors.size(); ++i) {
      CHECK(model.tensors()[i].name == net.tensors[i].name);
      CHECK(model.tensors()[i].info.shape == net.tensors[i].shape);
    }
    for (size_t i = 0; i < net.nodes.size(); ++i) CHECK(model.nodes()[i].name == net.nodes[i].name);
    REQUIRE(model.preprocess() != nullptr);
    REQUIRE(model.preprocess()->steps.size() == 3);
    CHECK(model.preprocess()->steps[1].kind == PreprocessStep::Kind::kResize);
    CHECK(model.preprocess()->steps[1].filter == Filter::kBicubic);
    CHECK(model.preprocess()->steps[1].width == 14);
    CHECK(model.preprocess()->std[2] == 128);
    REQUIRE(model.verdict() != nullptr);
    CHECK(model.verdict()->labels[2] == std::string("mel"));
    CHECK(model.verdict()->temperature == 1.5f);
    REQUIRE(model.verdict()->operating_points.size() == 2);
    CHECK(model.verdict()->operating_points[1].calibrated);
    CHECK(model.verdict()->operating_points[1].refer_high == 0.375f);
    CHECK(model.verdict()->operating_points[1].note == std::string("a note"));
    CHECK(model.verdict()->default_operating_point == 1);
    REQUIRE(model.verdict()->calibration.has_value());
    CHECK(model.verdict()->calibration->slope == 0.75f);
    CHECK(model.verdict()->calibration->intercept == -0.5f);
    CHECK(model.verdict()->calibration->bcc_share == 0.25f);
    CHECK(model.verdict()->calibration->images == 1200);
    REQUIRE(model.verdict()->operating_points[1].sensitivity.has_value());
    CHECK(model.verdict()->operating_points[1].sensitivity->low == 0.875f);
    CHECK(model.verdict()->operating_points[1].specificity->value == 0);
    CHECK(model.verdict()->operating_points[1].specificity->high == 0.25f);
    CHECK_FALSE(model.verdict()->operating_points[0].sensitivity.has_value());
    REQUIRE(model.verdict()->output_hash.size() == 32);
    CHECK(model.verdict()->output_hash[10] == 0xfa);
    CHECK(model.verdict()->calibration->note == std::string("a calibration"));
    REQUIRE(model.verdict()->limits.has_value());
    CHECK(LimitsJson(*RecipeOfModel(model).verdict->limits) == LimitsJson(*SmallRecipe().verdict->limits));
    CHECK(model.verdict()->limits->features == 12);
    CHECK(model.provenance().name == std::string("small"));
    CHECK(model.provenance().source == std::string("weights.safetensors"));
    CHECK(model.provenance().source_sha256 == std::string("abc"));
    CHECK(model.ArenaLowerBound(1, 1) <= model.ArenaBytes(1, 1));
    CHECK(model.file_bytes() == bytes.size());
  }
}

TEST_CASE("the recipe of a file, written as text and read again, is the recipe that it was made with") {
  const std::vector<std::byte> bytes = EncodeSmall(true);
  OpenOptions options;
  options.copy = true;
  const auto model = Model::OpenMemory(bytes.data(), bytes.size(), options);
  REQUIRE(model.ok());
  const Recipe recipe = RecipeOfModel(*model.value());
  nlohmann::json text = recipe.preprocess->ToJson();
  text.update(VerdictJson(*recipe.verdict));
  const auto parsed = ParseRecipe(text.dump(), "again");
  INFO(std::string(parsed.status().text()));
  REQUIRE(parsed.ok());
  CHECK(VerdictJson(*parsed.value().verdict) == VerdictJson(*SmallRecipe().verdict));
  CHECK(parsed.value().preprocess->ToJson() == SmallRecipe().preprocess->ToJson());
}

TEST_CASE("one changed byte is refused") {
  std::vector<std::byte> bytes = EncodeSmall(true);
  bytes[bytes.size() / 2] ^= std::byte{1};
  OpenOptions options;
  options.copy = true;
  CHECK(Model::OpenMemory(bytes.data(), bytes.size(), options).status().code() == Code::kBadInput);
}

TEST_CASE("SHA-256 of a known text") {
  // FIPS 180-4, appendix B.1.
  CHECK(HexSha256(Bytes("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("files are written whole or not at all") {
  const TemporaryFolder folder;
  const std::string path = folder / "model.cutis";
  REQUIRE(WriteFileAtomically(path, Bytes("first")).ok());
  REQUIRE(WriteFileAtomically(path, Bytes("second")).ok());
  CHECK(ReadFile(path, 100).value() == Bytes("second"));
  CHECK(folder.Files() == 1);
  // The target is a folder: what is in it stays, and no temporary file does.
  std::filesystem::create_directory(folder / "taken");
  CHECK(WriteFileAtomically(folder / "taken", Bytes("x")).code() == Code::kUsage);
  CHECK(folder.Files() == 2);
  CHECK(WriteFileAtomically(folder / "missing/model.cutis", Bytes("x")).code() == Code::kIo);
}

TEST_CASE("a write that fails half way leaves the old file and nothing else") {
  const TemporaryFolder folder;
  const std::string path = folder / "model.cutis";
  REQUIRE(WriteFileAtomically(path, Bytes("old")).ok());
  // Files may not grow beyond 1000 bytes, as on a disk that is full.
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 1000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Status status = WriteFileAtomically(path, std::vector<std::byte>(4000));
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(status.code() == Code::kIo);
  CHECK(ReadFile(path, 100).value() == Bytes("old"));
  CHECK(folder.Files() == 1);
}

TEST_CASE("files that cannot be read") {
  const TemporaryFolder folder;
  CHECK(ReadFile(folder / "none", 100).status().code() == Code::kBadInput);
  CHECK(ReadFile(folder / ".", 100).status().code() == Code::kBadInput);
  std::ofstream(folder / "long") << "0123456789";
  CHECK(ReadFile(folder / "long", 9).status().code() == Code::kBadInput);
  CHECK(ReadFile(folder / "long", 10).value().size() == 10);
  std::ofstream(folder / "empty");
  CHECK(ReadFile(folder / "empty", 10).value().empty());
}

}  // namespace cutis::convert
