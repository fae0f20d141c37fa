// Reductions: runs of outputs of any length and stride, one to three axes, special values.
#include <algorithm>
#include <limits>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

constexpr ReduceFunction kFunctions[] = {ReduceFunction::kSum, ReduceFunction::kMean, ReduceFunction::kMax,
                                         ReduceFunction::kMin};

// Lays the elements of a reduction out in memory: outputs `x_step` apart, the axes behind them in some order and with gaps,
// some of them walked backwards or not at all. Sets all but the pointers; returns the elements of x that it spans, and where
// output 0 begins.
struct Extent {
  size_t elements;
  ptrdiff_t first;
};
template <class Args>
Extent LayOut(Random& random, size_t outputs, Args* args) {
  args->outputs = outputs;
  args->function = kFunctions[random.Between(0, 3)];
  args->axes = static_cast<int32_t>(random.Between(1, 3));
  args->x_stride = random.OneIn(3) ? random.Between(0, 5) : 1;
  args->y_stride = random.OneIn(5) ? 2 : 1;
  ptrdiff_t reach = args->x_stride * static_cast<ptrdiff_t>(outputs - 1), first = 0;
  for (int32_t a = args->axes - 1; a >= 0; --a) {
    args->extent[a] = static_cast<size_t>(random.OneIn(8) ? 40 : random.Between(1, 5));
    // Overlapping elements are as good as others.
    args->stride[a] = random.OneIn(6) ? 0 : random.OneIn(3) ? 1 : reach + random.Between(1, 3);
    const ptrdiff_t far = args->stride[a] * static_cast<ptrdiff_t>(args->extent[a] - 1);
    reach += far;
    if (random.OneIn(4)) {
      args->stride[a] = -args->stride[a];
      first += far;
    }
  }
  return {static_cast<size_t>(reach) + 1, first};
}

GuardedBuffer::Place AnyPlace(Random& random) { return random.OneIn(3) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd; }

template <class Each>
void ForEachLength(Each each) {
  uint64_t seed = 1;
  for (size_t outputs = 1; outputs <= 140; ++outputs) {
    for (int i = 0; i < 4; ++i) each(outputs, seed++);
  }
}

CUTIS_KERNEL_TEST(ReduceF32) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  ForEachLength([&](size_t outputs, uint64_t seed) {
    Random random(seed);
    ReduceF32Args args = {};
    const Extent extent = LayOut(random, outputs, &args);
    const bool sums = args.function == ReduceFunction::kSum || args.function == ReduceFunction::kMean;
    const GuardedBuffer x(extent.elements * 4, AnyPlace(random));
    // Sums: large and small numbers, whose order shows in the bits; infinities of one sign (others make NaNs whose sign differs
    // between processors). Maxima: NaNs with different bits too.
    const float nans[] = {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                          __builtin_nanf("0x12345")};
    for (float& value : x.as<float>()) {
      value = random.OneIn(5) ? random.Uniform(-1e7f, 1e7f) : random.Uniform(-1, 1);
      if (random.OneIn(10)) value = random.OneIn(2) ? 0.0f : -0.0f;
      if (random.OneIn(50)) value = sums || random.OneIn(2) ? kInfinity : -kInfinity;
      if (!sums && random.OneIn(20)) value = nans[random.Between(0, 2)];
    }
    const OutputPair y((outputs * static_cast<size_t>(args.y_stride)) * 4, seed);
    args.x = x.as<float>().data() + extent.first;
    args.divisor = static_cast<float>(random.Between(1, 1000));
    args.y = reinterpret_cast<float*>(y.expected());
    reference(args);
    args.y = reinterpret_cast<float*>(y.actual());
    kernel(args);
    y.Check(name, "outputs=%zu function=%d strides=%td %td axes=%d seed=%llu", outputs, static_cast<int>(args.function),
            args.x_stride, args.y_stride, args.axes, static_cast<unsigned long long>(seed));
  });
}

CUTIS_KERNEL_TEST(ReduceU8) {
  ForEachLength([&](size_t outputs, uint64_t seed) {
    Random random(seed);
    ReduceU8Args args = {};
    const Extent extent = LayOut(random, outputs, &args);
    const GuardedBuffer x(extent.elements, AnyPlace(random));
    random.OneIn(2) ? random.Fill(x.bytes()) : random.FillExtreme(x.bytes());
    const OutputPair y(outputs * static_cast<size_t>(args.y_stride), seed);
    int32_t count = 1;
    for (int32_t a = 0; a < args.axes; ++a) count *= static_cast<int32_t>(args.extent[a]);
    args.x = x.data() + extent.first;
    args.start = -count * static_cast<int32_t>(random.Between(0, 255));
    float multiplier[1];
    FillMultipliers(random, 100 * count, multiplier);
    args.multiplier = multiplier[0];
    args.out = RandomOutput(random);
    args.y = y.expected();
    reference(args);
    args.y = y.actual();
    kernel(args);
    y.Check(name, "outputs=%zu function=%d strides=%td %td axes=%d seed=%llu", outputs, static_cast<int>(args.function),
            args.x_stride, args.y_stride, args.axes, static_cast<unsigned long long>(seed));
  });
}

// The mean over the pixels of a feature map, and over its channels.
template <class Args, class T>
void BenchReductions(KernelOf<Args> kernel, Bench& bench) {
  const GuardedBuffer x(49 * 1280 * sizeof(T)), y(4096 * sizeof(T));
  for (T& value : x.as<T>()) value = 1;
  Args args = {};
  args.x = x.as<T>().data();
  args.y = y.as<T>().data();
  args.function = ReduceFunction::kMean;
  args.x_stride = args.y_stride = 1;
  args.outputs = 1280;
  args.axes = 1;
  args.extent[0] = 49;
  args.stride[0] = 1280;
  bench.Run("49 of 1280 outputs", 49 * 1280, [&] { kernel(args); });
  args.x_stride = 1280;
  args.outputs = 49;
  args.extent[0] = 1280;
  args.stride[0] = 1;
  bench.Run("1280 of 49 outputs", 49 * 1280, [&] { kernel(args); });
}

CUTIS_KERNEL_BENCH(ReduceF32) { BenchReductions<ReduceF32Args, float>(kernel, bench); }
CUTIS_KERNEL_BENCH(ReduceU8) { BenchReductions<ReduceU8Args, uint8_t>(kernel, bench); }

}  // namespace
}  // namespace cutis::test
