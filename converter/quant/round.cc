#include "converter/quant/round.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cutis::convert {
namespace {

constexpr int kMostPasses = 50;  // of single steps; few are ever needed

double Step(double value) { return std::clamp(std::nearbyint(value), -127.0, 127.0); }

}  // namespace

RoundingProblem::RoundingProblem(Matrix second_moments, int32_t threads)
    : second_moments_(std::move(second_moments)), order_(second_moments_.size), lower_(second_moments_.size) {
  std::iota(order_.begin(), order_.end(), size_t{0});
  std::stable_sort(order_.begin(), order_.end(),
                   [&](size_t a, size_t b) { return second_moments_.Row(a)[a] < second_moments_.Row(b)[b]; });
  for (size_t i = 0; i < order_.size(); ++i) {
    for (size_t j = 0; j <= i; ++j) lower_.Row(i)[j] = second_moments_.Row(order_[i])[order_[j]];
  }
  ok_ = Cholesky(lower_, threads);
}

// With H = L L^T the error is |L^T e|^2, and component k of L^T e holds e_k and only those e_j with j > k. So the last weight is
// rounded first, and each one before it to where it makes its component smallest. The last ones in the order have the largest
// inputs: their errors can still be made up for by all others.
void RoundingProblem::RoundInOrder(std::span<const double> weights, double scale, std::span<int8_t> out) const {
  std::vector<double> carried(size());  // sum over j > k of L[j][k] * e_j
  for (size_t k = size(); k-- > 0;) {
    const size_t at = order_[k];
    const double* row = lower_.Row(k);
    const double target = weights[at] - carried[k] / row[k];
    const double rounded = weights[at] == 0 ? 0 : Step(target / scale);
    out[at] = static_cast<int8_t>(rounded);
    const double error = rounded * scale - weights[at];
    for (size_t j = 0; j < k; ++j) carried[j] += row[j] * error;
  }
}

// Steps of one, weight by weight, as long as one lowers the error.
double RoundingProblem::Improve(std::span<const double> weights, double scale, std::span<int8_t> out) const {
  const size_t n = size();
  std::vector<double> gradient(n);  // H e
  for (size_t k = 0; k < n; ++k) {
    const double error = out[k] * scale - weights[k];
    const double* row = second_moments_.Row(k);
    for (size_t j = 0; j < n; ++j) gradient[j] += row[j] * error;
  }
  for (int pass = 0; pass < kMostPasses; ++pass) {
    bool changed = false;
    for (size_t k = 0; k < n; ++k) {
      if (weights[k] == 0) continue;
      const double* row = second_moments_.Row(k);
      // The error changes by 2 * step * gradient + step^2 * H[k][k].
      const double step = gradient[k] > 0 ? -scale : scale;
      const int next = out[k] + (gradient[k] > 0 ? -1 : 1);
      if (next < -127 || next > 127) continue;
      if (!(2 * step * gradient[k] + step * step * row[k] < -1e-9 * step * step * row[k])) continue;
      out[k] = static_cast<int8_t>(next);
      for (size_t j = 0; j < n; ++j) gradient[j] += step * row[j];
      changed = true;
    }
    if (!changed) break;
  }
  double total = 0;
  for (size_t k = 0; k < n; ++k) total += gradient[k] * (out[k] * scale - weights[k]);
  return total;
}

double RoundingProblem::Round(std::span<const double> weights, double scale, std::span<int8_t> out) const {
  // Steps of one end in the nearest hollow: from two sides, so that the result is never worse than plain rounding.
  std::vector<int8_t> nearest(size());
  for (size_t k = 0; k < size(); ++k) nearest[k] = static_cast<int8_t>(Step(weights[k] / scale));
  const double from_nearest = Improve(weights, scale, nearest);
  RoundInOrder(weights, scale, out);
  const double error = Improve(weights, scale, out);
  if (!(from_nearest < error)) return error;
  std::copy(nearest.begin(), nearest.end(), out.begin());
  return from_nearest;
}

}  // namespace cutis::convert
