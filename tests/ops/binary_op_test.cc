// The operator binary against values computed here in double, its power function against libm, and what it refuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "ops/pow.h"
#include "tests/ops/map_case.h"
#include "tests/ops/op_case.h"

namespace cutis::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

float Expected(BinaryFunction function, float a, float b) {
  switch (function) {
    case BinaryFunction::kAdd:
      return a + b;
    case BinaryFunction::kSub:
      return a - b;
    case BinaryFunction::kMul:
      return a * b;
    case BinaryFunction::kDiv:
      return a / b;
    case BinaryFunction::kMax:
      return std::max(a, b);
    case BinaryFunction::kMin:
      return std::min(a, b);
    case BinaryFunction::kPow:
      return Pow(a, b);  // compared with libm below
  }
  return kNan;
}

TEST_CASE("binary float32 follows any two maps") {
  for (uint64_t seed = 1; seed <= 140; ++seed) {
    Random random(seed);
    const MapCase m = MakeMapCase(random, DataType::kF32, 2);
    BinaryF32Options options{static_cast<BinaryFunction>(seed % 7), m.view, m.maps[0], m.maps[1], -kInfinity, kInfinity};
    if (random.OneIn(2)) options.min = -1, options.max = 4;
    OpCase c(OpKind::kBinary, m.inputs, m.output, options, 2, seed);
    for (const size_t input : {size_t{0}, size_t{1}}) c.Fill<float>(input, [&] { return random.Uniform(0.1f, 5); });
    c.Run();
    CHECK(CountWrong<float>(c, m, [&](int64_t entry, const Index& i) {
            const float a = InAt<float>(c, 0, m.inputs[0], m.maps[0], m.view.rank, entry, i);
            const float b = InAt<float>(c, 1, m.inputs[1], m.maps[1], m.view.rank, entry, i);
            return std::min(std::max(Expected(options.function, a, b), options.min), options.max);
          }) == 0);
    CHECK(c.op().macs(c.node()) == static_cast<uint64_t>(ElementCount(m.view)));
  }
}

TEST_CASE("binary uint8 follows any two maps, in the stated arithmetic") {
  constexpr BinaryFunction kFunctions[] = {BinaryFunction::kAdd, BinaryFunction::kSub, BinaryFunction::kMul,
                                           BinaryFunction::kMax, BinaryFunction::kMin};
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    Random random(seed);
    MapCase m = MakeMapCase(random, DataType::kU8, 2);
    BinaryU8Options options{kFunctions[seed % 5], m.view, m.maps[0], m.maps[1], 0.5f, 0.25f, RandomOutput(random)};
    const bool choose = seed % 5 >= 3;
    if (options.function == BinaryFunction::kMul) options.multiplier_a = 0x1p-6f;
    m.output.zero_point = options.out.zero_point;
    for (TensorInfo& input : m.inputs)
      input.zero_point = choose ? m.output.zero_point : static_cast<int32_t>(random.Between(0, 255));
    OpCase c(OpKind::kBinary, m.inputs, m.output, options, 2, seed);
    c.Run();
    CHECK(CountWrong<uint8_t>(c, m, [&](int64_t entry, const Index& i) {
            const int a = InAt<uint8_t>(c, 0, m.inputs[0], m.maps[0], m.view.rank, entry, i);
            const int b = InAt<uint8_t>(c, 1, m.inputs[1], m.maps[1], m.view.rank, entry, i);
            const double from_a = a - m.inputs[0].zero_point, from_b = b - m.inputs[1].zero_point;
            // Powers of two, for which the value in double is the rounded value in float.
            const double value = options.function == BinaryFunction::kAdd   ? from_a * 0.5 + from_b * 0.25
                                 : options.function == BinaryFunction::kSub ? from_a * 0.5 - from_b * 0.25
                                 : options.function == BinaryFunction::kMul ? from_a * from_b * 0x1p-6
                                 : options.function == BinaryFunction::kMax ? std::max(from_a, from_b)
                                                                            : std::min(from_a, from_b);
            const double byte = std::nearbyint(value) + options.out.zero_point;
            return static_cast<uint8_t>(std::clamp<double>(byte, options.out.lo, options.out.hi));
          }) == 0);
  }
}

