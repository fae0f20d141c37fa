#include "runtime/explain.h"

#include <algorithm>
#include <initializer_list>
#include <variant>

namespace cutis {
namespace {

// The node that makes a tensor; null for an input or a constant.
const ModelNode* MakerOf(std::span<const ModelTensor> tensors, std::span<const ModelNode> nodes, int32_t tensor) {
  const int32_t step = tensors[static_cast<size_t>(tensor)].first_step;
  if (step < 0) return nullptr;
  // A block's last tensor lives from the block's first node on.
  const auto maker =
      std::find_if(nodes.begin() + step, nodes.end(), [&](const ModelNode& node) { return node.output == tensor; });
  return &*maker;
}

// Every cell counts once.
bool IsMeanOfAll(const Node& pool) {
  const auto* u8 = std::get_if<AveragePoolU8Options>(&pool.options);
  const auto* f32 = std::get_if<AveragePoolF32Options>(&pool.options);
  if (u8 == nullptr && f32 == nullptr) return false;
  const Window& window = u8 != nullptr ? u8->window : f32->window;
  const Shape &in = pool.inputs[0]->shape, &out = pool.output->shape;
  return out.height == 1 && out.width == 1 && window.kernel_h == in.height && window.kernel_w == in.width &&
         window.pad_top == 0 && window.pad_left == 0 && window.pad_bottom == 0 && window.pad_right == 0;
}

// bias[l] + sum of w[l][c] * f[c], by the bytes of a cell whose tensor is `info`.
double LogitU8(const Node& dense, const TensorInfo& info, const uint8_t* cell, int32_t label) {
  const auto& options = *std::get_if<ConvU8Options>(&dense.options);
  const TensorInfo& mean = *dense.inputs[0];
  const auto n = static_cast<size_t>(label), panel = n / 16, channels = static_cast<size_t>(info.shape.channels);
  const bool pruned = !options.panel_starts.empty();
  const size_t groups = (channels + 3) / 4;
  const size_t begin = pruned ? options.panel_starts[panel] : panel * groups;
  const size_t end = pruned ? options.panel_starts[panel + 1] : begin + groups;
  int64_t sum = 0, weights = 0;
  for (size_t row = begin; row < end; ++row) {
    const size_t first = 4 * (pruned ? options.live[row] : row - begin);
    const int8_t* w = options.weights.data() + row * 64 + n % 16 * 4;
    for (size_t k = 0; k < 4 && first + k < channels; ++k) {
      sum += w[k] * (cell[first + k] - info.zero_point);
      weights += w[k];
    }
  }
  // m = s_mean * s_w / s_logit; the bias is folded in units of s_mean * s_w, with the mean's zero point (ops/requant.h).
  const double unit = static_cast<double>(options.multiplier[n]) * static_cast<double>(dense.output->scale);
  const int64_t bias = options.bias[n] + mean.zero_point * weights;
  return unit * (static_cast<double>(bias) +
                 static_cast<double>(info.scale) / static_cast<double>(mean.scale) * static_cast<double>(sum));
}

double LogitF32(const Node& dense, const TensorInfo& info, const float* cell, int32_t label) {
  const auto& options = *std::get_if<ConvF32Options>(&dense.options);
  const auto n = static_cast<size_t>(label), channels = static_cast<size_t>(info.shape.channels);
  const float* w = options.weights.data() + n / 16 * channels * 16 + n % 16;
  double sum = static_cast<double>(options.bias[n]);
  for (size_t c = 0; c < channels; ++c) sum += static_cast<double>(w[c * 16]) * static_cast<double>(cell[c]);
  return sum;
}

}  // namespace

Result<ExplainedLayers> FindExplainedLayers(std::span<const ModelTensor> tensors, std::span<const ModelNode> nodes,
                                            int32_t output) {
  const auto skip = [&](int32_t tensor, std::initializer_list<OpKind> kinds) -> const ModelNode* {
    const ModelNode* node = MakerOf(tensors, nodes, tensor);
    while (node != nullptr && std::find(kinds.begin(), kinds.end(), node->node.kind) != kinds.end())
      node = MakerOf(tensors, nodes, node->inputs[0]);
    return node;
  };
  const ModelNode* dense = skip(output, {OpKind::kSoftmax, OpKind::kDequantize, OpKind::kReshape});
  if (dense == nullptr || dense->node.kind != OpKind::kDense) {
    return Status::Error(Code::kUnsupported, "output 0 is not made by a dense layer");
  }
  const ModelNode* pool = skip(dense->inputs[0], {OpKind::kReshape});
  // A reshape may put several images, or several channels, into one.
  if (pool == nullptr || !IsMeanOfAll(pool->node) || pool->node.output->images != 1 ||
      pool->node.output->shape.channels != dense->node.inputs[0]->shape.channels) {
    return Status::Error(Code::kUnsupported, "the dense layer \"%.60s\" does not read the mean of a feature map", dense->name);
  }
  return ExplainedLayers{pool->inputs[0], static_cast<int32_t>(dense - nodes.data())};
}

void ExplainLabel(const Node& dense, const TensorInfo& info, const std::byte* features, int32_t label, std::span<float> map) {
  const int32_t labels = dense.output->shape.channels;
  for (size_t i = 0; i < map.size(); ++i) {
    const std::byte* cell = features + i * static_cast<size_t>(info.channel_stride) * SizeOf(info.type);
    const auto logit = [&](int32_t l) {
      return info.type == DataType::kU8 ? LogitU8(dense, info, reinterpret_cast<const uint8_t*>(cell), l)
                                        : LogitF32(dense, info, reinterpret_cast<const float*>(cell), l);
    };
    double lead = logit(label);
    if (labels > 1) {
      double sum = 0;
      for (int32_t l = 0; l < labels; ++l) sum += logit(l);
      lead -= sum / labels;
    }
    map[i] = static_cast<float>(lead);
  }
}

}  // namespace cutis
