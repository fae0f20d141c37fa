#include "tools/pipeline/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cutis::pipeline {
namespace {

constexpr unsigned kBits = 6;  // of a power of two
constexpr uint64_t kParts = uint64_t{1} << kBits;
constexpr size_t kBuckets = (64 - kBits + 1) * kParts;

// Below kParts each number has a bucket of its own; above, the kBits bits after the leading one choose it.
size_t BucketOf(uint64_t ns) {
  if (ns < kParts) return static_cast<size_t>(ns);
  const unsigned shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - kBits;
  return static_cast<size_t>((uint64_t{shift} + 1) * kParts + ((ns >> shift) - kParts));
}

double MiddleOf(size_t bucket) {
  if (bucket < kParts) return static_cast<double>(bucket);
  const unsigned shift = static_cast<unsigned>(bucket / kParts) - 1;
  return std::ldexp(static_cast<double>(bucket % kParts + kParts) + 0.5, static_cast<int>(shift));
}

}  // namespace

void Histogram::Add(double ms) {
  if (counts_.empty()) counts_.resize(kBuckets);
  ms = std::max(ms, 0.0);
  ++counts_[BucketOf(static_cast<uint64_t>(std::min(ms * 1e6, 1e18)))];
  least_ = count_ == 0 ? ms : std::min(least_, ms);
  most_ = std::max(most_, ms);
  sum_ += ms;
  ++count_;
}

// Of the nearest rank: the least time that `share` of all are not above.
double Histogram::Percentile(double share) const {
  const uint64_t rank = std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::clamp(1e-6 * MiddleOf(i), least_, most_);
  }
  return most_;
}

cutis_latency Histogram::Summary() const {
  if (count_ == 0) return {};
  return {count_, sum_ / static_cast<double>(count_), least_, Percentile(0.5), Percentile(0.9), Percentile(0.99), most_};
}

}  // namespace cutis::pipeline
