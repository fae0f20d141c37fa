// Operators on single elements and on windows, in integers: docs/design.md, section 2. A function of one element is a table of
// its 256 values, each what the reference kernel in float32 gives.
#include <cstring>
#include <optional>
#include <set>

#include "converter/quant/given.h"
#include "converter/quant/quantizer.h"
#include "ops/op.h"
#include "ops/taps.h"

namespace cutis::convert {
namespace {

// What the reference kernel of an operator on single elements gives for rows of equal length.
std::vector<float> Evaluate(OpKind kind, const OpOptions& options, const std::vector<std::vector<float>>& inputs) {
  NetTensor row;
  row.shape = {1, 1, static_cast<int32_t>(inputs[0].size())};
  const TensorInfo info = MakeTensor(row, DataType::kF32).info;
  std::vector<AlignedBytes> buffers;
  std::vector<const std::byte*> data;
  for (const std::vector<float>& input : inputs) {
    AlignedBytes& buffer = buffers.emplace_back(info.image_bytes);
    std::memcpy(buffer.data(), input.data(), input.size() * sizeof(float));
  }
  for (const AlignedBytes& buffer : buffers) data.push_back(buffer.data());
  const std::vector<const TensorInfo*> infos(inputs.size(), &info);
  cutis::Node node;
  node.kind = kind;
  node.inputs = infos;
  node.output = &info;
  node.options = options;
  AlignedBytes output(info.image_bytes);
  const Op& op = *FindOp(kind, DataType::kF32);
  op.run(node, ChooseKernel(op.kernel, FeatureOf(Isa::kScalar))->fn, {data.data(), output.data(), 1}, 0, op.units(node, 1),
         nullptr);
  std::vector<float> results(inputs[0].size());
  std::memcpy(results.data(), output.data(), results.size() * sizeof(float));
  return results;
}

}  // namespace

void Quantizer::Add(const NetNode& node) {
  const int a = Bytes(node, node.inputs[0]), b = Bytes(node, node.inputs[1]);
  const double scale_a = Info(a).scale, scale_b = Info(b).scale;
  const Affine out = SetOutput(node, std::max(scale_a, scale_b) / 128);
  Emit(node, OpKind::kAdd, {a, b}, node.output,
       AddU8Options{Ratio(scale_a, out.scale), Ratio(scale_b, out.scale), ClampOf(out, node.min, node.max)});
}

void Quantizer::AveragePool(const NetNode& node) {
  const int input = Bytes(node, node.inputs[0]);
  const double in_scale = Info(input).scale;
  const Affine out = SetOutput(node, in_scale / 128);
  const Window& w = node.window;
  const Shape &in = Info(input).shape, &shape = Info(node.output).shape;
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
  Emit(node, OpKind::kAveragePool, {input}, node.output, options);
}

void Quantizer::Keep(const NetNode& node, OpOptions options) {
  const int input = Bytes(node, node.inputs[0]);
  const Affine in = AffineOfTensor(input);
  const std::optional<Affine> given = GivenAffine(Source(node.output));
  if (!given || (given->scale == in.scale && given->zero_point == in.zero_point)) {
    SetAffine(node.output, in);
    Emit(node, node.kind, {input}, node.output, std::move(options));
    return;
  }
  const int kept = NewTensor(node.output, DataType::kU8, " in the input's scale");
  SetAffine(kept, in);
  Emit(node, node.kind, {input}, kept, std::move(options));
  SetAffine(node.output, *given);
  Emit(node, OpKind::kLookup, {kept}, node.output, LookupOptions{model_.Own(RescaleTable(in, *given))});
}

std::vector<float> Quantizer::RealValues(int tensor) {
  const TensorInfo& info = Info(tensor);
  std::vector<float> values;
  for (int32_t x = 0; x < 256; ++x) values.push_back(info.scale * static_cast<float>(x - info.zero_point));
  return values;
}

void Quantizer::Table(const NetNode& node, int input, const std::vector<float>& results) {
  const Affine out = SetOutput(node, 0);
  std::vector<uint8_t> table;
  for (const float result : results) table.push_back(ByteOf(static_cast<double>(result), out));
  Emit(node, OpKind::kLookup, {input}, node.output, LookupOptions{model_.Own(table)});
}

void Quantizer::Clamp(const NetNode& node) {
  const int input = Bytes(node, node.inputs[0]);
  std::vector<float> values = RealValues(input);
  for (float& value : values) value = std::clamp(value, node.min, node.max);
  Table(node, input, values);
}

void Quantizer::Unary(const NetNode& node) {
  const int input = Bytes(node, node.inputs[0]);
  Table(node, input, Evaluate(OpKind::kUnary, *std::get_if<UnaryOptions>(&node.options), {RealValues(input)}));
}

void Quantizer::Scalar(const NetNode& node, const ScalarOperand& operand) {
  const int input = Bytes(node, operand.tensor);
  const std::vector<float> values = RealValues(input), scalars(values.size(), operand.value);
  BinaryF32Options options;
  options.function = std::get_if<BinaryF32Options>(&node.options)->function;
  options.view.rank = 1;
  options.view.dims[0] = static_cast<int32_t>(values.size());
  options.a.dim[0] = options.b.dim[0] = Dim::kChannel;
  options.a.step[0] = options.b.step[0] = 1;
  options.min = node.min;
  options.max = node.max;
  Table(node, input,
        operand.first ? Evaluate(OpKind::kBinary, options, {scalars, values})
                      : Evaluate(OpKind::kBinary, options, {values, scalars}));
}

}  // namespace cutis::convert
