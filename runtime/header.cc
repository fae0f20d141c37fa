#include "runtime/header.h"

#include <bit>
#include <cstring>

#include "ops/tensor.h"

namespace cutis {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the numbers of a .cutis file are used in place, and are little-endian");

constexpr uint64_t kMaxFileBytes = sizeof(FileHeader) + kMaxGraphBytes + kMaxSegmentBytes;

}  // namespace

Status CheckFileSize(uint64_t size) {
  if (size < sizeof(FileHeader)) {
    return Status::Error(Code::kBadInput, "not a .cutis file: %llu bytes, shorter than its header",
                         static_cast<unsigned long long>(size));
  }
  if (size > kMaxFileBytes) {
    return Status::Error(Code::kBadInput, "too large for a .cutis file: %llu bytes, at most %llu are allowed",
                         static_cast<unsigned long long>(size), static_cast<unsigned long long>(kMaxFileBytes));
  }
  return {};
}

Status ReadHeader(std::span<const uint8_t> file, FileHeader* header) {
  std::memcpy(header, file.data(), sizeof *header);
  if (std::memcmp(header->magic, kMagic, sizeof kMagic) != 0) return Status::Error(Code::kBadInput, "not a .cutis file");
  if (header->version > kFormatVersion) {
    return Status::Error(Code::kUnsupported,
                         "made by a newer version of Cutis (format %u, this one reads up to %u): update Cutis",
                         static_cast<unsigned>(header->version), static_cast<unsigned>(kFormatVersion));
  }
  if (header->version < 1) return Status::Error(Code::kBadInput, "damaged: format version 0 does not exist");
  if (header->signature_bytes != 0) {
    return Status::Error(Code::kUnsupported,
                         "the file is signed, and this version cannot check signatures: use an unsigned file or update Cutis");
  }
  if (header->graph_bytes == 0 || header->graph_bytes % kAlignment != 0 || header->graph_bytes > kMaxGraphBytes ||
      header->segment_bytes % kAlignment != 0 || header->segment_bytes > kMaxSegmentBytes) {
    return Status::Error(Code::kBadInput, "damaged: the sizes in the header make no sense");
  }
  const uint64_t expected = sizeof(FileHeader) + header->graph_bytes + header->segment_bytes;
  if (expected != file.size()) {
    return Status::Error(Code::kBadInput, "%s: %llu bytes, the header says %llu",
                         file.size() < expected ? "truncated" : "too long", static_cast<unsigned long long>(file.size()),
                         static_cast<unsigned long long>(expected));
  }
  return {};
}

}  // namespace cutis
