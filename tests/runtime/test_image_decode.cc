// Decoding: pictures of every kind against Pillow, and what must be refused.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>

#include "runtime/exif.h"
#include "tests/runtime/image_helpers.h"

namespace cutis {
namespace {

Result<Image> Decode(const std::vector<uint8_t>& file, const char* decoder = "stb") {
  Preprocess recipe;
  recipe.decoder = decoder;
  return DecodeImage(file, recipe);
}

struct Expected {
  std::string name;
  int32_t width = 0, height = 0;
  std::string crc;
};

const char* const kJpegs[] = {"jpg_420.jpg",     "jpg_444.jpg",
                              "jpg_422.jpg",     "jpg_progressive.jpg",
                              "jpg_grey.jpg",    "jpg_grey_progressive.jpg",
                              "jpg_restart.jpg", "jpg_restart_blocks.jpg",
                              "jpg_exif_6.jpg",  "jpg_exif_8.jpg"};

TEST_CASE("PNG of every kind decodes to Pillow's pixels") {
  std::ifstream list(DataPath("images.txt"));
  Expected expected;
  int count = 0;
  while (list >> expected.name >> expected.width >> expected.height >> expected.crc) {
    CAPTURE(expected.name);
    const Result<Image> image = Decode(ReadData(expected.name));
    if (!image.ok()) MESSAGE(image.status().text());
    REQUIRE(image.ok());
    CHECK(image.value().width == expected.width);
    CHECK(image.value().height == expected.height);
    char crc[16];
    std::snprintf(crc, sizeof crc, "%08x", Crc(image.value()));
    CHECK(expected.crc == crc);
    ++count;
  }
  CHECK(count >= 27);
}

// Two decoders of JPEG round differently in the inverse transform and the colour conversion, and interpolate halved colours at
// the border differently: on smooth pictures by single steps.
TEST_CASE("JPEG decodes to Pillow's pixels within a tolerance") {
  for (const char* const name : kJpegs) {
    CAPTURE(name);
    const Result<Image> image = Decode(ReadData(name));
    if (!image.ok()) MESSAGE(image.status().text());
    REQUIRE(image.ok());
    const std::vector<uint8_t> expected = ReadData(std::string(name) + ".rgb");
    const size_t bytes = static_cast<size_t>(image.value().width) * static_cast<size_t>(image.value().height) * 3;
    REQUIRE(expected.size() == bytes + 8);
    CHECK(image.value().width == (expected[0] | expected[1] << 8));
    CHECK(image.value().height == (expected[4] | expected[5] << 8));
    int largest = 0;
    double sum = 0;
    for (size_t i = 0; i < bytes; ++i) {
      const int difference = std::abs(image.value().rgb[i] - expected[i + 8]);
      largest = difference > largest ? difference : largest;
      sum += difference;
    }
    CHECK(largest <= 6);
    CHECK(sum / static_cast<double>(bytes) < 0.6);
  }
}

TEST_CASE("a file cut off anywhere is refused") {
  std::vector<std::string> names(std::begin(kJpegs), std::end(kJpegs));
  for (const char* const name : {"png_8_2.png", "png_8_3.png", "png_16_6.png", "png_interlaced.png", "png_exif_6.png"}) {
    names.push_back(name);
  }
  for (const std::string& name : names) {
    CAPTURE(name);
    const std::vector<uint8_t> whole = ReadData(name);
    REQUIRE(whole.size() > 100);
    for (size_t length = 0; length < whole.size(); ++length) {
      // A copy of exactly this size, so that the sanitizer sees any step beyond it.
      const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      const Result<Image> image = Decode(cut);
      CAPTURE(length);
      REQUIRE(!image.ok());
      REQUIRE(image.status().code() == Code::kBadInput);
    }
    // What follows the end does not matter.
    std::vector<uint8_t> longer = whole;
    longer.insert(longer.end(), 100, 0xff);
    CHECK(Decode(longer).ok());
  }
}

// Some programs repair a broken transfer by an end marker; a decoder then paints the missing part grey.
TEST_CASE("a JPEG whose data breaks off before its end marker is refused") {
  for (const char* const name : kJpegs) {
    CAPTURE(name);
    const std::vector<uint8_t> whole = ReadData(name);
    size_t scan = 0;
    while (!(whole[scan] == 0xff && whole[scan + 1] == 0xda)) ++scan;
    for (size_t length = scan; length + 2 < whole.size(); ++length) {
      std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      cut.push_back(0xff);
      cut.push_back(0xd9);
      CAPTURE(length);
      const Result<Image> image = Decode(cut);
      REQUIRE(!image.ok());
      REQUIRE(image.status().code() == Code::kBadInput);
    }
  }
}

TEST_CASE("a piece missing in the middle of a JPEG's data is refused") {
  const std::vector<uint8_t> whole = ReadData("jpg_444.jpg");
  for (size_t begin = whole.size() / 2; begin + 200 < whole.size(); begin += 7) {
    std::vector<uint8_t> gap(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(begin));
    gap.insert(gap.end(), whole.begin() + static_cast<ptrdiff_t>(begin + 90), whole.end());
    CHECK(!Decode(gap).ok());
  }
}

TEST_CASE("any altered byte of a PNG is noticed, where it matters") {
  const std::vector<uint8_t> whole = ReadData("png_8_3.png");
  for (size_t at = 0; at < whole.size(); ++at) {
    std::vector<uint8_t> altered = whole;
    altered[at] ^= 0x41;
    CAPTURE(at);
    REQUIRE(!Decode(altered).ok());
  }
}

TEST_CASE("what cannot be decoded is refused with the reason") {
  const auto refused = [](const std::vector<uint8_t>& file, Code code, const char* text) {
    const Result<Image> image = Decode(file);
    REQUIRE(!image.ok());
    CAPTURE(image.status().text());
    CHECK(image.status().code() == code);
    CHECK(std::strstr(image.status().text(), text) != nullptr);
  };
  refused({}, Code::kBadInput, "empty");
  refused({'G', 'I', 'F', '8', '9', 'a'}, Code::kBadInput, "neither JPEG nor PNG");
  refused(ReadData("resize.txt"), Code::kBadInput, "neither JPEG nor PNG");
  refused(ReadData("png_bomb.png"), Code::kBadInput, "unpacks to more");
  refused(ReadData("jpg_cmyk.jpg"), Code::kUnsupported, "CMYK");
  refused(std::vector<uint8_t>(kMaxEncodedBytes + 1), Code::kBadInput, "too large");
  CHECK(Decode(ReadData("jpg_420.jpg"), "turbo").status().code() == Code::kUnsupported);

  std::vector<uint8_t> jpeg = ReadData("jpg_420.jpg");
  size_t frame = 0;
  while (!(jpeg[frame] == 0xff && jpeg[frame + 1] == 0xc0)) ++frame;
  const auto patched = [&](size_t offset, std::vector<uint8_t> bytes) {
    std::vector<uint8_t> file = jpeg;
    std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<ptrdiff_t>(frame + offset));
    return file;
  };
  refused(patched(1, {0xc9}), Code::kUnsupported, "arithmetic");
  refused(patched(1, {0xc3}), Code::kUnsupported, "lossless");
  refused(patched(4, {12}), Code::kUnsupported, "12 bits");
  refused(patched(5, {0, 0}), Code::kBadInput, "no pixels");
  refused(patched(5, {0xff, 0xff, 0xff, 0xff}), Code::kBadInput, "too large");
  refused(patched(9, {2}), Code::kUnsupported, "2 components");
}

// Grey of 16 bits and a size beyond the limit, with right checksums.
std::vector<uint8_t> PngHeader(uint32_t width, uint32_t height, uint8_t bits, uint8_t color) {
  std::vector<uint8_t> file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
  for (const uint32_t side : {width, height}) {
    for (int shift = 24; shift >= 0; shift -= 8) file.push_back(static_cast<uint8_t>(side >> shift));
  }
  file.insert(file.end(), {bits, color, 0, 0, 0});
  const uint32_t crc = Crc(&file[12], 17);
  for (int shift = 24; shift >= 0; shift -= 8) file.push_back(static_cast<uint8_t>(crc >> shift));
  return file;
}

TEST_CASE("a PNG is refused by its header before anything is unpacked") {
  CHECK(std::strstr(Decode(PngHeader(10, 10, 16, 0)).status().text(), "16-bit grey") != nullptr);
  CHECK(std::strstr(Decode(PngHeader(10000, 10000, 8, 2)).status().text(), "too large") != nullptr);
  CHECK(std::strstr(Decode(PngHeader(0xffffffffu, 0xffffffffu, 8, 2)).status().text(), "too large") != nullptr);
  CHECK(std::strstr(Decode(PngHeader(0, 10, 8, 2)).status().text(), "no pixels") != nullptr);
  CHECK(std::strstr(Decode(PngHeader(10, 10, 4, 2)).status().text(), "kind of pixels") != nullptr);
  CHECK(std::strstr(Decode(PngHeader(10, 10, 3, 0)).status().text(), "kind of pixels") != nullptr);
  CHECK(std::strstr(Decode(PngHeader(10, 10, 8, 2)).status().text(), "cut off") != nullptr);
}

TEST_CASE("a hostile EXIF block is upright, and never read beyond its end") {
  const std::vector<uint8_t> good = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
  CHECK(ExifOrientation(good) == 6);
  for (size_t length = 0; length < good.size(); ++length) {
    const std::vector<uint8_t> cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(length));
    CHECK(ExifOrientation(cut) == 1);
  }
  const auto with = [&](size_t at, std::vector<uint8_t> bytes) {
    std::vector<uint8_t> block = good;
    std::copy(bytes.begin(), bytes.end(), block.begin() + static_cast<ptrdiff_t>(at));
    return ExifOrientation(block);
  };
  CHECK(with(4, {0xff, 0xff, 0xff, 0xff}) == 1);  // the directory far outside
  CHECK(with(4, {20, 0, 0, 0}) == 1);             // at the very end
  CHECK(with(8, {0xff, 0xff}) == 6);              // more entries said than there
  CHECK(with(12, {4}) == 1);                      // another type
  CHECK(with(14, {2}) == 1);                      // two values
  CHECK(with(18, {0}) == 1);
  CHECK(with(18, {9}) == 1);
  CHECK(with(2, {43}) == 1);
  const std::vector<uint8_t> big = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0};
  CHECK(ExifOrientation(big) == 8);
}

