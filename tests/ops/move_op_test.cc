// The operator move and the loops it shares with others, against index arithmetic written out here.
#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <vector>

#include "tests/ops/map_case.h"
#include "tests/ops/op_case.h"

namespace cutis::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A piece that takes the whole view.
MovePiece Whole(const View& view, const IndexMap& map) {
  MovePiece piece;
  for (int32_t a = 0; a < view.rank; ++a) piece.extent[a] = view.dims[a];
  piece.map = map;
  return piece;
}

template <class T>
DataType TypeOf() {
  return sizeof(T) == 1 ? DataType::kU8 : DataType::kF32;
}

TEST_CASE("the slabs of a view are its elements, each once, and few") {
  Random random(4);
  for (int round = 0; round < 300; ++round) {
    View view;
    view.rank = static_cast<int32_t>(random.Between(1, kMaxAxes));
    for (int32_t a = 0; a < view.rank; ++a) view.dims[a] = static_cast<int32_t>(random.Between(1, view.rank < 4 ? 9 : 3));
    const int64_t most = random.Between(1, 60);
    const Slabs slabs = CutView(view, most);
    std::vector<int> times(static_cast<size_t>(ElementCount(view)));
    for (int64_t s = 0; s < slabs.count; ++s) {
      const Box box = SlabAt(view, slabs, s);
      View inside{view.rank, {}};
      for (int32_t a = 0; a < view.rank; ++a) inside.dims[a] = box.extent[a];
      CHECK(ElementCount(inside) <= most);
      for (int64_t i = 0; i < ElementCount(inside); ++i) {
        const Index at = IndexAt(inside, i);
        int64_t element = 0;
        for (int32_t a = 0; a < view.rank; ++a) element = element * view.dims[a] + box.from[a] + at[a];
        ++times[static_cast<size_t>(element)];
      }
    }
    CHECK(std::vector<int>(times.size(), 1) == times);
    // A large view makes no dust: slabs of the largest possible block lose less than one in two.
    CHECK(slabs.count <= 1 + 2 * ElementCount(view) * view.dims[slabs.axis] / most);
  }
}

// Transposes, flips, strided slices and repetitions of random tensors.
template <class T>
void TestMaps() {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const MapCase m = MakeMapCase(random, TypeOf<T>(), 1);
    const std::vector<MovePiece> pieces = {Whole(m.view, m.maps[0])};
    OpCase c(OpKind::kMove, m.inputs, m.output, MoveOptions{m.view, pieces, {}, false, 0}, 2, seed);
    c.Run();
    CHECK(CountWrong<T>(c, m, [&](int64_t entry, const Index& i) {
            return InAt<T>(c, 0, m.inputs[0], m.maps[0], m.view.rank, entry, i);
          }) == 0);
  }
}
TEST_CASE_TEMPLATE("move follows any map", T, uint8_t, float) { TestMaps<T>(); }

TEST_CASE("move cuts large tensors into units, and tables change bytes") {
  // A transpose of 300 x 70 x 5 to 70 x 300 x 5, of two images.
  TensorInfo in = MakeTensor(DataType::kU8, {300, 70, 5}, {}, 0.5f, 3), out = MakeTensor(DataType::kU8, {70, 300, 5});
  in.images = out.images = 2;
  std::vector<uint8_t> tables(512);
  Random(2).Fill(tables);
  const View view = {4, {2, 70, 300, 5}};
  MovePiece piece = Whole(view, IndexMap{{}, {Dim::kImage, Dim::kWidth, Dim::kHeight, Dim::kChannel}, {1, 1, 1, 1}});
  piece.table = 1;
  const std::vector<MovePiece> pieces = {piece};
  OpCase c(OpKind::kMove, {in}, out, MoveOptions{view, pieces, tables, false, 0}, 3, 1);
  CHECK(c.op().units(c.node(), 3) >= 3 * 2 * 300 * 70 * 5 / 16384);
  c.Run();
  int wrong = 0;
  c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
    wrong += c.Out<uint8_t>(i, y, x, n) != tables[256 + size_t{c.In<uint8_t>(0, i, x, y, n)}];
  });
  CHECK(wrong == 0);
}

