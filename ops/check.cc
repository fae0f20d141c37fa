#include "ops/check.h"

#include "ops/requant.h"

namespace cutis {
namespace {

Status CheckScale(const char* op, const TensorInfo& tensor) {
  if (tensor.type == DataType::kU8 && !(tensor.scale > 0 && tensor.scale <= __FLT_MAX__)) {
    return Status::Error(Code::kBadInput, "%s: a tensor has the scale %g; it must be finite and positive", op,
                         static_cast<double>(tensor.scale));
  }
  return Status();
}

}  // namespace

Status CheckTensors(const char* op, const Node& node, size_t inputs, DataType in, DataType out) {
  if (node.inputs.size() != inputs) {
    return Status::Error(Code::kBadInput, "%s: %zu inputs instead of %zu", op, node.inputs.size(), inputs);
  }
  for (const TensorInfo* tensor : node.inputs) {
    CUTIS_TRY(CheckTensor(op, "input", tensor, in));
    CUTIS_TRY(CheckScale(op, *tensor));
  }
  CUTIS_TRY(CheckTensor(op, "output", node.output, out));
  return CheckScale(op, *node.output);
}

Status CheckWindowLimits(const char* op, const Window& window) {
  constexpr int32_t kMost = 1 << 14;
  constexpr int64_t kMostElements = 1 << 24;
  const int32_t sizes[] = {window.kernel_h, window.kernel_w,   window.stride_h,
                           window.stride_w, window.dilation_h, window.dilation_w};
  for (int32_t size : sizes) {
    if (size < 1 || size > kMost) {
      return Status::Error(Code::kBadInput, "%s: a kernel, stride or dilation of %d; they lie in [1, %d]", op, size, kMost);
    }
  }
  if (int64_t{window.kernel_h} * window.kernel_w >= kMostElements) {
    return Status::Error(Code::kBadInput, "%s: a window of %d x %d elements is too large", op, window.kernel_h,
                         window.kernel_w);
  }
  return Status();
}

Status CheckClampF32(const char* op, float min, float max) {
  if (!(min <= max)) {
    return Status::Error(Code::kBadInput, "%s: the clamp [%g, %g] is no range", op, static_cast<double>(min),
                         static_cast<double>(max));
  }
  return Status();
}

Status CheckMultiplier(const char* op, float multiplier) {
  if (!(multiplier >= kMinMultiplier && multiplier < kMaxMultiplier)) {  // refuses NaN too
    return Status::Error(Code::kBadInput, "%s: the multiplier %g is out of range", op, static_cast<double>(multiplier));
  }
  return Status();
}

Status CheckSameShape(const char* op, const TensorInfo& in, const TensorInfo& out) {
  if (!(in.shape == out.shape)) {
    return Status::Error(Code::kBadInput, "%s: an input of %d x %d x %d gives no output of %d x %d x %d", op, in.shape.height,
                         in.shape.width, in.shape.channels, out.shape.height, out.shape.width, out.shape.channels);
  }
  return Status();
}

Status CheckSameScale(const char* op, const TensorInfo& in, const TensorInfo& out) {
  if (in.type == DataType::kU8 && (in.scale != out.scale || in.zero_point != out.zero_point)) {
    return Status::Error(Code::kBadInput, "%s: input and output must have the same scale and zero point", op);
  }
  return Status();
}

}  // namespace cutis
