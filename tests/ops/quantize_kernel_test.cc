// From real numbers to bytes: tails, strides, any alignment, special values.
#include "tests/ops/quantize_values.h"

namespace cutis::test {
namespace {

CUTIS_KERNEL_TEST(QuantizeF32) {
  uint64_t seed = 1;
  for (int32_t channels = 1; channels <= 40; ++channels) {
    for (const size_t gap : {0, 1, 5}) {
      Random random(seed);
      const size_t pixels = static_cast<size_t>(random.Between(1, 3)), stride = static_cast<size_t>(channels) + gap,
                   elements = (pixels - 1) * stride + static_cast<size_t>(channels);
      const GuardedBuffer x(elements * 4, random.OneIn(2) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd);
      const int32_t zero_point = static_cast<int32_t>(random.OneIn(3) ? 255 * random.Between(0, 1) : random.Between(0, 255));
      QuantizeF32Args args = {x.as<float>().data(), nullptr, stride, stride, pixels, channels, zero_point, AnyScale(random)};
      for (float& value : x.as<float>()) value = AnyValue(random, args.scale);
      const OutputPair y(elements, seed);
      args.y = y.expected();
      reference(args);
      args.y = y.actual();
      kernel(args);
      y.Check(name, "pixels=%zu channels=%d gap=%zu seed=%llu", pixels, channels, gap, static_cast<unsigned long long>(seed));
      ++seed;
    }
  }
}

CUTIS_KERNEL_BENCH(QuantizeF32) {
  const GuardedBuffer x(102400 * 4), y(102400);
  Random(1).FillFloats(x.as<float>(), -3, 3);
  const QuantizeF32Args args = {x.as<float>().data(), y.data(), 0, 0, 1, 102400, 128, 0.02f};
  bench.Run("1 x 102400", 102400, [&] { kernel(args); });
}

}  // namespace
}  // namespace cutis::test
