// The operators max pool and average pool against direct loops over every window, and what they refuse.
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

#include "tests/ops/op_case.h"

namespace cutis::test {
namespace {

struct PoolCase {
  Shape in;
  Window window;
};

// kernel, stride, dilation, padding (top, left, bottom, right)
constexpr PoolCase kCases[] = {
    {{7, 7, 3}, {3, 3, 2, 2, 1, 1, 1, 1, 1, 1}},   {{8, 9, 16}, {2, 2, 2, 2, 1, 1, 0, 0, 0, 0}},
    {{5, 5, 300}, {5, 5, 1, 1, 1, 1, 0, 0, 0, 0}}, {{6, 11, 33}, {3, 2, 1, 3, 1, 1, 2, 0, 1, 1}},
    {{9, 9, 8}, {3, 3, 1, 1, 2, 3, 2, 3, 2, 3}},   {{1, 1, 1}, {1, 1, 1, 1, 1, 1, 0, 0, 0, 0}},
    {{4, 20, 17}, {1, 4, 1, 1, 1, 2, 0, 5, 0, 2}},
};

// Calls each(value) for the elements of a window within the image, in order.
template <class T, class Each>
void ForEachTap(OpCase& c, const Window& w, int32_t i, int32_t oy, int32_t ox, int32_t n, Each each) {
  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
    for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
      const int32_t y = oy * w.stride_h - w.pad_top + ky * w.dilation_h, x = ox * w.stride_w - w.pad_left + kx * w.dilation_w;
      if (y < 0 || x < 0 || y >= c.input(0).shape.height || x >= c.input(0).shape.width) continue;
      each(c.In<T>(0, i, y, x, n));
    }
  }
}

template <class T>
void TestMaxPool(DataType type) {
  for (const PoolCase& pool : kCases) {
    Random random(3);
    OpCase c(OpKind::kMaxPool, {MakeTensor(type, pool.in, {4, 64}, 0.5f, 9)},
             MakeTensor(type, OutputShape(pool.in, pool.window, pool.in.channels), {}, 0.5f, 9), MaxPoolOptions{pool.window}, 2,
             3);
    c.Fill<T>(0, [&] { return static_cast<T>(random.Between(type == DataType::kU8 ? 0 : -200, 255)); });
    c.Run();
    int wrong = 0;
    c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
      double max = -1e9;
      ForEachTap<T>(c, pool.window, i, y, x, n, [&](T value) { max = std::fmax(max, static_cast<double>(value)); });
      wrong += static_cast<double>(c.Out<T>(i, y, x, n)) != max;
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("max pool uint8") { TestMaxPool<uint8_t>(DataType::kU8); }
TEST_CASE("max pool float32") { TestMaxPool<float>(DataType::kF32); }

// The counts of all windows.
std::vector<int32_t> CountsOf(OpCase& c, const Window& w, bool include_pad) {
  std::set<int32_t> counts;
  c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
    if (i > 0 || n > 0) return;
    int32_t count = 0;
    ForEachTap<uint8_t>(c, w, i, y, x, n, [&](uint8_t) { ++count; });
    counts.insert(include_pad ? w.kernel_h * w.kernel_w : count);
  });
  return {counts.begin(), counts.end()};
}

TEST_CASE("average pool uint8") {
  uint64_t seed = 1;
  for (const PoolCase& pool : kCases) {
    for (const bool include_pad : {false, true}) {
      Random random(seed++);
      const OutputU8 out = RandomOutput(random);
      OpCase c(OpKind::kAveragePool, {MakeTensor(DataType::kU8, pool.in, {4, 64}, 0.5f, 131)},
               MakeTensor(DataType::kU8, OutputShape(pool.in, pool.window, pool.in.channels), {}, 0.25f, out.zero_point),
               AveragePoolU8Options{}, 2, seed);
      const std::vector<int32_t> counts = CountsOf(c, pool.window, include_pad);
      std::vector<float> multipliers;
      for (const int32_t count : counts) multipliers.push_back(static_cast<float>(0.5 / (0.25 * count)));
      c.node().options = AveragePoolU8Options{pool.window, include_pad, counts, multipliers, out};
      c.Run();
      int wrong = 0;
      c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
        int32_t sum = 0, count = 0;
        ForEachTap<uint8_t>(c, pool.window, i, y, x, n, [&](uint8_t value) {
          sum += value - 131;
          ++count;
        });
        if (include_pad) count = pool.window.kernel_h * pool.window.kernel_w;
        // The product of a float and an integer of less than 24 bits, rounded to float.
        const float scaled = static_cast<float>(static_cast<double>(static_cast<float>(0.5 / (0.25 * count))) * sum);
        const double value = std::nearbyint(static_cast<double>(scaled)) + out.zero_point;
        wrong += c.Out<uint8_t>(i, y, x, n) != std::fmin(std::fmax(value, out.lo), out.hi);
      });
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("average pool float32") {
  for (const PoolCase& pool : kCases) {
    for (const bool include_pad : {false, true}) {
      Random random(4);
      OpCase c(OpKind::kAveragePool, {MakeTensor(DataType::kF32, pool.in, {3, 64})},
               MakeTensor(DataType::kF32, OutputShape(pool.in, pool.window, pool.in.channels), {1, 0}),
               AveragePoolF32Options{pool.window, include_pad}, 2, 4);
      c.Fill<float>(0, [&] { return random.Uniform(-2, 5); });
      c.Run();
      double worst = 0;
      c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
        double sum = 0;
        int32_t count = 0;
        ForEachTap<float>(c, pool.window, i, y, x, n, [&](float value) {
          sum += static_cast<double>(value);
          ++count;
        });
        if (include_pad) count = pool.window.kernel_h * pool.window.kernel_w;
        worst = std::fmax(worst, std::fabs(static_cast<double>(c.Out<float>(i, y, x, n)) - sum / count));
      });
      CHECK(worst < 1e-5);
    }
  }
}

