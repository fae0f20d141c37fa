// ConvU8 kernels: channel, pixel and k tails, strides, any alignment, extreme values, the largest sums.
#include <algorithm>

#include "ops/requant.h"
#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

struct Case {
  size_t pixels;
  int32_t channels, k_groups;
  size_t x_gap, y_gap;  // bytes between rows
  bool extreme;
};

void RunCase(KernelOf<ConvU8Args> reference, KernelOf<ConvU8Args> kernel, const char* name, const Case& c, uint64_t seed) {
  Random random(seed);
  const size_t k = static_cast<size_t>(c.k_groups) * 4, channels = static_cast<size_t>(c.channels),
               padded = RoundUp(channels, 16);
  ConvU8Args args = {};
  args.pixels = c.pixels;
  args.channels = c.channels;
  args.k_groups = c.k_groups;
  args.x_stride = k + c.x_gap;
  args.y_stride = channels + c.y_gap;
  const GuardedBuffer x((c.pixels - 1) * args.x_stride + k, random.OneIn(4) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd);
  const GuardedBuffer w(padded * k), bias(padded * sizeof(int32_t)), multiplier(padded * sizeof(float));
  if (c.extreme) {
    random.FillExtreme(x.bytes());
    random.FillExtremeWeights(w.as<int8_t>());
  } else {
    random.Fill(x.bytes());
    random.FillWeights(w.as<int8_t>());
  }
  const double magnitude = 128.0 * 64.0 * static_cast<double>(k);
  for (int32_t& b : bias.as<int32_t>()) b = static_cast<int32_t>(random.Between(-50000, 50000));
  FillMultipliers(random, magnitude, multiplier.as<float>());
  args.x = x.data();
  args.w = w.as<int8_t>().data();
  args.bias = bias.as<int32_t>().data();
  args.multiplier = multiplier.as<float>().data();
  args.out = RandomOutput(random);
  const GuardedBuffer scratch(ConvU8ScratchBytes(c.k_groups));
  random.Fill(scratch.bytes());
  args.scratch = reinterpret_cast<std::byte*>(scratch.data());
  const OutputPair y((c.pixels - 1) * args.y_stride + channels, seed);
  args.y = y.expected();
  reference(args);
  args.y = y.actual();
  kernel(args);
  y.Check(name, "pixels=%zu channels=%d k_groups=%d x_gap=%zu y_gap=%zu extreme=%d seed=%llu", c.pixels, c.channels, c.k_groups,
          c.x_gap, c.y_gap, c.extreme, static_cast<unsigned long long>(seed));
}

// Sums that come as near to +-2^31 as a checked layer allows.
void RunLargest(KernelOf<ConvU8Args> reference, KernelOf<ConvU8Args> kernel, const char* name) {
  constexpr int32_t kGroups = 16512, kChannels = 33;  // 32512 * 66048 = 2^31 - 131072
  constexpr size_t kPixels = 41;
  const GuardedBuffer x(kGroups * 4 * kPixels), scratch(ConvU8ScratchBytes(kGroups)), w(static_cast<size_t>(kGroups) * 64 * 3),
      bias(48 * 4), multiplier(48 * 4);
  std::fill(x.bytes().begin(), x.bytes().end(), uint8_t{255});
  for (size_t i = 0; i < w.size(); ++i) w.as<int8_t>()[i] = i / 4 % 2 == 0 ? 127 : -127;
  for (size_t n = 0; n < 48; ++n) {
    bias.as<int32_t>()[n] = n % 2 == 0 ? 131071 : -131071;
    multiplier.as<float>()[n] = n % 3 == 0 ? kMinMultiplier : n % 3 == 1 ? 0x1.fffffep7f : 0x1.3p-24f;
  }
  ConvU8Args args = {};
  args.x = x.data();
  args.x_stride = kGroups * 4;
  args.scratch = reinterpret_cast<std::byte*>(scratch.data());
  args.pixels = kPixels;
  args.w = w.as<int8_t>().data();
  args.bias = bias.as<int32_t>().data();
  args.multiplier = multiplier.as<float>().data();
  args.y_stride = kChannels;
  args.k_groups = kGroups;
  args.channels = kChannels;
  args.out = {128, 0, 255};
  const OutputPair y(kChannels * kPixels);
  args.y = y.expected();
  reference(args);
  args.y = y.actual();
  kernel(args);
  y.Check(name, "the largest sums");
}

