#include "converter/quant/auc.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace cutis::convert {
namespace {

constexpr int kResamples = 2000;

// Scores in rising order, so that a resample costs one pass.
class Ranking {
 public:
  Ranking(std::span<const Scored> images, float Scored::*score) : images_(images), score_(score), order_(images.size()) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) { return images[a].*score < images[b].*score; });
  }

  // `weights`: how often each image counts.
  double Auc(const std::vector<int>& weights) const {
    double negatives_below = 0, positives = 0, pairs = 0;
    for (size_t i = 0; i < order_.size();) {
      double tied_positives = 0, tied_negatives = 0;
      const float score = images_[order_[i]].*score_;
      for (; i < order_.size() && !(images_[order_[i]].*score_ > score); ++i) {
        (images_[order_[i]].positive ? tied_positives : tied_negatives) += weights[order_[i]];
      }
      pairs += tied_positives * (negatives_below + tied_negatives / 2);
      negatives_below += tied_negatives;
      positives += tied_positives;
    }
    return pairs / (positives * negatives_below);
  }

 private:
  std::span<const Scored> images_;
  float Scored::*score_;
  std::vector<size_t> order_;
};

}  // namespace

AucComparison CompareAuc(std::span<const Scored> images) {
  AucComparison result;
  std::vector<size_t> groups[2];
  for (size_t i = 0; i < images.size(); ++i) groups[images[i].positive ? 1 : 0].push_back(i);
  result.negatives = static_cast<int>(groups[0].size());
  result.positives = static_cast<int>(groups[1].size());
  const Ranking first(images, &Scored::first), second(images, &Scored::second);
  std::vector<int> weights(images.size(), 1);
  result.first = first.Auc(weights);
  result.second = second.Auc(weights);

  uint64_t state = 0x9e3779b97f4a7c15;  // xorshift64: the interval is the same on every machine
  std::vector<double> firsts, seconds, differences;
  for (int i = 0; i < kResamples; ++i) {
    std::fill(weights.begin(), weights.end(), 0);
    for (const std::vector<size_t>& group : groups) {
      for (size_t j = 0; j < group.size(); ++j) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ++weights[group[static_cast<size_t>(state % group.size())]];
      }
    }
    firsts.push_back(first.Auc(weights));
    seconds.push_back(second.Auc(weights));
    differences.push_back(seconds.back() - firsts.back());
  }
  const auto interval = [](std::vector<double>& values, double* low, double* high) {
    std::sort(values.begin(), values.end());
    *low = values[kResamples / 40];
    *high = values[kResamples - 1 - kResamples / 40];
  };
  interval(firsts, &result.first_low, &result.first_high);
  interval(seconds, &result.second_low, &result.second_high);
  interval(differences, &result.low, &result.high);
  return result;
}

}  // namespace cutis::convert