TEST_CASE("move concatenates, pads and takes constants") {
  // Channels: 3 of the first input, 2 of a constant that is repeated, 4 of the first again, 1 of fill; a border of fill.
  const TensorInfo a = MakeTensor(DataType::kF32, {40, 40, 4}, {1, 64});
  TensorInfo b = MakeTensor(DataType::kF32, {1, 1, 2});
  b.constant = true;
  const TensorInfo out = MakeTensor(DataType::kF32, {43, 42, 10}, {2, 0});
  const View view = {3, {43, 42, 10}};
  const auto piece = [](int32_t input, int32_t from, int32_t extent, int32_t step) {
    MovePiece p{input, {2, 1, from}, {40, 40, extent}, {}, -1};
    p.map.dim[0] = Dim::kHeight, p.map.dim[1] = Dim::kWidth, p.map.dim[2] = Dim::kChannel;
    p.map.step[0] = p.map.step[1] = step, p.map.step[2] = 1;
    return p;
  };
  const std::vector<MovePiece> pieces = {piece(0, 0, 3, 1), piece(1, 3, 2, 0), piece(0, 5, 4, 1)};
  for (const float fill : {-1.5f, -kInfinity}) {
    OpCase c(OpKind::kMove, {a, b}, out, MoveOptions{view, pieces, {}, true, fill}, 2, 1);
    CHECK(c.op().units(c.node(), 2) > 2);
    for (const size_t input : {size_t{0}, size_t{1}}) {
      Random random(input);
      c.Fill<float>(input, [&] { return random.Uniform(-4, 4); });
    }
    c.Run();
    int wrong = 0;
    c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
      const bool inside = y >= 2 && y < 42 && x >= 1 && x < 41 && n < 9;
      const float expected = !inside ? fill
                             : n < 3 ? c.In<float>(0, i, y - 2, x - 1, n)
                             : n < 5 ? c.In<float>(1, 0, 0, 0, n - 3)
                                     : c.In<float>(0, i, y - 2, x - 1, n - 5);
      wrong += c.Out<float>(i, y, x, n) != expected;
    });
    CHECK(wrong == 0);
  }
  // Nothing but fill.
  const TensorInfo byte = MakeTensor(DataType::kU8, {5, 5, 3});
  OpCase c(OpKind::kMove, {byte}, byte, MoveOptions{{3, {5, 5, 3}}, {}, {}, true, 200}, 2, 1);
  c.Run();
  int wrong = 0;
  c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) { wrong += c.Out<uint8_t>(i, y, x, n) != 200; });
  CHECK(wrong == 0);
}

TEST_CASE("move gives single pixels of any choice") {
  // Nearest neighbours: each output pixel is a piece.
  const TensorInfo in = MakeTensor(DataType::kU8, {7, 9, 6}), out = MakeTensor(DataType::kU8, {40, 50, 6});
  std::vector<MovePiece> pieces;
  for (int32_t y = 0; y < 40; ++y) {
    for (int32_t x = 0; x < 50; ++x) {
      MovePiece piece{0, {y, x, 0}, {1, 1, 6}, {}, -1};
      piece.map.start[1] = y * 7 / 40, piece.map.start[2] = x * 9 / 50;
      piece.map.dim[2] = Dim::kChannel, piece.map.step[2] = 1;
      pieces.push_back(piece);
    }
  }
  OpCase c(OpKind::kMove, {in}, out, MoveOptions{{3, {40, 50, 6}}, pieces, {}, false, 0}, 2, 1);
  c.Run();
  int wrong = 0;
  c.ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
    wrong += c.Out<uint8_t>(i, y, x, n) != c.In<uint8_t>(0, i, y * 7 / 40, x * 9 / 50, n);
  });
  CHECK(wrong == 0);
}

