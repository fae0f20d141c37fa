// The operator matmul against plain loops over coordinates, and what it refuses.
#include <doctest/doctest.h>

#include <limits>

#include "tests/ops/index_case.h"

namespace cutis::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Layout {
  TensorInfo a, b, output;
  View view;
  int32_t k;
  IndexMap a_map, b_map;
};

// `axes` is a view of the tensor; from[i] says which of them axis i of (view, k) is, -1: none, the values repeat.
IndexMap MapOf(const TensorInfo& tensor, const View& axes, std::initializer_list<int32_t> from) {
  IndexMap whole, map;
  const Status status = MapView("test", axes, tensor, &whole);
  REQUIRE_MESSAGE(status.ok(), status.text());
  int32_t next = 0;
  for (const int32_t a : from) {
    if (a >= 0) {
      map.dim[next] = whole.dim[a];
      map.step[next] = whole.step[a];
    }
    ++next;
  }
  return map;
}

std::vector<Layout> Layouts(DataType type) {
  const auto tensor = [&](int32_t images, Shape shape, Gaps gaps = {}) { return MakeImages(type, images, shape, gaps); };
  const auto layout = [&](TensorInfo a, TensorInfo b, TensorInfo y, View view, int32_t k, IndexMap a_map, IndexMap b_map) {
    return Layout{a, b, y, view, k, a_map, b_map};
  };
  std::vector<Layout> layouts;
  {  // Rows of one matrix times another; many units.
    const TensorInfo a = tensor(1, {1, 130, 40}, {4, 64}), b = tensor(1, {1, 40, 300});
    layouts.push_back(layout(a, b, tensor(1, {1, 130, 300}, {4, 0}), ViewOf({130, 300}), 40,
                             MapOf(a, ViewOf({130, 40}), {0, -1, 1}), MapOf(b, ViewOf({40, 300}), {-1, 1, 0})));
  }
  {  // Attention: heads are a factor of the channels; the second matrix is used transposed.
    const TensorInfo a = tensor(1, {1, 21, 24}), b = tensor(1, {1, 17, 24}, {8, 0}), y = tensor(1, {3, 21, 17});
    layouts.push_back(layout(a, b, y, ViewOf({3, 21, 17}), 8, MapOf(a, ViewOf({21, 3, 8}), {1, 0, -1, 2}),
                             MapOf(b, ViewOf({17, 3, 8}), {1, -1, 0, 2})));
  }
  {  // Both transposed, with images; the output's rows are next to each other in neither.
    const TensorInfo a = tensor(2, {1, 9, 14}), b = tensor(2, {1, 11, 9}), y = tensor(2, {1, 14, 11});
    layouts.push_back(layout(a, b, y, ViewOf({2, 14, 11}), 9, MapOf(a, ViewOf({2, 9, 14}), {0, 2, -1, 1}),
                             MapOf(b, ViewOf({2, 11, 9}), {0, -1, 1, 2})));
  }
  {  // The second matrix is the same for all leading indices, and few columns.
    const TensorInfo a = tensor(3, {4, 5, 6}), b = tensor(1, {1, 6, 3}), y = tensor(3, {4, 5, 3});
    layouts.push_back(layout(a, b, y, ViewOf({3, 4, 5, 3}), 6, MapOf(a, ViewOf({3, 4, 5, 6}), {0, 1, 2, -1, 3}),
                             MapOf(b, ViewOf({6, 3}), {-1, -1, -1, 1, 0})));
  }
  {  // The first one is.
    const TensorInfo a = tensor(1, {1, 2, 7}), b = tensor(4, {1, 7, 20}), y = tensor(4, {1, 2, 20});
    layouts.push_back(layout(a, b, y, ViewOf({4, 2, 20}), 7, MapOf(a, ViewOf({2, 7}), {-1, 0, -1, 1}),
                             MapOf(b, ViewOf({4, 7, 20}), {0, -1, 2, 1})));
  }
  {  // Vectors: one row, one column, one term, one number.
    const TensorInfo x = tensor(1, {1, 1, 50}), number = tensor(1, {1, 1, 1}), column = tensor(1, {1, 50, 1});
    layouts.push_back(
        layout(x, x, number, ViewOf({1, 1}), 50, MapOf(x, ViewOf({50}), {-1, -1, 0}), MapOf(x, ViewOf({50}), {-1, -1, 0})));
    layouts.push_back(layout(x, x, tensor(1, {1, 50, 50}), ViewOf({50, 50}), 1, MapOf(x, ViewOf({50}), {0, -1, -1}),
                             MapOf(x, ViewOf({50}), {-1, 0, -1})));
    layouts.push_back(layout(x, column, column, ViewOf({50, 1}), 1, MapOf(x, ViewOf({50}), {0, -1, -1}), IndexMap{}));
    const TensorInfo matrix = tensor(1, {1, 30, 50});
    layouts.push_back(layout(matrix, x, tensor(1, {1, 1, 30}), ViewOf({30, 1}), 50, MapOf(matrix, ViewOf({30, 50}), {0, -1, 1}),
                             MapOf(x, ViewOf({50}), {-1, -1, 0})));
  }
  {  // A slice of every second column, backwards.
    const TensorInfo a = tensor(1, {1, 5, 8}), b = tensor(1, {1, 8, 40}), y = tensor(1, {1, 5, 20});
    Layout slice =
        layout(a, b, y, ViewOf({5, 20}), 8, MapOf(a, ViewOf({5, 8}), {0, -1, 1}), MapOf(b, ViewOf({8, 40}), {-1, 1, 0}));
    slice.b_map.start[3] = 39;
    slice.b_map.step[1] = -2;
    layouts.push_back(slice);
  }
  return layouts;
}

