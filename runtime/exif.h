// The orientation that a camera wrote beside the pixels.
#ifndef CUTIS_RUNTIME_EXIF_H_
#define CUTIS_RUNTIME_EXIF_H_

#include <cstdint>
#include <span>

namespace cutis {

// The orientation 1 .. 8 in the first directory of an EXIF block (a TIFF file, of either byte order, as in a PNG's eXIf chunk
// or after "Exif\0\0" in a JPEG's APP1 segment). 1, upright, when the block holds none or is damaged: it is not part of the
// picture.
int ExifOrientation(std::span<const uint8_t> tiff);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_EXIF_H_
