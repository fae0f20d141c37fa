// Products of matrices: what their kernels get.
#ifndef CUTIS_OPS_MATMUL_MATMUL_H_
#define CUTIS_OPS_MATMUL_MATMUL_H_

#include <cstddef>
#include <cstdint>

#include "ops/options.h"

namespace cutis {

// y[r*y_row + c*y_column] from a[r*a_row + i*a_k] and b[i*b_k + c*b_column], r < rows, c < columns, i < k, all at least 1.
// Strides in elements, of any sign or 0 (y_row and y_column: such that the outputs are apart), any alignment; those of axes of
// one element are 0 or 1; (columns-1) * b_column is below 2^29. Exactly those elements are read and written; y overlaps neither
// a nor b (vector kernels compute some outputs twice).
template <class T>
struct MatrixProduct {
  const T* a;
  const T* b;
  T* y;
  ptrdiff_t a_row, a_k, b_k, b_column, y_row, y_column;
  size_t rows, columns;
  int32_t k;
};

// y = clamp(0 + a*b + a*b + ..., min, max): i in order, multiply and add rounded apart; a NaN passes.
struct MatMulF32Args : MatrixProduct<float> {
  float min, max;
};

// y = requantize(sum of (a - zero_a)*(b - zero_b), multiplier); 255*255*k < 2^31.
struct MatMulU8Args : MatrixProduct<uint8_t> {
  int32_t zero_a, zero_b;
  float multiplier;
  OutputU8 out;
};

// One output, for the reference and for what is left beside vectors.
[[gnu::always_inline]] static inline float DotF32(const MatMulF32Args& args, const float* a, const float* b) {
  float sum = 0;
  for (int32_t i = 0; i < args.k; ++i, a += args.a_k, b += args.b_k) sum += *a * *b;
  return sum < args.min ? args.min : sum > args.max ? args.max : sum;
}
[[gnu::always_inline]] static inline int32_t DotU8(const MatMulU8Args& args, const uint8_t* a, const uint8_t* b) {
  int32_t sum = 0;
  for (int32_t i = 0; i < args.k; ++i, a += args.a_k, b += args.b_k) sum += (*a - args.zero_a) * (*b - args.zero_b);
  return sum;
}

}  // namespace cutis

#endif  // CUTIS_OPS_MATMUL_MATMUL_H_