TEST_CASE("preprocessing ends at Pillow's bytes") {
  const PreprocessStep steps[] = {{PreprocessStep::Kind::kCenterSquare, 0, 0, Filter::kBilinear},
                                  {PreprocessStep::Kind::kResize, 184, 184, Filter::kBicubic},
                                  {PreprocessStep::Kind::kCenterCrop, 160, 160, Filter::kBilinear}};
  Preprocess recipe;
  recipe.steps = steps;
  std::ifstream list(DataPath("recipe.txt"));
  std::string name, expected;
  int count = 0;
  while (list >> name >> expected) {
    CAPTURE(name);
    const Result<Image> image = Decode(ReadData(name));
    REQUIRE(image.ok());
    std::vector<uint8_t> tight(160 * 160 * 3), wide(160 * 160 * 4, 0xa5);
    REQUIRE(PreprocessImage(recipe, image.value(), DetectCpu(), 160, 160, 3, tight.data()).ok());
    char crc[16];
    std::snprintf(crc, sizeof crc, "%08x", Crc(tight.data(), tight.size()));
    CHECK(expected == crc);
    REQUIRE(PreprocessImage(recipe, image.value(), DetectCpu(), 160, 160, 4, wide.data()).ok());
    bool equal = true;
    for (size_t i = 0; i < 160 * 160; ++i) {
      equal = equal && std::memcmp(&wide[i * 4], &tight[i * 3], 3) == 0 && wide[i * 4 + 3] == 0xa5;
    }
    CHECK(equal);
    ++count;
  }
  CHECK(count >= 27);
}

