// Kernels that treat every element alike, softmax, copies and SHA-256: tails, strides, any alignment, extreme values.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

struct Rows {
  size_t pixels;
  int32_t channels;
  size_t gap;  // elements between rows

  size_t stride() const { return static_cast<size_t>(channels) + gap; }
  size_t elements() const { return (pixels - 1) * stride() + static_cast<size_t>(channels); }
};

// Calls each(rows, seed) over lengths around the widths of vectors, and a few long rows.
template <class Each>
void ForEachRows(Each each) {
  uint64_t seed = 1;
  for (int32_t channels = 1; channels <= 70; ++channels) {
    for (const size_t pixels : {size_t{1}, size_t{3}}) {
      for (const size_t gap : {size_t{0}, size_t{5}}) each(Rows{pixels, channels, gap}, seed++);
    }
  }
  for (const int32_t channels : {255, 256, 1001, 4099}) each(Rows{2, channels, 1}, seed++);
}

// Ordinary values, and some that are special.
void FillSpecial(Random& random, std::span<float> values) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float special[] = {0.0f, -0.0f, kInfinity, -kInfinity, 1e-40f, -1e-40f, 3e38f, -3e38f, 6.0f, 0x1p-126f};
  for (float& value : values) value = random.OneIn(4) ? special[random.Between(0, 9)] : random.Uniform(-8, 8);
}

GuardedBuffer::Place AnyPlace(Random& random) { return random.OneIn(3) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd; }

// The kernel with y on a, on b, and on both (which are then one tensor); `args` has y, a and b of type T*.
template <class T, class Args, class Function>
void CheckSumInPlace(Args args, const GuardedBuffer& a, const GuardedBuffer& b, Function reference, Function kernel,
                     const char* name, const Rows& rows) {
  for (const bool on_b : {false, true}) {
    const OutputPair y((on_b ? b : a).bytes());
    Args own = args;
    own.y = reinterpret_cast<T*>(y.expected());
    reference(own);
    own.y = reinterpret_cast<T*>(y.actual());
    (on_b ? own.b : own.a) = own.y;
    kernel(own);
    y.Check(name, "in place of %s, pixels=%zu channels=%d gap=%zu", on_b ? "b" : "a", rows.pixels, rows.channels, rows.gap);
  }
  const OutputPair y(a.bytes());
  args.b = args.a;
  args.y = reinterpret_cast<T*>(y.expected());
  reference(args);
  args.a = args.b = args.y = reinterpret_cast<T*>(y.actual());
  kernel(args);
  y.Check(name, "in place of a and b, pixels=%zu channels=%d gap=%zu", rows.pixels, rows.channels, rows.gap);
}

// The kernel with y on x.
template <class T, class Args, class Function>
void CheckInPlace(Args args, const GuardedBuffer& x, Function reference, Function kernel, const char* name, const Rows& rows) {
  const OutputPair y(x.bytes());
  args.y = reinterpret_cast<T*>(y.expected());
  reference(args);
  args.x = args.y = reinterpret_cast<T*>(y.actual());
  kernel(args);
  y.Check(name, "in place, pixels=%zu channels=%d gap=%zu", rows.pixels, rows.channels, rows.gap);
}

CUTIS_KERNEL_TEST(AddU8) {
  ForEachRows([&](const Rows& rows, uint64_t seed) {
    Random random(seed);
    const GuardedBuffer a(rows.elements(), AnyPlace(random)), b(rows.elements(), AnyPlace(random));
    for (const GuardedBuffer* buffer : {&a, &b})
      random.OneIn(2) ? random.Fill(buffer->bytes()) : random.FillExtreme(buffer->bytes());
    const OutputPair y(rows.elements(), seed);
    AddU8Args args = {};
    args.a = a.data();
    args.b = b.data();
    args.a_stride = args.b_stride = args.y_stride = rows.stride();
    args.pixels = rows.pixels;
    args.channels = rows.channels;
    args.zero_a = static_cast<int32_t>(random.Between(0, 255));
    args.zero_b = static_cast<int32_t>(random.Between(0, 255));
    float multipliers[2];
    FillMultipliers(random, 128, multipliers);
    // Halves make ties, which must go to even.
    args.multiplier_a = random.OneIn(3) ? 0.5f : multipliers[0];
    args.multiplier_b = random.OneIn(3) ? 0.5f : multipliers[1];
    args.out = RandomOutput(random);
    args.y = y.expected();
    reference(args);
    args.y = y.actual();
    kernel(args);
    y.Check(name, "pixels=%zu channels=%d gap=%zu seed=%llu", rows.pixels, rows.channels, rows.gap,
            static_cast<unsigned long long>(seed));
    CheckSumInPlace<uint8_t>(args, a, b, reference, kernel, name, rows);
  });
}

