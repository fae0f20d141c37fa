// The resize against Pillow's results, bit for bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "tests/runtime/image_helpers.h"

namespace cutis {
namespace {

struct Case {
  std::string kind, filter, expected;
  uint32_t seed = 0;
  int32_t width = 0, height = 0, out_width = 0, out_height = 0;
};

std::vector<Case> ReadCases(const char* name) {
  std::ifstream file(DataPath(name));
  std::vector<Case> cases;
  Case c;
  while (file >> c.kind >> c.seed >> c.width >> c.height >> c.out_width >> c.out_height >> c.filter >> c.expected)
    cases.push_back(c);
  return cases;
}

Result<Image> Run(const Case& c) {
  REQUIRE((c.filter == "bilinear" || c.filter == "bicubic"));
  return ResizeImage(Picture(c.kind, c.seed, c.width, c.height), c.out_width, c.out_height,
                     c.filter == "bicubic" ? Filter::kBicubic : Filter::kBilinear, DetectCpu());
}

std::string Hex(const uint8_t* bytes, size_t count, const char* format) {
  std::string text;
  char part[16];
  for (size_t i = 0; i < count; ++i) {
    std::snprintf(part, sizeof part, format, bytes[i]);
    text += part;
  }
  return text;
}

TEST_CASE("resize gives Pillow's bytes") {
  const std::vector<Case> cases = ReadCases("resize.txt");
  REQUIRE(cases.size() >= 48);
  for (const Case& c : cases) {
    CAPTURE(c.width);
    CAPTURE(c.height);
    CAPTURE(c.out_width);
    CAPTURE(c.out_height);
    CAPTURE(c.filter);
    const Result<Image> result = Run(c);
    REQUIRE(result.ok());
    REQUIRE(result.value().width == c.out_width);
    REQUIRE(result.value().height == c.out_height);
    char crc[16];
    std::snprintf(crc, sizeof crc, "%08x", Crc(result.value()));
    CHECK(c.expected == crc);
  }
}

TEST_CASE("resize gives Pillow's bytes, spelled out") {
  const std::vector<Case> cases = ReadCases("resize_small.txt");
  REQUIRE(cases.size() >= 8);
  for (const Case& c : cases) {
    const Result<Image> result = Run(c);
    REQUIRE(result.ok());
    CHECK(c.expected == Hex(result.value().rgb.get(), static_cast<size_t>(c.out_width * c.out_height * 3), "%02x"));
  }
}

TEST_CASE("a flat image stays what it is at any size") {
  Image image = NewImage(50, 30);
  std::memset(image.rgb.get(), 255, 50 * 30 * 3);
  for (const Filter filter : {Filter::kBilinear, Filter::kBicubic}) {
    for (const int32_t size : {1, 2, 3, 29, 50, 51, 190}) {
      const Result<Image> result = ResizeImage(image, size, size, filter, DetectCpu());
      REQUIRE(result.ok());
      for (int32_t i = 0; i < size * size * 3; ++i) REQUIRE(result.value().rgb[static_cast<size_t>(i)] == 255);
    }
  }
}

// Every instruction set that the machine has, the reference first.
std::vector<CpuFeatures> Masks() {
  std::vector<CpuFeatures> masks = {FeatureOf(Isa::kScalar)};
  for (const Isa isa : {Isa::kSse4, Isa::kAvx2, Isa::kNeon}) {
    const Result<CpuFeatures> mask = MaskCpu(DetectCpu(), NameOf(isa));
    if (mask.ok()) masks.push_back(mask.value());
  }
  return masks;
}

TEST_CASE("resize gives the same bytes on every instruction set, for every pair of small sizes") {
  const std::vector<CpuFeatures> masks = Masks();
  if (masks.size() == 1) MESSAGE("skipped: this machine has the reference only");
  for (int32_t in = 1; in <= 40; ++in) {
    // The height another size, so that both passes see all.
    const Image image = Picture(in % 2 == 0 ? "noise" : "edges", static_cast<uint32_t>(in), in, 41 - in);
    for (int32_t out = 1; out <= 40; ++out) {
      for (const Filter filter : {Filter::kBilinear, Filter::kBicubic}) {
        const Result<Image> expected = ResizeImage(image, out, 41 - out, filter, masks[0]);
        REQUIRE(expected.ok());
        const size_t bytes = static_cast<size_t>(out * (41 - out)) * 3;
        for (size_t i = 1; i < masks.size(); ++i) {
          const Result<Image> result = ResizeImage(image, out, 41 - out, filter, masks[i]);
          REQUIRE(result.ok());
          CAPTURE(in);
          CAPTURE(out);
          REQUIRE(std::memcmp(expected.value().rgb.get(), result.value().rgb.get(), bytes) == 0);
        }
      }
    }
  }
}

TEST_CASE("crops behind a resize give the pixels of the whole resized image") {
  using Kind = PreprocessStep::Kind;
  const Image image = Picture("noise", 3, 61, 47);
  // Both axes shrink, grow, or stay as they are.
  for (const int32_t width : {30, 61, 90}) {
    for (const int32_t height : {25, 47, 70}) {
      const PreprocessStep steps[] = {{Kind::kResize, width, height, Filter::kBicubic},
                                      {Kind::kCenterCrop, width - 3, height - 2, Filter::kBilinear},
                                      {Kind::kCenterSquare, 0, 0, Filter::kBilinear},
                                      {Kind::kResize, 17, 29, Filter::kBilinear},
                                      {Kind::kCenterCrop, 10, 20, Filter::kBilinear}};
      const int32_t side = std::min(width - 3, height - 2);
      const Result<Image> resized = ResizeImage(image, width, height, Filter::kBicubic, DetectCpu());
      const Result<Image> cropped = CropCenter(resized.value(), width - 3, height - 2);
      const Result<Image> squared = CropCenter(cropped.value(), side, side);
      const Result<Image> second = ResizeImage(squared.value(), 17, 29, Filter::kBilinear, DetectCpu());
      const Result<Image> last = CropCenter(second.value(), 10, 20);
      for (const size_t count : {3, 5}) {
        CAPTURE(width);
        CAPTURE(height);
        CAPTURE(count);
        const Result<Image>& expected = count == 3 ? squared : last;
        REQUIRE(expected.ok());
        const int32_t w = expected.value().width, h = expected.value().height;
        Preprocess recipe;
        recipe.steps = {steps, count};
        for (const int32_t stride : {3, 4, 5}) {
          std::vector<uint8_t> out(static_cast<size_t>(w * h * stride), 0xa5), tight;
          REQUIRE(PreprocessImage(recipe, image, DetectCpu(), w, h, stride, out.data()).ok());
          bool untouched = true;
          for (size_t i = 0; i < out.size(); ++i) {
            if (i % static_cast<size_t>(stride) < 3) tight.push_back(out[i]);
            if (i % static_cast<size_t>(stride) >= 3) untouched = untouched && out[i] == 0xa5;
          }
          CHECK(untouched);
          CHECK(std::memcmp(tight.data(), expected.value().rgb.get(), tight.size()) == 0);
        }
      }
    }
  }
}

TEST_CASE("resize refuses what it cannot do") {
  const Image image = NewImage(4, 4);
  CHECK(ResizeImage(image, 0, 4, Filter::kBilinear, DetectCpu()).status().code() == Code::kBadInput);
  CHECK(ResizeImage(image, 4, -1, Filter::kBicubic, DetectCpu()).status().code() == Code::kBadInput);
  CHECK(ResizeImage(image, 10000, 10000, Filter::kBicubic, DetectCpu()).status().code() == Code::kBadInput);
  CHECK(ResizeImage(image, 100000, 1, Filter::kBicubic, DetectCpu()).status().code() == Code::kUnsupported);
  // The rows in between would be 65000 x 65000.
  CHECK(ResizeImage(NewImage(1, 65000), 65000, 1, Filter::kBilinear, DetectCpu()).status().code() == Code::kBadInput);
}

}  // namespace
}  // namespace cutis
