// Checks that the windowed operators share. Each returns a one-line error that begins with the operator's name.
#ifndef CUTIS_OPS_CONV_GEOMETRY_H_
#define CUTIS_OPS_CONV_GEOMETRY_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/options.h"
#include "ops/status.h"
#include "ops/tensor.h"

namespace cutis {

// Positive dimensions, the wanted type, a channel stride that holds the channels (uint8: a multiple of 4), image_bytes a
// multiple of kAlignment that holds the image, uint8: a zero point in [0, 255]. `role` is "input" or "output".
Status CheckTensor(const char* op, const char* role, const TensorInfo* tensor, DataType type);

// A window of sane values over `in` gives the height and width of `out`. A window that lies whole in the padding is allowed.
Status CheckWindow(const char* op, const Window& window, const Shape& in, const Shape& out);

// lo <= hi within [0, 255], and the zero point is that of the output tensor.
Status CheckOutputU8(const char* op, const OutputU8& out, const TensorInfo& tensor);

// No weight is -128, and the span starts on a cache line.
Status CheckWeightsS8(const char* op, std::span<const int8_t> weights);

// For `live` channels out of each block of `block` entries: 32512*terms + |bias| < 2^31, so that neither the sum nor that of a
// signed dot product on x^0x80 leaves int32; kMinMultiplier <= multiplier < kMaxMultiplier. Both spans have equal sizes, a
// multiple of `block`. `first` is added to the number of a channel in errors.
Status CheckChannels(const char* op, std::span<const int32_t> bias, std::span<const float> multiplier, size_t live,
                     size_t block, int64_t terms, size_t first = 0);

// a * b, or UINT64_MAX where that does not fit.
inline uint64_t SaturatingMultiply(uint64_t a, uint64_t b) {
  uint64_t product;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

}  // namespace cutis

#endif  // CUTIS_OPS_CONV_GEOMETRY_H_
