#include "converter/quant/rates.h"

#include <algorithm>
#include <cmath>

namespace cutis::convert {

Share ShareOf(int64_t hits, int64_t count) {
  Share share{hits, count, 0, 0, 1};
  if (count <= 0) return share;
  constexpr double kZ = 1.959963984540054;  // 97.5 % of a normal distribution lie below
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(hits) / n;
  const double centre = (p + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ / (1 + kZ * kZ / n) * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  share.value = p;
  share.low = hits == 0 ? 0 : std::max(0.0, centre - half);
  share.high = hits == count ? 1 : std::min(1.0, centre + half);
  return share;
}

void Rates::Count(bool positive, Verdict verdict) {
  const bool referred = verdict == Verdict::kRefer;
  if (positive) {
    ++positives;
    found += verdict == Verdict::kBcc ? 1 : 0;
    positives_referred += referred ? 1 : 0;
  } else {
    ++negatives;
    cleared += verdict == Verdict::kNotBcc ? 1 : 0;
    negatives_referred += referred ? 1 : 0;
  }
}

}  // namespace cutis::convert