// Pairs of weights at both sides of what two products can sum to in 16 bits (255 * 128 and 255 * 129), in each pair of a
// k-group and each half of a row, every pixel 255. The other weights of a row are zero, so that nothing else decides about it.
// A checked layer has no -128; a file that is altered while it is mapped may.
void RunPairs(KernelOf<ConvU8Args> reference, KernelOf<ConvU8Args> kernel, const char* name) {
  constexpr int8_t kPairs[][2] = {{64, 64},   {65, 64},    {127, 1},  {127, 2},   {-64, -64},   {-65, -64}, {-127, -1},
                                  {-127, -2}, {127, -127}, {-128, 0}, {-128, -1}, {-128, -128}, {-128, 127}};
  constexpr size_t kPixels = 48;
  for (const auto& pair : kPairs) {
    for (size_t place = 0; place < 32; ++place) {  // of a pair within the 64 bytes
      const GuardedBuffer x(4 * kPixels), scratch(ConvU8ScratchBytes(1)), w(64), bias(64), multiplier(64);
      std::fill(x.bytes().begin(), x.bytes().end(), uint8_t{255});
      std::fill(w.bytes().begin(), w.bytes().end(), uint8_t{0});
      // Leaves 255 of a sum beyond the bound, and 127 or 128 where it has been cut off at 16 bits.
      const int32_t sign = pair[1] < 0 ? 1 : -1;
      std::fill(bias.as<int32_t>().begin(), bias.as<int32_t>().end(), sign * 255 * 128);
      std::fill(multiplier.as<float>().begin(), multiplier.as<float>().end(), 0.25f);
      w.as<int8_t>()[place * 2] = pair[0];
      w.as<int8_t>()[place * 2 + 1] = pair[1];
      ConvU8Args args = {};
      args.x = x.data();
      args.x_stride = 4;
      args.pixels = kPixels;
      args.w = w.as<int8_t>().data();
      args.bias = bias.as<int32_t>().data();
      args.multiplier = multiplier.as<float>().data();
      args.y_stride = 16;
      args.k_groups = 1;
      args.channels = 16;
      args.out = {128, 0, 255};
      args.scratch = reinterpret_cast<std::byte*>(scratch.data());
      const OutputPair y(16 * kPixels);
      args.y = y.expected();
      reference(args);
      args.y = y.actual();
      kernel(args);
      y.Check(name, "a pair of weights %d %d at %zu", pair[0], pair[1], place);
    }
  }
}

// Sums that meet every rounding of the requantisation.
void RunTies(KernelOf<ConvU8Args> reference, KernelOf<ConvU8Args> kernel, const char* name) {
  constexpr size_t kChannels = 320;
  const GuardedBuffer x(4 * 42), scratch(ConvU8ScratchBytes(1)), w(kChannels * 4), bias(kChannels * 4),
      multiplier(kChannels * 4);  // x and w are zero
  Random random(3);
  FillTies(random, bias.as<int32_t>(), multiplier.as<float>());
  ConvU8Args args = {};
  args.x = x.data();
  args.x_stride = 4;
  args.y_stride = kChannels;
  args.scratch = reinterpret_cast<std::byte*>(scratch.data());
  args.pixels = 42;
  args.w = w.as<int8_t>().data();
  args.bias = bias.as<int32_t>().data();
  args.multiplier = multiplier.as<float>().data();
  args.k_groups = 1;
  args.channels = kChannels;
  args.out = {128, 0, 255};
  const OutputPair y(kChannels * 42);
  args.y = y.expected();
  reference(args);
  args.y = y.actual();
  kernel(args);
  y.Check(name, "ties");
}

