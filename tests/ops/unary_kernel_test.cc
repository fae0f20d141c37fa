// Kernels of functions of single elements: rows of any length and stride, all kinds of values.
#include <limits>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

constexpr int kFunctions = static_cast<int>(UnaryFunction::kLeakyRelu) + 1;

// Ordinary values and such as functions change their ways at.
void FillSpecial(Random& random, std::span<float> values) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
  const float special[] = {0.0f,  -0.0f,     kInfinity,  -kInfinity, kNan,   -kNan,  1e-40f, -1e-40f, 3e38f, -3e38f, 6.0f,
                           -3.0f, 0x1p-126f, -87.33654f, -87.34f,    88.72f, 88.73f, 0.25f,  -0.25f,  -0.5f, 104.0f, -104.0f};
  for (float& value : values) {
    const int64_t kind = random.Between(0, 3);
    value = kind == 0 ? special[random.Between(0, std::size(special) - 1)] : random.Uniform(-1, 1) * (kind == 1 ? 1.0f : 95.0f);
  }
}

CUTIS_KERNEL_TEST(UnaryF32) {
  uint64_t seed = 0;
  const auto test = [&](size_t pixels, int32_t channels, size_t gap) {
    Random random(++seed);
    const size_t stride = static_cast<size_t>(channels) + gap;
    const size_t elements = (pixels - 1) * stride + static_cast<size_t>(channels);
    const GuardedBuffer x(elements * 4, random.OneIn(2) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd);
    FillSpecial(random, x.as<float>());
    UnaryF32Args args{};
    args.x = x.as<float>().data();
    args.x_stride = args.y_stride = stride;
    args.pixels = pixels;
    args.channels = channels;
    args.alpha = random.OneIn(2) ? 1.0f : random.Uniform(-2, 2);
    args.beta = random.Uniform(-1, 1);
    for (int function = 0; function < kFunctions; ++function) {
      args.function = static_cast<UnaryFunction>(function);
      const OutputPair y(elements * 4, seed);
      args.y = reinterpret_cast<float*>(y.expected());
      reference(args);
      args.y = reinterpret_cast<float*>(y.actual());
      kernel(args);
      y.Check(name, "function=%d pixels=%zu channels=%d seed=%llu", function, pixels, channels,
              static_cast<unsigned long long>(seed));
      const OutputPair in_place(x.bytes());
      UnaryF32Args own = args;
      own.y = reinterpret_cast<float*>(in_place.expected());
      reference(own);
      own.x = own.y = reinterpret_cast<float*>(in_place.actual());
      kernel(own);
      in_place.Check(name, "in place, function=%d pixels=%zu channels=%d seed=%llu", function, pixels, channels,
                     static_cast<unsigned long long>(seed));
    }
  };
  for (int32_t channels = 1; channels <= 40; ++channels) {
    test(1, channels, 0);
    test(3, channels, 5);
  }
  for (const int32_t channels : {255, 256, 4099, 20000}) test(2, channels, 1);
}

CUTIS_KERNEL_BENCH(UnaryF32) {
  const GuardedBuffer x(4 << 14), y(4 << 14);
  Random(1).FillFloats(x.as<float>(), -8, 8);
  const char* const names[] = {"neg",      "abs",   "sqrt", "reciprocal",   "exp",        "log", "sigmoid",   "tanh",
                               "softplus", "swish", "mish", "hard sigmoid", "hard swish", "elu", "leaky relu"};
  for (int function = 0; function < kFunctions; ++function) {
    const UnaryF32Args args{
        x.as<float>().data(), y.as<float>().data(), 0, 0, 1, 1 << 14, static_cast<UnaryFunction>(function), 1, 0.5f};
    bench.Run(names[function], 1 << 14, [&] { kernel(args); });
  }
}

}  // namespace
}  // namespace cutis::test
