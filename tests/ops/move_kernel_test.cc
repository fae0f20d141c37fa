// Kernels of the move: rows of any stride, tables, repeated values; the reference against a loop of its own.
#include "tests/ops/nest_case.h"

namespace cutis::test {
namespace {

// The elements by one division after another instead of an odometer.
template <class T, class Map>
void MovePlainly(const Nest& nest, const T* x, T* y, Map map) {
  int64_t count = 1;
  for (int32_t a = 0; a < nest.rank; ++a) count *= nest.extent[a];
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, from = 0, to = 0;
    for (int32_t a = nest.rank - 1; a >= 0; --a) {
      to += rest % nest.extent[a] * nest.stride[0][a];
      from += rest % nest.extent[a] * nest.stride[1][a];
      rest /= nest.extent[a];
    }
    y[to] = map(x[from]);
  }
}

GuardedBuffer::Place AnyPlace(Random& random) { return random.OneIn(2) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd; }

CUTIS_KERNEL_TEST(MoveU8) {
  ForEachNest(2, [&](const NestCase& c, Random& random, uint64_t seed) {
    const GuardedBuffer x(static_cast<size_t>(c.size[1]), AnyPlace(random)), table(256);
    random.Fill(x.bytes());
    random.Fill(table.bytes());
    for (const bool by_table : {false, true}) {
      const OutputPair y(static_cast<size_t>(c.size[0]), seed);
      MoveU8Args args{};
      args.x = x.data() + c.first[1];
      args.nest = c.nest;
      args.table = by_table ? table.data() : nullptr;
      MovePlainly(c.nest, args.x, y.expected() + c.first[0],
                  [&](uint8_t value) { return by_table ? table.data()[value] : value; });
      args.y = y.actual() + c.first[0];
      kernel(args);
      y.Check(name, "seed=%llu table=%d", static_cast<unsigned long long>(seed), by_table);
    }
  });
}

CUTIS_KERNEL_BENCH(MoveU8) {
  const GuardedBuffer x(1 << 20), y(1 << 20);
  Random(1).Fill(x.bytes());
  MoveU8Args args{x.data(), y.data(), nullptr, {2, {4096, 24}, {{64, 1}, {24, 1}}}};
  bench.Run("4096 x 24 of 64 (bytes)", 4096 * 24, [&] { kernel(args); });
  args.nest = {2, {64, 1024}, {{1024, 1}, {1, 64}}};
  bench.Run("64 x 1024 transposed (bytes)", 65536, [&] { kernel(args); });
}

CUTIS_KERNEL_TEST(MoveF32) {
  ForEachNest(2, [&](const NestCase& c, Random& random, uint64_t seed) {
    const GuardedBuffer x(static_cast<size_t>(c.size[1]) * 4, AnyPlace(random));
    random.Fill(x.bytes());  // any bits, signalling NaNs too
    const OutputPair y(static_cast<size_t>(c.size[0]) * 4, seed);
    // As words, which no copy alters.
    MovePlainly(c.nest, reinterpret_cast<const uint32_t*>(x.data()) + c.first[1],
                reinterpret_cast<uint32_t*>(y.expected()) + c.first[0], [](uint32_t value) { return value; });
    MoveF32Args args{};
    args.x = x.as<float>().data() + c.first[1];
    args.y = reinterpret_cast<float*>(y.actual()) + c.first[0];
    args.nest = c.nest;
    kernel(args);
    y.Check(name, "seed=%llu", static_cast<unsigned long long>(seed));
  });
}

}  // namespace
}  // namespace cutis::test
