// stb_image behind a narrow door: JPEG and PNG from memory that image_check.h has accepted, to 8-bit RGB.
#ifndef CUTIS_RUNTIME_STB_H_
#define CUTIS_RUNTIME_STB_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/image.h"

namespace cutis {

// `largest_allocation`: no single block of memory that the decoder asks for may be larger, so that a file whose compressed data
// holds more than its header says is refused (kBadInput) instead of filling the memory. The image is as stored, unturned.
// Thread-safe.
Result<Image> StbDecode(std::span<const uint8_t> file, size_t largest_allocation);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_STB_H_
