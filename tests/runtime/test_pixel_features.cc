// Features of pixels: the sums of a pass over rows are those of the definitions, whatever the size.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/pixel_features.h"

namespace cutis {
namespace {

struct Picture {
  int32_t width, height, stride;
  std::vector<uint8_t> bytes;

  const uint8_t* At(int32_t x, int32_t y) const { return bytes.data() + (static_cast<ptrdiff_t>(y) * width + x) * stride; }
  int64_t Luminance(int32_t x, int32_t y) const {
    const uint8_t* p = At(x, y);
    return (77 * p[0] + 150 * p[1] + 29 * p[2]) / 256;
  }
  // Of the `side` x `side` luminances of a whole square.
  int64_t Square(int32_t x, int32_t y, int32_t side) const {
    int64_t sum = 0;
    for (int32_t j = 0; j < side; ++j) {
      for (int32_t i = 0; i < side; ++i) sum += Luminance(x * side + i, y * side + j);
    }
    return sum;
  }
};

// Smooth, noisy, black and white parts; what lies between the pixels is not to be read.
Picture MakePicture(int32_t width, int32_t height, int32_t stride, uint32_t seed) {
  Picture picture{width, height, stride, std::vector<uint8_t>(static_cast<size_t>(width * height * stride), 0xa5)};
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      for (int32_t c = 0; c < 3; ++c) {
        seed = seed * 1664525u + 1013904223u;
        const uint32_t kind = static_cast<uint32_t>(x / 7 + y / 5) % 4;
        const auto smooth = static_cast<uint32_t>(3 * x + 2 * y + 60 * c) & 255;
        const uint32_t value = kind == 0 ? seed >> 24 : kind == 1 ? smooth : kind == 2 ? 0 : 255 - (seed >> 30);
        picture.bytes[static_cast<size_t>((y * width + x) * stride + c)] = static_cast<uint8_t>(value);
      }
    }
  }
  return picture;
}

PixelSums ByDefinition(const Picture& p) {
  PixelSums sums;
  const int32_t w = p.width, h = p.height;
  for (int32_t y = 0; y < h; ++y) {
    for (int32_t x = 0; x < w; ++x) {
      const uint8_t* rgb = p.At(x, y);
      const int64_t l = p.Luminance(x, y), s = rgb[0] + rgb[1] + rgb[2];
      ++sums.pixels;
      sums.luminance += l;
      sums.luminance_squares += l * l;
      sums.bright += rgb[0] >= 250 && rgb[1] >= 250 && rgb[2] >= 250;
      sums.dark += rgb[0] <= 12 && rgb[1] <= 12 && rgb[2] <= 12;
      const int64_t red = s == 0 ? 1365 : (int64_t{8192} * rgb[0] + s) / (2 * s);
      const int64_t green = s == 0 ? 1365 : (int64_t{8192} * rgb[1] + s) / (2 * s);
      sums.red += red;
      sums.red_squares += red * red;
      sums.green += green;
      sums.green_squares += green * green;
      if (x == 0 || y == 0 || x + 1 == w || y + 1 == h) continue;
      ++sums.inner;
      sums.laplacian +=
          std::abs(4 * l - p.Luminance(x - 1, y) - p.Luminance(x + 1, y) - p.Luminance(x, y - 1) - p.Luminance(x, y + 1));
    }
  }
  for (int32_t i = 0, side = 1; i < 3; ++i, side *= 4) {
    for (int32_t y = 0; y < h / side; ++y) {
      for (int32_t x = 0; x < w / side; ++x) {
        if (x + 1 < w / side) {
          sums.gradient[i] += std::abs(p.Square(x, y, side) - p.Square(x + 1, y, side));
          ++sums.pairs[i];
        }
        if (y + 1 < h / side) {
          sums.gradient[i] += std::abs(p.Square(x, y, side) - p.Square(x, y + 1, side));
          ++sums.pairs[i];
        }
      }
    }
  }
  return sums;
}

PixelSums Sums(const Picture& p) {
  constexpr size_t kGuard = 64;
  const size_t bytes = PixelScratchBytes(p.width);
  std::vector<std::byte> scratch(bytes + kGuard, std::byte{0x5a});
  const PixelSums sums = SumPixels(p.bytes.data(), p.width, p.height, p.stride, scratch.data());
  for (size_t i = 0; i < kGuard; ++i) REQUIRE(scratch[bytes + i] == std::byte{0x5a});
  return sums;
}

std::vector<float> FeaturesOf(const PixelSums& sums) {
  std::vector<float> features(kPixelFeatures);
  PixelFeaturesOf(sums, std::span<float, kPixelFeatures>(features));
  return features;
}

Picture Flat(int32_t width, int32_t height, uint8_t r, uint8_t g, uint8_t b) {
  Picture picture{width, height, 3, {}};
  for (int32_t i = 0; i < width * height; ++i) picture.bytes.insert(picture.bytes.end(), {r, g, b});
  return picture;
}

float At(const std::vector<float>& features, PixelFeature feature) { return features[static_cast<size_t>(feature)]; }