CUTIS_KERNEL_BENCH(AddU8) {
  const GuardedBuffer a(102400), b(102400), y(102400);
  Random random(1);
  random.Fill(a.bytes());
  random.Fill(b.bytes());
  const AddU8Args args = {a.data(), b.data(), y.data(), 24, 24, 24, 4096, 24, 3, 200, 0.7f, 1.1f, {100, 0, 255}};
  bench.Run("4096 x 24", 2.0 * 4096 * 24, [&] { kernel(args); });
  const AddU8Args joined = {a.data(), b.data(), y.data(), 0, 0, 0, 1, 102400, 3, 200, 0.7f, 1.1f, {100, 0, 255}};
  bench.Run("1 x 102400", 2.0 * 102400, [&] { kernel(joined); });
}

CUTIS_KERNEL_TEST(AddF32) {
  ForEachRows([&](const Rows& rows, uint64_t seed) {
    Random random(seed);
    const GuardedBuffer a(rows.elements() * 4, AnyPlace(random)), b(rows.elements() * 4, AnyPlace(random));
    FillSpecial(random, a.as<float>());
    FillSpecial(random, b.as<float>());
    // A single NaN: which of two would survive is not defined.
    a.as<float>()[rows.elements() / 2] = std::numeric_limits<float>::quiet_NaN();
    b.as<float>()[rows.elements() / 2] = 1.0f;
    const OutputPair y(rows.elements() * 4, seed);
    AddF32Args args = {};
    args.a = a.as<float>().data();
    args.b = b.as<float>().data();
    args.a_stride = args.b_stride = args.y_stride = rows.stride();
    args.pixels = rows.pixels;
    args.channels = rows.channels;
    args.min = random.OneIn(2) ? 0.0f : -std::numeric_limits<float>::infinity();
    args.max = random.OneIn(2) ? 6.0f : std::numeric_limits<float>::infinity();
    args.y = reinterpret_cast<float*>(y.expected());
    reference(args);
    args.y = reinterpret_cast<float*>(y.actual());
    kernel(args);
    y.Check(name, "pixels=%zu channels=%d gap=%zu seed=%llu", rows.pixels, rows.channels, rows.gap,
            static_cast<unsigned long long>(seed));
    CheckSumInPlace<float>(args, a, b, reference, kernel, name, rows);
  });
}

CUTIS_KERNEL_TEST(ClampF32) {
  ForEachRows([&](const Rows& rows, uint64_t seed) {
    Random random(seed);
    const GuardedBuffer x(rows.elements() * 4, AnyPlace(random));
    FillSpecial(random, x.as<float>());
    x.as<float>()[rows.elements() / 2] = std::numeric_limits<float>::quiet_NaN();
    const OutputPair y(rows.elements() * 4, seed);
    ClampF32Args args = {};
    args.x = x.as<float>().data();
    args.x_stride = args.y_stride = rows.stride();
    args.pixels = rows.pixels;
    args.channels = rows.channels;
    args.min = random.OneIn(2) ? 0.0f : -1.5f;
    args.max = random.OneIn(2) ? 6.0f : std::numeric_limits<float>::infinity();
    args.y = reinterpret_cast<float*>(y.expected());
    reference(args);
    args.y = reinterpret_cast<float*>(y.actual());
    kernel(args);
    y.Check(name, "pixels=%zu channels=%d gap=%zu seed=%llu", rows.pixels, rows.channels, rows.gap,
            static_cast<unsigned long long>(seed));
    CheckInPlace<float>(args, x, reference, kernel, name, rows);
  });
}

CUTIS_KERNEL_TEST(LookupU8) {
  ForEachRows([&](const Rows& rows, uint64_t seed) {
    Random random(seed);
    const GuardedBuffer x(rows.elements(), AnyPlace(random)), table(256);
    random.Fill(x.bytes());
    random.Fill(table.bytes());
    const OutputPair y(rows.elements(), seed);
    LookupU8Args args = {x.data(), nullptr, rows.stride(), rows.stride(), rows.pixels, rows.channels, table.data()};
    args.y = y.expected();
    reference(args);
    args.y = y.actual();
    kernel(args);
    y.Check(name, "pixels=%zu channels=%d gap=%zu", rows.pixels, rows.channels, rows.gap);
    CheckInPlace<uint8_t>(args, x, reference, kernel, name, rows);
  });
}

CUTIS_KERNEL_TEST(DequantizeU8) {
  ForEachRows([&](const Rows& rows, uint64_t seed) {
    Random random(seed);
    const GuardedBuffer x(rows.elements(), AnyPlace(random));
    random.Fill(x.bytes());
    const OutputPair y(rows.elements() * 4, seed);
    DequantizeU8Args args = {};
    args.x = x.data();
    args.x_stride = args.y_stride = rows.stride();
    args.pixels = rows.pixels;
    args.channels = rows.channels;
    args.zero_point = static_cast<int32_t>(random.Between(0, 255));
    args.scale = random.Uniform(0.001f, 2.0f);
    args.y = reinterpret_cast<float*>(y.expected());
    reference(args);
    args.y = reinterpret_cast<float*>(y.actual());
    kernel(args);
    y.Check(name, "pixels=%zu channels=%d gap=%zu", rows.pixels, rows.channels, rows.gap);
  });
}

