// The resize against Pillow's results, bit for bit.
#include <doctest/doctest.h>

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
                     c.filter == "bicubic" ? Filter::kBicubic : Filter::kBilinear);
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
      const Result<Image> result = ResizeImage(image, size, size, filter);
      REQUIRE(result.ok());
      for (int32_t i = 0; i < size * size * 3; ++i) REQUIRE(result.value().rgb[static_cast<size_t>(i)] == 255);
    }
  }
}

TEST_CASE("resize refuses what it cannot do") {
  const Image image = NewImage(4, 4);
  CHECK(ResizeImage(image, 0, 4, Filter::kBilinear).status().code() == Code::kBadInput);
  CHECK(ResizeImage(image, 4, -1, Filter::kBicubic).status().code() == Code::kBadInput);
  CHECK(ResizeImage(image, 10000, 10000, Filter::kBicubic).status().code() == Code::kBadInput);
  CHECK(ResizeImage(image, 100000, 1, Filter::kBicubic).status().code() == Code::kUnsupported);
  // The rows in between would be 65000 x 65000.
  CHECK(ResizeImage(NewImage(1, 65000), 65000, 1, Filter::kBilinear).status().code() == Code::kBadInput);
}

}  // namespace
}  // namespace cutis
