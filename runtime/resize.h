// Resizing of 8-bit RGB pixels that may be a rectangle inside a larger image.
#ifndef CUTIS_RUNTIME_RESIZE_H_
#define CUTIS_RUNTIME_RESIZE_H_

#include <cstddef>
#include <cstdint>

#include "ops/cpu.h"
#include "runtime/image.h"

namespace cutis {

// A rectangle of RGB pixels, 3 bytes each; rows lie row_bytes apart. Not owned.
struct PixelView {
  const uint8_t* pixels = nullptr;
  int32_t width = 0, height = 0;
  size_t row_bytes = 0;
};

// An image of that size with undefined pixels. kBadInput for a size that is not 1 .. kMaxPixels, kNoMemory.
Result<Image> AllocateImage(int32_t width, int32_t height);

// A resize, and which rectangle of its result is wanted. Nothing outside that is computed.
struct Resize {
  int32_t width = 0, height = 0;
  Filter filter = Filter::kBilinear;
  int32_t left = 0, top = 0, part_width = 0, part_height = 0;
};

// Writes that rectangle of the resized view to `out`, its pixels `pixel_stride` (>= 3) bytes apart and its rows without gaps.
// Takes memory for the resampled rows of the rectangle, 3 bytes a pixel, and for the windows: both known from the sizes.
Status ResizeView(const PixelView& view, const Resize& resize, CpuFeatures cpu, size_t pixel_stride, uint8_t* out);

// Copies pixels to where they are `pixel_stride` bytes apart; the bytes between stay what they were.
void SpreadPixels(const uint8_t* from, int32_t pixels, size_t pixel_stride, uint8_t* to);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_RESIZE_H_