TEST_CASE("move refuses nodes that make no sense") {
  const TensorInfo in = MakeTensor(DataType::kU8, {4, 6, 5}, {}, 0.5f, 7),
                   out = MakeTensor(DataType::kU8, {4, 6, 5}, {}, 0.5f, 7);
  const View view = {3, {4, 6, 5}};
  std::vector<uint8_t> tables(256);
  MovePiece upper{0, {0, 0, 0}, {1, 6, 5}, {{}, {Dim::kHeight, Dim::kWidth, Dim::kChannel}, {1, 1, 1}}, -1};
  MovePiece lower{0, {1, 0, 0}, {3, 6, 5}, upper.map, 0};
  lower.map.start[1] = 1;
  const std::vector<MovePiece> sound = {upper, lower};
  std::vector<MovePiece> pieces = sound;
  OpCase c(OpKind::kMove, {in, in}, out, MoveOptions{view, pieces, tables, false, 0}, 1, 1);
  CHECK(!c.IsRefused());
  const auto with_piece = [&](auto change) {
    pieces = sound;
    change(pieces[0]);
    c.node().options = MoveOptions{view, pieces, tables, true, 0};
    return c.IsRefused();
  };
  CHECK(!with_piece([](MovePiece&) {}));
  CHECK(!with_piece([](MovePiece& p) { p.extent[1] = 3; }));
  CHECK(with_piece([](MovePiece& p) { p.extent[1] = 0; }));
  CHECK(with_piece([](MovePiece& p) { p.extent[1] = -1; }));
  CHECK(with_piece([](MovePiece& p) { p.extent[1] = 7; }));
  CHECK(with_piece([](MovePiece& p) { p.extent[0] = 2; }));  // overlaps the other
  CHECK(with_piece([](MovePiece& p) { p.from[1] = 1; }));
  CHECK(with_piece([](MovePiece& p) { p.from[1] = -1; }));
  CHECK(with_piece([](MovePiece& p) { p.from[0] = std::numeric_limits<int32_t>::max(); }));
  CHECK(with_piece([](MovePiece& p) { p.input = -1; }));
  CHECK(with_piece([](MovePiece& p) { p.input = 2; }));
  CHECK(with_piece([](MovePiece& p) { p.table = 1; }));
  CHECK(with_piece([](MovePiece& p) { p.table = -2; }));
  CHECK(with_piece([](MovePiece& p) { p.map.start[2] = 1; }));
  CHECK(with_piece([](MovePiece& p) { p.map.start[0] = -1; }));
  CHECK(with_piece([](MovePiece& p) { p.map.step[2] = 2; }));
  CHECK(with_piece([](MovePiece& p) { p.map.step[1] = -1; }));
  CHECK(with_piece([](MovePiece& p) { p.map.dim[0] = static_cast<Dim>(4); }));
  CHECK(with_piece([](MovePiece& p) { p.map.step[2] = std::numeric_limits<int32_t>::min(); }));

  const auto with = [&](auto change) {
    pieces = sound;
    MoveOptions options{view, pieces, tables, false, 0};
    change(options);
    c.node().options = options;
    return c.IsRefused();
  };
  CHECK(!with([](MoveOptions&) {}));
  CHECK(with([](MoveOptions& o) { o.pieces = o.pieces.first(1); }));  // leaves elements over
  CHECK(with([](MoveOptions& o) { o.pieces = {}; }));
  CHECK(with([](MoveOptions& o) { o.tables = o.tables.first(255); }));
  CHECK(with([](MoveOptions& o) { o.view.rank = 0; }));
  CHECK(with([](MoveOptions& o) { o.view.rank = 9; }));
  CHECK(with([](MoveOptions& o) { o.view.dims[0] = 5; }));
  CHECK(with([](MoveOptions& o) { o.view = {3, {6, 4, 5}}; }));
  for (const float fill : {-1.0f, 256.0f, 0.5f, kInfinity, -kInfinity, kNan}) {
    CHECK(with([&](MoveOptions& o) { o.filled = true, o.fill = fill; }));
  }
  CHECK(!with([&](MoveOptions& o) { o.filled = true, o.fill = 255; }));
  c.input(0).scale = 0.25f;  // the first piece has no table
  CHECK(with([](MoveOptions&) {}));
  c.input(0) = in;
  c.input(0).zero_point = 8;
  CHECK(with([](MoveOptions&) {}));
  c.input(0) = in;
  c.node().options = AddU8Options();
  CHECK(c.IsRefused());
  c.node().inputs = {};
  CHECK(c.IsRefused());

  const TensorInfo real = MakeTensor(DataType::kF32, {4, 6, 5});
  OpCase f(OpKind::kMove, {real}, real, MoveOptions{view, {}, {}, true, kInfinity}, 1, 1);
  CHECK(!f.IsRefused());
  f.node().options = MoveOptions{view, {}, {}, true, kNan};
  CHECK(f.IsRefused());
  f.node().options = MoveOptions{view, {}, tables, true, 0};
  CHECK(f.IsRefused());
}

// -- whether pieces are disjoint ------------------------------------------------------------------

MovePiece BoxPiece(std::initializer_list<int32_t> from, std::initializer_list<int32_t> extent) {
  MovePiece piece;
  std::copy(from.begin(), from.end(), piece.from);
  std::copy(extent.begin(), extent.end(), piece.extent);
  return piece;
}

