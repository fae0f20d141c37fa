// The arithmetic of docs/design.md, section 2: everything is computed here once, in double, and rounded once.
#include "converter/quant/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "converter/quant/channel.h"
#include "converter/quant/given.h"
#include "converter/quant/live_rows.h"
#include "converter/quant/range.h"
#include "ops/conv/pack.h"
#include "ops/requant.h"
#include "ops/taps.h"

namespace cutis::convert {
namespace {

// Where a clamp to real bounds lies in bytes. Infinite bounds: the whole range.
OutputU8 ClampOf(const Affine& affine, float min, float max) {
  OutputU8 out;
  out.zero_point = affine.zero_point;
  const auto byte = [&](float bound) {
    const double position = affine.zero_point + std::nearbyint(static_cast<double>(bound) / static_cast<double>(affine.scale));
    return static_cast<int32_t>(std::clamp(position, 0.0, 255.0));
  };
  out.lo = std::isfinite(min) ? byte(min) : min > 0 ? 255 : 0;
  out.hi = std::isfinite(max) ? byte(max) : max < 0 ? 0 : 255;
  return out;
}

// A quantised layer before it is packed.
struct Layer {
  std::vector<int8_t> weights;
  std::vector<int32_t> bias;
  std::vector<float> multiplier;
};

class Quantizer {
 public:
  Quantizer(const Net& net, const Calibration& calibration, const InputRecipe& input, Refinement& refinement)
      : net_(net), calibration_(calibration), recipe_(input), refinement_(refinement) {}

  Result<FileModel> Run() {
    for (const NetTensor& tensor : net_.tensors) model_.tensors.push_back(MakeTensor(tensor, DataType::kU8));
    model_.inputs = net_.inputs;
    model_.outputs = net_.outputs;
    CUTIS_TRY(SetInput());
    for (const NetNode& node : net_.nodes) {
      CUTIS_TRY(CheckNetNode(net_, node));
      CUTIS_TRY(CheckInputTypes(node));
      CUTIS_ASSIGN(OpOptions options, OptionsOf(node));
      const OpKind kind = node.kind == OpKind::kClamp ? OpKind::kLookup : node.kind;
      model_.nodes.push_back({node.name, kind, node.inputs, node.output, options});
      CUTIS_TRY(refinement_.Finished(model_.nodes.size() - 1, model_));
    }
    return std::move(model_);
  }

 private:
  TensorInfo& Info(int tensor) { return model_.tensors[static_cast<size_t>(tensor)].info; }
  const TensorStatistics& Statistics(int tensor) const { return calibration_.tensors[static_cast<size_t>(tensor)]; }

  void SetAffine(int tensor, const Affine& affine) {
    Info(tensor).scale = affine.scale;
    Info(tensor).zero_point = affine.zero_point;
  }

  // The scale of a computed tensor, at least `least_scale` (so that multipliers stay below their limit), or as the source states
  // it: bit for bit.
  Affine SetOutput(const NetNode& node, double least_scale) {
    const std::optional<Affine> given = GivenAffine(net_.tensors[static_cast<size_t>(node.output)]);
    if (given) {
      SetAffine(node.output, *given);
      return *given;
    }
    const std::optional<Affine> chosen = refinement_.ChooseAffine(node.output);
    Affine affine = chosen ? *chosen : AffineOf(ChooseRange(Statistics(node.output), node.min, node.max));
    if (static_cast<double>(affine.scale) < least_scale) {
      const double low = -static_cast<double>(affine.scale) * affine.zero_point;
      affine.scale = static_cast<float>(least_scale);
      affine.zero_point = static_cast<int32_t>(std::clamp(std::nearbyint(-low / least_scale), 0.0, 255.0));
    }
    SetAffine(node.output, affine);
    return affine;
  }

