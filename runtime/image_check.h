// What must hold of an encoded image before a decoder sees it. stb_image fills what a damaged file lacks with grey or with
// garbage and says nothing; a verdict must never rest on that.
#ifndef CUTIS_RUNTIME_IMAGE_CHECK_H_
#define CUTIS_RUNTIME_IMAGE_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ops/status.h"

namespace cutis {

struct EncodedInfo {
  int32_t width = 0, height = 0;  // as stored, before the orientation
  int orientation = 1;            // EXIF, 1 .. 8
};

// Width and height within 1 .. kMaxPixels (runtime/image.h) and 1 .. 65535 a side.
Status CheckImageSize(uint32_t width, uint32_t height);

// Reads the whole file: segments, tables, and every code of the entropy-coded data (without computing a pixel), so that each
// block of each component is known to be there. Accepts what stb_image decodes of 8-bit Huffman-coded JPEG with 1 or 3
// components, baseline and progressive; refuses CMYK, arithmetic coding, lossless, 12 bits. Bytes after the end are ignored.
Result<EncodedInfo> CheckJpeg(std::span<const uint8_t> file);

// The same in two steps, so that an image of known size can be decoded while its data is still being checked.
class JpegCheck {
 public:
  explicit JpegCheck(std::span<const uint8_t> file);  // `file` must outlive this object
  ~JpegCheck();
  JpegCheck(const JpegCheck&) = delete;
  JpegCheck& operator=(const JpegCheck&) = delete;

  // All segments before the first scan. Afterwards the size is known and within limits, and the tables that the first scan
  // needs are well-formed.
  Result<EncodedInfo> ReadHeaders();
  // Known after ReadHeaders().
  uint64_t samples() const;  // of all components, with those that fill up interleaved units
  bool one_scan() const;     // the first scan holds all components
  // Whether all coefficients of a block come in one scan: then nothing that a decoder allocates or addresses by is still
  // unchecked.
  bool sequential() const;
  // All the rest. An image is to be believed only after this.
  Result<EncodedInfo> ReadScans();

 private:
  std::unique_ptr<class JpegChecker> checker_;  // about 16 KB, which a small device's thread may not have on its stack
};

// What of a PNG matters, with the ranges checked.
struct PngInfo {
  EncodedInfo image;
  int bits = 0, color = 0;           // as in IHDR
  std::span<const uint8_t> header;   // the 13 bytes of IHDR
  std::span<const uint8_t> palette;  // of PLTE; empty without one
  size_t first_data = 0;             // where the first IDAT chunk starts
  size_t data_chunks = 0, data_bytes = 0;
};

// Walks all chunks to IEND: order, lengths, CRC. Refuses 16-bit grey (programs disagree about what 8-bit grey it means),
// Apple's CgBI variant and unknown critical chunks. Of an animation only the default image is looked at.
Result<PngInfo> CheckPng(std::span<const uint8_t> file);

inline constexpr size_t kPngSignatureBytes = 8;
inline constexpr size_t kPngChunkOverhead = 12;  // length, type, CRC

inline uint32_t ReadBig32(const uint8_t* p) { return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | p[3]; }

}  // namespace cutis

#endif  // CUTIS_RUNTIME_IMAGE_CHECK_H_