TEST_CASE("binary cuts large tensors into units: a squeeze-excite product") {
  const TensorInfo x = MakeTensor(DataType::kU8, {60, 60, 30}, {}, 0.1f, 10),
                   gate = MakeTensor(DataType::kU8, {1, 1, 30}, {}, 1, 0);
  const IndexMap whole{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {1, 1, 1}};
  const IndexMap one{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {0, 0, 1}};
  BinaryU8Options options{BinaryFunction::kMul, {3, {60, 60, 30}}, whole, one, 0x1p-8f, 0, {}};
  options.out.zero_point = 10;
  OpCase c(OpKind::kBinary, {x, gate}, x, options, 2, 1);
  CHECK(c.op().units(c.node(), 2) >= 2 * 60 * 60 * 30 / 16384);
  c.Run();
  int wrong = 0;
  c.ForEachOutput([&](int32_t i, int32_t h, int32_t w, int32_t n) {
    const double value = (c.In<uint8_t>(0, i, h, w, n) - 10) * c.In<uint8_t>(1, i, 0, 0, n) * 0x1p-8;
    wrong += c.Out<uint8_t>(i, h, w, n) != std::clamp(std::nearbyint(value) + 10, 0.0, 255.0);
  });
  CHECK(wrong == 0);
}

TEST_CASE("maxima and minima with a NaN are the NaN, and it passes the clamp") {
  const TensorInfo tensor = MakeTensor(DataType::kF32, {1, 1, 64});
  const IndexMap map{{}, {Dim::kChannel}, {1}};
  for (const BinaryFunction function : {BinaryFunction::kMax, BinaryFunction::kMin, BinaryFunction::kAdd}) {
    OpCase c(OpKind::kBinary, {tensor, tensor}, tensor, BinaryF32Options{function, {1, {64}}, map, map, -1, 1}, 1, 1);
    for (int32_t i = 0; i < 64; ++i) {
      c.In<float>(0, 0, 0, 0, i) = i % 3 == 0 ? kNan : 0.5f;
      c.In<float>(1, 0, 0, 0, i) = i % 3 == 1 ? kNan : 0.25f;
    }
    c.Run();
    int wrong = 0;
    for (int32_t i = 0; i < 64; ++i) {
      const float y = c.Out<float>(0, 0, 0, i);
      wrong += i % 3 < 2 ? !std::isnan(y) : y != std::min(1.0f, Expected(function, 0.5f, 0.25f));
    }
    CHECK(wrong == 0);
  }
}

// -- the power function ---------------------------------------------------------------------------

TEST_CASE("powers of special values are those of IEEE 754") {
  const float values[] = {0.0f, -0.0f,       1.0f,        -1.0f,        2.0f,        -2.0f,       0.5f,      -0.5f,
                          3.0f, -3.0f,       1.5f,        -1.5f,        1e-40f,      -1e-40f,     3e38f,     -3e38f,
                          1e9f, -1e9f,       16777215.0f, -16777215.0f, 16777216.0f, 33554434.0f, kInfinity, -kInfinity,
                          kNan, 0.99999994f, 1.0000001f,  8388607.5f,   -4.0f,       127.0f};
  for (const float x : values) {
    for (const float y : values) {
      const float want = static_cast<float>(std::pow(static_cast<double>(x), static_cast<double>(y))), is = Pow(x, y);
      CAPTURE(x);
      CAPTURE(y);
      if (std::isnan(want)) {
        CHECK(std::isnan(is));
      } else if (want == 0 || std::isinf(want) || std::fabs(want) == 1) {
        CHECK(is == want);
        CHECK(std::signbit(is) == std::signbit(want));
      } else {
        CHECK(is == doctest::Approx(want).epsilon(2e-7));
      }
    }
  }
}

TEST_CASE("powers and logarithms are within a unit in the last place") {
  Random random(1);
  double worst_power = 0, worst_log = 0;
  for (int i = 0; i < 400000; ++i) {
    const float x = std::exp2(random.Uniform(-120, 120)), y = random.Uniform(-40, 40);
    const double want = std::pow(static_cast<double>(x), static_cast<double>(y));
    if (want > 1e-37 && want < 3e38) worst_power = std::max(worst_power, std::fabs(static_cast<double>(Pow(x, y)) / want - 1));
    const double log = std::log(static_cast<double>(x));
    if (log != 0) worst_log = std::max(worst_log, std::fabs(static_cast<double>(Log(x)) / log - 1));
    const float near = random.Uniform(0.9f, 1.1f);
    if (near != 1) {
      worst_log = std::max(worst_log, std::fabs(static_cast<double>(Log(near)) / std::log(static_cast<double>(near)) - 1));
    }
  }
  MESSAGE("largest relative errors: Pow " << worst_power << ", Log " << worst_log);
  CHECK(worst_power < 6.1e-8);
  CHECK(worst_log < 6.1e-8);
  // Down to the denormals, and whole results are exact.
  CHECK(Pow(2, -149) == 0x1p-149f);
  CHECK(Pow(2, -151) == 0);
  CHECK(Pow(2, 127) == 0x1p127f);
  CHECK(Pow(2, 128) == kInfinity);
  for (int base = 2; base < 100; ++base) CHECK(Pow(static_cast<float>(base), 3) == static_cast<float>(base * base * base));
  CHECK(Log(1) == 0);
  CHECK(Log(0) == -kInfinity);
  CHECK(Log(-0.0f) == -kInfinity);
  CHECK(Log(kInfinity) == kInfinity);
  CHECK(std::isnan(Log(-1)));
  CHECK(std::isnan(Log(-kInfinity)));
  CHECK(std::isnan(Log(kNan)));
  CHECK(Log(1e-45f) == doctest::Approx(-103.278929903));
}

