// Shapes and tensors as the operators see them.
#ifndef CUTIS_OPS_TENSOR_H_
#define CUTIS_OPS_TENSOR_H_

#include <cstddef>
#include <cstdint>

namespace cutis {

enum class DataType : uint8_t { kU8 = 0, kF32 = 1 };

inline constexpr size_t SizeOf(DataType type) { return type == DataType::kU8 ? 1 : 4; }
inline constexpr const char* NameOf(DataType type) { return type == DataType::kU8 ? "u8" : "f32"; }

inline constexpr size_t RoundUp(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }
inline constexpr size_t CeilDiv(size_t value, size_t divisor) { return (value + divisor - 1) / divisor; }

// One image's extent. A vector (logits, pooled features) is 1 x 1 x channels.
struct Shape {
  int32_t height = 0, width = 0, channels = 0;
  friend bool operator==(const Shape&, const Shape&) = default;
};

// Everything in memory that steers addresses starts on a cache line.
inline constexpr size_t kAlignment = 64;

// An activation: NHWC, `channel_stride` elements from one pixel to the next, `image_bytes` from one image of a batch to the
// next (a multiple of kAlignment). uint8: real = scale * (byte - zero_point). The elements between `channels` and
// `channel_stride` are never written and their value never reaches a result (the weights beside them are zero).
//
// A tensor may be several images (the leading dimension of a network that was exported with one). The data of one input is an
// entry: `images` images; a batch is entries one after the other. A constant lies in the file and is the same for all entries.
struct TensorInfo {
  DataType type = DataType::kU8;
  Shape shape;
  int32_t images = 1;
  bool constant = false;
  int32_t channel_stride = 0;
  size_t image_bytes = 0;
  float scale = 1.0f;
  int32_t zero_point = 0;
};

inline constexpr size_t EntryBytes(const TensorInfo& tensor) { return static_cast<size_t>(tensor.images) * tensor.image_bytes; }

// Entry number `entry` of a tensor whose entry 0 lies at `data`; a constant is the same for all.
template <class T>
[[gnu::always_inline]] static inline const T* EntryAt(const std::byte* data, const TensorInfo& tensor, int64_t entry) {
  return reinterpret_cast<const T*>(data + (tensor.constant ? 0 : static_cast<size_t>(entry) * EntryBytes(tensor)));
}
template <class T>
[[gnu::always_inline]] static inline T* EntryAt(std::byte* data, const TensorInfo& tensor, int64_t entry) {
  return reinterpret_cast<T*>(data + static_cast<size_t>(entry) * EntryBytes(tensor));
}

// uint8 pixels are padded to whole 4-byte k-groups, so that a dot-product kernel reads a pixel as 32-bit words and never past
// its end. Float pixels are not: there garbage times zero could be NaN.
inline constexpr int32_t ChannelStride(DataType type, int32_t channels) {
  return type == DataType::kU8 ? static_cast<int32_t>(RoundUp(static_cast<size_t>(channels), 4)) : channels;
}
inline constexpr size_t ImageBytes(DataType type, const Shape& shape) {
  return RoundUp(static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) *
                     static_cast<size_t>(ChannelStride(type, shape.channels)) * SizeOf(type),
                 kAlignment);
}

}  // namespace cutis

#endif  // CUTIS_OPS_TENSOR_H_