// Calls each(place, terms in order) for every output of one entry.
template <class T, class Each>
void ForEachProduct(OpCase& c, const Layout& l, int32_t entry, Each each) {
  View joined = l.view;
  joined.dims[joined.rank++] = l.k;
  int32_t index[kMaxAxes] = {};
  int64_t number = 0;
  do {
    std::vector<std::pair<T, T>> terms;
    do {
      terms.emplace_back(ValueAt<T>(c, 0, PlaceOf(joined, l.a_map, index, l.a.constant ? 0 : entry * l.a.images)),
                         ValueAt<T>(c, 1, PlaceOf(joined, l.b_map, index, l.b.constant ? 0 : entry * l.b.images)));
    } while (NextIndex(joined, l.view.rank, joined.rank, index));
    each(PlaceOfElement(l.output, number++, entry * l.output.images), terms);
  } while (NextIndex(joined, 0, l.view.rank, index));
}

TEST_CASE("matmul float32 equals loops in the order of k, and double nearly") {
  uint64_t seed = 1;
  for (Layout& l : Layouts(DataType::kF32)) {
    for (const bool constant : {false, true}) {
      CAPTURE(seed);
      l.b.constant = constant;
      const float min = seed % 3 == 0 ? 0.0f : -kInfinity, max = seed % 3 == 1 ? 1.0f : kInfinity;
      OpCase c(OpKind::kMatMul, {l.a, l.b}, l.output, MatMulF32Options{l.view, l.k, l.a_map, l.b_map, min, max}, 2, seed);
      Random random(seed++);
      for (const size_t input : {size_t{0}, size_t{1}}) c.Fill<float>(input, [&] { return random.Uniform(-1, 1); });
      c.Run();
      int wrong = 0;
      for (const int32_t entry : {0, 1}) {
        ForEachProduct<float>(c, l, entry, [&](const Place& at, const std::vector<std::pair<float, float>>& terms) {
          float sum = 0;
          double exact = 0;
          for (const auto& term : terms) {
            sum += term.first * term.second;
            exact += static_cast<double>(term.first) * static_cast<double>(term.second);
          }
          const float actual = OutputAt<float>(c, at);
          wrong += actual != std::clamp(sum, min, max);
          exact = std::clamp(exact, static_cast<double>(min), static_cast<double>(max));
          wrong += std::fabs(static_cast<double>(actual) - exact) > 1e-5;
        });
      }
      CHECK(wrong == 0);
      CHECK(c.op().macs(c.node()) == static_cast<uint64_t>(ElementCount(l.view) * l.k));
    }
  }
}

