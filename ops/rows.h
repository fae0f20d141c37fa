// Operators that treat every pixel alike: how their work is cut.
#ifndef CUTIS_OPS_ROWS_H_
#define CUTIS_OPS_ROWS_H_

#include <cstddef>
#include <cstdint>

#include "ops/check.h"
#include "ops/op.h"

namespace cutis {

// A unit is a block of about 16 Ki elements: enough to pay for its start, few enough for threads to balance.
inline constexpr int64_t kBlockElements = 16384;

[[gnu::always_inline]] static inline int64_t PixelsOf(const Shape& shape) { return int64_t{shape.height} * shape.width; }

[[gnu::always_inline]] static inline int64_t BlockPixels(const Shape& shape) {
  const int64_t pixels = kBlockElements / shape.channels;
  return pixels < 1 ? 1 : pixels;
}

[[gnu::always_inline]] static inline int64_t BlocksOf(const Shape& shape) {
  return (PixelsOf(shape) + BlockPixels(shape) - 1) / BlockPixels(shape);
}

// Where a block lies.
struct Block {
  int64_t image = 0, first_pixel = 0, pixels = 0;
};
[[gnu::always_inline]] static inline Block BlockAt(const Shape& shape, int64_t unit) {
  const int64_t blocks = BlocksOf(shape), size = BlockPixels(shape);
  Block block;
  block.image = unit / blocks;
  block.first_pixel = unit % blocks * size;
  const int64_t rest = PixelsOf(shape) - block.first_pixel;
  block.pixels = rest < size ? rest : size;
  return block;
}

// Address of a pixel of an image.
template <class T>
[[gnu::always_inline]] static inline const T* PixelAt(const std::byte* data, const TensorInfo& tensor, int64_t image,
                                                      int64_t pixel) {
  return reinterpret_cast<const T*>(data + ToSize(image) * tensor.image_bytes) + pixel * tensor.channel_stride;
}
template <class T>
[[gnu::always_inline]] static inline T* PixelAt(std::byte* data, const TensorInfo& tensor, int64_t image, int64_t pixel) {
  return reinterpret_cast<T*>(data + ToSize(image) * tensor.image_bytes) + pixel * tensor.channel_stride;
}

// Pixels that follow each other without gaps on all sides are one long row: kernels then have one tail instead of one per
// pixel.
template <class Args>
[[gnu::always_inline]] static inline void JoinRows(Args& args, bool tight) {
  if (!tight) return;
  args.channels = static_cast<int32_t>(static_cast<int64_t>(args.pixels) * args.channels);
  args.pixels = 1;
}
[[gnu::always_inline]] static inline bool IsTight(const TensorInfo& tensor) {
  return tensor.channel_stride == tensor.shape.channels;
}

}  // namespace cutis

#endif  // CUTIS_OPS_ROWS_H_
