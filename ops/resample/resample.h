// Antialiased resize of 8-bit pixels: what its kernels get. runtime/resize.cc makes the windows and calls them.
//
// Like the hash they belong to no operator of a graph. They stand in the same table all the same, for what the table gives:
// choice by instruction set under the same mask, the test against the reference by bytes, the benchmark.
#ifndef CUTIS_OPS_RESAMPLE_RESAMPLE_H_
#define CUTIS_OPS_RESAMPLE_RESAMPLE_H_

#include <cstddef>
#include <cstdint>

namespace cutis {

// An output is the sum of `count` neighbouring inputs from number `first` on, times weights in units of 2^-22, rounded half up
// and clamped to a byte. Kernels take inputs four at a time: the weights of a window have room for a multiple of 4, and are
// zero behind `count`. Their magnitudes sum to less than 2 (that is, 2^23), so that 255 times that and the half fit 32 bits,
// and 24 bits hold a single one.
struct ResampleWindow {
  int32_t first, count;  // count >= 1
};

inline constexpr int kResampleBits = 22;
inline constexpr int32_t kResampleHalf = 1 << (kResampleBits - 1);
inline constexpr int32_t kResampleGroup = 4;

// `rows` rows of `width` RGB pixels become as many rows of `pixels` RGB pixels: output pixel i of a row has windows[i] and
// weights[i * taps ...]; taps is a multiple of 4. Any alignment; exactly the pixels are read and written; y does not overlap x.
struct ResampleRowsU8Args {
  const uint8_t* x;
  size_t x_row_bytes;  // from a row to the next
  int32_t width;
  size_t rows;
  const ResampleWindow* windows;
  const int32_t* weights;
  size_t taps;
  uint8_t* y;
  size_t y_row_bytes;
  int32_t pixels;
};

// One row of `bytes` bytes from `count` rows, one window for all. Any alignment; exactly those bytes are read and written; y
// does not overlap x (vector kernels compute the last bytes twice).
struct ResampleColumnsU8Args {
  const uint8_t* x;  // of the window's first row
  size_t x_row_bytes;
  const int32_t* weights;
  int32_t count;
  uint8_t* y;
  size_t bytes;
};

}  // namespace cutis

#endif  // CUTIS_OPS_RESAMPLE_RESAMPLE_H_
