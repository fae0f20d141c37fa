// What the tests of the image path share: fixtures, their checksums, and the pictures that make_resize_fixtures.py draws.
#ifndef CUTIS_TESTS_RUNTIME_IMAGE_HELPERS_H_
#define CUTIS_TESTS_RUNTIME_IMAGE_HELPERS_H_

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "runtime/image.h"

namespace cutis {

inline std::string DataPath(const std::string& name) {
  const char* tests = std::getenv("CUTIS_TESTS");
  return std::string(tests != nullptr ? tests : "tests") + "/runtime/data/" + name;
}

inline std::vector<uint8_t> ReadData(const std::string& name) {
  std::ifstream file(DataPath(name), std::ios::binary);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

inline uint32_t Crc(const uint8_t* bytes, size_t count) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < count; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
  }
  return crc ^ 0xffffffffu;
}
inline uint32_t Crc(const Image& image) {
  return Crc(image.rgb.get(), static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3);
}

inline Image NewImage(int32_t width, int32_t height) {
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.reset(static_cast<uint8_t*>(std::calloc(static_cast<size_t>(width) * static_cast<size_t>(height), 3)));
  return image;
}

// `picture` of make_resize_fixtures.py.
inline Image Picture(const std::string& kind, uint32_t seed, int32_t width, int32_t height) {
  Image image = NewImage(width, height);
  uint8_t* to = image.rgb.get();
  for (uint32_t y = 0; y < static_cast<uint32_t>(height); ++y) {
    for (uint32_t x = 0; x < static_cast<uint32_t>(width); ++x) {
      for (uint32_t c = 0; c < 3; ++c) {
        uint32_t h = x * 0x9E3779B1u + y * 0x85EBCA77u + c * 0xC2B2AE3Du + seed * 0x27D4EB2Fu;
        h ^= h >> 15;
        h *= 0x2C1B3C6Du;
        h ^= h >> 12;
        h *= 0x297A2D39u;
        h ^= h >> 15;
        const uint32_t value = kind == "noise" ? h : kind == "edges" ? (h >> 7 & 1) * 255 : x * 3 + y * 2 + c * 40 + (h & 15);
        *to++ = static_cast<uint8_t>(value & 255);
      }
    }
  }
  return image;
}

}  // namespace cutis

#endif  // CUTIS_TESTS_RUNTIME_IMAGE_HELPERS_H_
