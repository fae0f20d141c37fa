#include "converter/quant/statistics.h"

#include <algorithm>
#include <cmath>

namespace cutis::convert {

namespace {
// The width of a bin begins here: all that is smaller is as good as zero, and 2^100 is a float.
constexpr int32_t kSmallestExponent = -100;
}  // namespace

StatisticsCollector::StatisticsCollector(int32_t channels)
    : channel_sums_(static_cast<size_t>(channels)), bins_(2 * kHalf), exponent_(kSmallestExponent) {}

void StatisticsCollector::Grow(float largest) {
  while (std::ldexp(static_cast<double>(kHalf), exponent_) <= static_cast<double>(largest)) {
    std::vector<uint64_t> joined(bins_.size());
    for (int32_t i = -kHalf; i < kHalf; ++i) {
      const int32_t half = i >= 0 ? i / 2 : (i - 1) / 2;  // floor(i / 2)
      joined[static_cast<size_t>(half + kHalf)] += bins_[static_cast<size_t>(i + kHalf)];
    }
    bins_ = std::move(joined);
    ++exponent_;
  }
}

bool StatisticsCollector::Add(std::span<const float> values) {
  float low = 0, high = 0;
  bool finite = true;
  for (const float value : values) {
    finite = finite && std::isfinite(value);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (!finite) return false;
  if (values.empty()) return true;
  const auto [smallest, largest] = std::minmax_element(values.begin(), values.end());
  min_ = count_ == 0 ? *smallest : std::min(min_, *smallest);
  max_ = count_ == 0 ? *largest : std::max(max_, *largest);
  Grow(std::max(-low, high));

  // Exact: the factor is a power of two, and |value| * factor < 2^10.
  const float per_bin = std::ldexp(1.0f, -exponent_);
  for (const float value : values) {
    if (value == 0) {
      ++zeros_;
      continue;
    }
    const float position = value * per_bin;
    int32_t bin = static_cast<int32_t>(position);
    bin -= position < static_cast<float>(bin);  // floor
    ++bins_[static_cast<size_t>(bin + kHalf)];
  }
  const size_t channels = channel_sums_.size();
  std::vector<double> sums(channels);
  for (size_t i = 0; i + channels <= values.size(); i += channels) {
    for (size_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(values[i + c]);
  }
  for (size_t c = 0; c < channels; ++c) channel_sums_[c] += sums[c];
  count_ += values.size();
  return true;
}

TensorStatistics StatisticsCollector::Reduce() const {
  TensorStatistics result;
  result.min = min_;
  result.max = max_;
  result.exponent = exponent_;
  // Rounding the running sum, not each count, keeps the total and the weight of the tails.
  const double scale = static_cast<double>(kHistogramTotal) / static_cast<double>(count_);
  const auto share = [&](uint64_t sum) { return static_cast<uint32_t>(std::nearbyint(static_cast<double>(sum) * scale)); };
  uint64_t sum = zeros_;
  uint32_t before = result.zeros = share(sum);
  std::vector<uint32_t> shares(bins_.size());
  for (size_t i = 0; i < bins_.size(); ++i) {
    sum += bins_[i];
    const uint32_t now = share(sum);
    shares[i] = now - before;
    before = now;
  }
  size_t begin = 0, end = shares.size();
  while (end > 0 && shares[end - 1] == 0) --end;
  while (begin < end && shares[begin] == 0) ++begin;
  result.first_bin = static_cast<int32_t>(begin) - kHalf;
  result.bins.assign(shares.begin() + static_cast<ptrdiff_t>(begin), shares.begin() + static_cast<ptrdiff_t>(end));

  const double values_per_channel = static_cast<double>(count_) / static_cast<double>(channel_sums_.size());
  const double low = min_, width = static_cast<double>(max_) - low;
  for (const double channel_sum : channel_sums_) {
    const double position = width > 0 ? (channel_sum / values_per_channel - low) / width : 0;
    result.channel_means.push_back(static_cast<uint16_t>(std::nearbyint(std::clamp(position, 0.0, 1.0) * kMeanSteps)));
  }
  return result;
}

}  // namespace cutis::convert