  // One mean and deviation for all channels are the scale and zero point of the bytes; others go into the layers that read
  // them.
  Status SetInput() {
    const std::vector<float>&mean = recipe_.mean, &std = recipe_.std;
    if (mean.empty()) {
      const std::optional<Affine> given = GivenAffine(net_.tensors[static_cast<size_t>(net_.inputs[0])]);
      if (given) {
        SetAffine(net_.inputs[0], *given);
        return {};
      }
      const float infinity = std::numeric_limits<float>::infinity();
      SetAffine(net_.inputs[0], AffineOf(ChooseRange(Statistics(net_.inputs[0]), -infinity, infinity)));
      return {};
    }
    const bool uniform =
        std::set<float>(mean.begin(), mean.end()).size() == 1 && std::set<float>(std.begin(), std.end()).size() == 1;
    if (uniform && mean[0] == std::nearbyint(mean[0])) {
      SetAffine(net_.inputs[0], {static_cast<float>(1 / static_cast<double>(std[0])), static_cast<int32_t>(mean[0])});
      return {};
    }
    folded_ = true;
    SetAffine(net_.inputs[0], {1, 0});
    for (const NetNode& node : net_.nodes) {
      const bool reads = std::find(node.inputs.begin(), node.inputs.end(), net_.inputs[0]) != node.inputs.end();
      if (reads && node.kind != OpKind::kConv && node.kind != OpKind::kDepthwise && node.kind != OpKind::kDense) {
        return Status::Error(Code::kUnsupported,
                             "node \"%s\": reads the image itself, whose normalisation is not one whole mean for all channels; "
                             "only a convolution can take that in",
                             node.name.c_str());
      }
    }
    if (std::find(net_.outputs.begin(), net_.outputs.end(), net_.inputs[0]) != net_.outputs.end()) {
      return Status::Error(Code::kUnsupported,
                           "the image is an output, and its normalisation is not one whole mean for all channels");
    }
    return {};
  }

  // What comes after a softmax is float32; only what merely moves it may follow.
  Status CheckInputTypes(const NetNode& node) {
    for (const int input : node.inputs) {
      if (Info(input).type == DataType::kU8 || node.kind == OpKind::kReshape || node.kind == OpKind::kSoftmax) continue;
      return Status::Error(Code::kUnsupported, "node \"%s\": reads the result of a softmax; only outputs may come after one",
                           node.name.c_str());
    }
    return {};
  }

  Result<OpOptions> OptionsOf(const NetNode& node) {
    switch (node.kind) {
      case OpKind::kConv:
      case OpKind::kDense:
        return Conv(node);
      case OpKind::kDepthwise:
        return Depthwise(node);
      case OpKind::kAdd:
        return Add(node);
      case OpKind::kAveragePool:
        return AveragePool(node);
      case OpKind::kClamp:
        return Clamp(node);
      case OpKind::kMaxPool:
        KeepType(node);
        return OpOptions(MaxPoolOptions{node.window});
      case OpKind::kReshape:
        KeepType(node);
        return OpOptions(ReshapeOptions{});
      case OpKind::kSoftmax:
        SetFloat(node.output);
        return OpOptions(SoftmaxOptions{});
      case OpKind::kMove:
        return Move(node);
      default:
        return Status::Error(Code::kUnsupported,
                             "node \"%s\": this operator has no int8 form; write a float32 model with --float",
                             node.name.c_str());
    }
    return Status::Error(Code::kInternal, "node \"%s\": cannot be quantised", node.name.c_str());
  }

  void SetFloat(int tensor) {
    model_.tensors[static_cast<size_t>(tensor)] = MakeTensor(net_.tensors[static_cast<size_t>(tensor)], DataType::kF32);
  }

  void KeepType(const NetNode& node) {
    const TensorInfo& in = Info(node.inputs[0]);
    if (in.type == DataType::kF32) {
      SetFloat(node.output);
    } else {
      SetAffine(node.output, {in.scale, in.zero_point});
    }
  }

  // The input channel that weight k of output n meets.
  size_t InputChannel(const NetNode& node, size_t n, size_t k) const {
    if (node.kind == OpKind::kDepthwise) return n;
    const auto groups = static_cast<size_t>(node.groups);
    const size_t group_in = static_cast<size_t>(net_.tensors[static_cast<size_t>(node.inputs[0])].shape.channels) / groups;
    const size_t group_out = node.bias.size() / groups;
    return n / group_out * group_in + k % group_in;
  }

  int64_t PaddedTerms(const NetNode& node, size_t terms) const {
    const Window& w = node.window;
    if (node.kind == OpKind::kDepthwise)
      return int64_t{w.kernel_h} * static_cast<int64_t>(RoundUp(static_cast<size_t>(w.kernel_w), 4));
    const size_t taps = static_cast<size_t>(w.kernel_h) * static_cast<size_t>(w.kernel_w);
    return static_cast<int64_t>(taps * RoundUp(terms / taps, 4));
  }