CUTIS_KERNEL_TEST(ConvU8) {
  constexpr size_t kPixels[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 25, 41, 42, 43, 44, 45, 46};
  constexpr int32_t kChannels[] = {1, 4, 7, 8, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 130};
  constexpr int32_t kGroups[] = {1, 2, 3, 9, 40};
  size_t seed = 1;
  for (size_t pixels : kPixels) {
    for (int32_t channels : kChannels) {
      for (int32_t groups : kGroups) {
        const size_t x_gap = seed % 3 == 0 ? 0 : seed % 7, y_gap = seed % 2 == 0 ? 0 : seed % 5;
        RunCase(reference, kernel, name, {pixels, channels, groups, x_gap, y_gap, seed % 4 == 0}, seed);
        ++seed;
      }
    }
  }
  // Tiles of 16 pixels, 16 k-groups and 16 channels by two, with all their tails.
  for (const size_t pixels : {3, 4, 15, 16, 17, 18, 31, 32, 33, 47, 49, 65}) {
    for (const int32_t channels : {1, 16, 17, 32, 33, 40, 64, 80}) {
      for (const int32_t groups : {7, 8, 15, 16, 17, 24, 31, 32, 33}) {
        RunCase(reference, kernel, name, {pixels, channels, groups, seed % 5 == 0 ? 0 : seed % 9, seed % 3, seed % 4 == 0},
                seed);
        ++seed;
      }
    }
  }
  for (const int32_t groups : {127, 128, 129, 300}) {  // several chunks of k-groups, several blocks of pixels
    for (const size_t pixels : {9, 41, 97, 200})
      RunCase(reference, kernel, name, {pixels, 21, groups, 3, 1, groups == 129}, seed++);
  }
  for (const int32_t groups :
       {536, 537, 1072, 1073, 1429, 2145}) {  // around what the scratch holds of a panel, or of some pixels
    for (const int32_t channels : {9, 29}) RunCase(reference, kernel, name, {7, channels, groups, 1, 1, false}, seed++);
  }
  RunLargest(reference, kernel, name);
  RunPairs(reference, kernel, name);
  RunTies(reference, kernel, name);
}

CUTIS_KERNEL_BENCH(ConvU8) {
  struct Layer {
    const char* name;
    size_t pixels;
    int32_t k, channels;
  };
  constexpr Layer kLayers[] = {
      {"stem 40x80x28 -> 32", 3200, 28, 32}, {"40x40x32 -> 16", 1600, 32, 16},      {"40x40x24 -> 144", 1600, 24, 144},
      {"20x20x240 -> 40", 400, 240, 40},     {"10x10x480 -> 80", 100, 480, 80},     {"10x10x112 -> 672", 100, 112, 672},
      {"5x5x1152 -> 320", 25, 1152, 320},    {"dense 1280 -> 1000", 1, 1280, 1000},
  };
  Random random(1);
  for (const Layer& layer : kLayers) {
    const size_t k = static_cast<size_t>(layer.k), padded = RoundUp(static_cast<size_t>(layer.channels), 16);
    const GuardedBuffer x(layer.pixels * k), w(padded * k), bias(padded * 4), multiplier(padded * 4), y(layer.pixels * padded),
        scratch(ConvU8ScratchBytes(layer.k / 4));
    random.Fill(x.bytes());
    random.FillWeights(w.as<int8_t>());
    FillMultipliers(random, 8192.0 * static_cast<double>(k), multiplier.as<float>());
    ConvU8Args args = {};
    args.x = x.data();
    args.x_stride = k;
    args.pixels = layer.pixels;
    args.w = w.as<int8_t>().data();
    args.bias = bias.as<int32_t>().data();
    args.multiplier = multiplier.as<float>().data();
    args.scratch = reinterpret_cast<std::byte*>(scratch.data());
    args.y = y.data();
    args.y_stride = padded;
    args.k_groups = layer.k / 4;
    args.channels = layer.channels;
    bench.Run(layer.name, 2.0 * static_cast<double>(layer.pixels) * layer.k * layer.channels, [&] { kernel(args); });
  }
}

}  // namespace
}  // namespace cutis::test
