// The decoder libjpeg-turbo: bits against Pillow, which decodes with the same library, and damage that the library would mend.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>

#include "runtime/image_check.h"
#include "runtime/turbo.h"
#include "tests/runtime/image_helpers.h"

namespace cutis {
namespace {

const char* const kJpegs[] = {"jpg_420.jpg",     "jpg_444.jpg",
                              "jpg_422.jpg",     "jpg_progressive.jpg",
                              "jpg_grey.jpg",    "jpg_grey_progressive.jpg",
                              "jpg_restart.jpg", "jpg_restart_blocks.jpg",
                              "jpg_exif_6.jpg",  "jpg_exif_8.jpg"};

bool Skip() {
  if (TurboVersion() != nullptr) return false;
  MESSAGE("skipped: this build has no libjpeg-turbo");
  return true;
}

Result<Image> Decode(const std::vector<uint8_t>& file, const char* decoder, std::span<const PreprocessStep> steps = {}) {
  Preprocess recipe;
  recipe.decoder = decoder;
  recipe.steps = steps;
  return DecodeImage(file, recipe);
}

PreprocessStep ResizeTo(int32_t width, int32_t height) {
  return {PreprocessStep::Kind::kResize, width, height, Filter::kBilinear};
}

TEST_CASE("a build without libjpeg-turbo says so") {
  for (const char* const name : {"libjpeg-turbo", "libjpeg-turbo-scaled"}) {
    const Result<Image> image = Decode(ReadData("jpg_420.jpg"), name);
    if (TurboVersion() != nullptr) {
      CHECK(image.ok());
    } else {
      REQUIRE(!image.ok());
      CHECK(image.status().code() == Code::kUnsupported);
      CHECK(std::strstr(image.status().text(), "-Dturbojpeg=enabled") != nullptr);
    }
  }
  CHECK(Decode(ReadData("jpg_420.jpg"), "libjpeg").status().code() == Code::kUnsupported);
}

TEST_CASE("libjpeg-turbo gives Pillow's pixels, bit for bit") {
  if (Skip()) return;
  for (const char* const name : kJpegs) {
    CAPTURE(name);
    const std::vector<uint8_t> expected = ReadData(std::string(name) + ".rgb");
    // Without steps the other name has nothing to scale for.
    for (const char* const decoder : {"libjpeg-turbo", "libjpeg-turbo-scaled"}) {
      const Result<Image> image = Decode(ReadData(name), decoder);
      if (!image.ok()) MESSAGE(image.status().text());
      REQUIRE(image.ok());
      const size_t bytes = static_cast<size_t>(image.value().width) * static_cast<size_t>(image.value().height) * 3;
      REQUIRE(expected.size() == bytes + 8);
      CHECK(image.value().width == (expected[0] | expected[1] << 8));
      CHECK(std::memcmp(image.value().rgb.get(), &expected[8], bytes) == 0);
    }
  }
}

TEST_CASE("libjpeg-turbo gives Pillow's pixels at a reduced size, bit for bit") {
  if (Skip()) return;
  std::ifstream list(DataPath("jpg_scaled.txt"));
  std::string name, expected;
  int eighths = 0, width = 0, height = 0, count = 0;
  while (list >> name >> eighths >> width >> height >> expected) {
    CAPTURE(name);
    CAPTURE(eighths);
    const std::vector<uint8_t> file = ReadData(name);
    const Result<EncodedInfo> info = CheckJpeg(file);
    REQUIRE(info.ok());
    const Result<Image> image = TurboDecode(file, info.value(), eighths);
    REQUIRE(image.ok());
    CHECK(image.value().width == width);
    CHECK(image.value().height == height);
    char crc[16];
    std::snprintf(crc, sizeof crc, "%08x", Crc(image.value()));
    CHECK(expected == crc);
    ++count;
  }
  CHECK(count == 30);
}

TEST_CASE("the reduced size follows from the image's size and the steps") {
  using Kind = PreprocessStep::Kind;
  const PreprocessStep square = {Kind::kCenterSquare, 0, 0, Filter::kBilinear};
  const PreprocessStep crop = {Kind::kCenterCrop, 160, 160, Filter::kBilinear};
  const auto eighths = [](std::vector<PreprocessStep> steps, int32_t width, int32_t height) {
    return DecodeEighths(steps, width, height);
  };
  CHECK(eighths({square, ResizeTo(184, 184), crop}, 600, 450) == 4);    // 225 x 225
  CHECK(eighths({square, ResizeTo(184, 184), crop}, 1472, 1473) == 1);  // 184 x 184
  CHECK(eighths({square, ResizeTo(184, 184), crop}, 1472, 1464) == 2);  // 183 would have to grow
  CHECK(eighths({square, ResizeTo(184, 184), crop}, 4000, 3000) == 1);
  CHECK(eighths({ResizeTo(100, 230)}, 600, 450) == 8);  // each direction by itself: 225 rows are too few
  CHECK(eighths({ResizeTo(100, 225)}, 600, 450) == 4);
  CHECK(eighths({ResizeTo(100, 225)}, 600, 449) == 4);  // rounded up, as the decoder does
  CHECK(eighths({ResizeTo(700, 500)}, 600, 450) == 8);
  CHECK(eighths({crop, ResizeTo(50, 50)}, 600, 450) == 8);  // its pixels are those of the whole image
  CHECK(eighths({square}, 600, 450) == 8);
  CHECK(eighths({}, 600, 450) == 8);
}

TEST_CASE("an image that lies on its side is reduced for the upright steps") {
  if (Skip()) return;
  const PreprocessStep step = ResizeTo(31, 40);  // upright 61 x 83: half is 31 x 42; stored 83 x 61 would not do
  const Result<Image> image = Decode(ReadData("jpg_exif_6.jpg"), "libjpeg-turbo-scaled", {&step, 1});
  REQUIRE(image.ok());
  CHECK(image.value().width == 31);
  CHECK(image.value().height == 42);
  const Result<Image> png = Decode(ReadData("png_exif_6.png"), "libjpeg-turbo-scaled", {&step, 1});
  const Result<Image> stb = Decode(ReadData("png_exif_6.png"), "stb");
  REQUIRE(png.ok());
  REQUIRE(stb.ok());
  CHECK(png.value().width == stb.value().width);
  CHECK(Crc(png.value()) == Crc(stb.value()));
}

// The CRCs are Pillow's, the second ones after draft() to half the size.
TEST_CASE("the pixels of the samples do not change") {
  if (Skip()) return;
  const PreprocessStep step = ResizeTo(184, 184);
  struct Sample {
    const char* name;
    uint32_t full, half;
  };
  for (const Sample& sample :
       {Sample{"lesion.jpg", 1958852211u, 4264283543u}, Sample{"naevus.jpg", 1220438735u, 1883587538u}}) {
    CAPTURE(sample.name);
    const std::vector<uint8_t> file = ReadData(std::string("../../../tools/samples/") + sample.name);
    CHECK(Crc(Decode(file, "libjpeg-turbo").value()) == sample.full);
    CHECK(Crc(Decode(file, "libjpeg-turbo-scaled", {&step, 1}).value()) == sample.half);
  }
}

TEST_CASE("what the library would mend is refused, even past the check") {
  if (Skip()) return;
  const EncodedInfo info = {83, 61, 1};
  for (const char* const name : {"jpg_444.jpg", "jpg_progressive.jpg", "jpg_restart.jpg"}) {
    CAPTURE(name);
    const std::vector<uint8_t> whole = ReadData(name);
    for (size_t length = 0; length + 2 < whole.size(); length += 3) {
      CAPTURE(length);
      std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      CHECK(TurboDecode(cut, info, 8).status().code() == Code::kBadInput);
      CHECK(Decode(cut, "libjpeg-turbo").status().code() == Code::kBadInput);
      cut.insert(cut.end(), {0xff, 0xd9});
      CHECK(Decode(cut, "libjpeg-turbo").status().code() == Code::kBadInput);
    }
  }
  // Another size than was checked, more colours than RGB, and nothing.
  CHECK(TurboDecode(ReadData("jpg_444.jpg"), {82, 61, 1}, 8).status().code() == Code::kInternal);
  CHECK(TurboDecode(ReadData("jpg_cmyk.jpg"), {20, 16, 1}, 8).status().code() == Code::kInternal);
  CHECK(TurboDecode({}, info, 8).status().code() == Code::kBadInput);
}

}  // namespace
}  // namespace cutis
