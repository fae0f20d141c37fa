// Float32 convolutions, depthwise convolutions and fully connected layers with random weights, for tests of whole operators.
#ifndef CUTIS_TESTS_OPS_FLOAT_LAYER_H_
#define CUTIS_TESTS_OPS_FLOAT_LAYER_H_

#include <vector>

#include "tests/ops/op_case.h"

namespace cutis::test {

struct FloatLayer {
  OpKind kind = OpKind::kConv;
  Shape in;
  int32_t out_channels = 1, groups = 1;  // depthwise: groups is ignored
  Window window;
  int32_t batch = 2;
  Gaps in_gaps, out_gaps;
  float min = -__builtin_inff(), max = __builtin_inff();
};

// Layers of every sort: 1x1, strides, asymmetric padding, dilation, groups, tails of channels.
std::vector<FloatLayer> FloatLayers();

class FloatCase {
 public:
  FloatCase(const FloatLayer& layer, uint64_t seed);
  // The direct sum of one output in double, clamped; `magnitude` gets the sum of the absolute products.
  double Expected(int32_t image, int32_t y, int32_t x, int32_t n, double* magnitude);
  // The largest difference from Expected, in units of the magnitude.
  double Error();
  OpCase& op() { return op_; }
  const FloatLayer& layer() const { return layer_; }
  // Plain weights [out][ky][kx][in of a group] and bias, for other values than random ones; call Pack after a change.
  std::vector<float>& weights() { return weights_; }
  std::vector<float>& bias() { return bias_; }
  void Pack();

 private:
  int32_t GroupIn() const;

  FloatLayer layer_;
  std::vector<float> weights_, bias_;
  GuardedBuffer packed_weights_, packed_bias_;
  OpCase op_;
};

}  // namespace cutis::test

#endif  // CUTIS_TESTS_OPS_FLOAT_LAYER_H_