TEST_CASE("preprocessing refuses what does not fit") {
  const Image image = NewImage(100, 80);
  std::vector<uint8_t> out(200 * 200 * 4);
  const PreprocessStep crop = {PreprocessStep::Kind::kCenterCrop, 90, 81, Filter::kBilinear};
  Preprocess recipe;
  recipe.steps = {&crop, 1};
  CHECK(PreprocessImage(recipe, image, DetectCpu(), 90, 81, 3, out.data()).code() == Code::kBadInput);
  recipe.steps = {};
  CHECK(PreprocessImage(recipe, image, DetectCpu(), 100, 80, 3, out.data()).ok());
  CHECK(PreprocessImage(recipe, image, DetectCpu(), 80, 100, 3, out.data()).code() == Code::kBadInput);
  CHECK(PreprocessImage(recipe, image, DetectCpu(), 100, 80, 2, out.data()).code() == Code::kUsage);
  CHECK(PreprocessImage(recipe, Image(), DetectCpu(), 1, 1, 3, out.data()).code() == Code::kUsage);
}

TEST_CASE("a centred crop floors its offsets") {
  const Image image = Picture("noise", 5, 10, 7);
  const Result<Image> crop = CropCenter(image, 3, 4);
  REQUIRE(crop.ok());
  for (size_t y = 0; y < 4; ++y) CHECK(std::memcmp(&crop.value().rgb[y * 9], &image.rgb[((y + 1) * 10 + 3) * 3], 9) == 0);
  CHECK(CropCenter(image, 11, 4).status().code() == Code::kBadInput);
  CHECK(CropCenter(image, 3, 0).status().code() == Code::kBadInput);
}