TEST_CASE("the check for overlaps agrees with one that marks elements") {
  int overlapping = 0, disjoint = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Random random(seed);
    constexpr int32_t kSide = 12;
    std::vector<int> owner(kSide * kSide * 3);
    std::vector<MovePiece> pieces;
    bool overlap = false;
    const int64_t tries = random.Between(2, 60);
    const bool keep_overlaps = random.OneIn(4);
    for (int64_t i = 0; i < tries; ++i) {
      const auto start = [&](int32_t side) { return static_cast<int32_t>(random.Between(0, side - 1)); };
      MovePiece p = BoxPiece({start(kSide), start(kSide), start(3)}, {1, 1, 1});
      for (int32_t a = 0; a < 3; ++a) {
        p.extent[a] = static_cast<int32_t>(random.Between(1, std::min(3, (a < 2 ? kSide : 3) - p.from[a])));
      }
      bool free = true;
      const auto each_element = [&](auto each) {
        for (int32_t y = p.from[0]; y < p.from[0] + p.extent[0]; ++y) {
          for (int32_t x = p.from[1]; x < p.from[1] + p.extent[1]; ++x) {
            for (int32_t z = p.from[2]; z < p.from[2] + p.extent[2]; ++z)
              each(owner[static_cast<size_t>((y * kSide + x) * 3 + z)]);
          }
        }
      };
      each_element([&](int& times) { free = free && times == 0; });
      if (!free && !(keep_overlaps && random.OneIn(20))) continue;
      overlap = overlap || !free;
      each_element([](int& times) { ++times; });
      pieces.push_back(p);
    }
    CHECK(CheckDisjoint(pieces, 3).ok() == !overlap);
    ++(overlap ? overlapping : disjoint);
  }
  CHECK(overlapping > 100);
  CHECK(disjoint > 100);
}

TEST_CASE("65536 pieces are checked in a moment, tangled ones are refused in a moment") {
  const auto start = std::chrono::steady_clock::now();
  std::vector<MovePiece> grid, list, pinwheels;
  for (int32_t i = 0; i < 65536; ++i) {
    // Scrambled, so that sorting has something to do.
    const int32_t j = static_cast<int32_t>(static_cast<uint32_t>(i) * 40503u % 65536u);
    grid.push_back(BoxPiece({j / 256, j % 256, 0}, {1, 1, 3}));
    list.push_back(BoxPiece({0, 0, j}, {7, 7, 1}));
  }
  CHECK(CheckDisjoint(grid, 3).ok());
  CHECK(CheckDisjoint(list, 3).ok());
  list[1].from[2] = list[0].from[2];
  CHECK(!CheckDisjoint(list, 3).ok());
  grid[65535].extent[1] = 2;
  grid[65535].from[1] = 254;
  CHECK(!CheckDisjoint(grid, 3).ok());
  // Four boxes around a fifth, which no plane parts, many times along a diagonal and then across all of them at once.
  for (int32_t i = 0; i < 300; ++i) {
    const int32_t o = 3 * i;
    pinwheels.push_back(BoxPiece({o, o}, {1, 2}));
    pinwheels.push_back(BoxPiece({o, o + 2}, {2, 1}));
    pinwheels.push_back(BoxPiece({o + 2, o + 1}, {1, 2}));
    pinwheels.push_back(BoxPiece({o + 1, o}, {2, 1}));
    pinwheels.push_back(BoxPiece({o + 1, o + 1}, {1, 1}));
  }
  CHECK(CheckDisjoint(pinwheels, 2).ok());
  pinwheels.back().extent[0] = 2;
  CHECK(!CheckDisjoint(pinwheels, 2).ok());
  // All the same box, all nested shells, a staircase: quick refusals.
  std::vector<MovePiece> same(65536, BoxPiece({0, 0, 0}, {9, 9, 9}));
  CHECK(!CheckDisjoint(same, 3).ok());
  std::vector<MovePiece> spiral;
  int32_t low = 0, high = 1 << 20;
  for (int32_t i = 0; i < 65536; ++i) {
    // One strip is cut off after another, alternately along both axes: at most one plane at a time.
    if (i % 2 == 0) {
      spiral.push_back(BoxPiece({low, low}, {1, high - low}));
    } else {
      spiral.push_back(BoxPiece({low + 1, low}, {high - low - 1, 1}));
      ++low;
    }
  }
  const Status status = CheckDisjoint(spiral, 2);
  CHECK(status.code() == Code::kUnsupported);
  CHECK(CheckDisjoint(std::span<const MovePiece>(spiral).first(1000), 2).ok());
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));  // with sanitizers; without, below a second
}

}  // namespace
}  // namespace cutis::test
