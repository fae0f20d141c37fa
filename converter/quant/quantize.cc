// The arithmetic of docs/design.md, section 2: everything is computed here once, in double, and rounded once.
#include "converter/quant/quantize.h"

#include <cmath>
#include <limits>
#include <set>

#include "converter/quant/given.h"
#include "converter/quant/quantizer.h"

namespace cutis::convert {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

Affine AffineOfConstant(const std::vector<float>& values) {
  Range range;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    range.low = std::min(range.low, static_cast<double>(value));
    range.high = std::max(range.high, static_cast<double>(value));
  }
  return AffineOf(range);
}

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

uint8_t ByteOf(double real, const Affine& affine) {
  if (std::isnan(real)) return static_cast<uint8_t>(affine.zero_point);
  const double y = std::nearbyint(real / static_cast<double>(affine.scale)) + affine.zero_point;
  return static_cast<uint8_t>(std::clamp(y, 0.0, 255.0));
}

std::vector<uint8_t> RescaleTable(const Affine& in, const Affine& out) {
  std::vector<uint8_t> table(256);
  for (int32_t x = 0; x < 256; ++x) {
    table[static_cast<size_t>(x)] = ByteOf(static_cast<double>(in.scale) * (x - in.zero_point), out);
  }
  return table;
}

void Quantizer::SetAffine(int tensor, const Affine& affine) {
  Info(tensor).scale = affine.scale;
  Info(tensor).zero_point = affine.zero_point;
}

void Quantizer::SetReal(int tensor) {
  model_.tensors[static_cast<size_t>(tensor)] = MakeTensor(Source(tensor), DataType::kF32);
  model_.tensors[static_cast<size_t>(tensor)].origin = tensor;
}

// The scale of a computed tensor of the network, at least `least_scale` (so that multipliers stay below their limit), or as the
// source states it: bit for bit.
Affine Quantizer::ChosenAffine(int tensor, float min, float max, double least_scale) {
  const std::optional<Affine> given = GivenAffine(Source(tensor));
  if (given) return *given;
  const std::optional<Affine> chosen = refinement_.ChooseAffine(tensor);
  Affine affine = chosen ? *chosen : AffineOf(ChooseRange(Statistics(tensor), min, max));
  if (static_cast<double>(affine.scale) < least_scale) {
    const double low = -static_cast<double>(affine.scale) * affine.zero_point;
    affine.scale = static_cast<float>(least_scale);
    affine.zero_point = static_cast<int32_t>(std::clamp(std::nearbyint(-low / least_scale), 0.0, 255.0));
  }
  return affine;
}

Affine Quantizer::SetOutput(const NetNode& node, double least_scale) {
  const Affine affine = ChosenAffine(node.output, node.min, node.max, least_scale);
  SetAffine(node.output, affine);
  return affine;
}

Status Quantizer::SetInputs() {
  for (size_t i = 1; i < net_.inputs.size(); ++i)
    SetAffine(net_.inputs[i], ChosenAffine(net_.inputs[i], -kInfinity, kInfinity, 0));
  return SetImage();
}

// One mean and deviation for all channels are the scale and zero point of the bytes; others go into the layers that read them.
Status Quantizer::SetImage() {
  const std::vector<float>&mean = recipe_.mean, &std = recipe_.std;
  const int image = net_.inputs[0];
  if (mean.empty()) {
    const std::optional<Affine> given = GivenAffine(Source(image));
    SetAffine(image, given ? *given : AffineOf(ChooseRange(Statistics(image), -kInfinity, kInfinity)));
    return {};
  }
  const bool uniform =
      std::set<float>(mean.begin(), mean.end()).size() == 1 && std::set<float>(std.begin(), std.end()).size() == 1;
  if (uniform && mean[0] == std::nearbyint(mean[0])) {
    SetAffine(image, {static_cast<float>(1 / static_cast<double>(std[0])), static_cast<int32_t>(mean[0])});
    return {};
  }
  folded_ = true;
  SetAffine(image, {1, 0});
  for (const NetNode& node : net_.nodes) {
    const bool reads = std::find(node.inputs.begin(), node.inputs.end(), image) != node.inputs.end();
    if (reads && node.kind != OpKind::kConv && node.kind != OpKind::kDepthwise && node.kind != OpKind::kDense) {
      return Status::Error(Code::kUnsupported,
                           "node \"%s\": reads the image itself, whose normalisation is not one whole mean for all channels; "
                           "only a convolution can take that in",
                           node.name.c_str());
    }
  }
  if (std::find(net_.outputs.begin(), net_.outputs.end(), image) != net_.outputs.end()) {
    return Status::Error(Code::kUnsupported,
                         "the image is an output, and its normalisation is not one whole mean for all channels");
  }
  return {};
}

void Quantizer::Emit(const NetNode& node, OpKind kind, std::vector<int> inputs, int output, OpOptions options) {
  model_.nodes.push_back({node.name, kind, std::move(inputs), output, std::move(options), static_cast<int>(index_)});
}

int Quantizer::NewTensor(int tensor, DataType type, const char* suffix) {
  FileTensor made = MakeTensor(Source(tensor), type);
  made.name += suffix;
  made.origin = tensor;
  model_.tensors.push_back(std::move(made));
  return static_cast<int>(model_.tensors.size()) - 1;
}

