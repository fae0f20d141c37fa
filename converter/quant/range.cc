#include "converter/quant/range.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "converter/quant/entropy.h"

namespace cutis::convert {
namespace {

// The range outside of which lie `outside` of the values on each side.
Range PercentileRange(const TensorStatistics& statistics, double outside, const Range& full) {
  const double most = outside * kHistogramTotal;
  const double width = std::ldexp(1.0, statistics.exponent);
  Range range = full;
  double sum = 0;
  for (size_t i = 0; i < statistics.bins.size(); ++i) {
    sum += statistics.bins[i];
    if (sum > most) {
      range.low = std::max(full.low, std::min(0.0, (statistics.first_bin + static_cast<double>(i)) * width));
      break;
    }
  }
  sum = 0;
  for (size_t i = statistics.bins.size(); i > 0; --i) {
    sum += statistics.bins[i - 1];
    if (sum > most) {
      range.high = std::min(full.high, std::max(0.0, (statistics.first_bin + static_cast<double>(i)) * width));
      break;
    }
  }
  return range;
}

// All values, as far as the clamp lets them through.
Range FullRange(const TensorStatistics& statistics, float min, float max) {
  Range full;
  full.low = std::min(0.0, static_cast<double>(std::max(statistics.min, min)));
  full.high = std::max(0.0, static_cast<double>(std::min(statistics.max, max)));
  return full;
}

}  // namespace

Affine AffineOf(const Range& range) {
  const double width = range.high - range.low;
  Affine affine;
  affine.scale = static_cast<float>(width / 255);
  // A range too small for a normal float scale holds nothing but zeros for all that uint8 can tell.
  if (!(affine.scale >= 0x1p-100f)) affine.scale = width > 0 ? 0x1p-100f : 1.0f / 255;
  affine.zero_point =
      static_cast<int32_t>(std::clamp(std::nearbyint(-range.low / static_cast<double>(affine.scale)), 0.0, 255.0));
  return affine;
}

double ExpectedError(const TensorStatistics& statistics, const Affine& affine) {
  const double step = affine.scale, width = std::ldexp(1.0, statistics.exponent);
  const double low = step * (0 - affine.zero_point), high = step * (255 - affine.zero_point);
  double error = 0;
  for (size_t i = 0; i < statistics.bins.size(); ++i) {
    const double value = (statistics.first_bin + static_cast<double>(i) + 0.5) * width;
    const double beyond = std::max({0.0, low - value, value - high});
    error += statistics.bins[i] * (step * step / 12 + beyond * beyond);
  }
  return error / kHistogramTotal;
}

std::vector<RangeCandidate> RangeCandidates(const TensorStatistics& statistics, float min, float max) {
  const Range full = FullRange(statistics, min, max);
  std::vector<RangeCandidate> candidates = {{"min-max", full}};
  const auto add = [&](const char* method, const Range& range) {
    if (range.high > range.low) candidates.push_back({method, range});
  };
  add("percentile 99.999", PercentileRange(statistics, 1e-5, full));
  add("percentile 99.99", PercentileRange(statistics, 1e-4, full));
  add("percentile 99.9", PercentileRange(statistics, 1e-3, full));
  add("mse", ChooseRange(statistics, min, max));
  add("entropy", EntropyRange(statistics, full));
  return candidates;
}

Range ChooseRange(const TensorStatistics& statistics, float min, float max) {
  const Range full = FullRange(statistics, min, max);
  Range best = full;
  double least = ExpectedError(statistics, AffineOf(full));
  const auto consider = [&](const Range& range) {
    if (!(range.high > range.low)) return;
    const double error = ExpectedError(statistics, AffineOf(range));
    if (error < least) {
      least = error;
      best = range;
    }
  };
  for (const double outside : {1e-5, 1e-4, 1e-3}) consider(PercentileRange(statistics, outside, full));
  // From the full range down to a tenth of it, each side by itself.
  constexpr int kSteps = 64, kLowest = 6;
  const int low_steps = full.low < 0 ? kSteps : kLowest, high_steps = full.high > 0 ? kSteps : kLowest;
  for (int i = kLowest; i <= low_steps; ++i) {
    for (int j = kLowest; j <= high_steps; ++j) consider({full.low * i / kSteps, full.high * j / kSteps});
  }
  return best;
}

}  // namespace cutis::convert
