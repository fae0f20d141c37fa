// Kernels of functions of two elements: rows of any stride and length, special and extreme values.
#include <algorithm>
#include <limits>

#include "tests/ops/nest_case.h"

namespace cutis::test {
namespace {

GuardedBuffer::Place AnyPlace(Random& random) { return random.OneIn(2) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd; }

constexpr BinaryFunction kU8Functions[] = {BinaryFunction::kAdd, BinaryFunction::kSub, BinaryFunction::kMul,
                                           BinaryFunction::kMax, BinaryFunction::kMin};

// The kernel with y on a, on b, and on both. What y lies on has its strides; the other operand keeps its own.
template <class T, class Args>
void CheckInPlace(Args args, const NestCase& c, const GuardedBuffer (&inputs)[2], KernelOf<Args> reference,
                  KernelOf<Args> kernel, const char* name, uint64_t seed, const GuardedBuffer& content) {
  for (const int where : {1, 2, 3}) {  // bits: a, b
    args.nest = c.nest;
    for (const int o : {1, 2}) {
      if (where & o) std::copy_n(c.nest.stride[0], kMaxAxes, args.nest.stride[o]);
    }
    const OutputPair y(content.bytes());
    const auto set = [&](uint8_t* input, uint8_t* output) {
      args.y = reinterpret_cast<T*>(output) + c.first[0];
      args.a = where & 1 ? reinterpret_cast<T*>(input) + c.first[0] : reinterpret_cast<T*>(inputs[0].data()) + c.first[1];
      args.b = where & 2 ? reinterpret_cast<T*>(input) + c.first[0] : reinterpret_cast<T*>(inputs[1].data()) + c.first[2];
    };
    set(content.data(), y.expected());
    reference(args);
    set(y.actual(), y.actual());
    kernel(args);
    y.Check(name, "in place of %s, function=%d seed=%llu",
            where == 1   ? "a"
            : where == 2 ? "b"
                         : "both",
            static_cast<int>(args.function), static_cast<unsigned long long>(seed));
  }
}

CUTIS_KERNEL_TEST(BinaryU8) {
  ForEachNest(3, [&](const NestCase& c, Random& random, uint64_t seed) {
    const GuardedBuffer inputs[2] = {GuardedBuffer(static_cast<size_t>(c.size[1]), AnyPlace(random)),
                                     GuardedBuffer(static_cast<size_t>(c.size[2]), AnyPlace(random))};
    const GuardedBuffer &a = inputs[0], &b = inputs[1], content(static_cast<size_t>(c.size[0]));
    for (const GuardedBuffer* buffer : {&a, &b})
      random.OneIn(2) ? random.Fill(buffer->bytes()) : random.FillExtreme(buffer->bytes());
    BinaryU8Args args{};
    args.a = a.data() + c.first[1];
    args.b = b.data() + c.first[2];
    args.nest = c.nest;
    args.zero_a = static_cast<int32_t>(random.OneIn(3) ? random.Between(0, 1) * 255 : random.Between(0, 255));
    args.zero_b = static_cast<int32_t>(random.OneIn(3) ? random.Between(0, 1) * 255 : random.Between(0, 255));
    args.out = RandomOutput(random);
    random.Fill(content.bytes());
    for (const BinaryFunction function : kU8Functions) {
      args.function = function;
      float multipliers[2];
      FillMultipliers(random, function == BinaryFunction::kMul ? 16384 : 128, multipliers);
      // Halves make ties, which must go to even.
      args.multiplier_a = random.OneIn(3) ? 0.5f : multipliers[0];
      args.multiplier_b = random.OneIn(3) ? 0.5f : multipliers[1];
      const OutputPair y(static_cast<size_t>(c.size[0]), seed);
      args.y = y.expected() + c.first[0];
      reference(args);
      args.y = y.actual() + c.first[0];
      kernel(args);
      y.Check(name, "function=%d seed=%llu", static_cast<int>(function), static_cast<unsigned long long>(seed));
      CheckInPlace<uint8_t>(args, c, inputs, reference, kernel, name, seed, content);
    }
  });
}

CUTIS_KERNEL_BENCH(BinaryU8) {
  const GuardedBuffer a(1 << 19), b(1 << 19), y(1 << 19);
  Random random(1);
  random.Fill(a.bytes());
  random.Fill(b.bytes());
  BinaryU8Args args{};
  args.a = a.data();
  args.b = b.data();
  args.y = y.data();
  args.multiplier_a = args.multiplier_b = 0.01f;
  args.zero_a = 3, args.zero_b = 200, args.out.zero_point = 7;
  args.nest = {2, {784, 240}, {{240, 1}, {240, 1}, {0, 1}}};
  args.function = BinaryFunction::kMul;
  bench.Run("mul 784 x 240 by 240", 784 * 240, [&] { kernel(args); });
  args.nest = {1, {188160}, {{1}, {1}, {1}}};
  bench.Run("mul 188160", 188160, [&] { kernel(args); });
  args.function = BinaryFunction::kMax;
  bench.Run("max 188160", 188160, [&] { kernel(args); });
}

// Ordinary values, and some that are special. NaN stand in one of the operands only: which of two would survive is not defined.
void FillSpecial(Random& random, std::span<float> values, bool nan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float special[] = {0.0f,      -0.0f,      1.0f,      2.0f,    -3.0f,
                           kInfinity, -kInfinity, 1e-40f,    -1e-40f, 3e38f,
                           -3e38f,    0.5f,       0x1p-126f, -1.0f,   nan ? std::numeric_limits<float>::quiet_NaN() : 4.0f};
  for (float& value : values) value = random.OneIn(3) ? special[random.Between(0, 14)] : random.Uniform(-8, 8);
}

CUTIS_KERNEL_TEST(BinaryF32) {
  ForEachNest(3, [&](const NestCase& c, Random& random, uint64_t seed) {
    const GuardedBuffer inputs[2] = {GuardedBuffer(static_cast<size_t>(c.size[1]) * 4, AnyPlace(random)),
                                     GuardedBuffer(static_cast<size_t>(c.size[2]) * 4, AnyPlace(random))};
    const GuardedBuffer &a = inputs[0], &b = inputs[1], content(static_cast<size_t>(c.size[0]) * 4);
    const bool nan_in_a = random.OneIn(2);
    FillSpecial(random, a.as<float>(), nan_in_a);
    FillSpecial(random, b.as<float>(), !nan_in_a);
    BinaryF32Args args{};
    args.a = a.as<float>().data() + c.first[1];
    args.b = b.as<float>().data() + c.first[2];
    args.nest = c.nest;
    args.min = random.OneIn(2) ? 0.0f : -std::numeric_limits<float>::infinity();
    args.max = random.OneIn(2) ? 6.0f : std::numeric_limits<float>::infinity();
    FillSpecial(random, content.as<float>(), false);
    for (int function = 0; function <= static_cast<int>(BinaryFunction::kPow); ++function) {
      args.function = static_cast<BinaryFunction>(function);
      const OutputPair y(static_cast<size_t>(c.size[0]) * 4, seed);
      args.y = reinterpret_cast<float*>(y.expected()) + c.first[0];
      reference(args);
      args.y = reinterpret_cast<float*>(y.actual()) + c.first[0];
      kernel(args);
      y.Check(name, "function=%d seed=%llu", function, static_cast<unsigned long long>(seed));
      CheckInPlace<float>(args, c, inputs, reference, kernel, name, seed, content);
    }
  });
}

CUTIS_KERNEL_BENCH(BinaryF32) {
  const GuardedBuffer a(4 << 17), b(4 << 17), y(4 << 17);
  Random random(1);
  random.FillFloats(a.as<float>(), 0.1f, 4.0f);
  random.FillFloats(b.as<float>(), -3.0f, 3.0f);
  BinaryF32Args args{a.as<float>().data(), b.as<float>().data(), y.as<float>().data(), {}, BinaryFunction::kMul, -1e30f, 1e30f};
  args.nest = {2, {256, 240}, {{240, 1}, {240, 1}, {0, 1}}};
  bench.Run("mul 256 x 240 by 240", 256 * 240, [&] { kernel(args); });
  args.function = BinaryFunction::kPow;
  bench.Run("pow 256 x 240 by 240", 256 * 240, [&] { kernel(args); });
}

}  // namespace
}  // namespace cutis::test
