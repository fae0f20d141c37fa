// Rounds the weights of one output channel so that its sums change least on the inputs that it meets, instead of each weight by
// itself: after GPTQ (Frantar, Ashkboos, Hoefler, Alistarh, 2022), then single steps of the objective of AdaRound (Nagel et
// al., 2020) for as long as one helps. No step is random and there is nothing to tune to a network.
#ifndef CUTIS_CONVERTER_QUANT_ROUND_H_
#define CUTIS_CONVERTER_QUANT_ROUND_H_

#include <cstdint>
#include <span>
#include <vector>

#include "converter/quant/cholesky.h"

namespace cutis::convert {

// What the inputs of a layer say: H[i][j] is the mean product of inputs i and j, both less their means (what a change of the mean
// does is the bias's work), with something on the diagonal so that it is positive definite. The error of weights w + e is e H e.
class RoundingProblem {
 public:
  // False from ok() when `second_moments` is not positive definite.
  RoundingProblem(Matrix second_moments, int32_t threads);

  bool ok() const { return ok_; }
  const Matrix& second_moments() const { return second_moments_; }
  size_t size() const { return second_moments_.size; }

  // The integers q in [-127, 127] for which `scale` * q is near `weights` by that error. Weights that are exactly 0 stay 0: they
  // have been pruned. Returns the error. `scale` > 0.
  double Round(std::span<const double> weights, double scale, std::span<int8_t> out) const;

 private:
  void RoundInOrder(std::span<const double> weights, double scale, std::span<int8_t> out) const;
  double Improve(std::span<const double> weights, double scale, std::span<int8_t> out) const;

  Matrix second_moments_;
  std::vector<size_t> order_;  // least diagonal first
  Matrix lower_;               // of the second moments in that order
  bool ok_ = false;
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_ROUND_H_
