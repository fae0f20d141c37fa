// What a layer's inputs are like, on images: means and mean products of the values that its weights meet.
#ifndef CUTIS_CONVERTER_QUANT_INPUT_MOMENTS_H_
#define CUTIS_CONVERTER_QUANT_INPUT_MOMENTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "converter/lower/net.h"
#include "converter/quant/cholesky.h"
#include "converter/quant/run_nodes.h"
#include "ops/tensor.h"

namespace cutis::convert {

// Groups of outputs that share their inputs; a depthwise layer has one for each channel.
inline size_t GroupsOf(const NetNode& node) {
  return node.kind == OpKind::kDepthwise ? node.bias.size() : static_cast<size_t>(node.groups);
}

// Both forms of the tensor that a layer reads. The unit of all values is one step of the quantised one, zero is real zero.
struct LayerInput {
  const NetNode* node = nullptr;  // convolution, depthwise or dense
  Shape output;
  TensorInfo info;                         // of the quantised input
  const ImageValues* quantised = nullptr;  // uint8
  const ImageValues* real = nullptr;       // float32, tight; null: the bytes are the real values (the image itself)
  std::span<const uint8_t> padding;        // bytes outside the image; empty: real zero
};

// Of the inputs of one group of outputs, k over (ky, kx, channel) as in NetNode::weights.
struct InputMoments {
  std::vector<double> real_means, quantised_means;
  Matrix covariances;  // of the quantised inputs i and j
};

// The output pixels at which inputs are looked at: at most about `most` of them, the same number in each image, spread over it by
// a fixed sequence.
class PatchSampler {
 public:
  PatchSampler(const LayerInput& input, size_t most);

  size_t terms() const { return terms_; }
  size_t patches() const { return patches_.size(); }

  // Means only, or the covariances too. All sums are taken in one order, whatever `threads` is.
  InputMoments Measure(size_t group, bool covariances, int32_t threads) const;

 private:
  struct Patch {
    size_t image;
    int32_t y, x;  // of the window's first tap in the input
  };
  void Fill(size_t group, size_t first, size_t count, size_t stride, float* quantised, float* real) const;

  LayerInput input_;
  size_t terms_;
  std::vector<Patch> patches_;
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_QUANT_INPUT_MOMENTS_H_
