#include "runtime/image_memory.h"

#include <algorithm>
#include <cstring>

#include "ops/resample/resample.h"
#include "runtime/image.h"

namespace cutis {
namespace {

constexpr uint64_t kRgb = 3;
// What does not grow with the image: the decoder's and the check's own tables, and the rounding of every block.
constexpr uint64_t kTables = 80 * 1024, kPngTables = 32 * 1024;

uint64_t Pixels(int32_t width, int32_t height) { return static_cast<uint64_t>(width) * static_cast<uint64_t>(height); }

uint64_t RoundUpTo(int32_t value, uint64_t unit) { return (static_cast<uint64_t>(value) + unit - 1) / unit * unit; }

// The windows of one direction of a resize: at most 2 * ceil(2 * shrink) + 1 weights an output, rounded up to groups, and
// once as doubles.
uint64_t WindowHeap(int32_t in, int32_t out) {
  const uint64_t shrink =
      in > out ? (static_cast<uint64_t>(in) + static_cast<uint64_t>(out) - 1) / static_cast<uint64_t>(out) : 1;
  const uint64_t taps = RoundUpTo(static_cast<int32_t>(4 * shrink + 3), kResampleGroup);
  return static_cast<uint64_t>(out) * (taps * sizeof(int32_t) + 8) + taps * sizeof(double);
}

// What stb_image makes of a PNG, in this order: the data in one piece (for the second time: DecodePng() has made a plain file
// of it), in room that doubles; unpacked rows, in room that doubles once for interlaced images, whose rows are more than it
// guesses; pixels of the file's kind; those as RGB, of 16 bits first where the file has 16.
struct PngSizes {
  uint64_t packed, unpacked, rows_room, pixels, rgb, wide_rgb;
  bool interlaced;
};

PngSizes SizesOf(const PngInfo& png) {
  constexpr uint64_t kSamples[] = {1, 0, 3, 1, 2, 0, 4};  // by colour type
  const uint64_t samples = kSamples[png.color], wide = png.bits == 16 ? 2 : 1;
  const auto width = static_cast<uint64_t>(png.image.width), height = static_cast<uint64_t>(png.image.height);
  PngSizes sizes = {};
  sizes.interlaced = png.header[12] != 0;
  sizes.packed = 2 * static_cast<uint64_t>(png.data_bytes) + 4096;
  sizes.unpacked = ((width * samples * static_cast<uint64_t>(png.bits) + 7) / 8 + 1) * height;
  sizes.rows_room = sizes.unpacked * (sizes.interlaced ? 2 : 1);
  sizes.pixels = width * height * samples * wide;
  sizes.rgb = width * height * kRgb;
  sizes.wide_rgb = sizes.rgb * wide;
  return sizes;
}

uint64_t LargestBlock(const PngSizes& sizes) {
  return std::max({sizes.packed, sizes.rows_room, sizes.pixels, sizes.wide_rgb}) + kPngTables;
}

}  // namespace

uint64_t JpegHeap(const JpegLayout& jpeg, bool turbo, int eighths) {
  const uint64_t pixels = Pixels(ScaledSide(jpeg.width, eighths), ScaledSide(jpeg.height, eighths)) * kRgb;
  const bool coefficients = jpeg.progressive || !jpeg.one_scan;
  uint64_t decoder;
  if (turbo) {
    // Coefficients of two bytes with a pointer a row of blocks, and a few rows of units while they become pixels.
    decoder = 128 * (static_cast<uint64_t>(jpeg.width) + 64) + (coefficients ? 2 * jpeg.samples + jpeg.samples / 8 : 0);
  } else {
    // stb_image keeps all samples, and coefficients where scans refine them.
    decoder = jpeg.samples * (jpeg.progressive ? 3 : 1) + 4 * static_cast<uint64_t>(jpeg.width);
  }
  const uint64_t check = jpeg.progressive ? jpeg.samples / 8 : 0;  // 8 bytes a block (JpegCheck)
  // An image that is turned exists twice, without the rest.
  return std::max(decoder + check + pixels, jpeg.turned ? 2 * pixels : 0) + kTables;
}

uint64_t PngLargestBlock(const PngInfo& png) { return LargestBlock(SizesOf(png)); }

uint64_t PngHeap(const PngInfo& png) {
  const PngSizes sizes = SizesOf(png);
  // Damaged data may unpack until a block would be too large; while it grows, the one of half the size is there too.
  const uint64_t unpack = sizes.packed + LargestBlock(sizes) + LargestBlock(sizes) / 2;
  const uint64_t arrange = sizes.rows_room + sizes.pixels * (sizes.interlaced ? 2 : 1);
  const uint64_t convert = std::max(sizes.pixels, sizes.wide_rgb) + sizes.wide_rgb;
  const uint64_t turn = png.image.orientation != 1 ? 2 * sizes.rgb : 0;
  return std::max(static_cast<uint64_t>(png.data_bytes) + std::max({unpack, arrange, convert}), turn) + kTables;
}

uint64_t TurnHeap(int32_t width, int32_t height) { return 2 * kRgb * Pixels(width, height); }

uint64_t PreprocessHeap(std::span<const PreprocessStep> steps, int32_t width, int32_t height) {
  uint64_t heap = Pixels(width, height) * kRgb + kTables;
  for (const PreprocessStep& step : steps) {
    if (step.kind == PreprocessStep::Kind::kCenterSquare) {
      width = height = std::min(width, height);
      continue;
    }
    if (step.kind == PreprocessStep::Kind::kResize) {
      // Rows first: as high as before, as wide as after. The result is an image of its own unless it is the last.
      heap += Pixels(step.width, height) * kRgb + WindowHeap(width, step.width) + WindowHeap(height, step.height);
      heap += Pixels(step.width, step.height) * kRgb;
    }
    width = step.width;
    height = step.height;
  }
  return heap;
}

uint64_t CameraHeap(const Preprocess& recipe, int32_t width, int32_t height) {
  const bool turbo = std::strcmp(recipe.decoder, "stb") != 0;
  const int eighths = std::strcmp(recipe.decoder, "libjpeg-turbo-scaled") == 0 ? DecodeEighths(recipe.steps, width, height) : 8;
  const JpegLayout jpeg = {width, height, kRgb * RoundUpTo(width, 8) * RoundUpTo(height, 8), false, true, true};
  return std::max(JpegHeap(jpeg, turbo, eighths),
                  PreprocessHeap(recipe.steps, ScaledSide(width, eighths), ScaledSide(height, eighths)));
}

Status CheckImageHeap(const Preprocess& recipe, uint64_t decode_heap, int32_t width, int32_t height) {
  if (!recipe.device) return {};
  const uint64_t needed = std::max(decode_heap, PreprocessHeap(recipe.steps, width, height));
  if (needed <= recipe.device->image_bytes) return {};
  return Status::Error(Code::kBadInput,
                       "the image is too large for %s: %d x %d pixels may take %llu bytes to decode, it has %llu; make the "
                       "image smaller",
                       recipe.device->name, width, height, static_cast<unsigned long long>(needed),
                       static_cast<unsigned long long>(recipe.device->image_bytes));
}

}  // namespace cutis