TEST_CASE("matmul uint8 equals the formula") {
  uint64_t seed = 1;
  for (Layout& l : Layouts(DataType::kU8)) {
    for (const bool constant : {false, true}) {
      CAPTURE(seed);
      Random random(seed);
      l.a.constant = constant;
      l.a.zero_point = static_cast<int32_t>(random.Between(0, 255));
      l.b.zero_point = static_cast<int32_t>(random.Between(0, 255));
      MatMulU8Options options = {l.view, l.k, l.a_map, l.b_map, random.Uniform(1e-4f, 1e-2f), RandomOutput(random)};
      l.output.zero_point = options.out.zero_point;
      OpCase c(OpKind::kMatMul, {l.a, l.b}, l.output, options, 2, seed++);
      c.Run();
      int wrong = 0;
      for (const int32_t entry : {0, 1}) {
        ForEachProduct<uint8_t>(c, l, entry, [&](const Place& at, const std::vector<std::pair<uint8_t, uint8_t>>& terms) {
          int64_t sum = 0;
          for (const auto& term : terms) sum += (term.first - l.a.zero_point) * (term.second - l.b.zero_point);
          const double real = static_cast<double>(static_cast<float>(sum) * options.multiplier);
          wrong += OutputAt<uint8_t>(c, at) != ToByte(real, options.out);
        });
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("matmul refuses nodes that make no sense") {
  const TensorInfo a = MakeTensor(DataType::kU8, {1, 6, 8}), b = MakeTensor(DataType::kU8, {1, 8, 5}),
                   y = MakeTensor(DataType::kU8, {1, 6, 5}, {}, 1, 9);
  const MatMulU8Options sound = {
      ViewOf({6, 5}), 8, MapOf(a, ViewOf({6, 8}), {0, -1, 1}), MapOf(b, ViewOf({8, 5}), {-1, 1, 0}), 0.01f, {9, 0, 255}};
  OpCase c(OpKind::kMatMul, {a, b}, y, sound, 1, 1);
  CHECK(!c.IsRefused());
  const auto refused_with = [&](auto change) {
    MatMulU8Options changed = sound;
    change(changed);
    c.node().options = changed;
    return c.IsRefused();
  };
  CHECK(refused_with([](MatMulU8Options& o) { o.view = ViewOf({30}); }));
  CHECK(refused_with([](MatMulU8Options& o) { o.view = ViewOf({1, 1, 1, 1, 1, 1, 6, 5}); }));
  CHECK(refused_with([](MatMulU8Options& o) { o.view.rank = 9; }));
  CHECK(refused_with([](MatMulU8Options& o) { o.view.rank = -1; }));
  CHECK(refused_with([](MatMulU8Options& o) { o.view = ViewOf({5, 6}); }));
  for (const int32_t k : {0, -1, 9, (1 << 24) + 1, std::numeric_limits<int32_t>::max()}) {
    CHECK(refused_with([=](MatMulU8Options& o) { o.k = k; }));
  }
  // The longest sum of bytes that stays within 32 bits.
  for (const int32_t k : {33025, 33026}) {
    CHECK(refused_with([=](MatMulU8Options& o) {
            o.k = k;
            o.a.step[2] = o.b.step[2] = 0;
          }) == (k == 33026));
  }
  CHECK(refused_with([](MatMulU8Options& o) { o.a.step[1] = 1; }));
  CHECK(refused_with([](MatMulU8Options& o) {
    o.a = {};
    o.a.dim[1] = Dim::kChannel;
    o.a.step[1] = 1;
  }));
  CHECK(refused_with([](MatMulU8Options& o) {
    o.b = {};
    o.b.dim[0] = Dim::kWidth;
    o.b.step[0] = 1;
  }));
  CHECK(refused_with([](MatMulU8Options& o) { o.a.step[0] = 2; }));
  CHECK(refused_with([](MatMulU8Options& o) { o.a.start[1] = 1; }));
  CHECK(refused_with([](MatMulU8Options& o) { o.b.step[2] = -1; }));
  CHECK(refused_with([](MatMulU8Options& o) { o.b.step[1] = std::numeric_limits<int32_t>::max(); }));
  CHECK(refused_with([](MatMulU8Options& o) { o.b.dim[2] = static_cast<Dim>(200); }));
  CHECK(refused_with([](MatMulU8Options& o) { o.multiplier = 0; }));
  CHECK(refused_with([](MatMulU8Options& o) { o.multiplier = kInfinity; }));
  CHECK(refused_with([](MatMulU8Options& o) { o.out.lo = -1; }));
  CHECK(refused_with([](MatMulU8Options& o) { o.out.zero_point = 0; }));
  CHECK(!refused_with([](MatMulU8Options&) {}));
  c.input(1).type = DataType::kF32;
  CHECK(c.IsRefused());
  c.input(1) = b;
  c.input(1).images = 1 << 20;
  CHECK(c.IsRefused());
  c.input(1) = b;
  c.node().inputs = c.node().inputs.first(1);
  CHECK(c.IsRefused());

  const TensorInfo fa = MakeTensor(DataType::kF32, {1, 6, 8}), fb = MakeTensor(DataType::kF32, {1, 8, 5});
  MatMulF32Options options = {sound.view, 8, sound.a, sound.b, -kInfinity, kInfinity};
  OpCase f(OpKind::kMatMul, {fa, fb}, MakeTensor(DataType::kF32, {1, 6, 5}), options, 1, 1);
  CHECK(!f.IsRefused());
  options.min = std::numeric_limits<float>::quiet_NaN();
  f.node().options = options;
  CHECK(f.IsRefused());
}

}  // namespace
}  // namespace cutis::test
