#include "converter/quant/entropy.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace cutis::convert {
namespace {

constexpr int kSteps = 64, kLowest = 16;  // shares of the full range, in 64ths
constexpr int kLevels = 256;

}  // namespace

double Log2(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);  // exact, as std::sqrt is
  if (mantissa < std::sqrt(0.5)) {
    mantissa *= 2;
    --exponent;
  }
  // ln m = 2 (z + z^3/3 + z^5/5 + ...) with z = (m-1)/(m+1), |z| < 0.172: the first term left out is below 2e-14.
  const double z = (mantissa - 1) / (mantissa + 1), square = z * z;
  double sum = 0;
  for (int k = 15; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return exponent + 2 * z * sum * 1.4426950408889634;
}

Range EntropyRange(const TensorStatistics& statistics, const Range& full) {
  const double width = std::ldexp(1.0, statistics.exponent);
  Range best = full;
  double least = std::numeric_limits<double>::infinity();
  for (int step = kSteps; step >= kLowest; --step) {
    const Range range = {full.low * step / kSteps, full.high * step / kSteps};
    if (!(range.high > range.low)) break;
    const Affine affine = AffineOf(range);
    // Bin 0 of `p` holds the exact zeros, the others those of the histogram, the outer ones what lies beyond them too.
    std::vector<double> p = {static_cast<double>(statistics.zeros)};
    std::vector<size_t> levels = {static_cast<size_t>(affine.zero_point)};
    double below = 0, above = 0;
    for (size_t i = 0; i < statistics.bins.size(); ++i) {
      const double value = (statistics.first_bin + static_cast<double>(i) + 0.5) * width;
      if (value < range.low) {
        below += statistics.bins[i];
      } else if (value > range.high) {
        above += statistics.bins[i];
      } else {
        p.push_back(statistics.bins[i]);
        const double level = std::nearbyint(value / static_cast<double>(affine.scale)) + affine.zero_point;
        levels.push_back(static_cast<size_t>(std::clamp(level, 0.0, 255.0)));
      }
    }
    if (p.size() == 1) continue;
    std::vector<double> clipped = p;
    clipped[1] += below;
    clipped.back() += above;
    // The reference is the clipped histogram, the candidate is made from the values within alone: clipping costs.
    std::vector<double> sums(kLevels), filled(kLevels);
    double total = 0, inside = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      total += clipped[i];
      inside += p[i];
      if (!(p[i] > 0)) continue;
      sums[levels[i]] += p[i];
      filled[levels[i]] += 1;
    }
    double divergence = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      if (!(clipped[i] > 0)) continue;
      const double q = p[i] > 0 ? sums[levels[i]] / filled[levels[i]] / inside : 0x1p-40;
      divergence += clipped[i] / total * Log2(clipped[i] / total / q);
    }
    if (divergence < least) {
      least = divergence;
      best = range;
    }
  }
  return best;
}

}  // namespace cutis::convert
