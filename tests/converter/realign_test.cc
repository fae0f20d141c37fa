// Layers of a pruned network get back the means and deviations that they had.
#include "converter/prune/realign.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "converter/plan/plan.h"
#include "converter/prune/moments.h"
#include "converter/prune/weights.h"
#include "converter/quant/quantize.h"
#include "converter/write/encode.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

constexpr int kSide = 12;

// A folder of RGB images of noise, removed at the end. PNGs stored without compression.
class ImageFolder {
 public:
  explicit ImageFolder(int count) {
    std::string name = (std::filesystem::temp_directory_path() / "cutis-test-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
    Random random(8);
    for (int i = 0; i < count; ++i) {
      std::string raw;
      for (int y = 0; y < kSide; ++y) {
        raw += '\0';
        for (int x = 0; x < kSide * 3; ++x) raw += static_cast<char>(random.Below(256));
      }
      images.push_back(path_ + "/" + std::to_string(i) + ".png");
      Write(images.back(), raw);
    }
  }
  ~ImageFolder() { std::filesystem::remove_all(path_); }
  std::vector<std::string> images;

 private:
  static std::string Big(uint32_t value) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 255);
    return text;
  }
  static std::string Chunk(const std::string& body) {
    uint32_t crc = 0xffffffffu;
    for (const char byte : body) {
      crc ^= static_cast<uint8_t>(byte);
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
    }
    return Big(static_cast<uint32_t>(body.size() - 4)) + body + Big(~crc);
  }
  static void Write(const std::string& path, const std::string& raw) {
    uint32_t a = 1, b = 0;
    for (const char byte : raw) {
      a = (a + static_cast<uint8_t>(byte)) % 65521;
      b = (b + a) % 65521;
    }
    const auto size = static_cast<uint32_t>(raw.size());
    std::string stream = "\x78\x01\x01";
    for (const uint32_t value : {size, size >> 8, ~size, ~size >> 8}) stream += static_cast<char>(value & 255);
    stream += raw + Big(b << 16 | a);
    std::ofstream(path, std::ios::binary) << "\x89PNG\r\n\x1a\n"
                                          << Chunk("IHDR" + Big(kSide) + Big(kSide) + std::string("\x08\x02\0\0\0", 5))
                                          << Chunk("IDAT" + stream) << Chunk("IEND");
  }

  std::string path_;
};

Result<std::unique_ptr<Model>> Open(const Net& net) {
  Recipe recipe;
  recipe.name = "small";
  recipe.preprocess = PreprocessRecipe{
      "stb", {{PreprocessStep::Kind::kResize, kSide, kSide, Filter::kBilinear}}, {127, 127, 127}, {128, 128, 128}};
  CUTIS_ASSIGN(FileModel file, PackFloat(net));
  CUTIS_ASSIGN([[maybe_unused]] const PlanReport plan, PlanMemory(file));
  CUTIS_ASSIGN(const std::vector<std::byte> bytes, EncodeModel(file, recipe, {}));
  OpenOptions options;
  options.copy = true;
  return Model::OpenMemory(bytes.data(), bytes.size(), options);
}

void Silent(int64_t, int64_t) {}

Moments MomentsOf(const Net& net, const std::vector<std::string>& images, int32_t threads) {
  const auto model = Open(net);
  REQUIRE(model.ok());
  auto moments = CollectMoments(net, *model.value(), images, threads, Silent);
  REQUIRE(moments.ok());
  return std::move(moments.value());
}

// At most `silent` channels of b may have no deviation left to scale: all that they read is gone.
void CheckEqual(const TensorMoments& a, const TensorMoments& b, size_t first, int silent) {
  const auto deviation = [](const TensorMoments& m, size_t c) {
    return std::sqrt(std::max(0.0, m.mean_square[c] - m.mean[c] * m.mean[c]));
  };
  for (size_t c = 0; c < b.mean.size(); ++c) {
    CHECK(std::fabs(a.mean[first + c] - b.mean[c]) < 1e-4);
    if (deviation(b, c) < 1e-4) {
      --silent;
    } else {
      CHECK(std::fabs(deviation(a, first + c) - deviation(b, c)) < 1e-3);
    }
  }
  CHECK(silent >= 0);
}

