// Reference kernels of the antialiased resize.
#include "ops/resample/resample.h"

namespace cutis {
namespace {

inline uint8_t ToByte(int32_t sum) {
  const int32_t value = sum >> kResampleBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

}  // namespace

void ResampleRowsU8_scalar(const ResampleRowsU8Args& args) {
  for (size_t row = 0; row < args.rows; ++row) {
    const uint8_t* x = args.x + row * args.x_row_bytes;
    uint8_t* y = args.y + row * args.y_row_bytes;
    const int32_t* weights = args.weights;
    for (int32_t i = 0; i < args.pixels; ++i, weights += args.taps, y += 3) {
      const ResampleWindow window = args.windows[i];
      const uint8_t* pixel = x + static_cast<size_t>(window.first) * 3;
      int32_t red = kResampleHalf, green = kResampleHalf, blue = kResampleHalf;
      for (int32_t k = 0; k < window.count; ++k, pixel += 3) {
        red += pixel[0] * weights[k];
        green += pixel[1] * weights[k];
        blue += pixel[2] * weights[k];
      }
      y[0] = ToByte(red);
      y[1] = ToByte(green);
      y[2] = ToByte(blue);
    }
  }
}

// In pieces whose sums stay in registers and the first cache.
void ResampleColumnsU8_scalar(const ResampleColumnsU8Args& args) {
  constexpr size_t kPiece = 256;
  int32_t sums[kPiece];
  for (size_t begin = 0; begin < args.bytes; begin += kPiece) {
    const size_t piece = args.bytes - begin < kPiece ? args.bytes - begin : kPiece;
    for (size_t i = 0; i < piece; ++i) sums[i] = kResampleHalf;
    const uint8_t* row = args.x + begin;
    for (int32_t k = 0; k < args.count; ++k, row += args.x_row_bytes) {
      const int32_t weight = args.weights[k];
      for (size_t i = 0; i < piece; ++i) sums[i] += row[i] * weight;
    }
    for (size_t i = 0; i < piece; ++i) args.y[begin + i] = ToByte(sums[i]);
  }
}

}  // namespace cutis
