// Reference kernels of the pools.
#include "ops/pool/pool.h"
#include "ops/requant.h"

namespace cutis {
namespace {

template <class T>
const T* TapAt(const PoolWindows<T>& w, size_t pixel, int32_t row, int32_t column) {
  return w.x + pixel * w.pixel_stride + static_cast<size_t>(row) * w.row_stride + static_cast<size_t>(column) * w.column_stride;
}

template <class T>
void MaxPool(const PoolWindows<T>& w) {
  for (size_t p = 0; p < w.pixels; ++p) {
    T* y = w.y + p * w.y_stride;
    for (int32_t c = 0; c < w.channels; ++c) {
      T max = TapAt(w, p, 0, 0)[c];
      for (int32_t row = 0; row < w.rows; ++row) {
        for (int32_t column = 0; column < w.columns; ++column) {
          const T tap = TapAt(w, p, row, column)[c];
          if (tap > max) max = tap;
        }
      }
      y[c] = max;
    }
  }
}

}  // namespace

void MaxPoolU8_scalar(const MaxPoolU8Args& args) { MaxPool<uint8_t>(args); }
void MaxPoolF32_scalar(const MaxPoolF32Args& args) { MaxPool<float>(args); }

void AveragePoolU8_scalar(const AveragePoolU8Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    uint8_t* y = args.y + p * args.y_stride;
    for (int32_t c = 0; c < args.channels; ++c) {
      int32_t sum = -args.rows * args.columns * args.zero_point;
      for (int32_t row = 0; row < args.rows; ++row) {
        for (int32_t column = 0; column < args.columns; ++column) sum += TapAt(args, p, row, column)[c];
      }
      y[c] = Requantize(sum, args.multiplier, args.out);
    }
  }
}

void AveragePoolF32_scalar(const AveragePoolF32Args& args) {
  for (size_t p = 0; p < args.pixels; ++p) {
    float* y = args.y + p * args.y_stride;
    for (int32_t c = 0; c < args.channels; ++c) {
      float sum = 0;
      for (int32_t row = 0; row < args.rows; ++row) {
        for (int32_t column = 0; column < args.columns; ++column) sum += TapAt(args, p, row, column)[c];
      }
      y[c] = sum / args.divisor;
    }
  }
}

}  // namespace cutis
