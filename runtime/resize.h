// Resizing of 8-bit RGB pixels that may be a rectangle inside a larger image.
#ifndef CUTIS_RUNTIME_RESIZE_H_
#define CUTIS_RUNTIME_RESIZE_H_

#include <cstddef>
#include <cstdint>

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

// ResizeImage (runtime/image.h) of a view.
Result<Image> ResizeView(const PixelView& view, int32_t width, int32_t height, Filter filter);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_RESIZE_H_