CUTIS_KERNEL_TEST(SoftmaxU8) {
  ForEachRows([&](const Rows& rows, uint64_t seed) {
    Random random(seed);
    const GuardedBuffer x(rows.elements(), AnyPlace(random));
    random.OneIn(2) ? random.Fill(x.bytes()) : random.FillExtreme(x.bytes());
    const OutputPair y(rows.elements() * 4, seed);
    SoftmaxU8Args args = {
        x.data(), nullptr, rows.stride(), rows.stride(), rows.pixels, rows.channels, random.Uniform(0.001f, 2.0f)};
    args.y = reinterpret_cast<float*>(y.expected());
    reference(args);
    args.y = reinterpret_cast<float*>(y.actual());
    kernel(args);
    y.Check(name, "pixels=%zu channels=%d gap=%zu", rows.pixels, rows.channels, rows.gap);
  });
}

CUTIS_KERNEL_TEST(SoftmaxF32) {
  ForEachRows([&](const Rows& rows, uint64_t seed) {
    Random random(seed);
    const GuardedBuffer x(rows.elements() * 4, AnyPlace(random));
    random.FillFloats(x.as<float>(), -100, 100);
    const OutputPair y(rows.elements() * 4, seed);
    SoftmaxF32Args args = {x.as<float>().data(), nullptr, rows.stride(), rows.stride(), rows.pixels, rows.channels};
    args.y = reinterpret_cast<float*>(y.expected());
    reference(args);
    args.y = reinterpret_cast<float*>(y.actual());
    kernel(args);
    y.Check(name, "pixels=%zu channels=%d gap=%zu", rows.pixels, rows.channels, rows.gap);
  });
}

CUTIS_KERNEL_TEST(Copy) {
  for (size_t bytes = 0; bytes < 300; ++bytes) {
    const GuardedBuffer x(bytes);
    Random(bytes).Fill(x.bytes());
    const OutputPair y(bytes + 3, bytes);
    CopyArgs args = {reinterpret_cast<const std::byte*>(x.data()), reinterpret_cast<std::byte*>(y.expected()), bytes};
    reference(args);
    args.y = reinterpret_cast<std::byte*>(y.actual());
    kernel(args);
    y.Check(name, "bytes=%zu", bytes);
  }
}

CUTIS_KERNEL_TEST(Sha256) {
  for (size_t blocks = 0; blocks < 9; ++blocks) {
    for (size_t shift = 0; shift < 16; ++shift) {
      const GuardedBuffer data(blocks * 64 + shift, shift % 2 == 0 ? GuardedBuffer::kAtEnd : GuardedBuffer::kAtStart);
      Random(blocks * 16 + shift).Fill(data.bytes());
      const OutputPair state(32, blocks);  // any state will do
      const uint8_t* start = shift % 2 == 0 ? data.data() : data.data() + shift;
      reference({reinterpret_cast<uint32_t*>(state.expected()), start, blocks});
      kernel({reinterpret_cast<uint32_t*>(state.actual()), start, blocks});
      state.Check(name, "blocks=%zu shift=%zu", blocks, shift);
    }
  }
}

CUTIS_KERNEL_BENCH(Sha256) {
  const GuardedBuffer data(65536);
  uint32_t state[8] = {};
  bench.Run("64 KiB (operations: bytes)", 65536, [&] { kernel({state, data.data(), 1024}); });
}

CUTIS_KERNEL_TEST(Sha256Pair) {
  for (size_t blocks = 0; blocks < 5; ++blocks) {
    for (size_t shift = 0; shift < 16; ++shift) {
      const GuardedBuffer first(blocks * 64 + shift), second(blocks * 64 + 15 - shift, GuardedBuffer::kAtStart);
      Random(blocks * 16 + shift).Fill(first.bytes());
      Random(blocks * 16 + shift + 1000).Fill(second.bytes());
      const OutputPair one(32, blocks), two(32, blocks + 100);
      const uint8_t* data[2] = {first.data() + shift, second.data()};
      reference({{reinterpret_cast<uint32_t*>(one.expected()), reinterpret_cast<uint32_t*>(two.expected())},
                 {data[0], data[1]},
                 blocks});
      kernel(
          {{reinterpret_cast<uint32_t*>(one.actual()), reinterpret_cast<uint32_t*>(two.actual())}, {data[0], data[1]}, blocks});
      one.Check(name, "first, blocks=%zu shift=%zu", blocks, shift);
      two.Check(name, "second, blocks=%zu shift=%zu", blocks, shift);
    }
  }
}

CUTIS_KERNEL_BENCH(Sha256Pair) {
  const GuardedBuffer data(65536);
  uint32_t states[2][8] = {};
  bench.Run("2 x 32 KiB (operations: bytes)", 65536, [&] {
    kernel({{states[0], states[1]}, {data.data(), data.data() + 32768}, 512});
  });
}

}  // namespace
}  // namespace cutis::test
