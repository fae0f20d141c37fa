#include "converter/quant/cholesky.h"

#include <algorithm>
#include <cmath>

#include "converter/quant/parallel.h"

namespace cutis::convert {
namespace {

// Columns that are finished together before the rest of the matrix is updated with them.
constexpr size_t kBlock = 32;
// Rows that one call of a thread updates.
constexpr size_t kRows = 16;

// a . b in eight sums, whose order no number of threads changes.
double Dot(const double* a, const double* b, size_t count) {
  double sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (size_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
  }
  for (size_t j = 0; i < count; ++i, ++j) sums[j] += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

}  // namespace

bool Cholesky(Matrix& matrix, int32_t threads) {
  const size_t n = matrix.size;
  for (size_t begin = 0; begin < n; begin += kBlock) {
    const size_t end = std::min(n, begin + kBlock);
    for (size_t j = begin; j < end; ++j) {
      double* row = matrix.Row(j);
      for (size_t k = begin; k < j; ++k) {
        row[k] = (row[k] - Dot(row + begin, matrix.Row(k) + begin, k - begin)) / matrix.Row(k)[k];
      }
      const double pivot = row[j] - Dot(row + begin, row + begin, j - begin);
      if (!(pivot > 0)) return false;
      row[j] = std::sqrt(pivot);
      std::fill(row + j + 1, row + n, 0.0);
    }
    // The rows below: first their part of these columns, then what that takes from their other columns.
    const size_t blocks = (n - end + kRows - 1) / kRows;
    ParallelFor(blocks, threads, [&](size_t block) {
      for (size_t i = end + block * kRows; i < std::min(n, end + (block + 1) * kRows); ++i) {
        double* row = matrix.Row(i);
        for (size_t k = begin; k < end; ++k) {
          row[k] = (row[k] - Dot(row + begin, matrix.Row(k) + begin, k - begin)) / matrix.Row(k)[k];
        }
      }
    });
    ParallelFor(blocks, threads, [&](size_t block) {
      for (size_t i = end + block * kRows; i < std::min(n, end + (block + 1) * kRows); ++i) {
        double* row = matrix.Row(i);
        for (size_t j = end; j <= i; ++j) row[j] -= Dot(row + begin, matrix.Row(j) + begin, end - begin);
      }
    });
  }
  return true;
}

}  // namespace cutis::convert
