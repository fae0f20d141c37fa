// Kernels of the pools: window sizes, channel tails, strides, any alignment, extreme values.
#include <cmath>
#include <limits>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

// Geometry of a random run of windows over a buffer of exactly the elements that it may touch.
template <class Args, class T>
struct PoolCase {
  Args args{};
  size_t x_elements = 0, y_elements = 0;

  PoolCase(Random& random, int32_t channels) {
    const auto size = [&](int64_t lo, int64_t hi) { return static_cast<size_t>(random.Between(lo, hi)); };
    args.channels = channels;
    args.rows = static_cast<int32_t>(random.Between(1, 4));
    args.columns = static_cast<int32_t>(random.Between(1, 4));
    args.pixels = size(1, 5);
    args.column_stride = static_cast<size_t>(channels) + size(0, 3);
    args.row_stride = args.column_stride * size(4, 9);
    args.pixel_stride = args.column_stride * size(1, 3);
    args.y_stride = static_cast<size_t>(channels) + size(0, 3);
    x_elements = (args.pixels - 1) * args.pixel_stride + static_cast<size_t>(args.rows - 1) * args.row_stride +
                 static_cast<size_t>(args.columns - 1) * args.column_stride + static_cast<size_t>(channels);
    y_elements = (args.pixels - 1) * args.y_stride + static_cast<size_t>(channels);
  }

  void Compare(KernelOf<Args> reference, KernelOf<Args> kernel, const char* name, const GuardedBuffer& x, uint64_t seed) {
    const OutputPair y(y_elements * sizeof(T), seed);
    args.x = x.as<T>().data();
    args.y = reinterpret_cast<T*>(y.expected());
    reference(args);
    args.y = reinterpret_cast<T*>(y.actual());
    kernel(args);
    y.Check(name, "channels=%d rows=%d columns=%d pixels=%zu seed=%llu", args.channels, args.rows, args.columns, args.pixels,
            static_cast<unsigned long long>(seed));
  }
};

// Calls each(channels, seed); every number of channels twice.
template <class Each>
void ForEachChannels(Each each) {
  uint64_t seed = 1;
  for (int32_t channels = 1; channels <= 80; ++channels) {
    for (int i = 0; i < 4; ++i) each(channels, seed++);
  }
}

GuardedBuffer::Place PlaceOf(uint64_t seed) { return seed % 3 == 0 ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd; }

CUTIS_KERNEL_TEST(MaxPoolU8) {
  ForEachChannels([&](int32_t channels, uint64_t seed) {
    Random random(seed);
    PoolCase<MaxPoolU8Args, uint8_t> c(random, channels);
    const GuardedBuffer x(c.x_elements, PlaceOf(seed));
    random.OneIn(2) ? random.Fill(x.bytes()) : random.FillExtreme(x.bytes());
    c.Compare(reference, kernel, name, x, seed);
  });
}

CUTIS_KERNEL_TEST(MaxPoolF32) {
  ForEachChannels([&](int32_t channels, uint64_t seed) {
    Random random(seed);
    PoolCase<MaxPoolF32Args, float> c(random, channels);
    const GuardedBuffer x(c.x_elements * 4, PlaceOf(seed));
    random.FillFloats(x.as<float>(), -3, 3);
    for (float& value : x.as<float>()) {
      if (random.OneIn(8)) value = 0.0f;
      if (random.OneIn(8)) value = -0.0f;
      if (random.OneIn(16)) value = std::numeric_limits<float>::quiet_NaN();
    }
    c.Compare(reference, kernel, name, x, seed);
  });
}

CUTIS_KERNEL_TEST(AveragePoolU8) {
  ForEachChannels([&](int32_t channels, uint64_t seed) {
    Random random(seed);
    PoolCase<AveragePoolU8Args, uint8_t> c(random, channels);
    const GuardedBuffer x(c.x_elements, PlaceOf(seed));
    random.OneIn(2) ? random.Fill(x.bytes()) : random.FillExtreme(x.bytes());
    c.args.zero_point = static_cast<int32_t>(random.Between(0, 255));
    // Powers of two make ties.
    c.args.multiplier = random.OneIn(2) ? 0.5f : 1.0f / static_cast<float>(c.args.rows * c.args.columns);
    c.args.out = RandomOutput(random);
    c.Compare(reference, kernel, name, x, seed);
  });
}

CUTIS_KERNEL_TEST(AveragePoolF32) {
  ForEachChannels([&](int32_t channels, uint64_t seed) {
    Random random(seed);
    PoolCase<AveragePoolF32Args, float> c(random, channels);
    const GuardedBuffer x(c.x_elements * 4, PlaceOf(seed));
    random.FillFloats(x.as<float>(), -3, 3);
    for (float& value : x.as<float>()) {
      if (random.OneIn(8)) value = -0.0f;
      if (random.OneIn(16)) value *= 1e30f;
    }
    c.args.divisor = static_cast<float>(c.args.rows * c.args.columns);
    c.Compare(reference, kernel, name, x, seed);
  });
}

CUTIS_KERNEL_BENCH(AveragePoolU8) {
  const GuardedBuffer x(25 * 1280), y(1280);
  AveragePoolU8Args args = {};
  args.x = x.data();
  args.row_stride = 5 * 1280;
  args.column_stride = 1280;
  args.rows = args.columns = 5;
  args.y = y.data();
  args.pixels = 1;
  args.channels = 1280;
  args.multiplier = 0.04f;
  bench.Run("global 5x5x1280", 25.0 * 1280, [&] { kernel(args); });
}

CUTIS_KERNEL_BENCH(MaxPoolU8) {
  const GuardedBuffer x(3 * 82 * 64), y(40 * 64);
  MaxPoolU8Args args = {};
  args.x = x.data();
  args.pixel_stride = 128;
  args.row_stride = 82 * 64;
  args.column_stride = 64;
  args.rows = args.columns = 3;
  args.y = y.data();
  args.y_stride = 64;
  args.pixels = 40;
  args.channels = 64;
  bench.Run("row of 40, 3x3 stride 2, 64", 40.0 * 9 * 64, [&] { kernel(args); });
}

}  // namespace
}  // namespace cutis::test
