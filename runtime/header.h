// The 64 bytes at the start of a .cutis file, shared by the reader (runtime/model.cc) and the writer (converter/write/).
#ifndef CUTIS_RUNTIME_HEADER_H_
#define CUTIS_RUNTIME_HEADER_H_

#include <cstdint>

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

}  // namespace cutis

#endif  // CUTIS_RUNTIME_HEADER_H_
