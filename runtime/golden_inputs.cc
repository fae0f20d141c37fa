#include "runtime/golden_inputs.h"

#include <algorithm>

namespace cutis {
namespace {

void GenerateNoise(uint64_t state, size_t bytes, uint8_t* out) {
  for (size_t i = 0; i < bytes; i += 8) {
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    for (size_t j = i; j < std::min(i + 8, bytes); ++j) {
      out[j] = static_cast<uint8_t>(z);
      z >>= 8;
    }
  }
}

// Adds one image of a tensor to a hash, without the elements between its channels and its channel stride.
void UpdateTightImage(const TensorInfo& info, const void* image, Sha256* hash) {
  const size_t pixels = static_cast<size_t>(info.shape.height) * static_cast<size_t>(info.shape.width);
  const size_t element = SizeOf(info.type);
  const size_t bytes = static_cast<size_t>(info.shape.channels) * element,
               stride = static_cast<size_t>(info.channel_stride) * element;
  const uint8_t* data = static_cast<const uint8_t*>(image);
  if (bytes == stride) return hash->Update(data, pixels * bytes);
  for (size_t i = 0; i < pixels; ++i) hash->Update(data + i * stride, bytes);
}

}  // namespace

void UpdateTight(const TensorInfo& info, const void* entry, Sha256* hash) {
  for (int32_t i = 0; i < info.images; ++i) {
    UpdateTightImage(info, static_cast<const std::byte*>(entry) + static_cast<size_t>(i) * info.image_bytes, hash);
  }
}

void GenerateInput(int32_t index, const Shape& shape, uint8_t* pixels) {
  if (index % 2 == 0) {
    const size_t bytes =
        static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * static_cast<size_t>(shape.channels);
    return GenerateNoise(static_cast<uint64_t>(index), bytes, pixels);
  }
  const uint64_t k = static_cast<uint64_t>(index - 1) / 2, slope_x = 1 + k % 5, slope_y = 1 + k / 5 % 3;
  for (int32_t y = 0; y < shape.height; ++y) {
    for (int32_t x = 0; x < shape.width; ++x) {
      for (int32_t c = 0; c < shape.channels; ++c) {
        const uint64_t v =
            (static_cast<uint64_t>(x) * slope_x + static_cast<uint64_t>(y) * slope_y + static_cast<uint64_t>(c) * 85 + k * 37) %
            512;
        *pixels++ = static_cast<uint8_t>(v < 256 ? v : 511 - v);
      }
    }
  }
}

}  // namespace cutis
