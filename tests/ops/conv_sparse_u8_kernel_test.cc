// ConvSparseU8 kernels: any number of live rows in a panel, none and all included; channel and pixel tails, strides, extreme
// values, the largest sums. The list of k-groups, the rows and the pixels end at guard pages, so that reading a row too many
// faults.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "ops/requant.h"
#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

struct Case {
  size_t pixels;
  int32_t channels, k_groups;
  int dead;  // percent of the rows
  size_t x_gap, y_gap;
  bool extreme;
};

// Which rows live, at random.
struct Lists {
  std::vector<uint32_t> starts = {0};
  std::vector<uint16_t> live;

  Lists(Random& random, size_t panels, int32_t k_groups, int dead) {
    for (size_t panel = 0; panel < panels; ++panel) {
      for (int32_t group = 0; group < k_groups; ++group) {
        if (random.Between(1, 100) > dead) live.push_back(static_cast<uint16_t>(group));
      }
      starts.push_back(static_cast<uint32_t>(live.size()));
    }
  }
};

void RunCase(KernelOf<ConvSparseU8Args> reference, KernelOf<ConvSparseU8Args> kernel, const char* name, const Case& c,
             uint64_t seed) {
  Random random(seed);
  const size_t k = static_cast<size_t>(c.k_groups) * 4, channels = static_cast<size_t>(c.channels),
               padded = RoundUp(channels, 16);
  const Lists lists(random, padded / 16, c.k_groups, c.dead);
  ConvSparseU8Args args = {};
  args.pixels = c.pixels;
  args.channels = c.channels;
  args.x_stride = k + c.x_gap;
  args.y_stride = channels + c.y_gap;
  const GuardedBuffer x((c.pixels - 1) * args.x_stride + k, random.OneIn(4) ? GuardedBuffer::kAtStart : GuardedBuffer::kAtEnd);
  const GuardedBuffer w(lists.live.size() * 64), starts(lists.starts.size() * 4), live(lists.live.size() * 2);
  const GuardedBuffer bias(padded * sizeof(int32_t)), multiplier(padded * sizeof(float));
  std::copy(lists.starts.begin(), lists.starts.end(), starts.as<uint32_t>().begin());
  std::copy(lists.live.begin(), lists.live.end(), live.as<uint16_t>().begin());
  if (c.extreme) {
    random.FillExtreme(x.bytes());
    random.FillExtremeWeights(w.as<int8_t>());
  } else {
    random.Fill(x.bytes());
    random.FillWeights(w.as<int8_t>());
  }
  for (int32_t& b : bias.as<int32_t>()) b = static_cast<int32_t>(random.Between(-50000, 50000));
  FillMultipliers(random, 128.0 * 64.0 * static_cast<double>(k * static_cast<size_t>(101 - c.dead) / 100 + 1),
                  multiplier.as<float>());
  args.x = x.data();
  args.w = w.as<int8_t>().data();
  args.panel_starts = starts.as<uint32_t>().data();
  args.live = live.as<uint16_t>().data();
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
  y.Check(name, "pixels=%zu channels=%d k_groups=%d dead=%d x_gap=%zu y_gap=%zu extreme=%d seed=%llu", c.pixels, c.channels,
          c.k_groups, c.dead, c.x_gap, c.y_gap, c.extreme, static_cast<unsigned long long>(seed));
}

// Sums that come as near to +-2^31 as a checked layer allows, far apart in the input.
void RunLargest(KernelOf<ConvSparseU8Args> reference, KernelOf<ConvSparseU8Args> kernel, const char* name) {
  constexpr int32_t kGroups = 65536, kLive = 16512, kChannels = 17;  // 32512 * 4 * 16512 = 2^31 - 131072
  constexpr size_t kPixels = 41;
  const GuardedBuffer scratch(ConvU8ScratchBytes(kGroups)), x(static_cast<size_t>(kGroups) * 4 * kPixels),
      w(static_cast<size_t>(kLive) * 64 * 2), bias(32 * 4), multiplier(32 * 4);
  std::fill(x.bytes().begin(), x.bytes().end(), uint8_t{255});
  for (size_t i = 0; i < w.size(); ++i) w.as<int8_t>()[i] = i / 4 % 2 == 0 ? 127 : -127;
  for (size_t n = 0; n < 32; ++n) {
    bias.as<int32_t>()[n] = n % 2 == 0 ? 131071 : -131071;
    multiplier.as<float>()[n] = n % 3 == 0 ? kMinMultiplier : n % 3 == 1 ? 0x1.fffffep7f : 0x1.3p-24f;
  }
  const std::vector<uint32_t> starts = {0, kLive, 2 * kLive};
  std::vector<uint16_t> live;
  for (int panel = 0; panel < 2; ++panel) {
    for (int32_t i = 0; i < kLive; ++i) live.push_back(static_cast<uint16_t>(kGroups - kLive + i));
  }
  ConvSparseU8Args args = {};
  args.x = x.data();
  args.x_stride = static_cast<size_t>(kGroups) * 4;
  args.scratch = reinterpret_cast<std::byte*>(scratch.data());
  args.pixels = kPixels;
  args.w = w.as<int8_t>().data();
  args.panel_starts = starts.data();
  args.live = live.data();
  args.bias = bias.as<int32_t>().data();
  args.multiplier = multiplier.as<float>().data();
  args.y_stride = kChannels;
  args.channels = kChannels;
  args.out = {128, 0, 255};
  const OutputPair y(kChannels * kPixels);
  args.y = y.expected();
  reference(args);
  args.y = y.actual();
  kernel(args);
  y.Check(name, "the largest sums");
}