  RealLayer Unfold(const NetNode& node) const {
    RealLayer real{{node.weights.begin(), node.weights.end()},
                   std::vector<double>(node.weights.size()),
                   {node.bias.begin(), node.bias.end()}};
    const size_t terms = node.weights.size() / node.bias.size();
    const bool image = folded_ && node.inputs[0] == net_.inputs[0];
    const TensorStatistics& statistics = Statistics(node.inputs[0]);
    for (size_t n = 0; n < node.bias.size(); ++n) {
      for (size_t k = 0; k < terms; ++k) {
        const size_t i = n * terms + k, c = InputChannel(node, n, k);
        real.means[i] = statistics.ChannelMean(c);
        if (!image) continue;
        const double mean = recipe_.mean[c], std = recipe_.std[c];
        real.bias[n] -= real.weights[i] * mean / std;
        real.weights[i] /= std;
        real.means[i] = real.means[i] * std + mean;
      }
    }
    return real;
  }

  // Weights, biases and multipliers; also sets the scale of the output.
  Result<Layer> QuantizeLayer(const NetNode& node) {
    const RealLayer real = Unfold(node);
    std::optional<RoundedLayer> rounded;
    if (!node.weight_scales.empty() && !(folded_ && node.inputs[0] == net_.inputs[0])) {
      rounded = GivenWeights(node);
    } else {
      CUTIS_ASSIGN(rounded, refinement_.RoundLayer(model_.nodes.size(), real, model_, Padding(node)));
    }
    const size_t outputs = node.bias.size(), terms = node.weights.size() / outputs;
    const TensorInfo& in = Info(node.inputs[0]);
    const ChannelInput input = {static_cast<double>(in.scale), in.zero_point, PaddedTerms(node, terms)};
    Layer layer;
    layer.weights.resize(node.weights.size());
    layer.bias.resize(outputs);
    layer.multiplier.resize(outputs);
    const auto quantize = [&](size_t n, double least_scale) {
      const size_t at = n * terms;
      if (rounded && rounded->scales[n] > 0 && rounded->scales[n] >= least_scale) {
        const auto weights = std::span(rounded->weights).subspan(at, terms);
        std::copy(weights.begin(), weights.end(), layer.weights.begin() + static_cast<ptrdiff_t>(at));
        const std::optional<int32_t> bias = FoldBias(weights, rounded->bias[n], rounded->scales[n], input);
        if (bias) return ChannelResult{rounded->scales[n], *bias};
      }
      return QuantizeChannel(std::span(real.weights).subspan(at, terms), std::span(real.means).subspan(at, terms), real.bias[n],
                             input, least_scale, std::span(layer.weights).subspan(at, terms));
    };
    double largest = 0;
    for (size_t n = 0; n < outputs; ++n) largest = std::max(largest, quantize(n, 0).weight_scale);
    // No multiplier above 128: half of the limit.
    const double out_scale = SetOutput(node, input.scale * largest / 128).scale;
    // And none below kMinMultiplier, with a little room for the rounding to float32.
    const double least = static_cast<double>(kMinMultiplier) * (1 + 0x1p-20) * out_scale / input.scale;
    for (size_t n = 0; n < outputs; ++n) {
      ChannelResult channel = quantize(n, 0);
      if (channel.weight_scale == 0) channel = quantize(n, out_scale / input.scale);  // nothing but zeros: any scale will do
      if (channel.weight_scale < least) channel = quantize(n, least);
      layer.bias[n] = channel.bias;
      layer.multiplier[n] = static_cast<float>(input.scale * channel.weight_scale / out_scale);
    }
    return layer;
  }

