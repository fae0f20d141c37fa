// Reductions: what their kernels get.
#ifndef CUTIS_OPS_REDUCE_REDUCE_H_
#define CUTIS_OPS_REDUCE_REDUCE_H_

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {

// y[i*y_stride] = f over r of x[i*x_stride + sum of r[a]*stride[a]] for i < outputs, r row-major in `axes` axes of extent[a]
// (at least one axis, no extent of 0). Strides in elements, of any sign or 0 (x; y: not 0), any alignment. Exactly those
// elements are read and written; y does not overlap x (vector kernels compute the last outputs twice).
template <class T>
struct Reduction {
  const T* x;
  ptrdiff_t x_stride;
  T* y;
  ptrdiff_t y_stride;
  size_t outputs;
  int32_t axes;
  size_t extent[kMaxAxes];
  ptrdiff_t stride[kMaxAxes];
  ReduceFunction function;
};

// kSum: 0 + x + x + ..., in the order of r; kMean: that, divided by the divisor. kMax: begins with the first element; a later
// one takes its place if it is greater or a NaN, until it is a NaN; kMin likewise.
struct ReduceF32Args : Reduction<float> {
  float divisor;
};

// kSum, kMean: requantize(start + sum of the bytes, multiplier), where 0 <= sum < 2^31 and -2^31 < start <= 0 (minus the count
// times the zero point). kMax, kMin: of the bytes, clamped to [lo, hi].
struct ReduceU8Args : Reduction<uint8_t> {
  int32_t start;
  float multiplier;
  OutputU8 out;
};

// Calls each(offset) for every r, in order.
template <class T, class Each>
[[gnu::always_inline]] static inline void ForEachReduced(const Reduction<T>& run, const Each& each) {
  size_t index[kMaxAxes] = {};
  const int32_t last = run.axes - 1;
  const size_t extent = run.extent[last];
  const ptrdiff_t stride = run.stride[last];
  for (ptrdiff_t row = 0;;) {
    ptrdiff_t at = row;
    for (size_t i = 0; i < extent; ++i, at += stride) each(at);
    int32_t a = last - 1;
    for (; a >= 0; --a) {
      row += run.stride[a];
      if (++index[a] < run.extent[a]) break;
      row -= run.stride[a] * static_cast<ptrdiff_t>(run.extent[a]);
      index[a] = 0;
    }
    if (a < 0) return;
  }
}

// Steps of the float reductions, for scalars.
[[gnu::always_inline]] static inline float MaxStep(float best, float x) { return x <= best || best != best ? best : x; }
[[gnu::always_inline]] static inline float MinStep(float best, float x) { return x >= best || best != best ? best : x; }

[[gnu::always_inline]] static inline uint8_t ClampByte(uint8_t value, const OutputU8& out) {
  return static_cast<uint8_t>(value < out.lo ? out.lo : value > out.hi ? out.hi : value);
}

}  // namespace cutis

#endif  // CUTIS_OPS_REDUCE_REDUCE_H_