int Quantizer::ByteConstant(int tensor, const std::vector<float>& values, const Affine& affine) {
  const int made = NewTensor(tensor, DataType::kU8, "");
  SetAffine(made, affine);
  const TensorInfo& info = Info(made);
  const auto channels = static_cast<size_t>(info.shape.channels), stride = static_cast<size_t>(info.channel_stride);
  const size_t pixels = static_cast<size_t>(info.shape.height) * static_cast<size_t>(info.shape.width);
  std::vector<uint8_t> bytes(EntryBytes(info));
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t c = i % channels, p = i / channels % pixels, image = i / channels / pixels;
    bytes[image * info.image_bytes + p * stride + c] = ByteOf(static_cast<double>(values[i]), affine);
  }
  model_.tensors[static_cast<size_t>(made)].constant = std::as_bytes(model_.Own(bytes));
  return made;
}

int Quantizer::Bytes(const NetNode& node, int tensor) {
  if (Info(tensor).type == DataType::kU8) return tensor;
  const auto known = bytes_.find(tensor);
  if (known != bytes_.end()) return known->second;
  int made = -1;
  if (Source(tensor).is_constant) {
    const std::optional<Affine> given = GivenAffine(Source(tensor));
    made = ByteConstant(tensor, Source(tensor).constant, given ? *given : AffineOfConstant(Source(tensor).constant));
  } else {
    made = NewTensor(tensor, DataType::kU8, " in bytes");
    SetAffine(made, ChosenAffine(tensor, -kInfinity, kInfinity, 0));
    Emit(node, OpKind::kQuantize, {tensor}, made, QuantizeOptions{});
  }
  bytes_[tensor] = made;
  return made;
}

int Quantizer::BytesOf(const NetNode& node, int tensor, const Affine& affine) {
  if (Source(tensor).is_constant) return ByteConstant(tensor, Source(tensor).constant, affine);
  const int bytes = Bytes(node, tensor);
  const Affine in = AffineOfTensor(bytes);
  if (in.scale == affine.scale && in.zero_point == affine.zero_point) return bytes;
  const int made = NewTensor(tensor, DataType::kU8, " rescaled");
  SetAffine(made, affine);
  Emit(node, OpKind::kLookup, {bytes}, made, LookupOptions{model_.Own(RescaleTable(in, affine))});
  return made;
}

int Quantizer::Reals(const NetNode& node, int tensor) {
  if (Info(tensor).type == DataType::kF32) return tensor;
  const auto known = reals_.find(tensor);
  if (known != reals_.end()) return known->second;
  const int made = NewTensor(tensor, DataType::kF32, " in float32");
  Emit(node, OpKind::kDequantize, {tensor}, made, DequantizeOptions{});
  reals_[tensor] = made;
  return made;
}

// In integers, or in float32 where real_nodes_ says so.
Status Quantizer::AddNode(size_t index) {
  const NetNode& node = net_.nodes[index];
  CUTIS_TRY(CheckNetNode(net_, node));
  index_ = index;
  if (real_nodes_[index] || node.kind == OpKind::kSoftmax) {
    std::vector<int> inputs;
    // A softmax reads either.
    for (const int input : node.inputs) inputs.push_back(node.kind == OpKind::kSoftmax ? input : Reals(node, input));
    SetReal(node.output);
    Emit(node, node.kind, std::move(inputs), node.output, FloatOptionsOf(net_, node, model_));
    return {};
  }
  switch (node.kind) {
    case OpKind::kConv:
    case OpKind::kDense:
      return Conv(index);
    case OpKind::kDepthwise:
      return Depthwise(index);
    case OpKind::kAdd:
      Add(node);
      return {};
    case OpKind::kAveragePool:
      AveragePool(node);
      return {};
    case OpKind::kClamp:
      Clamp(node);
      return {};
    case OpKind::kUnary:
      Unary(node);
      return {};
    case OpKind::kMaxPool:
    case OpKind::kReshape:
    case OpKind::kResizeLinear:
      Keep(node, FloatOptionsOf(net_, node, model_));
      return {};
    case OpKind::kMove:
      Move(node);
      return {};
    case OpKind::kBinary:
      Binary(node);
      return {};
    case OpKind::kReduce:
      Reduce(node);
      return {};
    case OpKind::kMatMul:
      MatMul(node);
      return {};
    default:
      return Status::Error(Code::kInternal, "node \"%s\": cannot be quantised", node.name.c_str());
  }
}

Result<FileModel> Quantizer::Run() {
  CUTIS_ASSIGN(real_nodes_, RealNodes(net_));
  for (const NetTensor& tensor : net_.tensors) {
    model_.tensors.push_back(MakeTensor(tensor, tensor.is_constant ? DataType::kF32 : DataType::kU8));
    model_.tensors.back().origin = static_cast<int>(model_.tensors.size()) - 1;
    if (tensor.is_constant) model_.tensors.back().constant = PackConstant(tensor, model_);
  }
  model_.inputs = net_.inputs;
  model_.outputs = net_.outputs;
  CUTIS_TRY(SetInputs());
  for (size_t i = 0; i < net_.nodes.size(); ++i) {
    CUTIS_TRY(AddNode(i));
    CUTIS_TRY(refinement_.Finished(i, model_));
  }
  return std::move(model_);
}

Result<FileModel> Quantize(const Net& net, const Calibration& calibration, const InputRecipe& input, Refinement* refinement) {
  if (calibration.tensors.size() != net.tensors.size()) {
    return Status::Error(Code::kInternal, "the calibration has %zu tensors, the network %zu", calibration.tensors.size(),
                         net.tensors.size());
  }
  Refinement none;
  return Quantizer(net, calibration, input, refinement != nullptr ? *refinement : none).Run();
}

}  // namespace cutis::convert