  // What the two kinds of layers have in common once the weights are packed.
  template <class Options>
  Options Packed(const NetNode& node, const Layer& layer, int32_t groups, const std::vector<int8_t>& weights) {
    const auto outputs = static_cast<int32_t>(layer.bias.size());
    std::vector<int32_t> bias(PackedChannelsSize(outputs, groups));
    std::vector<float> multiplier(bias.size());
    PackChannels(outputs, groups, layer.bias.data(), bias.data());
    PackChannels(outputs, groups, layer.multiplier.data(), multiplier.data());
    Options options;
    options.window = node.window;
    options.weights = model_.Own(weights);
    options.bias = model_.Own(bias);
    options.multiplier = model_.Own(multiplier);
    options.out = ClampOf({Info(node.output).scale, Info(node.output).zero_point}, node.min, node.max);
    const std::vector<uint8_t> padding = Padding(node);
    if (!padding.empty()) options.padding = model_.Own(padding);
    return options;
  }

  // What lies outside the image where that is not the input's zero point: the real zero is the mean of its channel.
  std::vector<uint8_t> Padding(const NetNode& node) const {
    std::vector<uint8_t> padding;
    const Window& w = node.window;
    const bool padded = (w.pad_top | w.pad_left | w.pad_bottom | w.pad_right) != 0;
    if (!folded_ || node.inputs[0] != net_.inputs[0] || !padded) return padding;
    for (const float mean : recipe_.mean) padding.push_back(static_cast<uint8_t>(std::clamp(std::nearbyint(mean), 0.0f, 255.0f)));
    return padding;
  }

  Result<OpOptions> Conv(const NetNode& node) {
    CUTIS_ASSIGN(const Layer layer, QuantizeLayer(node));
    const int32_t in = net_.tensors[static_cast<size_t>(node.inputs[0])].shape.channels;
    const ConvWeightShape shape = {static_cast<int32_t>(node.bias.size()), node.window.kernel_h, node.window.kernel_w,
                                   in / node.groups, node.groups};
    std::vector<int8_t> weights(PackedConvU8Size(shape));
    PackConvU8(shape, layer.weights.data(), weights.data());
    const LiveRows live = FindLiveRows(weights, PackedChannelsSize(shape.out, shape.groups) / 16);
    auto options = Packed<ConvU8Options>(node, layer, node.groups, live.worthwhile ? live.weights : weights);
    options.groups = node.groups;
    if (live.worthwhile) {
      options.panel_starts = model_.Own(live.panel_starts);
      options.live = model_.Own(live.live);
    }
    return OpOptions(options);
  }

  Result<OpOptions> Depthwise(const NetNode& node) {
    CUTIS_ASSIGN(const Layer layer, QuantizeLayer(node));
    const auto channels = static_cast<int32_t>(node.bias.size());
    std::vector<int8_t> weights(PackedDepthwiseU8Size(channels, node.window.kernel_h, node.window.kernel_w));
    PackDepthwiseU8(channels, node.window.kernel_h, node.window.kernel_w, layer.weights.data(), weights.data());
    return OpOptions(Packed<DepthwiseU8Options>(node, layer, 1, weights));
  }

  // float32(scale / out_scale), or the smallest multiplier there is where the input is too fine to reach the output at all.
  static float Ratio(double scale, double out_scale) { return std::max(static_cast<float>(scale / out_scale), kMinMultiplier); }

  OpOptions Add(const NetNode& node) {
    const double a = Info(node.inputs[0]).scale, b = Info(node.inputs[1]).scale;
    const Affine out = SetOutput(node, std::max(a, b) / 128);
    return AddU8Options{Ratio(a, out.scale), Ratio(b, out.scale), ClampOf(out, node.min, node.max)};
  }

  OpOptions AveragePool(const NetNode& node) {
    const double in_scale = Info(node.inputs[0]).scale;
    const Affine out = SetOutput(node, in_scale / 128);
    const Window& w = node.window;
    const Shape &in = Info(node.inputs[0]).shape, &shape = Info(node.output).shape;
    std::set<int32_t> rows, columns, counts;
    for (int32_t y = 0; y < shape.height; ++y) {
      const Taps taps = TapsInside(y, w.stride_h, w.pad_top, w.dilation_h, w.kernel_h, in.height);
      rows.insert(taps.end - taps.first);
    }
    for (int32_t x = 0; x < shape.width; ++x) {
      const Taps taps = TapsInside(x, w.stride_w, w.pad_left, w.dilation_w, w.kernel_w, in.width);
      columns.insert(taps.end - taps.first);
    }
    for (const int32_t r : rows) {
      for (const int32_t c : columns) counts.insert(node.count_include_pad ? w.kernel_h * w.kernel_w : r * c);
    }
    std::vector<float> multipliers;
    for (const int32_t count : counts) multipliers.push_back(Ratio(in_scale / std::max(1, count), out.scale));
    AveragePoolU8Options options;
    options.window = w;
    options.count_include_pad = node.count_include_pad;
    options.counts = model_.Own(std::vector<int32_t>(counts.begin(), counts.end()));
    options.multipliers = model_.Own(multipliers);
    options.out = ClampOf(out, node.min, node.max);
    return options;
  }

