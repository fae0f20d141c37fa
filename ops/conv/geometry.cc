#include "ops/conv/geometry.h"

#include <cstring>

#include "ops/requant.h"

namespace cutis {

Status CheckTensor(const char* op, const char* role, const TensorInfo* tensor, DataType type) {
  if (tensor == nullptr) return Status::Error(Code::kBadInput, "%s: no %s", op, role);
  const Shape& shape = tensor->shape;
  if (tensor->type != type) {
    return Status::Error(Code::kBadInput, "%s: the %s is %s, not %s", op, role, NameOf(tensor->type), NameOf(type));
  }
  if (shape.height < 1 || shape.width < 1 || shape.channels < 1) {
    return Status::Error(Code::kBadInput, "%s: the %s has the shape %d x %d x %d; every dimension must be at least 1", op, role,
                         shape.height, shape.width, shape.channels);
  }
  if (tensor->channel_stride < shape.channels || (type == DataType::kU8 && tensor->channel_stride % 4 != 0)) {
    return Status::Error(Code::kBadInput, "%s: the %s has %d channels at a stride of %d", op, role, shape.channels,
                         tensor->channel_stride);
  }
  size_t bytes = static_cast<size_t>(shape.height);
  if (__builtin_mul_overflow(bytes, static_cast<size_t>(shape.width), &bytes) ||
      __builtin_mul_overflow(bytes, static_cast<size_t>(tensor->channel_stride), &bytes) ||
      __builtin_mul_overflow(bytes, SizeOf(type), &bytes) || bytes > tensor->image_bytes ||
      tensor->image_bytes > static_cast<size_t>(PTRDIFF_MAX)) {
    return Status::Error(Code::kBadInput, "%s: the %s of %d x %d x %d does not fit into %zu bytes an image", op, role,
                         shape.height, shape.width, shape.channels, tensor->image_bytes);
  }
  if (tensor->image_bytes % kAlignment != 0) {
    return Status::Error(Code::kBadInput, "%s: the %s has %zu bytes an image, not a multiple of %zu", op, role,
                         tensor->image_bytes, kAlignment);
  }
  if (type == DataType::kU8 && (tensor->zero_point < 0 || tensor->zero_point > 255)) {
    return Status::Error(Code::kBadInput, "%s: the zero point %d of the %s is not a byte", op, tensor->zero_point, role);
  }
  return Status();
}

namespace {

Status CheckAxis(const char* op, const char* axis, int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation,
                 int64_t pad_begin, int64_t pad_end) {
  if (kernel < 1 || stride < 1 || dilation < 1 || pad_begin < 0 || pad_end < 0) {
    return Status::Error(Code::kBadInput,
                         "%s: kernel, stride and dilation must be at least 1 and padding at least 0 along the %s", op, axis);
  }
  // All are below 2^31, so nothing here leaves int64.
  const int64_t span = in + pad_begin + pad_end - dilation * (kernel - 1) - 1;
  if (span < 0) {
    return Status::Error(Code::kBadInput, "%s: the window is larger than the padded input along the %s", op, axis);
  }
  if (span / stride + 1 != out) {
    return Status::Error(Code::kBadInput, "%s: the window gives %lld along the %s, but the output has %lld", op,
                         static_cast<long long>(span / stride + 1), axis, static_cast<long long>(out));
  }
  return Status();
}

}  // namespace

Status CheckWindow(const char* op, const Window& window, const Shape& in, const Shape& out) {
  CUTIS_TRY(CheckAxis(op, "height", in.height, out.height, window.kernel_h, window.stride_h, window.dilation_h, window.pad_top,
                      window.pad_bottom));
  return CheckAxis(op, "width", in.width, out.width, window.kernel_w, window.stride_w, window.dilation_w, window.pad_left,
                   window.pad_right);
}

Status CheckOutputU8(const char* op, const OutputU8& out, const TensorInfo& tensor) {
  if (out.lo < 0 || out.hi > 255 || out.lo > out.hi) {
    return Status::Error(Code::kBadInput, "%s: the clamp [%d, %d] is not a range of bytes", op, out.lo, out.hi);
  }
  if (out.zero_point != tensor.zero_point) {
    return Status::Error(Code::kBadInput, "%s: the output's zero point is %d, the operator's %d", op, tensor.zero_point,
                         out.zero_point);
  }
  return Status();
}

Status CheckWeightsS8(const char* op, std::span<const int8_t> weights) {
  if (reinterpret_cast<uintptr_t>(weights.data()) % kAlignment != 0) {
    return Status::Error(Code::kBadInput, "%s: the weights do not start at a multiple of %zu bytes", op, kAlignment);
  }
  // The byte 0x80; the C library looks at 16 bytes and more at once. (A span of none may be null, which memchr may not be given.)
  if (!weights.empty() && std::memchr(weights.data(), 0x80, weights.size()) != nullptr)
    return Status::Error(Code::kBadInput, "%s: a weight is -128; weights lie in [-127, 127]", op);
  return Status();
}

Status CheckChannels(const char* op, std::span<const int32_t> bias, std::span<const float> multiplier, size_t live,
                     size_t block, int64_t terms, size_t first) {
  constexpr int64_t kLargestTerm = 32512;  // 256 * 127: also covers x^0x80 with the bias b + 128 * sum(w)
  constexpr int64_t kLimit = int64_t{1} << 31;
  if (terms > kLimit / kLargestTerm) {
    return Status::Error(Code::kBadInput, "%s: %lld terms a sum can leave 32 bits", op, static_cast<long long>(terms));
  }
  for (size_t begin = 0; begin < bias.size(); begin += block) {
    for (size_t i = begin; i < begin + live; ++i) {
      const int64_t magnitude = bias[i] < 0 ? -int64_t{bias[i]} : int64_t{bias[i]};
      if (kLargestTerm * terms + magnitude >= kLimit) {
        return Status::Error(Code::kBadInput, "%s: the bias %d of channel %zu with %lld terms can leave 32 bits", op, bias[i],
                             first + begin / block * live + i - begin, static_cast<long long>(terms));
      }
      if (!(multiplier[i] >= kMinMultiplier && multiplier[i] < kMaxMultiplier)) {  // refuses NaN too
        return Status::Error(Code::kBadInput, "%s: the multiplier %g of channel %zu is out of range", op,
                             static_cast<double>(multiplier[i]), first + begin / block * live + i - begin);
      }
    }
  }
  return Status();
}

}  // namespace cutis