TEST_CASE("realigned layers have the means and deviations of the whole network") {
  const ImageFolder folder(6);
  NetBuilder b(31, {kSide, kSide, 3});
  const int x = b.Conv(0, 24, Square(3, 2, 0, 1));
  b.Clamp(0, 6);
  const int wide = b.Conv(x, 72, Square(1, 1, 0, 0));
  b.Clamp(0, 6);
  const int deep = b.Depthwise(wide, Square(3, 1, 1, 1));
  const int narrow = b.Conv(deep, 24, Square(1, 1, 0, 0));
  const int sum = b.Add(x, narrow);
  const int pooled = b.Pool(OpKind::kAveragePool, sum, Square(6, 1, 0, 0));
  const int hidden = b.Dense(pooled, 50);
  b.Clamp(0, 6);
  const int last = b.Dense(hidden, 5);
  const Net net = b.Build(last);
  const Moments whole = MomentsOf(net, folder.images, 1);

  PruneOptions options;
  options.mode = PruneMode::kBlock;
  options.rate = 0.5;
  Net pruned = net;
  REQUIRE(PruneWeights(options, &whole, &pruned).ok());
  pruned.nodes[3].weight_scales = {0.25f};  // of a source that states one
  const Net before = pruned;
  REQUIRE(Realign(net, {}, Open, folder.images, 1, Silent, &pruned).ok());
  // Before a clamp only the layers without one can be looked at from here.
  const Moments part = MomentsOf(pruned, folder.images, 2);
  for (const int tensor : {deep, narrow, last}) {
    const std::string& name = net.tensors[static_cast<size_t>(tensor)].name;
    CheckEqual(whole.at(name), part.at(name), 0, tensor == deep ? 16 : tensor == narrow ? 8 : 0);  // a panel lost all
  }
  bool changed = false;
  for (size_t i = 0; i < net.nodes.size(); ++i) {
    const NetNode &old = before.nodes[i], &now = pruned.nodes[i];
    for (size_t k = 0; k < old.weights.size(); ++k) {
      CHECK((old.weights[k] == 0) == (now.weights[k] == 0));
      changed = changed || std::fabs(old.weights[k] - now.weights[k]) > 0.01f;
    }
  }
  CHECK(changed);
  // The scales of the source follow, so that its integers stay.
  const NetNode& stated = pruned.nodes[3];
  REQUIRE(stated.weight_scales.size() == 24);
  for (size_t k = 0; k < stated.weights.size(); ++k) {
    const float old = before.nodes[3].weights[k] / 0.25f, now = stated.weights[k] / stated.weight_scales[k / 72];
    CHECK(std::fabs(old - now) < 1e-4f);
  }
}

TEST_CASE("a network that lost nothing stays as it is, but for rounding") {
  const ImageFolder folder(3);
  NetBuilder b(4, {kSide, kSide, 3});
  const int x = b.Conv(0, 16, Square(3, 2, 0, 1));
  b.Clamp(0, 6);
  const Net net = b.Build(b.Conv(x, 8, Square(1, 1, 0, 0)));
  Net same = net;
  REQUIRE(Realign(net, {}, Open, folder.images, 1, Silent, &same).ok());
  for (size_t i = 0; i < net.nodes.size(); ++i) {
    for (size_t k = 0; k < net.nodes[i].weights.size(); ++k) {
      CHECK(std::fabs(net.nodes[i].weights[k] - same.nodes[i].weights[k]) < 1e-5f);
    }
  }
}

TEST_CASE("a network with fewer channels is compared with those that are left") {
  const ImageFolder folder(4);
  const auto build = [](int32_t channels) {
    NetBuilder b(4, {kSide, kSide, 3});
    const int x = b.Conv(0, channels, Square(3, 2, 0, 1));
    return b.Build(b.Pool(OpKind::kMaxPool, x, Square(2, 2, 0, 0)));
  };
  // The channels 2 .. 5 of 6 are left, and disturbed.
  const Net net = build(6);
  Net smaller = build(4);
  const NetNode& from = net.nodes[0];
  NetNode& to = smaller.nodes[0];
  to.weights.assign(from.weights.begin() + 2 * 27, from.weights.end());
  to.bias.assign(from.bias.begin() + 2, from.bias.end());
  for (float& weight : to.weights) weight *= 0.5f;
  for (float& bias : to.bias) bias += 0.3f;
  const std::string& name = net.tensors[1].name;
  REQUIRE(Realign(net, {{name, {2, 3, 4, 5}}}, Open, folder.images, 1, Silent, &smaller).ok());
  CheckEqual(MomentsOf(net, folder.images, 1).at(name), MomentsOf(smaller, folder.images, 1).at(name), 2, 0);
}

}  // namespace
}  // namespace cutis::convert
