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

// The decoders that a recipe may name; a build may lack all but "stb" (DecoderVersion).
//   stb                   stb_image
//   libjpeg-turbo         JPEG by libjpeg-turbo (runtime/turbo.h), PNG by stb_image
//   libjpeg-turbo-scaled  the same, JPEG at DecodeEighths() of its size
std::span<const char* const> DecoderNames();
// The version of the library behind a name, on which bits might depend: "2.1.5". Empty for "stb", whose source is part of this
// build; null for what this build lacks.
const char* DecoderVersion(const char* name);

// At how many eighths of its sides (1, 2, 4 or 8) an upright image may be decoded for these steps: the fewest at which it is
// not smaller, in either direction, than what the first resize makes of it, so that the resize still decides about every pixel.
// 8 where a crop to stated pixels comes before the first resize, or none does. Nothing but size and steps decides.
int DecodeEighths(std::span<const PreprocessStep> steps, int32_t width, int32_t height);
inline int32_t ScaledSide(int32_t side, int eighths) { return static_cast<int32_t>((int64_t{side} * eighths + 7) / 8); }

// Decodes with the recipe's decoder (kUnsupported for one this build lacks). EXIF orientation applied, alpha dropped, grey
// replicated, 16-bit colour cut to the high byte, of an animated PNG the default image; a file that is cut off or damaged is
// refused (runtime/image_check.h). kBadInput: empty, too large, damaged, neither JPEG nor PNG;
// kUnsupported: CMYK, 16-bit grey, arithmetic coding and the like; kNoMemory. Thread-safe.
// With `threads` > 1 the data of a large sequential JPEG is checked on a second thread, which ends before the call returns,
// while it is decoded; what it does not pass is refused all the same.
Result<Image> DecodeImage(std::span<const uint8_t> encoded, const Preprocess& recipe, int32_t threads = 1);

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
