// A plain float evaluator of Net, written for tests only: double sums, NHWC, no speed.
#ifndef CUTIS_TESTS_CONVERTER_NET_EVAL_H_
#define CUTIS_TESTS_CONVERTER_NET_EVAL_H_

#include <vector>

#include "converter/lower/net.h"

namespace cutis::convert {

// `image` holds the input, tight NHWC. The outputs in the order of net.outputs, tight NHWC. `net` is trusted.
std::vector<std::vector<float>> Evaluate(const Net& net, const std::vector<float>& image);
// The same for several inputs, in the order of net.inputs.
std::vector<std::vector<float>> Evaluate(const Net& net, const std::vector<std::vector<float>>& inputs);

// NCHW to NHWC and back, for an image of `shape`.
std::vector<float> ToNhwc(const std::vector<float>& nchw, const Shape& shape);
std::vector<float> ToNchw(const std::vector<float>& nhwc, const Shape& shape);
// The same for a tensor of several images.
std::vector<float> ToMemory(const std::vector<float>& values, const NetTensor& tensor);
std::vector<float> FromMemory(const std::vector<float>& values, const NetTensor& tensor);

// max |a - b| / max |b|; infinity where the sizes differ or a value is NaN.
double RelativeError(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace cutis::convert

#endif  // CUTIS_TESTS_CONVERTER_NET_EVAL_H_
