// The operator reduce against plain loops over coordinates, and what it refuses.
#include <doctest/doctest.h>

#include <limits>
#include <utility>

#include "tests/ops/index_case.h"

namespace cutis::test {
namespace {

constexpr ReduceFunction kFunctions[] = {ReduceFunction::kSum, ReduceFunction::kMean, ReduceFunction::kMax,
                                         ReduceFunction::kMin};

// A node whose input is read through a map: `axes` is a view of the input; those of `kept` (in this order) are the axes of the
// output, the others are reduced.
struct Layout {
  TensorInfo input, output;
  View view, reduced, joined;
  IndexMap map;
};

Layout MakeLayout(const TensorInfo& input, const View& axes, std::initializer_list<int32_t> kept, const TensorInfo& output) {
  Layout layout;
  layout.input = input;
  layout.output = output;
  IndexMap whole;
  const Status status = MapView("test", axes, input, &whole);
  REQUIRE_MESSAGE(status.ok(), status.text());
  int32_t next = 0;
  const auto take = [&](int32_t a, View* view) {
    view->dims[view->rank++] = axes.dims[a];
    layout.map.dim[next] = whole.dim[a];
    layout.map.step[next++] = whole.step[a];
  };
  for (const int32_t a : kept) take(a, &layout.view);
  for (int32_t a = 0; a < axes.rank; ++a) {
    if (std::find(kept.begin(), kept.end(), a) == kept.end()) take(a, &layout.reduced);
  }
  layout.joined = layout.view;
  for (int32_t a = 0; a < layout.reduced.rank; ++a) layout.joined.dims[layout.joined.rank++] = layout.reduced.dims[a];
  return layout;
}

// The pixels of a feature map, its channels, its rows, its images, groups of channels, transposed outputs, everything.
std::vector<Layout> Layouts(DataType type) {
  const auto tensor = [&](int32_t images, Shape shape, Gaps gaps = {}) { return MakeImages(type, images, shape, gaps); };
  std::vector<Layout> layouts = {
      MakeLayout(tensor(1, {7, 7, 300}), ViewOf({7, 7, 300}), {2}, tensor(1, {1, 1, 300})),
      MakeLayout(tensor(1, {9, 5, 37}, {4, 64}), ViewOf({9, 5, 37}), {0, 1}, tensor(1, {1, 9, 5})),
      MakeLayout(tensor(2, {6, 50, 24}), ViewOf({2, 6, 50, 24}), {0, 1, 3}, tensor(2, {1, 6, 24}, {8, 64})),
      MakeLayout(tensor(3, {4, 5, 6}), ViewOf({3, 4, 5, 6}), {1, 2, 3}, tensor(1, {4, 5, 6})),
      MakeLayout(tensor(1, {3, 4, 24}), ViewOf({3, 4, 4, 6}), {0, 1, 2}, tensor(1, {3, 4, 4})),
      MakeLayout(tensor(2, {3, 4, 24}), ViewOf({2, 3, 4, 4, 6}), {4, 3, 0}, tensor(1, {6, 4, 2})),
      MakeLayout(tensor(2, {3, 4, 5}), ViewOf({1, 2, 3, 4, 5, 1}), {0}, tensor(1, {1, 1, 1})),
      MakeLayout(tensor(2, {3, 4, 5}), ViewOf({2, 3, 4, 5, 1}), {0, 1, 2, 3}, tensor(2, {3, 4, 5})),
      MakeLayout(tensor(1, {1, 1, 40000}), ViewOf({10, 4000}), {1}, tensor(1, {1, 1, 4000})),
      MakeLayout(tensor(1, {200, 200, 1}), ViewOf({200, 200, 1}), {0, 2}, tensor(1, {1, 1, 200})),
  };
  // A slice that runs backwards along the width and repeats each value.
  Layout slice = MakeLayout(tensor(1, {5, 9, 12}), ViewOf({5, 9, 12}), {0, 2}, tensor(1, {1, 5, 12}));
  slice.map.start[2] = 8;
  slice.map.step[2] = -3;
  slice.reduced.dims[0] = slice.joined.dims[2] = 3;
  slice.reduced.dims[1] = slice.joined.dims[3] = 2;
  slice.reduced.rank = 2;
  slice.joined.rank = 4;
  layouts.push_back(slice);
  return layouts;
}

// Calls each(output number, values in order) for every output of one entry.
template <class T, class Each>
void ForEachReduction(OpCase& c, const Layout& layout, int32_t entry, Each each) {
  const int32_t kept = layout.view.rank, all = layout.joined.rank;
  int32_t index[kMaxAxes] = {};
  int64_t number = 0;
  do {
    std::vector<T> values;
    do {
      values.push_back(ValueAt<T>(c, 0, PlaceOf(layout.joined, layout.map, index, entry * layout.input.images)));
    } while (NextIndex(layout.joined, kept, all, index));
    each(PlaceOfElement(layout.output, number++, entry * layout.output.images), values);
  } while (NextIndex(layout.joined, 0, kept, index));
}

TEST_CASE("reduce float32 equals loops in the order of the elements, and double nearly") {
  uint64_t seed = 1;
  for (const Layout& layout : Layouts(DataType::kF32)) {
    for (const ReduceFunction function : kFunctions) {
      CAPTURE(seed);
      ReduceF32Options options = {function, layout.view, layout.reduced, layout.map};
      OpCase c(OpKind::kReduce, {layout.input}, layout.output, options, 2, seed);
      Random random(seed++);
      c.Fill<float>(0, [&] { return random.Uniform(-3, 5); });
      c.Run();
      int wrong = 0;
      for (const int32_t entry : {0, 1}) {
        ForEachReduction<float>(c, layout, entry, [&](const Place& at, const std::vector<float>& values) {
          float expected = 0;
          double exact = 0;
          for (const float value : values) expected += value, exact += static_cast<double>(value);
          if (function == ReduceFunction::kMean) {
            expected /= static_cast<float>(values.size());
            exact /= static_cast<double>(values.size());
          }
          if (function == ReduceFunction::kMax) exact = expected = *std::max_element(values.begin(), values.end());
          if (function == ReduceFunction::kMin) exact = expected = *std::min_element(values.begin(), values.end());
          const float actual = OutputAt<float>(c, at);
          wrong += actual != expected || std::fabs(static_cast<double>(actual) - exact) > 1e-3 * (1 + std::fabs(exact));
        });
      }
      CHECK(wrong == 0);
      CHECK(c.op().macs(c.node()) == static_cast<uint64_t>(ElementCount(layout.joined)));
    }
  }
}

TEST_CASE("reduce float32: the maximum and minimum of a NaN and numbers are the NaN") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Layout layout =
      MakeLayout(MakeTensor(DataType::kF32, {1, 3, 16}), ViewOf({3, 16}), {1}, MakeTensor(DataType::kF32, {1, 1, 16}));
  for (const ReduceFunction function : {ReduceFunction::kMax, ReduceFunction::kMin}) {
    ReduceF32Options options = {function, layout.view, layout.reduced, layout.map};
    OpCase c(OpKind::kReduce, {layout.input}, layout.output, options, 1, 3);
    c.Fill<float>(0, [&] { return 1.0f; });
    for (int32_t x = 0; x < 3; ++x) c.In<float>(0, 0, 0, x, 5 * x) = nan;
    c.In<float>(0, 0, 0, 0, 1) = -0.0f;
    c.In<float>(0, 0, 0, 1, 1) = c.In<float>(0, 0, 0, 2, 1) = 0.0f;
    c.Run();
    for (int32_t i = 0; i < 16; ++i) CHECK(std::isnan(c.Out<float>(0, 0, 0, i)) == (i % 5 == 0 && i < 11));
    CHECK(std::signbit(c.Out<float>(0, 0, 0, 1)));  // the first of equals
  }
}

TEST_CASE("reduce uint8 equals the formula") {
  uint64_t seed = 1;
  for (Layout& layout : Layouts(DataType::kU8)) {
    for (const ReduceFunction function : kFunctions) {
      CAPTURE(seed);
      Random random(seed);
      const bool sums = function == ReduceFunction::kSum || function == ReduceFunction::kMean;
      const double count = static_cast<double>(ElementCount(layout.reduced));
      ReduceU8Options options = {function, layout.view, layout.reduced, layout.map, 0, RandomOutput(random)};
      options.multiplier = static_cast<float>((random.OneIn(3) ? 0.5 : 1.3) / (random.OneIn(2) ? count : std::sqrt(count)));
      layout.input.zero_point = sums ? static_cast<int32_t>(random.Between(0, 255)) : options.out.zero_point;
      layout.output.zero_point = options.out.zero_point;
      OpCase c(OpKind::kReduce, {layout.input}, layout.output, options, 2, seed++);
      c.Run();
      int wrong = 0;
      for (const int32_t entry : {0, 1}) {
        ForEachReduction<uint8_t>(c, layout, entry, [&](const Place& at, const std::vector<uint8_t>& values) {
          int64_t sum = 0;
          for (const uint8_t value : values) sum += value - layout.input.zero_point;
          uint8_t expected = ToByte(static_cast<double>(static_cast<float>(sum) * options.multiplier), options.out);
          const OutputU8 bytes = {0, options.out.lo, options.out.hi};
          if (function == ReduceFunction::kMax) expected = ToByte(*std::max_element(values.begin(), values.end()), bytes);
          if (function == ReduceFunction::kMin) expected = ToByte(*std::min_element(values.begin(), values.end()), bytes);
          wrong += OutputAt<uint8_t>(c, at) != expected;
        });
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("reduce takes constants, the same for all entries") {
  Layout layout =
      MakeLayout(MakeTensor(DataType::kF32, {2, 3, 8}), ViewOf({2, 3, 8}), {2}, MakeTensor(DataType::kF32, {1, 1, 8}));
  layout.input.constant = true;
  OpCase c(OpKind::kReduce, {layout.input}, layout.output,
           ReduceF32Options{ReduceFunction::kSum, layout.view, layout.reduced, layout.map}, 3, 1);
  c.Fill<float>(0, [] { return 2.0f; });
  c.Run();
  c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) { CHECK(c.Out<float>(i, y, x, n) == 12.0f); });
}

TEST_CASE("reduce refuses nodes that make no sense") {
  const Layout layout = MakeLayout(MakeTensor(DataType::kU8, {2, 3, 8}, {}, 1, 7), ViewOf({2, 3, 8}), {2},
                                   MakeTensor(DataType::kU8, {1, 1, 8}, {}, 1, 7));
  const ReduceU8Options sound = {ReduceFunction::kSum, layout.view, layout.reduced, layout.map, 0.5f, {7, 0, 255}};
  OpCase c(OpKind::kReduce, {layout.input}, layout.output, sound, 1, 1);
  CHECK(!c.IsRefused());
  const auto refused_with = [&](auto change) {
    ReduceU8Options changed = sound;
    change(changed);
    c.node().options = changed;
    return c.IsRefused();
  };
  CHECK(refused_with([](ReduceU8Options& o) { o.function = static_cast<ReduceFunction>(4); }));
  CHECK(refused_with([](ReduceU8Options& o) { o.function = static_cast<ReduceFunction>(255); }));
  CHECK(refused_with([](ReduceU8Options& o) { o.view.rank = 0; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.view.rank = 9; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.view.dims[0] = 7; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.view.dims[0] = 0; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.view.dims[0] = -8; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.reduced.rank = 0; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.reduced.rank = -1; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.reduced.dims[0] = 3; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.reduced.dims[1] = std::numeric_limits<int32_t>::max(); }));
  // Eight axes are as many as there are.
  CHECK(!refused_with([](ReduceU8Options& o) {
    for (o.reduced.rank = 2; o.reduced.rank < 7;) o.reduced.dims[o.reduced.rank++] = 1;
  }));
  CHECK(refused_with([](ReduceU8Options& o) {
    for (o.reduced.rank = 2; o.reduced.rank < 8;) o.reduced.dims[o.reduced.rank++] = 1;
  }));
  CHECK(refused_with([](ReduceU8Options& o) { o.map.start[3] = 1; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.map.start[0] = -1; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.map.step[0] = 2; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.map.step[1] = std::numeric_limits<int32_t>::min(); }));
  CHECK(refused_with([](ReduceU8Options& o) { o.map.dim[1] = static_cast<Dim>(4); }));
  CHECK(refused_with([](ReduceU8Options& o) { o.map.dim[1] = Dim::kImage; }));
  for (const float multiplier : {0.0f, -1.0f, 256.0f, std::numeric_limits<float>::quiet_NaN()}) {
    CHECK(refused_with([=](ReduceU8Options& o) { o.multiplier = multiplier; }));
  }
  // A sum that would leave 32 bits: 2897^2 * 255 is above 2^31, 2896^2 * 255 below.
  for (const int32_t side : {2896, 2902}) {
    CHECK(refused_with([=](ReduceU8Options& o) {
            o.reduced.dims[0] = o.reduced.dims[1] = side;
            o.map.step[1] = o.map.step[2] = 0;
          }) == (side == 2902));
  }
  CHECK(refused_with([](ReduceU8Options& o) { o.out.hi = 256; }));
  CHECK(refused_with([](ReduceU8Options& o) { o.out.zero_point = 8; }));
  CHECK(!refused_with([](ReduceU8Options& o) { o.function = ReduceFunction::kMax; }));
  c.input(0).scale = 2;
  CHECK(c.IsRefused());
  CHECK(!refused_with([](ReduceU8Options&) {}));
  c.node().options = ReduceF32Options{ReduceFunction::kSum, layout.view, layout.reduced, layout.map};
  CHECK(c.IsRefused());
  c.node().options = sound;
  c.output().constant = true;
  CHECK(c.IsRefused());
  c.output().constant = false;
  for (const int32_t images : {0, -1, 1 << 30}) {
    c.input(0).images = images;
    CHECK(c.IsRefused());
  }
}

}  // namespace
}  // namespace cutis::test
