// Which operators let their output take the place of an input, and what that gives in whole operators.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "tests/ops/op_case.h"

namespace cutis::test {
namespace {

const IndexMap kWhole{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {1, 1, 1}};
const IndexMap kPerChannel{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {0, 0, 1}};
const IndexMap kTurned{{}, {Dim::kWidth, Dim::kHeight, Dim::kChannel}, {1, 1, 1}};
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// May the output lie on input `index`? The node must be sound.
bool May(OpKind kind, std::vector<TensorInfo> inputs, TensorInfo output, OpOptions options, size_t index = 0) {
  OpCase c(kind, std::move(inputs), output, std::move(options), 1, 1);
  REQUIRE(!c.IsRefused());
  return MayTakePlace(c.op(), c.node(), c.node().inputs[index]);
}

// The same tensor as both inputs.
bool MayTwice(const TensorInfo& tensor, OpOptions options) {
  OpCase c(OpKind::kBinary, {tensor, tensor}, tensor, std::move(options), 1, 1);
  REQUIRE(!c.IsRefused());
  const TensorInfo* const same[] = {c.node().inputs[0], c.node().inputs[0]};
  c.node().inputs = same;
  return MayTakePlace(c.op(), c.node(), same[0]);
}

BinaryF32Options Product(const IndexMap& a, const IndexMap& b) {
  return {BinaryFunction::kMul, {3, {4, 4, 5}}, a, b, -kInfinity, kInfinity};
}

MoveOptions OnePiece(const MovePiece& piece, const View& view) {
  MoveOptions options;
  options.view = view;
  options.pieces = {&piece, 1};
  return options;
}

}  // namespace

TEST_CASE("operators on single elements may work in place, those between types not") {
  const TensorInfo u8 = MakeTensor(DataType::kU8, {4, 4, 5}), f32 = MakeTensor(DataType::kF32, {4, 4, 5});
  const std::vector<uint8_t> table(256);
  CHECK(May(OpKind::kAdd, {u8, u8}, u8, AddU8Options{1, 1, {}}, 0));
  CHECK(May(OpKind::kAdd, {u8, u8}, u8, AddU8Options{1, 1, {}}, 1));
  CHECK(May(OpKind::kAdd, {f32, f32}, f32, AddF32Options{0, 6}, 1));
  CHECK(May(OpKind::kLookup, {u8}, u8, LookupOptions{table}));
  CHECK(May(OpKind::kClamp, {f32}, f32, ClampF32Options{0, 6}));
  CHECK(May(OpKind::kUnary, {f32}, f32, UnaryOptions{UnaryFunction::kNeg, 0, 0}));
  CHECK(!May(OpKind::kDequantize, {u8}, f32, DequantizeOptions{}));
  CHECK(!May(OpKind::kQuantize, {f32}, u8, QuantizeOptions{}));
  CHECK(!May(OpKind::kSoftmax, {f32}, f32, SoftmaxOptions{}));
  CHECK(!May(OpKind::kMaxPool, {u8}, u8, MaxPoolOptions{}));
}

TEST_CASE("operands that are repeated, turned or constant are not written over") {
  const TensorInfo x = MakeTensor(DataType::kF32, {4, 4, 5}), row = MakeTensor(DataType::kF32, {1, 1, 5});
  TensorInfo constant = x;
  constant.constant = true;
  CHECK(May(OpKind::kBinary, {x, x}, x, Product(kWhole, kWhole), 1));
  CHECK(May(OpKind::kBinary, {x, row}, x, Product(kWhole, kPerChannel), 0));
  CHECK(!May(OpKind::kBinary, {x, row}, x, Product(kWhole, kPerChannel), 1));
  CHECK(!May(OpKind::kBinary, {x, x}, x, Product(kWhole, kTurned), 1));
  CHECK(!May(OpKind::kBinary, {x, x}, x, Product(kWhole, kPerChannel), 1));
  CHECK(!May(OpKind::kBinary, {x, constant}, x, Product(kWhole, kWhole), 1));
  CHECK(MayTwice(x, Product(kWhole, kWhole)));
  CHECK(!MayTwice(x, Product(kWhole, kTurned)));
  const SelectOptions select{{3, {4, 4, 5}}, kPerChannel, kWhole, kTurned};
  CHECK(!May(OpKind::kSelect, {row, x, x}, x, select, 0));
  CHECK(May(OpKind::kSelect, {row, x, x}, x, select, 1));
  CHECK(!May(OpKind::kSelect, {row, x, x}, x, select, 2));
  TensorInfo two = x;
  two.images = 2;
  CHECK(!May(OpKind::kBinary, {two, x}, x, Product(kWhole, kWhole), 0));
}

TEST_CASE("what only renames elements may be one tensor with its input, and then nothing is done") {
  const TensorInfo image = MakeTensor(DataType::kU8, {2, 3, 8}), flat = MakeTensor(DataType::kU8, {1, 1, 48}),
                   odd = MakeTensor(DataType::kU8, {2, 4, 6});
  CHECK(May(OpKind::kReshape, {image}, flat, ReshapeOptions{}));
  CHECK(!May(OpKind::kReshape, {odd}, flat, ReshapeOptions{}));  // gaps between its pixels
  CHECK(May(OpKind::kReshape, {odd}, MakeTensor(DataType::kU8, {4, 2, 6}), ReshapeOptions{}));

  MovePiece piece;
  std::copy_n(std::begin({2, 3, 8}), 3, piece.extent);
  piece.map = kWhole;
  const View view{3, {2, 3, 8}};
  CHECK(May(OpKind::kMove, {image}, flat, OnePiece(piece, view)));
  CHECK(May(OpKind::kMove, {image}, image, OnePiece(piece, view)));
  MovePiece turned = piece;
  turned.map.dim[0] = Dim::kWidth, turned.map.dim[1] = Dim::kHeight;
  CHECK(!May(OpKind::kMove, {MakeTensor(DataType::kU8, {3, 2, 8})}, image, OnePiece(turned, view)));
  MoveOptions with_table = OnePiece(piece, view);
  const std::vector<uint8_t> table(256);
  MovePiece by_table = piece;
  by_table.table = 0;
  with_table.pieces = {&by_table, 1};
  with_table.tables = table;
  CHECK(!May(OpKind::kMove, {image}, image, with_table));
  MovePiece part = piece;
  part.extent[0] = 1;
  MoveOptions filled = OnePiece(part, view);
  filled.filled = true;
  CHECK(!May(OpKind::kMove, {image}, image, filled));

  OpCase c(OpKind::kMove, {image}, flat, OnePiece(piece, view), 2, 1);
  std::vector<std::byte> memory(2 * flat.image_bytes, std::byte{7});
  const std::byte* const input = memory.data();
  c.op().run(c.node(), nullptr, {&input, memory.data(), 2}, 0, c.op().units(c.node(), 2), nullptr);  // calls no kernel
  for (const std::byte byte : memory) CHECK(byte == std::byte{7});
}

}  // namespace cutis::test
