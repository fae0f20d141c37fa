// The operator quantize against the formula in double, and what it refuses.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/ops/index_case.h"
#include "tests/ops/quantize_values.h"

namespace cutis::test {
namespace {

TEST_CASE("quantize equals the formula, also for infinities, huge numbers and NaN") {
  uint64_t seed = 1;
  for (const Shape& shape : {Shape{1, 1, 1}, Shape{3, 5, 7}, Shape{4, 4, 16}, Shape{80, 80, 24}, Shape{1, 1, 40000}}) {
    for (const int32_t zero_point : {0, 3, 128, 255}) {
      Random random(seed++);
      const float scale = AnyScale(random);
      OpCase c(OpKind::kQuantize, {MakeImages(DataType::kF32, 2, shape, {3, 64})},
               MakeImages(DataType::kU8, 2, shape, {4, 0}, scale, zero_point), QuantizeOptions{}, 2, seed);
      c.Fill<float>(0, [&] { return AnyValue(random, scale); });
      c.Run();
      int wrong = 0;
      c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
        // The quotient of floats, rounded to a float: in double it is exact enough for that rounding.
        const double real = static_cast<double>(c.In<float>(0, i, y, x, n)) / static_cast<double>(scale);
        const double rounded = std::fabs(real) < 1e6 ? static_cast<double>(static_cast<float>(real)) : real;
        const uint8_t expected = std::isnan(real) ? static_cast<uint8_t>(zero_point) : ToByte(rounded, {zero_point, 0, 255});
        wrong += c.Out<uint8_t>(i, y, x, n) != expected;
      });
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("quantize refuses nodes that make no sense") {
  const TensorInfo in = MakeTensor(DataType::kF32, {2, 3, 4}), out = MakeTensor(DataType::kU8, {2, 3, 4}, {}, 0.5f, 3);
  OpCase c(OpKind::kQuantize, {in}, out, QuantizeOptions{}, 1, 1);
  CHECK(!c.IsRefused());
  for (const float scale : {0.0f, -1.0f, kInfinity, kNan}) {
    c.output().scale = scale;
    CHECK(c.IsRefused());
  }
  c.output() = out;
  c.output().zero_point = 256;
  CHECK(c.IsRefused());
  c.output() = out;
  c.output().shape.width = 2;
  CHECK(c.IsRefused());
  c.output() = in;
  CHECK(c.IsRefused());
  c.output() = out;
  c.node().options = DequantizeOptions{};
  CHECK(c.IsRefused());
}

}  // namespace
}  // namespace cutis::test
