// The operators add, lookup, clamp, dequantize, softmax and reshape against values computed here in double, and what they
// refuse.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/exp.h"
#include "tests/ops/op_case.h"

namespace cutis::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

uint8_t AnyByte(Random& random) { return static_cast<uint8_t>(random.Between(0, 255)); }

// Nearest integer, halves to even; the default rounding mode.
int32_t ToByte(double value, const OutputU8& out) {
  const double rounded = std::nearbyint(value) + out.zero_point;
  return static_cast<int32_t>(rounded < out.lo ? out.lo : rounded > out.hi ? out.hi : rounded);
}

// Shapes with and without padding elements, of one and of several units.
constexpr Shape kShapes[] = {{1, 1, 1}, {3, 5, 7}, {4, 4, 16}, {80, 80, 24}, {1, 1, 40000}};

TEST_CASE("add uint8 equals the formula") {
  uint64_t seed = 1;
  for (const Shape& shape : kShapes) {
    for (const int32_t gap : {0, 4}) {
      Random random(seed++);
      AddU8Options options;
      // Powers of two, for which the sum in double is the rounded sum in float.
      options.multiplier_a = 0.5f;
      options.multiplier_b = 0.25f;
      options.out = RandomOutput(random);
      const TensorInfo a = MakeTensor(DataType::kU8, shape, {gap, 0}, 1, 17),
                       b = MakeTensor(DataType::kU8, shape, {0, 64}, 1, 201);
      OpCase c(OpKind::kAdd, {a, b}, MakeTensor(DataType::kU8, shape, {0, 0}, 2, options.out.zero_point), options, 2, seed);
      for (const size_t input : {size_t{0}, size_t{1}}) c.Fill<uint8_t>(input, [&] { return AnyByte(random); });
      c.Run();
      int wrong = 0;
      c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
        const double sum = 0.5 * (c.In<uint8_t>(0, i, y, x, n) - 17) + 0.25 * (c.In<uint8_t>(1, i, y, x, n) - 201);
        wrong += c.Out<uint8_t>(i, y, x, n) != ToByte(sum, options.out);
      });
      CHECK(wrong == 0);
      CHECK(c.op().macs(c.node()) ==
            static_cast<uint64_t>(shape.height) * static_cast<uint64_t>(shape.width) * static_cast<uint64_t>(shape.channels));
    }
  }
}

TEST_CASE("add float32 adds and clamps") {
  for (const Shape& shape : kShapes) {
    Random random(5);
    const TensorInfo tensor = MakeTensor(DataType::kF32, shape, {3, 64});
    OpCase c(OpKind::kAdd, {tensor, tensor}, MakeTensor(DataType::kF32, shape), AddF32Options{0, 6}, 2, 5);
    for (const size_t input : {size_t{0}, size_t{1}}) c.Fill<float>(input, [&] { return random.Uniform(-5, 5); });
    c.Run();
    int wrong = 0;
    c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
      const float sum = c.In<float>(0, i, y, x, n) + c.In<float>(1, i, y, x, n);
      wrong += c.Out<float>(i, y, x, n) != std::fmin(std::fmax(sum, 0.0f), 6.0f);
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("add refuses nodes that make no sense") {
  const TensorInfo tensor = MakeTensor(DataType::kU8, {2, 2, 5}, {}, 1, 3);
  AddU8Options options;
  options.multiplier_a = options.multiplier_b = 1;
  options.out.zero_point = 3;
  OpCase c(OpKind::kAdd, {tensor, tensor}, tensor, options, 1, 1);
  CHECK(!c.IsRefused());
  const auto refused_with = [&](auto change) {
    AddU8Options changed = options;
    change(changed);
    c.node().options = changed;
    return c.IsRefused();
  };
  CHECK(refused_with([](AddU8Options& o) { o.multiplier_a = 0; }));
  CHECK(refused_with([](AddU8Options& o) { o.multiplier_a = 256; }));
  CHECK(refused_with([](AddU8Options& o) { o.multiplier_b = kNan; }));
  CHECK(refused_with([](AddU8Options& o) { o.multiplier_b = -1; }));
  CHECK(refused_with([](AddU8Options& o) { o.out.lo = 5, o.out.hi = 4; }));
  CHECK(refused_with([](AddU8Options& o) { o.out.hi = 256; }));
  CHECK(refused_with([](AddU8Options& o) { o.out.zero_point = 4; }));
  CHECK(!refused_with([](AddU8Options&) {}));
  c.node().options = AddF32Options{0, 1};
  CHECK(c.IsRefused());
  c.node().options = options;
  for (const float scale : {0.0f, -1.0f, kInfinity, kNan}) {
    c.input(1).scale = scale;
    CHECK(c.IsRefused());
  }
  c.input(1).scale = 1;
  c.input(1).shape.width = 1;
  CHECK(c.IsRefused());
  c.input(1) = tensor;
  c.input(0).image_bytes = 0;
  CHECK(c.IsRefused());
  c.input(0) = tensor;
  c.node().inputs = c.node().inputs.first(1);
  CHECK(c.IsRefused());

  const TensorInfo real = MakeTensor(DataType::kF32, {2, 2, 5});
  OpCase f(OpKind::kAdd, {real, real}, real, AddF32Options{-kInfinity, kInfinity}, 1, 1);
  CHECK(!f.IsRefused());
  for (const AddF32Options bounds : {AddF32Options{1, 0}, AddF32Options{kNan, 1}, AddF32Options{0, kNan}}) {
    f.node().options = bounds;
    CHECK(f.IsRefused());
  }
}

TEST_CASE("lookup takes each byte from the table") {
  std::vector<uint8_t> table(256);
  for (size_t i = 0; i < 256; ++i) table[i] = static_cast<uint8_t>(i * 37 + 11);
  for (const Shape& shape : kShapes) {
    OpCase c(OpKind::kLookup, {MakeTensor(DataType::kU8, shape, {4, 0})}, MakeTensor(DataType::kU8, shape, {}, 0.5f, 9),
             LookupOptions{table}, 2, 3);
    c.Run();
    int wrong = 0;
    c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
      wrong += c.Out<uint8_t>(i, y, x, n) != static_cast<uint8_t>(c.In<uint8_t>(0, i, y, x, n) * 37 + 11);
    });
    CHECK(wrong == 0);
    c.node().options = LookupOptions{std::span<const uint8_t>(table).first(255)};
    CHECK(c.IsRefused());
  }
}

