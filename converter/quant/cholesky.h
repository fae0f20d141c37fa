// Symmetric positive definite matrices, in double, every sum in one fixed order.
#ifndef CUTIS_CONVERTER_QUANT_CHOLESKY_H_
#define CUTIS_CONVERTER_QUANT_CHOLESKY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cutis::convert {

// A square matrix, row-major.
struct Matrix {
  size_t size = 0;
  std::vector<double> values;

  explicit Matrix(size_t n = 0) : size(n), values(n * n) {}
  double* Row(size_t i) { return values.data() + i * size; }
  const double* Row(size_t i) const { return values.data() + i * size; }
};

// Replaces `matrix` (its lower triangle is read) by the lower triangle L with L * L^T = matrix, zeros above. False when the
// matrix is not positive definite; it is in pieces then. Blocks of rows are computed by `threads` threads, with the same result.
bool Cholesky(Matrix& matrix, int32_t threads);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_CHOLESKY_H_
