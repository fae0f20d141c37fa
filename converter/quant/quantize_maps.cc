// Operators on index maps in integers: docs/design.md, section 2. The maps are those of the float32 form.
#include <cmath>
#include <optional>

#include "converter/quant/given.h"
#include "converter/quant/quantizer.h"

namespace cutis::convert {

// A quotient by a constant is a product with its reciprocals.
void Quantizer::Binary(const NetNode& node) {
  if (const std::optional<ScalarOperand> scalar = FindScalarOperand(net_, node)) return Scalar(node, *scalar);
  const auto& real = *std::get_if<BinaryF32Options>(&node.options);
  BinaryU8Options options;
  options.function = real.function;
  options.view = real.view;
  options.a = real.a;
  options.b = real.b;
  int a = -1, b = -1;
  if (real.function == BinaryFunction::kMax || real.function == BinaryFunction::kMin) {
    const Affine out = SetOutput(node, 0);
    a = BytesOf(node, node.inputs[0], out);
    b = BytesOf(node, node.inputs[1], out);
    options.multiplier_a = options.multiplier_b = 1;
    options.out = ClampOf(out, node.min, node.max);
  } else {
    a = Bytes(node, node.inputs[0]);
    if (real.function == BinaryFunction::kDiv) {
      std::vector<float> reciprocals = Source(node.inputs[1]).constant;
      for (float& value : reciprocals) value = 1 / value;
      options.function = BinaryFunction::kMul;
      b = ByteConstant(node.inputs[1], reciprocals, AffineOfConstant(reciprocals));
    } else {
      b = Bytes(node, node.inputs[1]);
    }
    const double scale_a = Info(a).scale, scale_b = Info(b).scale;
    if (options.function == BinaryFunction::kMul) {
      const Affine out = SetOutput(node, scale_a * scale_b / 128);
      options.multiplier_a = Ratio(scale_a * scale_b, out.scale);
      options.multiplier_b = 1;
      options.out = ClampOf(out, node.min, node.max);
    } else {
      const Affine out = SetOutput(node, std::max(scale_a, scale_b) / 128);
      options.multiplier_a = Ratio(scale_a, out.scale);
      options.multiplier_b = Ratio(scale_b, out.scale);
      options.out = ClampOf(out, node.min, node.max);
    }
  }
  Emit(node, OpKind::kBinary, {a, b}, node.output, options);
}

// Bytes are moved as they are where all inputs have one scale, which the output then has too; else by a table each.
void Quantizer::Move(const NetNode& node) {
  const auto& move = *std::get_if<NetMove>(&node.options);
  std::vector<int> inputs;
  for (const int input : node.inputs) inputs.push_back(Bytes(node, input));
  const std::optional<Affine> given = GivenAffine(Source(node.output));
  const Affine first = AffineOfTensor(inputs[0]);
  const auto differs = [&](const Affine& affine) {
    return affine.scale != first.scale || affine.zero_point != first.zero_point;
  };
  bool same = !given || !differs(*given);
  for (const int input : inputs) same = same && !differs(AffineOfTensor(input));
  Affine out = first;
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
    for (const int input : inputs) {
      const std::vector<uint8_t> table = RescaleTable(AffineOfTensor(input), out);
      tables.insert(tables.end(), table.begin(), table.end());
    }
  }
  options.pieces = model_.Own(pieces);
  options.tables = model_.Own(tables);
  options.filled = move.filled;
  if (move.filled) options.fill = ByteOf(static_cast<double>(move.fill), out);
  Emit(node, OpKind::kMove, std::move(inputs), node.output, options);
}

void Quantizer::Reduce(const NetNode& node) {
  const auto& real = *std::get_if<ReduceF32Options>(&node.options);
  ReduceU8Options options;
  options.function = real.function;
  options.view = real.view;
  options.reduced = real.reduced;
  options.map = real.map;
  if (real.function == ReduceFunction::kMax || real.function == ReduceFunction::kMin) {
    options.multiplier = 1;
    options.out.zero_point = Info(Bytes(node, node.inputs[0])).zero_point;
    return Keep(node, options);
  }
  const int input = Bytes(node, node.inputs[0]);
  const double count = real.function == ReduceFunction::kMean ? static_cast<double>(ElementCount(real.reduced)) : 1;
  const double scale = Info(input).scale / count;
  const Affine out = SetOutput(node, scale / 128);
  options.multiplier = Ratio(scale, out.scale);
  options.out = ClampOf(out, node.min, node.max);
  Emit(node, OpKind::kReduce, {input}, node.output, options);
}

void Quantizer::MatMul(const NetNode& node) {
  const auto& real = *std::get_if<MatMulF32Options>(&node.options);
  const int a = Bytes(node, node.inputs[0]), b = Bytes(node, node.inputs[1]);
  const double scale = static_cast<double>(Info(a).scale) * static_cast<double>(Info(b).scale);
  const Affine out = SetOutput(node, scale / 128);
  MatMulU8Options options;
  options.view = real.view;
  options.k = real.k;
  options.a = real.a;
  options.b = real.b;
  options.multiplier = Ratio(scale, out.scale);
  options.out = ClampOf(out, node.min, node.max);
  Emit(node, OpKind::kMatMul, {a, b}, node.output, options);
}

}  // namespace cutis::convert
