#include "converter/quant/forms.h"

#include <algorithm>
#include <cstring>

namespace cutis::convert {
namespace {

const NetTensor& TensorOf(const Net& net, int tensor) { return net.tensors[static_cast<size_t>(tensor)]; }

// The operator's check sees to the maps themselves.
bool WalksLike(const View& view, const IndexMap& map, const NetTensor& tensor) {
  TensorInfo info;
  info.type = DataType::kF32;
  info.shape = tensor.shape;
  info.images = tensor.images;
  info.channel_stride = ChannelStride(DataType::kF32, tensor.shape.channels);
  info.image_bytes = ImageBytes(DataType::kF32, tensor.shape);
  IndexMap plain;
  if (!MapView("", view, info, &plain).ok() || !CheckMap("", view, map, info).ok()) return false;
  const Strides a = StridesOf(view, plain, info), b = StridesOf(view, map, info);
  for (int32_t axis = 0; axis < view.rank; ++axis) {
    if (view.dims[axis] > 1 && a.stride[axis] != b.stride[axis]) return false;
  }
  return a.offset == b.offset;
}

// Sums of `count` products or elements of at most `largest` fit int32.
bool SumFits(int64_t count, int64_t largest) { return count <= (int64_t{1} << 31) / largest - 1; }

bool DividesByConstant(const Net& net, const NetNode& node) {
  const NetTensor& b = TensorOf(net, node.inputs[1]);
  return b.is_constant && std::find(b.constant.begin(), b.constant.end(), 0.0f) == b.constant.end();
}

bool HasInt8Form(const Net& net, const NetNode& node) {
  switch (node.kind) {
    case OpKind::kBinary: {
      const auto* options = std::get_if<BinaryF32Options>(&node.options);
      if (options == nullptr || FindScalarOperand(net, node)) return true;
      if (options->function == BinaryFunction::kDiv) return DividesByConstant(net, node);
      return options->function != BinaryFunction::kPow;
    }
    case OpKind::kReduce: {
      const auto* options = std::get_if<ReduceF32Options>(&node.options);
      return options == nullptr || SumFits(ElementCount(options->reduced), 255);
    }
    case OpKind::kMatMul: {
      const auto* options = std::get_if<MatMulF32Options>(&node.options);
      return options == nullptr || SumFits(options->k, 255 * 255);
    }
    case OpKind::kAveragePool:
      return SumFits(int64_t{node.window.kernel_h} * node.window.kernel_w, 255 * 256);
    case OpKind::kSelect:
      return false;
    default:
      return true;
  }
}

bool IsLight(OpKind kind) {
  switch (kind) {
    case OpKind::kConv:
    case OpKind::kDepthwise:
    case OpKind::kDense:
    case OpKind::kMatMul:
      return false;
    default:
      return true;
  }
}

const char* NameOf(OpKind kind) {
  switch (kind) {
    case OpKind::kBinary:
      return "this function of two tensors";
    case OpKind::kReduce:
      return "a sum of so many elements";
    case OpKind::kMatMul:
      return "a product of so many terms";
    case OpKind::kAveragePool:
      return "an average over so large a window";
    default:
      return "this operator";
  }
}

}  // namespace

std::optional<ScalarOperand> FindScalarOperand(const Net& net, const NetNode& node) {
  const auto* options = std::get_if<BinaryF32Options>(&node.options);
  if (node.kind != OpKind::kBinary || options == nullptr || node.inputs.size() != 2) return std::nullopt;
  for (const bool first : {false, true}) {
    const NetTensor& constant = TensorOf(net, node.inputs[first ? 0 : 1]);
    const NetTensor& other = TensorOf(net, node.inputs[first ? 1 : 0]);
    const NetTensor& output = TensorOf(net, node.output);
    if (!constant.is_constant || other.is_constant || constant.constant.empty()) continue;
    const float value = constant.constant[0];
    const auto same = [&](float v) { return std::memcmp(&v, &value, sizeof(float)) == 0; };
    if (!std::all_of(constant.constant.begin(), constant.constant.end(), same)) continue;
    if (!(other.shape == output.shape) || other.images != output.images) continue;
    if (!WalksLike(options->view, first ? options->b : options->a, other)) continue;
    return ScalarOperand{node.inputs[first ? 1 : 0], first, value};
  }
  return std::nullopt;
}

Result<std::vector<bool>> RealNodes(const Net& net) {
  std::vector<bool> real_tensor(net.tensors.size()), real_node;
  for (const NetNode& node : net.nodes) {
    bool all_real = true;
    for (const int input : node.inputs) {
      all_real = all_real && (real_tensor[static_cast<size_t>(input)] || TensorOf(net, input).is_constant);
    }
    bool real = node.kind == OpKind::kSoftmax ? all_real : all_real && IsLight(node.kind);
    if (!real && !HasInt8Form(net, node)) {
      if (!net.mixed) {
        return Status::Error(Code::kUnsupported,
                             "node \"%s\": %s has no int8 form; --mixed computes it in float32, --float the whole network",
                             node.name.c_str(), NameOf(node.kind));
      }
      real = true;
    }
    real_node.push_back(real);
    real_tensor[static_cast<size_t>(node.output)] = real || node.kind == OpKind::kSoftmax;
  }
  return real_node;
}

}  // namespace cutis::convert