TEST_CASE("one pass over the rows gives the sums of the definitions") {
  uint32_t seed = 1;
  for (const int32_t width : {1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 32, 33, 48, 67}) {
    for (const int32_t height : {1, 2, 3, 4, 7, 8, 16, 19, 32, 35, 50}) {
      const Picture picture = MakePicture(width, height, 3 + static_cast<int32_t>(seed % 3), seed);
      ++seed;
      CAPTURE(width);
      CAPTURE(height);
      const PixelSums got = Sums(picture), expected = ByDefinition(picture);
      CHECK(got.pixels == expected.pixels);
      CHECK(got.inner == expected.inner);
      CHECK(got.laplacian == expected.laplacian);
      for (int i = 0; i < 3; ++i) {
        CHECK(got.gradient[i] == expected.gradient[i]);
        CHECK(got.pairs[i] == expected.pairs[i]);
      }
      CHECK(got.luminance == expected.luminance);
      CHECK(got.luminance_squares == expected.luminance_squares);
      CHECK(got.bright == expected.bright);
      CHECK(got.dark == expected.dark);
      // By a table of reciprocals: each pixel to within one.
      CHECK(std::abs(got.red - expected.red) <= got.pixels);
      CHECK(std::abs(got.green - expected.green) <= got.pixels);
      CHECK(std::abs(got.red_squares - expected.red_squares) <= got.pixels * 8193);
      CHECK(std::abs(got.green_squares - expected.green_squares) <= got.pixels * 8193);
    }
  }
}

TEST_CASE("chromaticities by reciprocals are within one of the quotient") {
  for (int32_t r = 0; r < 256; r += 5) {
    for (int32_t g = 0; g < 256; g += 3) {
      for (int32_t b = 0; b < 256; b += 17) {
        const Picture one = Flat(1, 1, static_cast<uint8_t>(r), static_cast<uint8_t>(g), static_cast<uint8_t>(b));
        const PixelSums got = Sums(one), expected = ByDefinition(one);
        REQUIRE(std::abs(got.red - expected.red) <= 1);
        REQUIRE(std::abs(got.green - expected.green) <= 1);
        REQUIRE(got.red_squares == got.red * got.red);
      }
    }
  }
}

TEST_CASE("features of images that can be reckoned in the head") {
  const std::vector<float> grey = FeaturesOf(Sums(Flat(40, 40, 100, 100, 100)));
  CHECK(At(grey, PixelFeature::kDetail) == -2.0f);  // log2(1/4)
  CHECK(At(grey, PixelFeature::kFineContrast) == -2.0f);
  CHECK(At(grey, PixelFeature::kCoarseContrast) == -2.0f);
  CHECK(At(grey, PixelFeature::kLuminance) == 100.0f);
  CHECK(At(grey, PixelFeature::kSpread) == 0.0f);
  CHECK(At(grey, PixelFeature::kRed) == doctest::Approx(1.0 / 3).epsilon(0.001));
  CHECK(At(grey, PixelFeature::kRedSpread) == 0.0f);
  CHECK(At(grey, PixelFeature::kBright) == 0.0f);
  CHECK(At(FeaturesOf(Sums(Flat(8, 8, 255, 255, 255))), PixelFeature::kBright) == 1.0f);
  CHECK(At(FeaturesOf(Sums(Flat(8, 8, 250, 255, 249))), PixelFeature::kBright) == 0.0f);
  CHECK(At(FeaturesOf(Sums(Flat(8, 8, 12, 0, 3))), PixelFeature::kDark) == 1.0f);
  CHECK(At(FeaturesOf(Sums(Flat(8, 8, 255, 0, 0))), PixelFeature::kRed) == 1.0f);
  CHECK(At(FeaturesOf(Sums(Flat(8, 8, 0, 255, 0))), PixelFeature::kGreen) == 1.0f);

  // Columns of 0 and 200 in turn: every pixel differs by 200 from both its neighbours in the row, by 0 from those in the
  // column.
  Picture stripes = Flat(32, 32, 0, 0, 0);
  for (int32_t i = 0; i < 32 * 32; ++i) {
    for (int32_t c = 0; c < 3; ++c) stripes.bytes[static_cast<size_t>(3 * i + c)] = i % 2 == 0 ? 0 : 200;
  }
  const std::vector<float> striped = FeaturesOf(Sums(stripes));
  CHECK(At(striped, PixelFeature::kDetail) == doctest::Approx(std::log2(400.25)));
  CHECK(At(striped, PixelFeature::kFineContrast) == doctest::Approx(std::log2(100.25)));
  CHECK(At(striped, PixelFeature::kMiddleContrast) == -2.0f);  // squares of 4 are all alike
  CHECK(At(striped, PixelFeature::kLuminance) == 100.0f);
  CHECK(At(striped, PixelFeature::kSpread) == 100.0f);
  CHECK(At(striped, PixelFeature::kDark) == std::sqrt(0.5f));
}

TEST_CASE("an image too small for a feature has the value of none") {
  for (const float feature : FeaturesOf(Sums(Flat(1, 1, 0, 0, 0)))) CHECK(std::isfinite(feature));
  CHECK(At(FeaturesOf(Sums(Flat(2, 9, 10, 20, 30))), PixelFeature::kDetail) == -2.0f);
}

TEST_CASE("features have names") {
  CHECK(std::string(NameOf(PixelFeature::kDetail)) == "detail");
  CHECK(std::string(NameOf(PixelFeature::kDark)) == "dark");
  CHECK(NameOf(static_cast<PixelFeature>(kPixelFeatures)) == nullptr);
}

}  // namespace
}  // namespace cutis