TEST_CASE("clamp keeps values within its bounds") {
  for (const Shape& shape : kShapes) {
    Random random(6);
    OpCase c(OpKind::kClamp, {MakeTensor(DataType::kF32, shape, {1, 0})}, MakeTensor(DataType::kF32, shape, {2, 0}),
             ClampF32Options{-1, 2.5f}, 2, 4);
    c.Fill<float>(0, [&] { return random.Uniform(-4, 4); });
    c.Run();
    int wrong = 0;
    c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
      wrong += c.Out<float>(i, y, x, n) != std::fmin(std::fmax(c.In<float>(0, i, y, x, n), -1.0f), 2.5f);
    });
    CHECK(wrong == 0);
    c.node().options = ClampF32Options{2, 1};
    CHECK(c.IsRefused());
  }
}

TEST_CASE("dequantize gives real values") {
  for (const Shape& shape : kShapes) {
    OpCase c(OpKind::kDequantize, {MakeTensor(DataType::kU8, shape, {4, 64}, 0.037f, 200)},
             MakeTensor(DataType::kF32, shape, {1, 0}), DequantizeOptions{}, 2, 4);
    c.Run();
    int wrong = 0;
    c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
      const double real = static_cast<double>(0.037f) * (c.In<uint8_t>(0, i, y, x, n) - 200);
      wrong += c.Out<float>(i, y, x, n) != static_cast<float>(real);
    });
    CHECK(wrong == 0);
    c.output().shape.channels += 1;
    CHECK(c.IsRefused());
  }
}

// Largest relative error of the softmax's outputs above 1e-30, and of the sums of the probabilities, in double.
template <class Real>
double SoftmaxError(OpCase& c, const Shape& shape, Real real) {
  double worst = 0;
  for (int32_t i = 0; i < c.batch(); ++i) {
    for (int32_t y = 0; y < shape.height; ++y) {
      for (int32_t x = 0; x < shape.width; ++x) {
        double sum = 0, max = -1e300, total = 0;
        for (int32_t n = 0; n < shape.channels; ++n) max = std::max(max, real(i, y, x, n));
        for (int32_t n = 0; n < shape.channels; ++n) sum += std::exp(real(i, y, x, n) - max);
        for (int32_t n = 0; n < shape.channels; ++n) {
          const double expected = std::exp(real(i, y, x, n) - max) / sum,
                       actual = static_cast<double>(c.Out<float>(i, y, x, n));
          total += actual;
          if (expected > 1e-30) worst = std::fmax(worst, std::fabs(actual / expected - 1));
          if (expected <= 1e-30) worst = std::fmax(worst, actual > 1.1e-30 ? 1.0 : 0.0);
        }
        worst = std::fmax(worst, std::fabs(total - 1));
      }
    }
  }
  return worst;
}

