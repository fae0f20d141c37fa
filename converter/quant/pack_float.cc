// A network in float32: only the layouts change.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "converter/quant/given.h"
#include "converter/quant/quantize.h"
#include "ops/conv/pack.h"

namespace cutis::convert {
namespace {

template <class Options>
Options Weighted(const NetNode& node, FileModel& model, int32_t groups, std::vector<float> weights) {
  const auto out = static_cast<int32_t>(node.bias.size());
  std::vector<float> bias(PackedChannelsSize(out, groups));
  PackChannels(out, groups, node.bias.data(), bias.data());
  Options options;
  options.window = node.window;
  options.weights = model.Own(weights);
  options.bias = model.Own(bias);
  options.min = node.min;
  options.max = node.max;
  return options;
}

OpOptions Conv(const Net& net, const NetNode& node, FileModel& model) {
  const int32_t in = net.tensors[static_cast<size_t>(node.inputs[0])].shape.channels;
  const ConvWeightShape shape = {static_cast<int32_t>(node.bias.size()), node.window.kernel_h, node.window.kernel_w,
                                 in / node.groups, node.groups};
  std::vector<float> packed(PackedConvF32Size(shape));
  PackConvF32(shape, node.weights.data(), packed.data());
  auto options = Weighted<ConvF32Options>(node, model, node.groups, std::move(packed));
  options.groups = node.groups;
  return options;
}

OpOptions Depthwise(const NetNode& node, FileModel& model) {
  const auto channels = static_cast<int32_t>(node.bias.size());
  std::vector<float> packed(PackedDepthwiseF32Size(channels, node.window.kernel_h, node.window.kernel_w));
  PackDepthwiseF32(channels, node.window.kernel_h, node.window.kernel_w, node.weights.data(), packed.data());
  return Weighted<DepthwiseF32Options>(node, model, 1, std::move(packed));
}

// What the runtime wants of an operator on index maps.
struct MapOptions {
  const NetNode& node;
  FileModel& model;