// Sums that meet every rounding of the requantisation: the biases alone, no row lives.
void RunTies(KernelOf<ConvSparseU8Args> reference, KernelOf<ConvSparseU8Args> kernel, const char* name) {
  constexpr size_t kChannels = 320;
  const GuardedBuffer x(4 * 42), scratch(ConvU8ScratchBytes(1)), bias(kChannels * 4), multiplier(kChannels * 4);
  Random random(3);
  FillTies(random, bias.as<int32_t>(), multiplier.as<float>());
  const std::vector<uint32_t> starts(kChannels / 16 + 1);
  const GuardedBuffer nothing(0);
  ConvSparseU8Args args = {};
  args.x = x.data();
  args.x_stride = 4;
  args.y_stride = kChannels;
  args.scratch = reinterpret_cast<std::byte*>(scratch.data());
  args.pixels = 42;
  args.w = nothing.as<int8_t>().data();
  args.panel_starts = starts.data();
  args.live = nothing.as<uint16_t>().data();
  args.bias = bias.as<int32_t>().data();
  args.multiplier = multiplier.as<float>().data();
  args.channels = kChannels;
  args.out = {128, 0, 255};
  const OutputPair y(kChannels * 42);
  args.y = y.expected();
  reference(args);
  args.y = y.actual();
  kernel(args);
  y.Check(name, "ties");
}

CUTIS_KERNEL_TEST(ConvSparseU8) {
  constexpr size_t kPixels[] = {1, 2, 3, 4, 5, 7, 12, 13, 29, 41, 42, 43, 44, 45, 46};
  constexpr int32_t kChannels[] = {1, 4, 8, 15, 16, 17, 24, 32, 33, 64, 130};
  constexpr int32_t kGroups[] = {1, 2, 9, 40};
  constexpr int kDead[] = {0, 50, 75, 90, 100};
  uint64_t seed = 1;
  for (size_t pixels : kPixels) {
    for (int32_t channels : kChannels) {
      for (int32_t groups : kGroups) {
        for (int dead : kDead) {
          const size_t x_gap = seed % 3 == 0 ? 0 : seed % 7, y_gap = seed % 2 == 0 ? 0 : seed % 5;
          RunCase(reference, kernel, name, {pixels, channels, groups, dead, x_gap, y_gap, seed % 4 == 0}, seed);
          ++seed;
        }
      }
    }
  }
  for (const int32_t groups : {127, 128, 129, 300, 520}) {  // several chunks of k-groups, several blocks of pixels
    for (const int dead : {40, 75, 99}) RunCase(reference, kernel, name, {97, 37, groups, dead, 3, 1, groups == 129}, seed++);
  }
  RunLargest(reference, kernel, name);
  RunTies(reference, kernel, name);
}

CUTIS_KERNEL_BENCH(ConvSparseU8) {
  struct Layer {
    const char* name;
    size_t pixels;
    int32_t k, channels;
  };
  constexpr Layer kLayers[] = {{"40x40x24 -> 144", 1600, 24, 144}, {"20x20x240 -> 40", 400, 240, 40},
                               {"10x10x480 -> 80", 100, 480, 80},  {"10x10x112 -> 672", 100, 112, 672},
                               {"5x5x1152 -> 320", 25, 1152, 320}, {"dense 1280 -> 1000", 1, 1280, 1000}};
  Random random(1);
  for (const Layer& layer : kLayers) {
    for (const int dead : {0, 50, 75, 90}) {
      const size_t k = static_cast<size_t>(layer.k), padded = RoundUp(static_cast<size_t>(layer.channels), 16);
      const Lists lists(random, padded / 16, layer.k / 4, dead);
      const GuardedBuffer x(layer.pixels * k), w(lists.live.size() * 64), bias(padded * 4), multiplier(padded * 4),
          y(layer.pixels * padded), scratch(ConvU8ScratchBytes(layer.k / 4));
      random.Fill(x.bytes());
      random.FillWeights(w.as<int8_t>());
      FillMultipliers(random, 8192.0 * static_cast<double>(k), multiplier.as<float>());
      ConvSparseU8Args args = {};
      args.x = x.data();
      args.x_stride = k;
      args.pixels = layer.pixels;
      args.w = w.as<int8_t>().data();
      args.panel_starts = lists.starts.data();
      args.live = lists.live.data();
      args.bias = bias.as<int32_t>().data();
      args.multiplier = multiplier.as<float>().data();
      args.scratch = reinterpret_cast<std::byte*>(scratch.data());
      args.y = y.data();
      args.y_stride = padded;
      args.channels = layer.channels;
      // The rate is that of the work done; the time shows what pruning saves.
      const std::string name = std::string(layer.name) + ", " + std::to_string(dead) + " %";
      bench.Run(name.c_str(), 2.0 * static_cast<double>(layer.pixels * lists.live.size() * 64), [&] { kernel(args); });
    }
  }
}

}  // namespace
}  // namespace cutis::test