// A comment of 60 KB in front makes any JPEG large enough for a second thread.
std::vector<uint8_t> WithComment(const std::vector<uint8_t>& file) {
  std::vector<uint8_t> longer(file.begin(), file.begin() + 2);
  longer.insert(longer.end(), {0xff, 0xfe, 0xf0, 0x00});
  longer.resize(longer.size() + 0xf000 - 2);
  longer.insert(longer.end(), file.begin() + 2, file.end());
  return longer;
}

TEST_CASE("checked and decoded at the same time, a JPEG gives the same pixels and the same errors") {
  for (const char* const name : kJpegs) {
    for (const char* const decoder : DecoderNames()) {
      if (DecoderVersion(decoder) == nullptr) continue;
      Preprocess recipe;
      recipe.decoder = decoder;
      const std::vector<uint8_t> whole = WithComment(ReadData(name));
      int refused = 0;
      for (size_t damage = 0; damage < 40; ++damage) {
        std::vector<uint8_t> file = whole;
        // Cut off, or a few bytes altered behind the comment.
        if (damage > 20) file.resize(file.size() - damage * damage);
        if (damage > 0 && damage <= 20) {
          const size_t at = 0xf004 + (file.size() - 0xf004) * damage / 21;
          for (size_t i = at; i < at + 3 && i < file.size(); ++i) file[i] ^= static_cast<uint8_t>(0x55 + i + damage);
        }
        CAPTURE(name);
        CAPTURE(decoder);
        CAPTURE(damage);
        const Result<Image> one = DecodeImage(file, recipe, 1), two = DecodeImage(file, recipe, 2);
        REQUIRE(one.ok() == two.ok());
        if (one.ok()) {
          CHECK(Crc(one.value()) == Crc(two.value()));
        } else {
          ++refused;
          CHECK(std::string(one.status().text()) == two.status().text());
        }
      }
      CHECK(refused >= 10);
    }
  }
}

}  // namespace
}  // namespace cutis