  // The bytes of a tensor of scale `in` as those of one of scale `out`.
  static std::vector<uint8_t> RescaleTable(const TensorInfo& in, const Affine& out) {
    std::vector<uint8_t> table(256);
    for (int32_t x = 0; x < 256; ++x) {
      const double real = static_cast<double>(in.scale) * (x - in.zero_point);
      const double y = std::nearbyint(real / static_cast<double>(out.scale)) + out.zero_point;
      table[static_cast<size_t>(x)] = static_cast<uint8_t>(std::clamp(y, 0.0, 255.0));
    }
    return table;
  }

  // Bytes are moved as they are where all inputs have one scale, which the output then has too; else by a table each.
  Result<OpOptions> Move(const NetNode& node) {
    const auto& move = std::get<NetMove>(node.options);
    const TensorInfo& first = Info(node.inputs[0]);
    bool same = true;
    for (const int input : node.inputs) {
      const TensorInfo& info = Info(input);
      if (info.type != DataType::kU8 || info.constant) {
        return Status::Error(Code::kUnsupported, "node \"%s\": moves constants or float32 results, which has no int8 form",
                             node.name.c_str());
      }
      same = same && info.scale == first.scale && info.zero_point == first.zero_point;
    }
    Affine out = {first.scale, first.zero_point};
    if (same) {
      SetAffine(node.output, out);
    } else {
      out = SetOutput(node, 0);
    }
    MoveOptions options;
    options.view = move.view;
    std::vector<MovePiece> pieces = move.pieces;
    std::vector<uint8_t> tables;
    if (!same) {
      for (MovePiece& piece : pieces) piece.table = piece.input;
      for (const int input : node.inputs) {
        const std::vector<uint8_t> table = RescaleTable(Info(input), out);
        tables.insert(tables.end(), table.begin(), table.end());
      }
    }
    options.pieces = model_.Own(pieces);
    options.tables = model_.Own(tables);
    options.filled = move.filled;
    if (move.filled) {
      const double byte = std::nearbyint(static_cast<double>(move.fill) / static_cast<double>(out.scale)) + out.zero_point;
      options.fill = static_cast<float>(std::clamp(byte, 0.0, 255.0));
    }
    return OpOptions(options);
  }

  // A clamp of its own becomes the table of its 256 values.
  OpOptions Clamp(const NetNode& node) {
    const TensorInfo& in = Info(node.inputs[0]);
    const Affine out = SetOutput(node, 0);
    std::vector<uint8_t> table(256);
    for (int32_t x = 0; x < 256; ++x) {
      const double real = static_cast<double>(in.scale) * (x - in.zero_point);
      const double clamped = std::clamp(real, static_cast<double>(node.min), static_cast<double>(node.max));
      const double y = std::nearbyint(clamped / static_cast<double>(out.scale)) + out.zero_point;
      table[static_cast<size_t>(x)] = static_cast<uint8_t>(std::clamp(y, 0.0, 255.0));
    }
    return LookupOptions{model_.Own(table)};
  }

  const Net& net_;
  const Calibration& calibration_;
  const InputRecipe& recipe_;
  Refinement& refinement_;
  bool folded_ = false;  // the image's normalisation goes into the layers that read it
  FileModel model_;
};

}  // namespace

Result<FileModel> Quantize(const Net& net, const Calibration& calibration, const InputRecipe& input, Refinement* refinement) {
  if (calibration.tensors.size() != net.tensors.size()) {
    return Status::Error(Code::kInternal, "the calibration has %zu tensors, the network %zu", calibration.tensors.size(),
                         net.tensors.size());
  }
  Refinement none;
  return Quantizer(net, calibration, input, refinement != nullptr ? *refinement : none).Run();
}

}  // namespace cutis::convert
