#include <array>
#include <cstring>

#include "runtime/exif.h"
#include "runtime/image_check.h"

namespace cutis {
namespace {

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t n = 0; n < 256; ++n) {
    uint32_t crc = n;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
    table[n] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

// The CRC-32 of ISO 3309, as PNG uses it over a chunk's type and data.
uint32_t Crc32(std::span<const uint8_t> bytes) {
  uint32_t crc = 0xffffffffu;
  for (const uint8_t byte : bytes) crc = kCrcTable[(crc ^ byte) & 255] ^ crc >> 8;
  return crc ^ 0xffffffffu;
}

constexpr uint32_t Type(const char (&name)[5]) {
  return static_cast<uint32_t>(name[0]) << 24 | static_cast<uint32_t>(name[1]) << 16 | static_cast<uint32_t>(name[2]) << 8 |
         static_cast<uint32_t>(name[3]);
}
constexpr uint32_t kCriticalBit = 1u << 29;  // lower case of the first letter: may be skipped

struct Chunk {
  size_t start = 0;
  uint32_t type = 0;
  std::span<const uint8_t> data;
};

Result<Chunk> ReadChunk(std::span<const uint8_t> file, size_t at) {
  if (file.size() - at < kPngChunkOverhead) {
    return Status::Error(Code::kBadInput, "the PNG is cut off after %zu bytes; get the whole file again", file.size());
  }
  const uint32_t length = ReadBig32(&file[at]);
  if (length > file.size() - at - kPngChunkOverhead) {
    return Status::Error(Code::kBadInput, "the PNG is cut off or damaged: a chunk at byte %zu reaches beyond its %zu bytes", at,
                         file.size());
  }
  const Chunk chunk = {at, ReadBig32(&file[at + 4]), file.subspan(at + 8, length)};
  if (Crc32(file.subspan(at + 4, size_t{length} + 4)) != ReadBig32(&file[at + 8 + length])) {
    return Status::Error(Code::kBadInput, "the PNG is damaged: the checksum of the chunk at byte %zu does not fit", at);
  }
  return chunk;
}

Status Damaged(const char* what) { return Status::Error(Code::kBadInput, "the PNG is damaged: %s", what); }

Status ReadHeader(const Chunk& chunk, PngInfo* info) {
  if (chunk.type != Type("IHDR") || chunk.data.size() != 13) return Damaged("it does not begin with its header");
  info->header = chunk.data;
  const uint32_t width = ReadBig32(&chunk.data[0]), height = ReadBig32(&chunk.data[4]);
  CUTIS_TRY(CheckImageSize(width, height));
  info->image.width = static_cast<int32_t>(width);
  info->image.height = static_cast<int32_t>(height);
  info->bits = chunk.data[8];
  info->color = chunk.data[9];
  // Bit b of the entry is set when 2^b bits a sample are allowed.
  constexpr uint8_t kDepths[7] = {0b11111, 0, 0b11000, 0b01111, 0b11000, 0, 0b11000};
  const int bits = info->bits;
  const bool power = bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16;
  const int depth = bits == 1 ? 0 : bits == 2 ? 1 : bits == 4 ? 2 : bits == 8 ? 3 : 4;
  if (info->color > 6 || !power || !(kDepths[info->color] >> depth & 1)) {
    return Damaged("its header names a kind of pixels that does not exist");
  }
  if (chunk.data[10] != 0 || chunk.data[11] != 0 || chunk.data[12] > 1) {
    return Damaged("its header names a compression that does not exist");
  }
  if (info->color == 0 && bits == 16) {
    return Status::Error(Code::kUnsupported, "a PNG with 16-bit grey is not supported; save it as 8-bit grey or as colour");
  }
  return {};
}

}  // namespace

Result<PngInfo> CheckPng(std::span<const uint8_t> file) {
  PngInfo info;
  size_t at = kPngSignatureBytes;
  bool data_ended = false, first = true;
  for (;;) {
    CUTIS_ASSIGN(const Chunk chunk, ReadChunk(file, at));
    if (first) {
      if (chunk.type == Type("CgBI")) {
        return Status::Error(Code::kUnsupported, "this is Apple's own variant of PNG (CgBI), which is not supported");
      }
      CUTIS_TRY(ReadHeader(chunk, &info));
    } else if (chunk.type == Type("IDAT")) {
      if (data_ended) return Damaged("its pixel data is not in one piece");
      if (info.color == 3 && info.palette.empty()) return Damaged("it has no palette");
      if (info.data_chunks == 0) info.first_data = at;
      ++info.data_chunks;
      info.data_bytes += chunk.data.size();
    } else {
      data_ended = info.data_chunks != 0;
      if (chunk.type == Type("IEND")) break;
      if (chunk.type == Type("PLTE")) {
        if (!info.palette.empty() || data_ended || chunk.data.empty() || chunk.data.size() % 3 != 0 ||
            chunk.data.size() > 768) {
          return Damaged("its palette has no valid size or place");
        }
        info.palette = chunk.data;
      } else if (chunk.type == Type("eXIf")) {
        info.image.orientation = ExifOrientation(chunk.data);
      } else if ((chunk.type & kCriticalBit) == 0) {
        return Status::Error(Code::kUnsupported, "the PNG holds an unknown critical chunk at byte %zu", at);
      }
    }
    first = false;
    at += kPngChunkOverhead + chunk.data.size();
  }
  if (info.data_bytes == 0) return Damaged("it has no pixel data");
  return info;
}

}  // namespace cutis
