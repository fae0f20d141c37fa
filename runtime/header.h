// The 64 bytes at the start of a .cutis file, shared by the reader (runtime/model.cc) and the writer (converter/write/).
#ifndef CUTIS_RUNTIME_HEADER_H_
#define CUTIS_RUNTIME_HEADER_H_

#include <cstdint>
#include <span>

#include "ops/status.h"

namespace cutis {

inline constexpr unsigned char kMagic[8] = {'C', 'U', 'T', 'I', 'S', '\r', '\n', 0x1a};
inline constexpr uint32_t kFormatVersion = 1;

// All numbers little-endian. The SHA-256 covers everything between the header and the signature block: the FlatBuffer with its
// padding and the weight segment. A file is exactly 64 + graph_bytes + segment_bytes + signature_bytes long.
struct FileHeader {
  unsigned char magic[8];
  uint32_t version;
  uint32_t signature_bytes;  // 0: unsigned
  uint64_t graph_bytes;      // FlatBuffer, padded with zeros to a multiple of 64
  uint64_t segment_bytes;    // a multiple of 64
  unsigned char sha256[32];
};
static_assert(sizeof(FileHeader) == 64);

// Caps on what a file may claim, so that a hostile one costs bounded time and memory (the second also fits a 32-bit process).
inline constexpr uint64_t kMaxGraphBytes = uint64_t{16} << 20;
inline constexpr uint64_t kMaxSegmentBytes = uint64_t{1} << 30;

// Whether a file can have this length.
Status CheckFileSize(uint64_t size);
// Copies and checks the header of a whole file that passed CheckFileSize: afterwards graph and segment lie within it.
Status ReadHeader(std::span<const uint8_t> file, FileHeader* header);

}  // namespace cutis

#endif  // CUTIS_RUNTIME_HEADER_H_