// -- refusals -------------------------------------------------------------------------------------

TEST_CASE("binary refuses nodes that make no sense") {
  const TensorInfo tensor = MakeTensor(DataType::kU8, {2, 3, 5}, {}, 0.5f, 9);
  const IndexMap map{{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {1, 1, 1}};
  const BinaryU8Options sound{BinaryFunction::kAdd, {3, {2, 3, 5}}, map, map, 1, 1, {9, 0, 255}};
  OpCase c(OpKind::kBinary, {tensor, tensor}, tensor, sound, 1, 1);
  CHECK(!c.IsRefused());
  const auto with = [&](auto change) {
    BinaryU8Options options = sound;
    change(options);
    c.node().options = options;
    return c.IsRefused();
  };
  for (const BinaryFunction function :
       {BinaryFunction::kSub, BinaryFunction::kMul, BinaryFunction::kMax, BinaryFunction::kMin}) {
    CHECK(!with([&](BinaryU8Options& o) { o.function = function; }));
  }
  for (const int function : {3, 6, 7, 100, 255}) {
    CHECK(with([&](BinaryU8Options& o) { o.function = static_cast<BinaryFunction>(function); }));
  }
  for (const float bad : {0.0f, -1.0f, 256.0f, kNan, kInfinity}) {
    CHECK(with([&](BinaryU8Options& o) { o.multiplier_a = bad; }));
    CHECK(with([&](BinaryU8Options& o) { o.multiplier_b = bad; }));
    CHECK(with([&](BinaryU8Options& o) { o.function = BinaryFunction::kMul, o.multiplier_a = bad; }));
    CHECK(!with([&](BinaryU8Options& o) { o.function = BinaryFunction::kMul, o.multiplier_b = bad; }));
    CHECK(!with([&](BinaryU8Options& o) { o.function = BinaryFunction::kMax, o.multiplier_a = bad; }));
  }
  CHECK(with([](BinaryU8Options& o) { o.out.zero_point = 8; }));
  CHECK(with([](BinaryU8Options& o) { o.out.lo = 9, o.out.hi = 8; }));
  CHECK(with([](BinaryU8Options& o) { o.view.dims[0] = 3; }));
  CHECK(with([](BinaryU8Options& o) { o.view.rank = 2; }));
  CHECK(with([](BinaryU8Options& o) { o.a.step[2] = 2; }));
  CHECK(with([](BinaryU8Options& o) { o.b.step[2] = 2; }));
  CHECK(with([](BinaryU8Options& o) { o.b.start[1] = -1; }));
  CHECK(with([](BinaryU8Options& o) { o.a.dim[1] = static_cast<Dim>(7); }));
  c.input(1).scale = 0.25f;
  CHECK(!with([](BinaryU8Options&) {}));
  CHECK(with([](BinaryU8Options& o) { o.function = BinaryFunction::kMin; }));
  c.input(1) = tensor;
  c.input(0).zero_point = 8;
  CHECK(with([](BinaryU8Options& o) { o.function = BinaryFunction::kMax; }));
  c.input(0) = tensor;
  c.node().options = BinaryF32Options{BinaryFunction::kAdd, sound.view, map, map, 0, 1};
  CHECK(c.IsRefused());
  c.node().options = sound;
  c.node().inputs = c.node().inputs.first(1);
  CHECK(c.IsRefused());

  const TensorInfo real = MakeTensor(DataType::kF32, {2, 3, 5});
  OpCase f(OpKind::kBinary, {real, real}, real, BinaryF32Options{BinaryFunction::kPow, sound.view, map, map, 0, 1}, 1, 1);
  CHECK(!f.IsRefused());
  for (const BinaryF32Options& bad : {BinaryF32Options{static_cast<BinaryFunction>(7), sound.view, map, map, 0, 1},
                                      BinaryF32Options{BinaryFunction::kAdd, sound.view, map, map, 1, 0},
                                      BinaryF32Options{BinaryFunction::kAdd, sound.view, map, map, kNan, 0},
                                      BinaryF32Options{BinaryFunction::kAdd, {3, {3, 2, 5}}, map, map, 0, 1}}) {
    f.node().options = bad;
    CHECK(f.IsRefused());
  }
}

}  // namespace
}  // namespace cutis::test