TEST_CASE("pools refuse windows that make no sense") {
  const Shape in = {6, 6, 4};
  const Window good = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
  const TensorInfo tensor = MakeTensor(DataType::kU8, in);
  const auto refused = [&](const Window& window, const Shape& out) {
    OpCase c(OpKind::kMaxPool, {tensor}, MakeTensor(DataType::kU8, out), MaxPoolOptions{window}, 1, 1);
    return c.IsRefused();
  };
  CHECK(!refused(good, in));
  CHECK(refused(good, {6, 6, 5}));
  CHECK(refused(good, {5, 6, 4}));
  CHECK(refused(good, {6, 7, 4}));
  const auto with = [&](auto change) {
    Window window = good;
    change(window);
    return window;
  };
  CHECK(refused(with([](Window& w) { w.kernel_h = 0; }), in));
  CHECK(refused(with([](Window& w) { w.stride_w = 0; }), in));
  CHECK(refused(with([](Window& w) { w.dilation_h = -1; }), in));
  CHECK(refused(with([](Window& w) { w.pad_left = -1; }), in));
  CHECK(refused(with([](Window& w) { w.stride_h = 0x7fffffff; }), {1, 6, 4}));
  CHECK(refused(with([](Window& w) { w.kernel_w = 0x7fffffff; }), in));
  // Windows wholly in padding: the first row, the last column.
  CHECK(refused(with([](Window& w) { w.pad_top = 3; }), {8, 6, 4}));
  CHECK(refused(with([](Window& w) { w.pad_right = 3; }), {6, 8, 4}));
  // All taps in padding, though the window spans the image.
  OpCase spanning(OpKind::kMaxPool, {MakeTensor(DataType::kU8, {1, 6, 4})}, MakeTensor(DataType::kU8, {1, 1, 4}),
                  MaxPoolOptions{{1, 2, 1, 1, 1, 7, 0, 1, 0, 1}}, 1, 1);
  CHECK(spanning.IsRefused());
  OpCase c(OpKind::kMaxPool, {tensor}, MakeTensor(DataType::kU8, in, {}, 0.5f), MaxPoolOptions{good}, 1, 1);
  CHECK(c.IsRefused());
}

TEST_CASE("average pool refuses missing counts and wrong multipliers") {
  const Shape in = {6, 6, 4};
  const int32_t counts[] = {4, 6, 9};
  const float multipliers[] = {0.25f, 1.0f / 6, 1.0f / 9};
  AveragePoolU8Options options;
  options.window = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
  options.counts = counts;
  options.multipliers = multipliers;
  OpCase c(OpKind::kAveragePool, {MakeTensor(DataType::kU8, in)}, MakeTensor(DataType::kU8, in), options, 1, 1);
  CHECK(!c.IsRefused());
  const auto refused_with = [&](auto change) {
    AveragePoolU8Options changed = options;
    change(changed);
    c.node().options = changed;
    return c.IsRefused();
  };
  CHECK(refused_with([&](AveragePoolU8Options& o) { o.counts = o.counts.first(2), o.multipliers = o.multipliers.first(2); }));
  CHECK(refused_with([&](AveragePoolU8Options& o) { o.counts = o.counts.last(2), o.multipliers = o.multipliers.last(2); }));
  CHECK(refused_with([&](AveragePoolU8Options& o) { o.multipliers = o.multipliers.first(2); }));
  CHECK(refused_with([&](AveragePoolU8Options& o) {
    o.count_include_pad = true, o.counts = o.counts.first(2), o.multipliers = o.multipliers.first(2);
  }));
  CHECK(!refused_with([&](AveragePoolU8Options& o) { o.count_include_pad = true; }));
  const float bad[] = {0.25f, 0.0f, 1.0f / 9};
  CHECK(refused_with([&](AveragePoolU8Options& o) { o.multipliers = bad; }));
  const std::vector<int32_t> many(65, 4);
  const std::vector<float> many_multipliers(65, 0.25f);
  CHECK(refused_with(
      [&](AveragePoolU8Options& o) { o.counts = many, o.multipliers = many_multipliers, o.count_include_pad = true; }));

  // More elements than have an exact sum.
  const int32_t large_count[] = {182 * 182};
  const float large_multiplier[] = {1e-4f};
  AveragePoolU8Options large;
  large.window = {182, 182, 1, 1, 1, 1, 0, 0, 0, 0};
  large.counts = large_count;
  large.multipliers = large_multiplier;
  OpCase l(OpKind::kAveragePool, {MakeTensor(DataType::kU8, {182, 182, 4})}, MakeTensor(DataType::kU8, {1, 1, 4}), large, 1, 1);
  CHECK(l.IsRefused());
}

}  // namespace
}  // namespace cutis::test
