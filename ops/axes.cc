#include "ops/axes.h"

namespace cutis {
namespace {

Status CheckEntry(const char* op, const TensorInfo& tensor) {
  constexpr int32_t kMostImages = 1 << 16;
  constexpr size_t kMostBytes = (size_t{1} << 31) - 1;
  if (tensor.images < 1 || tensor.images > kMostImages ||
      tensor.image_bytes > kMostBytes / static_cast<size_t>(tensor.images)) {
    return Status::Error(Code::kBadInput, "%s: a tensor of %d images with %zu bytes each is none or too large", op,
                         tensor.images, tensor.image_bytes);
  }
  return Status();
}

}  // namespace

Status CheckEntries(const char* op, const Node& node) {
  for (const TensorInfo* tensor : node.inputs) CUTIS_TRY(CheckEntry(op, *tensor));
  CUTIS_TRY(CheckEntry(op, *node.output));
  if (node.output->constant) return Status::Error(Code::kBadInput, "%s: the output is a constant", op);
  return Status();
}

}  // namespace cutis
