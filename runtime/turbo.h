// libjpeg-turbo behind a narrow door: JPEG from memory that image_check.h has accepted, to 8-bit RGB, at full or reduced size.
#ifndef CUTIS_RUNTIME_TURBO_H_
#define CUTIS_RUNTIME_TURBO_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/image.h"
#include "runtime/image_check.h"

namespace cutis {

// The version that this build was made with, "2.1.5"; null when it was made without.
const char* TurboVersion();

// The image as stored, unturned, each side `eighths`/8 of what `info` says, rounded up; eighths is 1, 2, 4 or 8. A file about
// whose pixels the library has so much as a doubt is refused. Takes memory for the pixels, for rows on their way through the
// library and, for a file of several scans, 2 bytes for each coefficient, at most 3 a pixel of `info`. kUnsupported in a build
// without the library. Thread-safe.
Result<Image> TurboDecode(std::span<const uint8_t> file, const EncodedInfo& info, int eighths);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_TURBO_H_
