#include "runtime/exif.h"

#include <cstddef>

namespace cutis {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kShort = 3;
constexpr size_t kEntryBytes = 12;

}  // namespace

int ExifOrientation(std::span<const uint8_t> tiff) {
  if (tiff.size() < 8) return 1;
  const bool little = tiff[0] == 'I' && tiff[1] == 'I';
  if (!little && !(tiff[0] == 'M' && tiff[1] == 'M')) return 1;
  // The callers below have checked that offset + 2 (or 4) bytes exist.
  const auto read16 = [&](size_t at) -> uint32_t {
    return little ? tiff[at] | uint32_t{tiff[at + 1]} << 8 : uint32_t{tiff[at]} << 8 | tiff[at + 1];
  };
  const auto read32 = [&](size_t at) -> uint32_t {
    return little ? read16(at) | read16(at + 2) << 16 : read16(at) << 16 | read16(at + 2);
  };
  if (read16(2) != 42) return 1;
  const size_t directory = read32(4);
  if (directory > tiff.size() - 2) return 1;
  const size_t entries = directory + 2;
  const size_t present = (tiff.size() - entries) / kEntryBytes;
  const size_t count = read16(directory) < present ? read16(directory) : present;
  for (size_t i = 0; i < count; ++i) {
    const size_t entry = entries + i * kEntryBytes;
    if (read16(entry) != kOrientationTag) continue;
    if (read16(entry + 2) != kShort || read32(entry + 4) != 1) return 1;
    const uint32_t value = read16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace cutis
