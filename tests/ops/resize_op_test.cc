// The operator resize_linear against the formula in double, and what it refuses.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/ops/index_case.h"

namespace cutis::test {
namespace {

// Where the outputs of one axis lie between the inputs: pixel centres agree, what lies outside is the border.
struct AxisCase {
  std::vector<int32_t> low, high;
  std::vector<float> weight;
  AxisCase(int32_t in, int32_t out) {
    for (int32_t i = 0; i < out; ++i) {
      const double at = std::clamp((i + 0.5) * in / out - 0.5, 0.0, in - 1.0);
      low.push_back(static_cast<int32_t>(at));
      high.push_back(std::min(low.back() + 1, in - 1));
      weight.push_back(static_cast<float>(at - low.back()));
    }
  }
};

struct Sizes {
  Shape in, out;
};
constexpr Sizes kSizes[] = {{{1, 1, 1}, {3, 5, 1}},   {{4, 5, 3}, {8, 10, 3}},      {{7, 9, 16}, {3, 4, 16}},
                            {{6, 6, 37}, {6, 6, 37}}, {{10, 12, 24}, {50, 40, 24}}, {{5, 3, 8}, {1, 1, 8}}};

// The value in double; `integer`: with weights in steps of 1/2048.
template <class T>
double ValueOf(OpCase& c, const AxisCase& rows, const AxisCase& columns, bool integer, int32_t i, int32_t y, int32_t x,
               int32_t n) {
  const auto weight = [integer](float w) {
    return integer ? std::nearbyint(2048.0 * static_cast<double>(w)) / 2048 : static_cast<double>(w);
  };
  const size_t ry = static_cast<size_t>(y), rx = static_cast<size_t>(x);
  const double wy = weight(rows.weight[ry]), wx = weight(columns.weight[rx]);
  const auto at = [&](int32_t from_y, int32_t from_x) { return static_cast<double>(c.In<T>(0, i, from_y, from_x, n)); };
  return (1 - wy) * ((1 - wx) * at(rows.low[ry], columns.low[rx]) + wx * at(rows.low[ry], columns.high[rx])) +
         wy * ((1 - wx) * at(rows.high[ry], columns.low[rx]) + wx * at(rows.high[ry], columns.high[rx]));
}

TEST_CASE("resize_linear uint8 is the exact mean, halves up") {
  uint64_t seed = 1;
  for (const Sizes& sizes : kSizes) {
    const AxisCase rows(sizes.in.height, sizes.out.height), columns(sizes.in.width, sizes.out.width);
    const ResizeLinearOptions options = {rows.low, rows.high, columns.low, columns.high, rows.weight, columns.weight};
    OpCase c(OpKind::kResizeLinear, {MakeImages(DataType::kU8, 2, sizes.in, {4, 64}, 0.5f, 7)},
             MakeImages(DataType::kU8, 2, sizes.out, {8, 0}, 0.5f, 7), options, 2, seed++);
    c.Run();
    int wrong = 0;
    c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
      const double value = ValueOf<uint8_t>(c, rows, columns, true, i, y, x, n);  // a multiple of 2^-22: exact
      wrong += c.Out<uint8_t>(i, y, x, n) != static_cast<uint8_t>(std::floor(value + 0.5));
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("resize_linear float32 follows its formula, and double nearly") {
  uint64_t seed = 1;
  for (const Sizes& sizes : kSizes) {
    const AxisCase rows(sizes.in.height, sizes.out.height), columns(sizes.in.width, sizes.out.width);
    const ResizeLinearOptions options = {rows.low, rows.high, columns.low, columns.high, rows.weight, columns.weight};
    OpCase c(OpKind::kResizeLinear, {MakeImages(DataType::kF32, 3, sizes.in, {1, 64})},
             MakeImages(DataType::kF32, 3, sizes.out, {2, 0}), options, 2, seed);
    Random random(seed++);
    c.Fill<float>(0, [&] { return random.Uniform(-1, 1); });
    c.Run();
    int wrong = 0;
    c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
      const size_t ry = static_cast<size_t>(y), rx = static_cast<size_t>(x);
      const auto row = [&](int32_t from) {
        const float low = c.In<float>(0, i, from, columns.low[rx], n), high = c.In<float>(0, i, from, columns.high[rx], n);
        return low + (high - low) * columns.weight[rx];
      };
      const float a = row(rows.low[ry]), b = row(rows.high[ry]), actual = c.Out<float>(i, y, x, n);
      wrong += actual != a + (b - a) * rows.weight[ry];
      wrong += std::fabs(static_cast<double>(actual) - ValueOf<float>(c, rows, columns, false, i, y, x, n)) > 1e-6;
    });
    CHECK(wrong == 0);
    CHECK(c.op().macs(c.node()) ==
          3 * static_cast<uint64_t>(sizes.out.height * sizes.out.width) * static_cast<uint64_t>(sizes.out.channels));
  }
}

TEST_CASE("resize_linear refuses nodes that make no sense") {
  const TensorInfo in = MakeTensor(DataType::kU8, {4, 5, 3}, {}, 0.5f, 7),
                   out = MakeTensor(DataType::kU8, {8, 10, 3}, {}, 0.5f, 7);
  const AxisCase sound_rows(4, 8), sound_columns(5, 10);
  OpCase c(OpKind::kResizeLinear, {in}, out, ResizeLinearOptions{}, 1, 1);
  CHECK(c.IsRefused());
  const auto refused_with = [&](auto change) {
    AxisCase rows = sound_rows, columns = sound_columns;
    change(rows, columns);
    c.node().options = ResizeLinearOptions{rows.low, rows.high, columns.low, columns.high, rows.weight, columns.weight};
    return c.IsRefused();
  };
  CHECK(!refused_with([](AxisCase&, AxisCase&) {}));
  for (const int32_t index : {-1, 4, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min()}) {
    CHECK(refused_with([=](AxisCase& rows, AxisCase&) { rows.low[3] = index; }));
    CHECK(refused_with([=](AxisCase& rows, AxisCase&) { rows.high[7] = index; }));
  }
  CHECK(refused_with([](AxisCase&, AxisCase& columns) { columns.low[9] = 5; }));
  CHECK(refused_with([](AxisCase&, AxisCase& columns) { columns.high[0] = -5; }));
  for (const float weight : {-0.1f, 1.0001f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    CHECK(refused_with([=](AxisCase& rows, AxisCase&) { rows.weight[0] = weight; }));
    CHECK(refused_with([=](AxisCase&, AxisCase& columns) { columns.weight[9] = weight; }));
  }
  CHECK(refused_with([](AxisCase& rows, AxisCase&) { rows.low.pop_back(); }));
  CHECK(refused_with([](AxisCase& rows, AxisCase&) { rows.high.push_back(0); }));
  CHECK(refused_with([](AxisCase& rows, AxisCase&) { rows.weight.clear(); }));
  CHECK(refused_with([](AxisCase&, AxisCase& columns) { columns.low.clear(); }));
  CHECK(refused_with([](AxisCase&, AxisCase& columns) { columns.high.pop_back(); }));
  CHECK(refused_with([](AxisCase&, AxisCase& columns) { columns.weight.push_back(0); }));

  const ResizeLinearOptions sound = {sound_rows.low,     sound_rows.high,   sound_columns.low,
                                     sound_columns.high, sound_rows.weight, sound_columns.weight};
  c.node().options = sound;
  CHECK(!c.IsRefused());
  c.output().scale = 0.25f;
  CHECK(c.IsRefused());
  c.output() = out;
  c.output().zero_point = 8;
  CHECK(c.IsRefused());
  c.output() = out;
  c.output().shape.channels = 2;
  CHECK(c.IsRefused());
  c.output() = out;
  c.node().options = ReshapeOptions{};
  CHECK(c.IsRefused());
}

}  // namespace
}  // namespace cutis::test