  template <class Options>
  OpOptions operator()(Options options) const {
    if constexpr (requires { options.min; }) {
      options.min = node.min;
      options.max = node.max;
    }
    return options;
  }
  OpOptions operator()(std::monostate) const { return ReshapeOptions{}; }  // refused by the operator's check
  OpOptions operator()(const NetMove& move) const {
    MoveOptions options;
    options.view = move.view;
    options.pieces = model.Own(move.pieces);
    options.filled = move.filled;
    options.fill = move.fill;
    return options;
  }
  OpOptions operator()(const NetResize& resize) const {
    return ResizeLinearOptions{model.Own(resize.low_y),  model.Own(resize.high_y),   model.Own(resize.low_x),
                               model.Own(resize.high_x), model.Own(resize.weight_y), model.Own(resize.weight_x)};
  }
};

}  // namespace

OpOptions FloatOptionsOf(const Net& net, const NetNode& node, FileModel& model) {
  switch (node.kind) {
    case OpKind::kConv:
    case OpKind::kDense:
      return Conv(net, node, model);
    case OpKind::kDepthwise:
      return Depthwise(node, model);
    case OpKind::kAdd:
      return AddF32Options{node.min, node.max};
    case OpKind::kMaxPool:
      return MaxPoolOptions{node.window};
    case OpKind::kAveragePool:
      return AveragePoolF32Options{node.window, node.count_include_pad};
    case OpKind::kClamp:
      return ClampF32Options{node.min, node.max};
    case OpKind::kSoftmax:
      return SoftmaxOptions{};
    case OpKind::kMove:
    case OpKind::kResizeLinear:
    case OpKind::kBinary:
    case OpKind::kSelect:
    case OpKind::kUnary:
    case OpKind::kReduce:
    case OpKind::kMatMul:
      return std::visit(MapOptions{node, model}, node.options);
    case OpKind::kDequantize:
      return DequantizeOptions{};
    case OpKind::kQuantize:
      return QuantizeOptions{};
    case OpKind::kLookup:
    case OpKind::kReshape:
      break;
  }
  return ReshapeOptions{};
}

namespace {

bool IsWeighted(OpKind kind) { return kind == OpKind::kConv || kind == OpKind::kDepthwise || kind == OpKind::kDense; }

Status CheckWeights(const Net& net, const NetNode& node) {
  const int32_t in = net.tensors[static_cast<size_t>(node.inputs[0])].shape.channels;
  const int32_t out = net.tensors[static_cast<size_t>(node.output)].shape.channels;
  const bool depthwise = node.kind == OpKind::kDepthwise;
  if (node.groups < 1 || in % node.groups != 0 || out % node.groups != 0 || (depthwise && in != out)) {
    return Status::Error(Code::kInternal, "node \"%s\": %d groups with %d input and %d output channels", node.name.c_str(),
                         node.groups, in, out);
  }
  const size_t terms = static_cast<size_t>(node.window.kernel_h) * static_cast<size_t>(node.window.kernel_w) *
                       static_cast<size_t>(depthwise ? 1 : in / node.groups);
  if (node.bias.size() != static_cast<size_t>(out) || node.weights.size() != static_cast<size_t>(out) * terms) {
    return Status::Error(Code::kInternal, "node \"%s\": %zu weights and %zu biases for %d outputs of %zu terms",
                         node.name.c_str(), node.weights.size(), node.bias.size(), out, terms);
  }
  for (const std::vector<float>* values : {&node.weights, &node.bias}) {
    for (const float value : *values) {
      if (!std::isfinite(value)) {
        return Status::Error(Code::kBadInput, "node \"%s\": a weight or bias is infinite or no number", node.name.c_str());
      }
    }
  }
  return {};
}

}  // namespace

FileTensor MakeTensor(const NetTensor& tensor, DataType type) {
  FileTensor result;
  result.name = tensor.name;
  result.info.type = type;
  result.info.shape = tensor.shape;
  result.info.channel_stride = ChannelStride(type, tensor.shape.channels);
  result.info.image_bytes = ImageBytes(type, tensor.shape);
  result.info.images = tensor.images;
  result.info.constant = tensor.is_constant;
  return result;
}

std::span<const std::byte> PackConstant(const NetTensor& tensor, FileModel& model) {
  const TensorInfo info = MakeTensor(tensor, DataType::kF32).info;
  std::vector<float> values(EntryBytes(info) / sizeof(float));
  const size_t row = tensor.constant.size() / static_cast<size_t>(tensor.images);  // float images have gaps at their end only
  for (size_t i = 0; i < static_cast<size_t>(tensor.images); ++i) {
    std::copy_n(tensor.constant.begin() + static_cast<ptrdiff_t>(i * row), row,
                values.begin() + static_cast<ptrdiff_t>(i * (info.image_bytes / sizeof(float))));
  }
  return std::as_bytes(model.Own(values));
}

Status CheckNetNode(const Net& net, const NetNode& node) {
  const bool fixed = node.kind < OpKind::kMove;  // those on index maps are checked by the operator
  const bool bytes = net.tensors[static_cast<size_t>(node.output)].type == DataType::kU8;
  if ((fixed && node.inputs.size() != (node.kind == OpKind::kAdd ? 2u : 1u)) || node.kind == OpKind::kLookup ||
      (node.kind == OpKind::kQuantize && !bytes)) {
    return Status::Error(Code::kInternal, "node \"%s\": not of a kind that a network before quantisation has",
                         node.name.c_str());
  }
  const bool clamped = std::isfinite(node.min) || std::isfinite(node.max);
  if (clamped && !IsWeighted(node.kind) && node.kind != OpKind::kAdd && node.kind != OpKind::kClamp &&
      node.kind != OpKind::kBinary && node.kind != OpKind::kMatMul) {
    return Status::Error(Code::kInternal, "node \"%s\": a clamp cannot be fused into it", node.name.c_str());
  }
  if (!(node.min <= node.max)) {
    return Status::Error(Code::kBadInput, "node \"%s\": clamps to [%g, %g], which is empty", node.name.c_str(),
                         static_cast<double>(node.min), static_cast<double>(node.max));
  }
  return IsWeighted(node.kind) ? CheckWeights(net, node) : Status();
}

Result<FileModel> PackFloat(const Net& net) {
  FileModel model;
  for (const NetTensor& tensor : net.tensors) {
    model.tensors.push_back(MakeTensor(tensor, tensor.type));
    if (tensor.type == DataType::kU8) {
      const Affine affine = GivenAffine(tensor).value_or(Affine{1, 0});
      model.tensors.back().info.scale = affine.scale;
      model.tensors.back().info.zero_point = affine.zero_point;
    }
    model.tensors.back().origin = static_cast<int>(model.tensors.size()) - 1;
    if (tensor.is_constant) model.tensors.back().constant = PackConstant(tensor, model);
  }
  for (const NetNode& node : net.nodes) {
    CUTIS_TRY(CheckNetNode(net, node));
    model.nodes.push_back({node.name, node.kind, node.inputs, node.output, FloatOptionsOf(net, node, model),
                           static_cast<int>(model.nodes.size())});
  }
  model.inputs = net.inputs;
  model.outputs = net.outputs;
  return model;
}

}  // namespace cutis::convert
