// From the bytes of a JPEG or PNG file to the bytes of a network's input.
#ifndef CUTIS_RUNTIME_IMAGE_H_
#define CUTIS_RUNTIME_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ops/cpu.h"
#include "ops/status.h"
#include "runtime/recipe.h"

namespace cutis {

inline constexpr size_t kMaxEncodedBytes = 64u << 20;
inline constexpr int64_t kMaxPixels = 40'000'000;

struct FreeDeleter {
  void operator()(void* memory) const;
};

// RGB, 3 bytes a pixel, rows without gaps, owned.
struct Image {
  int32_t width = 0, height = 0;
  std::unique_ptr<uint8_t[], FreeDeleter> rgb;
};

// Decodes with the named decoder ("stb"; kUnsupported for one this build lacks). EXIF orientation applied, alpha dropped, grey
// replicated, 16-bit colour cut to the high byte, of an animated PNG the default image; a file that is cut off or damaged is
// refused (runtime/image_check.h). kBadInput: empty, too large, damaged, neither JPEG nor PNG;
// kUnsupported: CMYK, 16-bit grey, arithmetic coding and the like; kNoMemory. Thread-safe.
Result<Image> DecodeImage(std::span<const uint8_t> encoded, const char* decoder);

// Runs the recipe's steps, with the best kernels within `cpu`, and writes width x height RGB pixels, `pixel_stride` (>= 3)
// bytes apart and rows without gaps, to `out`. Refuses an image that does not end at exactly that size. The last resize writes
// there row by row, and only what later crops leave of it.
Status PreprocessImage(const Preprocess& recipe, const Image& image, CpuFeatures cpu, int32_t width, int32_t height,
                       int32_t pixel_stride, uint8_t* out);

// Antialiased resize of 8-bit RGB, bit-equal to Pillow's Image.resize((width, height), filter). Rows are resampled first, then
// columns, as in every Pillow until 12; Pillow 13 turns the order round where the height shrinks more than the width.
Result<Image> ResizeImage(const Image& image, int32_t width, int32_t height, Filter filter, CpuFeatures cpu);

// The centred width x height rectangle, offsets floored (kBadInput when it does not fit).
Result<Image> CropCenter(const Image& image, int32_t width, int32_t height);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_IMAGE_H_