TEST_CASE("softmax agrees with double") {
  for (const Shape& shape : {Shape{1, 1, 7}, Shape{3, 4, 5}, Shape{1, 1, 1}, Shape{2, 1, 1000}}) {
    Random random(8);
    OpCase f(OpKind::kSoftmax, {MakeTensor(DataType::kF32, shape, {1, 0})}, MakeTensor(DataType::kF32, shape, {2, 0}),
             SoftmaxOptions{}, 2, 4);
    f.Fill<float>(0, [&] { return random.Uniform(-60, 40); });
    f.Run();
    // The difference to the maximum, up to 100, is rounded once (100 * 2^-24 = 6e-6); so is each of the thousand steps of the
    // sum.
    CHECK(SoftmaxError(f, shape, [&](int32_t i, int32_t y, int32_t x, int32_t n) {
            return static_cast<double>(f.In<float>(0, i, y, x, n));
          }) < 2e-5);

    OpCase u(OpKind::kSoftmax, {MakeTensor(DataType::kU8, shape, {4, 0}, 0.21f, 77)}, MakeTensor(DataType::kF32, shape, {2, 0}),
             SoftmaxOptions{}, 2, 4);
    u.Fill<uint8_t>(0, [&] { return AnyByte(random); });
    u.Run();
    CHECK(SoftmaxError(u, shape, [&](int32_t i, int32_t y, int32_t x, int32_t n) {
            return static_cast<double>(0.21f) * (u.In<uint8_t>(0, i, y, x, n) - 77);
          }) < 2e-5);
    u.output().type = DataType::kU8;
    CHECK(u.IsRefused());
  }
}

TEST_CASE("softmax of huge and equal values") {
  OpCase c(OpKind::kSoftmax, {MakeTensor(DataType::kF32, {1, 1, 4})}, MakeTensor(DataType::kF32, {1, 1, 4}), SoftmaxOptions{},
           1, 4);
  c.Fill<float>(0, [] { return 3e38f; });
  c.In<float>(0, 0, 0, 0, 3) = -3e38f;
  c.Run();
  CHECK(c.Out<float>(0, 0, 0, 0) == 1.0f / 3.0f);
  CHECK(c.Out<float>(0, 0, 0, 3) == 0.0f);
}

TEST_CASE("the exponential is within two units in the last place") {
  CHECK(Exp(0.0f) == 1.0f);
  CHECK(Exp(-0.0f) == 1.0f);
  CHECK(Exp(-kInfinity) == 0.0f);
  CHECK(Exp(-88.0f) == 0.0f);
  CHECK(Exp(kInfinity) == kInfinity);
  CHECK(Exp(88.8f) == kInfinity);
  CHECK(std::isnan(Exp(kNan)));
  double worst = 0;
  float before = 0;
  bool monotonic = true;
  for (double step = -87.33; step < 88.72; step += 0.00037) {
    const float x = static_cast<float>(step), y = Exp(x);
    const double exact = std::exp(static_cast<double>(x));
    worst = std::fmax(worst, std::fabs(static_cast<double>(y) - exact) / exact);
    monotonic = monotonic && y >= before;
    before = y;
  }
  MESSAGE("largest relative error of Exp: ", worst, " = 2^", std::log2(worst));
  CHECK(worst < 0x1p-22);
  CHECK(monotonic);
}

TEST_CASE("reshape keeps elements in order and skips padding") {
  struct Pair {
    Shape from, to;
  };
  constexpr Pair kPairs[] = {{{2, 3, 5}, {1, 1, 30}},       {{1, 1, 30}, {2, 3, 5}}, {{4, 6, 10}, {3, 16, 5}},
                             {{2, 3, 5}, {5, 1, 6}},        {{1, 1, 9}, {1, 1, 9}},  {{40, 50, 23}, {1, 1, 46000}},
                             {{33, 100, 16}, {100, 33, 16}}};
  for (const Pair& pair : kPairs) {
    for (const DataType type : {DataType::kU8, DataType::kF32}) {
      for (const int32_t gap : {0, 4}) {
        OpCase c(OpKind::kReshape, {MakeTensor(type, pair.from, {gap, 64}, 0.5f, 3)}, MakeTensor(type, pair.to, {}, 0.5f, 3),
                 ReshapeOptions{}, 2, 7);
        Random random(7);
        if (type == DataType::kF32) c.Fill<float>(0, [&] { return random.Uniform(-1, 1); });
        c.Run();
        int wrong = 0;
        c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
          const int32_t element = (y * pair.to.width + x) * pair.to.channels + n;
          const int32_t in_c = element % pair.from.channels, pixel = element / pair.from.channels;
          const int32_t in_y = pixel / pair.from.width, in_x = pixel % pair.from.width;
          wrong += type == DataType::kU8 ? c.In<uint8_t>(0, i, in_y, in_x, in_c) != c.Out<uint8_t>(i, y, x, n)
                                         : c.In<float>(0, i, in_y, in_x, in_c) != c.Out<float>(i, y, x, n);
        });
        CHECK(wrong == 0);
        if (type == DataType::kU8) {
          c.output().zero_point = 4;
          CHECK(c.IsRefused());
        }
      }
    }
  }
  OpCase c(OpKind::kReshape, {MakeTensor(DataType::kU8, {2, 3, 5})}, MakeTensor(DataType::kU8, {1, 1, 31}), ReshapeOptions{}, 1,
           7);
  CHECK(c.IsRefused());
}

}  // namespace
}  // namespace cutis::test
