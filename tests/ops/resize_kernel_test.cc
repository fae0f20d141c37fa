// Linear interpolation: channel tails, strides, any alignment, shares at both ends, special values.
#include <limits>
#include <vector>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

// A random row; the two input rows lie in one buffer of exactly the elements that they have.
template <class T, class Args>
struct RowCase {
  Args args{};
  std::vector<int32_t> low, high;
  std::vector<float> weight;
  size_t x_elements = 0, y_elements = 0, row = 0;

  RowCase(Random& random, int32_t channels) {
    const auto size = [&](int64_t lo, int64_t hi) { return static_cast<size_t>(random.Between(lo, hi)); };
    const auto share = [&] {
      const float ends[] = {0, 1, 0.5f, 0x1p-12f, 3 * 0x1p-12f, 0x1p-140f};  // 2^-12: a tie of the integer weights
      return random.OneIn(2) ? ends[random.Between(0, 5)] : random.Uniform(0, 1);
    };
    const size_t width = size(1, 6);
    args.channels = channels;
    args.pixels = size(1, 9);
    args.x_stride = static_cast<size_t>(channels) + size(0, 3);
    args.y_stride = static_cast<size_t>(channels) + size(0, 3);
    for (size_t p = 0; p < args.pixels; ++p) {
      low.push_back(static_cast<int32_t>(random.Between(0, static_cast<int64_t>(width) - 1)));
      high.push_back(static_cast<int32_t>(random.Between(0, static_cast<int64_t>(width) - 1)));
      weight.push_back(share());
    }
    args.low = low.data();
    args.high = high.data();
    args.weight = weight.data();
    args.weight_y = share();
    row = width * args.x_stride;
    x_elements = row + (width - 1) * args.x_stride + static_cast<size_t>(channels);
    y_elements = (args.pixels - 1) * args.y_stride + static_cast<size_t>(channels);
  }

  void Compare(KernelOf<Args> reference, KernelOf<Args> kernel, const char* name, const GuardedBuffer& x, bool same_row,
               uint64_t seed) {
    const OutputPair y(y_elements * sizeof(T), seed);
    args.top = x.as<T>().data();
    args.bottom = args.top + (same_row ? 0 : row);
    args.y = reinterpret_cast<T*>(y.expected());
    reference(args);
    args.y = reinterpret_cast<T*>(y.actual());
    kernel(args);
    y.Check(name, "channels=%d pixels=%zu seed=%llu", args.channels, args.pixels, static_cast<unsigned long long>(seed));
  }
};

template <class Each>
void ForEachChannels(Each each) {
  uint64_t seed = 1;
  for (int32_t channels = 1; channels <= 40; ++channels) {
    for (int i = 0; i < 8; ++i) each(channels, seed++);
  }
}

GuardedBuffer::Place PlaceOf(uint64_t seed) { return seed % 3 == 0 ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd; }

CUTIS_KERNEL_TEST(ResizeLinearF32) {
  ForEachChannels([&](int32_t channels, uint64_t seed) {
    Random random(seed);
    RowCase<float, ResizeLinearF32Args> c(random, channels);
    const GuardedBuffer x(c.x_elements * 4, PlaceOf(seed));
    // Denormal and huge values, whose differences become infinite and then the processor's NaN. Or one other NaN, since which of
    // two would survive is not defined.
    const bool nan = random.OneIn(3);
    for (float& value : x.as<float>()) {
      value = random.OneIn(9) ? 0x1p-130f : random.Uniform(-1e3f, 1e3f);
      if (!nan && random.OneIn(30)) value = random.OneIn(2) ? 3e38f : -3e38f;
    }
    if (nan) x.as<float>()[c.x_elements / 2] = std::numeric_limits<float>::quiet_NaN();
    c.Compare(reference, kernel, name, x, random.OneIn(4), seed);
  });
}

CUTIS_KERNEL_TEST(ResizeLinearU8) {
  ForEachChannels([&](int32_t channels, uint64_t seed) {
    Random random(seed);
    RowCase<uint8_t, ResizeLinearU8Args> c(random, channels);
    const GuardedBuffer x(c.x_elements, PlaceOf(seed));
    random.OneIn(2) ? random.Fill(x.bytes()) : random.FillExtreme(x.bytes());
    c.Compare(reference, kernel, name, x, random.OneIn(4), seed);
  });
}

template <class T, class Args>
void BenchRow(KernelOf<Args> kernel, Bench& bench, size_t channels) {
  const GuardedBuffer x(2 * 28 * channels * sizeof(T)), y(56 * channels * sizeof(T));
  for (T& value : x.as<T>()) value = 1;
  std::vector<int32_t> low(56), high(56);
  for (size_t p = 0; p < 56; ++p) {
    low[p] = static_cast<int32_t>(p / 2);
    high[p] = static_cast<int32_t>(p == 55 ? 27 : (p + 1) / 2);
  }
  const std::vector<float> weight(56, 0.25f);
  Args args = {};
  args.top = x.as<T>().data();
  args.bottom = args.top + 28 * channels;
  args.x_stride = args.y_stride = channels;
  args.low = low.data();
  args.high = high.data();
  args.weight = weight.data();
  args.weight_y = 0.75f;
  args.y = y.as<T>().data();
  args.pixels = 56;
  args.channels = static_cast<int32_t>(channels);
  bench.Run(channels == 64 ? "28 to 56 x 64" : "28 to 56 x 3", 6.0 * 56 * static_cast<double>(channels), [&] { kernel(args); });
}

CUTIS_KERNEL_BENCH(ResizeLinearF32) {
  BenchRow<float, ResizeLinearF32Args>(kernel, bench, 64);
  BenchRow<float, ResizeLinearF32Args>(kernel, bench, 3);
}
CUTIS_KERNEL_BENCH(ResizeLinearU8) {
  BenchRow<uint8_t, ResizeLinearU8Args>(kernel, bench, 64);
  BenchRow<uint8_t, ResizeLinearU8Args>(kernel, bench, 3);
}

}  // namespace
}  // namespace cutis::test
