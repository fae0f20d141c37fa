// What the checks of several operators have in common, beside ops/conv/geometry.h. Each returns ok or a one-line error that
// begins with the operator's name.
#ifndef CUTIS_OPS_CHECK_H_
#define CUTIS_OPS_CHECK_H_

#include <cstddef>
#include <cstdint>

#include "ops/conv/geometry.h"
#include "ops/op.h"
#include "ops/options.h"
#include "ops/status.h"
#include "ops/tensor.h"

namespace cutis {

// The node has `inputs` inputs of type `in`, an output of type `out`, all of them sound tensors; those of uint8 have a finite,
// positive scale.
Status CheckTensors(const char* op, const Node& node, size_t inputs, DataType in, DataType out);

// Kernel, stride and dilation are small enough for products of them with an image to stay within int64, the kernel's elements
// are fewer than 2^24 (so that their count is exact as a float).
Status CheckWindowLimits(const char* op, const Window& window);

// Neither bound is a NaN and min <= max.
Status CheckClampF32(const char* op, float min, float max);

// Within [kMinMultiplier, kMaxMultiplier).
Status CheckMultiplier(const char* op, float multiplier);

Status CheckSameShape(const char* op, const TensorInfo& in, const TensorInfo& out);
// uint8: the same scale and zero point, bit for bit.
Status CheckSameScale(const char* op, const TensorInfo& in, const TensorInfo& out);

// Sizes for pointer arithmetic from the checked, nonnegative numbers of a node.
[[gnu::always_inline]] static inline size_t ToSize(int64_t value) { return static_cast<size_t>(value); }

}  // namespace cutis

#endif  // CUTIS_OPS_CHECK_H_
