// The uint8 operators conv, dense and depthwise against direct sums written here: plain weights, explicit padding, int64.
// Also: any cut of the units gives the same bytes, nothing outside the outputs is written, and damaged nodes are refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tests/ops/conv_u8_node.h"

namespace cutis::test {
namespace {

using Layer = ConvLayer;
using TestNode = ConvU8TestNode;

void CheckLayer(const Layer& layer, uint64_t seed) {
  TestNode test(layer, seed);
  INFO(Describe(layer));
  REQUIRE(test.op != nullptr);
  const Status status = test.op->check(test.node);
  REQUIRE_MESSAGE(status.ok(), std::string(status.text()));
  CHECK(test.op->scratch_bytes(test.node) % kAlignment == 0);
  const std::vector<uint8_t> before(test.y.bytes().begin(), test.y.bytes().end());
  const std::vector<uint8_t> expected = test.Expected();
  const int64_t units = test.op->units(test.node, layer.batch);
  REQUIRE(units >= 1);
  for (const Kernel& kernel : Kernels()) {
    if (kernel.kind != KernelKindOf(*test.op, test.node) || (kernel.needs & ~DetectCpu()) != 0) continue;
    INFO(std::string(kernel.name));
    // Whole, then cut at every boundary in turn, then unit by unit.
    for (int64_t cut = 0; cut <= units; ++cut) {
      std::vector<int64_t> cuts = {0, cut, units};
      if (cut == units) {
        cuts.clear();
        for (int64_t unit = 0; unit <= units; ++unit) cuts.push_back(unit);
      }
      std::copy(before.begin(), before.end(), test.y.data());
      test.Run(kernel, cuts);
      CHECK(std::memcmp(expected.data(), test.y.data(), expected.size()) == 0);
    }
  }
}

TEST_CASE("conv u8: direct sums, every cut") {
  size_t seed = 1;
  const auto conv = [&](int32_t h, int32_t w, int32_t in, int32_t out, int32_t groups, const Window& window,
                        bool own_padding = false, int32_t stride_gap = 0, size_t image_gap = 0, int32_t batch = 2) {
    CheckLayer({OpKind::kConv, batch, h, w, in, out, groups, window, own_padding, stride_gap, image_gap}, seed++);
  };
  const Window one = {};
  const Window three = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
  conv(8, 8, 8, 24, 1, one);  // images without a gap: one run of pixels
  conv(4, 4, 16, 16, 1, one, false, 0, 0, 3);
  conv(5, 7, 6, 17, 1, one);  // a padded pixel, a gap between images
  conv(3, 3, 5, 3, 1, one, false, 4, 64);
  conv(5, 5, 16, 20, 2, one);                            // groups in place
  conv(5, 5, 6, 10, 2, one);                             // groups of 3 channels: copied
  conv(6, 7, 3, 32, 1, {3, 3, 2, 2, 1, 1, 0, 0, 1, 1});  // the stem, padded at one side
  conv(6, 7, 3, 19, 1, three, true);
  conv(9, 8, 5, 7, 1, {3, 2, 2, 1, 1, 2, 2, 1, 0, 3}, true);  // dilation, uneven everything
  conv(9, 9, 8, 16, 1, {3, 3, 1, 1, 2, 3, 2, 3, 2, 3});
  conv(7, 7, 12, 18, 3, three, true);
  conv(7, 7, 9, 6, 3, {3, 3, 2, 1, 1, 1, 1, 0, 0, 2});
  conv(6, 6, 4, 4, 4, three);                           // as many groups as channels
  conv(5, 6, 4, 8, 1, {1, 1, 2, 2, 1, 1, 0, 0, 0, 0});  // 1x1 with a stride
  conv(4, 4, 4, 8, 1, {1, 1, 1, 1, 1, 1, 1, 0, 0, 1});  // 1x1 with padding
  conv(3, 3, 4, 5, 1, {3, 3, 1, 1, 1, 1, 4, 4, 4, 4});  // windows wholly in the padding
  conv(7, 7, 40, 33, 1, {7, 7, 1, 1, 1, 1, 0, 0, 0, 0}, false, 0, 0, 1);
}

TEST_CASE("conv u8: more pixels than a block") {
  // Blocks hold at most 64 * 12 pixels; here one unit range covers several.
  CheckLayer({OpKind::kConv, 1, 41, 40, 4, 4, 1, {}, false, 0, 0}, 100);
  CheckLayer({OpKind::kConv, 1, 31, 30, 3, 4, 1, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, false, 0, 0}, 101);
}

TEST_CASE("dense u8: direct sums, every cut") {
  size_t seed = 1;
  for (int32_t batch : {1, 2, 5}) {
    for (int32_t in : {4, 7, 33, 320}) {
      for (int32_t out : {1, 7, 16, 17, 50}) {
        CheckLayer({OpKind::kDense, batch, 1, 1, in, out, 1, {}, false, 0, seed % 2 * 64}, seed);
        ++seed;
      }
    }
  }
}

TEST_CASE("pruned conv and dense u8: direct sums, every cut") {
  size_t seed = 1;
  const auto conv = [&](int32_t h, int32_t w, int32_t in, int32_t out, int32_t groups, const Window& window, int dead,
                        int32_t stride_gap = 0, size_t image_gap = 0) {
    CheckLayer({OpKind::kConv, 2, h, w, in, out, groups, window, seed % 2 == 0, stride_gap, image_gap, dead}, seed);
    ++seed;
  };
  for (const int dead : {1, 50, 75, 95, 100}) {
    conv(8, 8, 8, 24, 1, {}, dead);
    conv(5, 7, 40, 17, 1, {}, dead);
    conv(3, 3, 5, 3, 1, {}, dead, 4, 64);
    conv(5, 5, 16, 40, 2, {}, dead);
    conv(5, 5, 6, 10, 2, {}, dead);
    conv(6, 7, 3, 33, 1, {3, 3, 2, 2, 1, 1, 0, 0, 1, 1}, dead);
    conv(7, 7, 12, 54, 3, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, dead);
    conv(6, 6, 4, 4, 4, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, dead);
    CheckLayer({OpKind::kDense, 3, 1, 1, 33, 50, 1, {}, false, 0, 64, dead}, seed);
    CheckLayer({OpKind::kDense, 1, 1, 1, 320, 7, 1, {}, false, 0, 0, dead}, seed);
  }
}

TEST_CASE("pruned weights give the bits of the dense ones") {
  for (const Layer& layer : {Layer{OpKind::kConv, 2, 9, 8, 22, 40, 1, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, true, 0, 0, 70},
                             Layer{OpKind::kConv, 2, 9, 8, 100, 70, 1, {}, false, 0, 0, 70},
                             Layer{OpKind::kDense, 3, 1, 1, 130, 70, 1, {}, false, 0, 0, 70}}) {
    TestNode sparse(layer, 9), dense(layer, 9);
    ConvU8Options& options = *std::get_if<ConvU8Options>(&dense.node.options);
    options.weights = dense.weights.as<int8_t>();
    options.panel_starts = {};
    options.live = {};
    REQUIRE(sparse.op->check(sparse.node).ok());
    REQUIRE(dense.op->check(dense.node).ok());
    CHECK(sparse.node.inputs[0]->zero_point == dense.node.inputs[0]->zero_point);
    const std::vector<int64_t> whole = {0, sparse.op->units(sparse.node, layer.batch)};
    sparse.Run(*ChooseKernel(KernelKind::kConvSparseU8, DetectCpu()), whole);
    dense.Run(*ChooseKernel(KernelKind::kConvU8, DetectCpu()), whole);
    CHECK(std::memcmp(sparse.y.data(), dense.y.data(), dense.y.size()) == 0);
  }
}

TEST_CASE("depthwise u8: direct sums, every cut") {
  size_t seed = 1;
  constexpr Window kWindows[] = {{3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
                                 {3, 3, 2, 2, 1, 1, 0, 0, 1, 1},
                                 {5, 5, 2, 1, 1, 1, 2, 1, 2, 3},
                                 {3, 4, 1, 2, 2, 1, 1, 0, 3, 2},
                                 {1, 1, 1, 1, 1, 1, 0, 0, 0, 0}};
  for (const Window& window : kWindows) {
    for (int32_t channels : {3, 16, 18, 40}) {
      const bool own_padding = seed % 2 == 0;
      CheckLayer(
          {OpKind::kDepthwise, 2, 8, 9, channels, channels, 1, window, own_padding, seed % 3 == 0 ? 4 : 0, seed % 4 * 64},
          seed);
      ++seed;
    }
  }
}

// check() must refuse the node after `damage`.
template <class Damage>
void CheckRefused(const Layer& layer, const char* what, Damage damage) {
  TestNode test(layer, 5);
  REQUIRE(test.op->check(test.node).ok());
  damage(test);
  const Status status = test.op->check(test.node);
  INFO(std::string(what));
  CHECK(!status.ok());
  CHECK(std::strchr(status.text(), '\n') == nullptr);
}

TEST_CASE("damaged nodes are refused") {
  const Layer conv = {OpKind::kConv, 1, 8, 8, 6, 20, 2, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, true, 0, 0};
  const Layer dense = {OpKind::kDense, 1, 1, 1, 6, 20, 1, {}, false, 0, 0};
  const Layer depthwise = {OpKind::kDepthwise, 1, 8, 8, 20, 20, 1, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, true, 0, 0};
  for (const Layer& layer : {conv, dense, depthwise}) {
    CAPTURE(Describe(layer));
    const auto refused = [&](const char* what, auto damage) { CheckRefused(layer, what, damage); };
    // The options of either kind, by a generic function.
    const auto with = [](auto change) {
      return [change](TestNode& t) {
        std::visit(
            [&](auto& options) {
              if constexpr (requires {
                              options.multiplier;
                              options.padding;
                            })
                change(t, options);
            },
            t.node.options);
      };
    };
    refused("no input", [](TestNode& t) { t.node.inputs = {}; });
    refused("float input", [](TestNode& t) { t.in.type = DataType::kF32; });
    refused("float output", [](TestNode& t) { t.out.type = DataType::kF32; });
    refused("other options", [](TestNode& t) { t.node.options = ReshapeOptions(); });
    refused("height", [](TestNode& t) {
      ++t.out.shape.height;
      t.out.image_bytes *= 4;
    });
    refused("width", [](TestNode& t) { t.in.shape.width = 1 << 20; });
    refused("no height", [](TestNode& t) { t.in.shape.height = 0; });
    refused("negative height", [](TestNode& t) { t.in.shape.height = -1; });
    refused("huge shape", [](TestNode& t) { t.in.shape = {INT32_MAX, INT32_MAX, t.in.shape.channels}; });
    refused("channels in", [](TestNode& t) {
      t.in.shape.channels += 8;
      t.in.channel_stride += 8;
      t.in.image_bytes *= 4;
    });
    refused("channels out", [](TestNode& t) {
      t.out.shape.channels += 16;
      t.out.channel_stride += 16;
      t.out.image_bytes *= 4;
    });
    refused("channel stride", [](TestNode& t) { t.in.channel_stride = t.in.shape.channels - 1; });
    refused("odd channel stride", [](TestNode& t) {
      t.out.channel_stride += 1;
      t.out.image_bytes *= 4;
    });
    refused("image bytes", [](TestNode& t) { t.in.image_bytes -= 64; });
    refused("crooked image bytes", [](TestNode& t) { t.out.image_bytes += 1; });
    refused("zero point", [](TestNode& t) { t.in.zero_point = 256; });
    refused("other zero point", [](TestNode& t) { t.out.zero_point = 255 - t.out.zero_point; });
    refused("lo > hi", with([](TestNode&, auto& o) { o.out.lo = 9, o.out.hi = 8; }));
    refused("hi", with([](TestNode&, auto& o) { o.out.hi = 256; }));
    refused("lo", with([](TestNode&, auto& o) { o.out.lo = -1; }));
    refused("stride 0", with([](TestNode&, auto& o) { o.window.stride_h = 0; }));
    refused("negative padding", with([](TestNode&, auto& o) { o.window.pad_left = -1; }));
    refused("kernel", with([](TestNode&, auto& o) { o.window.kernel_w = INT32_MAX; }));
    refused("huge window", with([](TestNode&, auto& o) {
              o.window.kernel_h = o.window.kernel_w = INT32_MAX;
              o.window.pad_top = o.window.pad_left = o.window.pad_bottom = o.window.pad_right = INT32_MAX;
            }));
    refused("few weights", with([](TestNode&, auto& o) { o.weights = o.weights.first(o.weights.size() - 64); }));
    refused("crooked weights", with([](TestNode&, auto& o) { o.weights = {o.weights.data() + 1, o.weights.size()}; }));
    refused("few biases", with([](TestNode&, auto& o) { o.bias = o.bias.first(o.bias.size() - 1); }));
    refused("few multipliers", with([](TestNode&, auto& o) { o.multiplier = o.multiplier.first(o.multiplier.size() - 1); }));
    refused("padding bytes", with([](TestNode& t, auto& o) { o.padding = {t.padding.data(), 1}; }));
    refused("a weight of -128", [](TestNode& t) { t.weights.as<int8_t>()[17] = -128; });
    refused("a weight in the tail", [](TestNode& t) {
      // The first one that packing left at zero: k or tap 3 of channel 0 in the last row of a panel.
      const size_t row = t.layer.kind == OpKind::kDense ? 64 : t.layer.kind == OpKind::kDepthwise ? 128 : 0;
      t.weights.as<int8_t>()[row + 3] = 1;
    });
    refused("bias", [](TestNode& t) { t.bias.as<int32_t>()[3] = INT32_MIN; });
    refused("largest bias", [](TestNode& t) { t.bias.as<int32_t>()[3] = INT32_MAX - 32512; });
    for (float bad : {0.0f, -1.0f, 0x1p-33f, 256.0f, INFINITY, NAN}) {
      refused("multiplier", [bad](TestNode& t) { t.multiplier.as<float>()[4] = bad; });
    }
  }
  CheckRefused(conv, "groups", [](TestNode& t) { std::get_if<ConvU8Options>(&t.node.options)->groups = 4; });
  CheckRefused(conv, "no groups", [](TestNode& t) { std::get_if<ConvU8Options>(&t.node.options)->groups = 0; });
  CheckRefused(conv, "second group's multiplier", [](TestNode& t) { t.multiplier.as<float>()[16] = 0.0f; });
  CheckRefused(dense, "groups", [](TestNode& t) { std::get_if<ConvU8Options>(&t.node.options)->groups = 2; });
  // Tails beyond the true channels are never used, so what they hold is nobody's concern.
  TestNode tails(conv, 5);
  tails.multiplier.as<float>()[15] = NAN;
  tails.bias.as<int32_t>()[15] = INT32_MIN;
  CHECK(tails.op->check(tails.node).ok());
}

TEST_CASE("damaged lists of live rows are refused") {
  // 2 groups of 10 outputs from 5 inputs: 2 panels of 9 taps * 2 k-groups; and a dense layer of 2 panels of 3 k-groups.
  const Layer conv = {OpKind::kConv, 1, 8, 8, 10, 20, 2, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, true, 0, 0, 40};
  const Layer dense = {OpKind::kDense, 1, 1, 1, 11, 20, 1, {}, false, 0, 0, 40};
  for (const Layer& layer : {conv, dense}) {
    CAPTURE(Describe(layer));
    const size_t k_groups = layer.kind == OpKind::kConv ? 18 : 3;
    const auto refused = [&](const char* what, auto damage) {
      CheckRefused(layer, what, [&](TestNode& t) {
        ConvU8Options& o = *std::get_if<ConvU8Options>(&t.node.options);
        damage(t, o, o.panel_starts[1], t.panel_starts->as<uint32_t>(), t.live->as<uint16_t>());
      });
    };
    using Starts = std::span<uint32_t>;
    using Live = std::span<uint16_t>;
    refused("no starts", [](TestNode&, ConvU8Options& o, size_t, Starts, Live) { o.panel_starts = {}; });
    refused("few starts", [](TestNode&, ConvU8Options& o, size_t, Starts, Live) { o.panel_starts = o.panel_starts.first(2); });
    refused("no live rows", [](TestNode&, ConvU8Options& o, size_t, Starts, Live) { o.live = {}; });
    refused("few live rows",
            [](TestNode&, ConvU8Options& o, size_t, Starts, Live) { o.live = o.live.first(o.live.size() - 1); });
    refused("few weights", [](TestNode&, ConvU8Options& o, size_t, Starts, Live) { o.weights = o.weights.first(64); });
    refused("odd weights",
            [](TestNode&, ConvU8Options& o, size_t, Starts, Live) { o.weights = o.weights.first(o.weights.size() - 1); });
    refused("crooked weights", [](TestNode&, ConvU8Options& o, size_t, Starts, Live) {
      o.weights = {o.weights.data() + 1, o.weights.size()};
    });
    refused("starts later", [](TestNode&, ConvU8Options&, size_t, Starts starts, Live) { starts[0] = 1; });
    refused("starts beyond", [](TestNode&, ConvU8Options&, size_t, Starts starts, Live) { starts[1] = UINT32_MAX; });
    refused("starts backwards", [](TestNode&, ConvU8Options&, size_t, Starts starts, Live live) {
      starts[1] = static_cast<uint32_t>(live.size() + 1);
    });
    refused("ends early", [](TestNode&, ConvU8Options&, size_t, Starts starts, Live) { --starts.back(); });
    refused("k-group beyond",
            [&](TestNode&, ConvU8Options&, size_t, Starts, Live live) { live.back() = static_cast<uint16_t>(k_groups); });
    refused("the same twice",
            [](TestNode&, ConvU8Options&, size_t second, Starts, Live live) { live[second + 1] = live[second]; });
    refused("out of order",
            [](TestNode&, ConvU8Options&, size_t second, Starts, Live live) { std::swap(live[second + 1], live[second]); });
    refused("a weight of -128", [](TestNode& t, ConvU8Options&, size_t, Starts, Live) { t.rows->as<int8_t>()[65] = -128; });
    refused("a weight beyond the channels", [&](TestNode& t, ConvU8Options& o, size_t, Starts, Live live) {
      const size_t of_tap = layer.kind == OpKind::kConv ? 2 : 3;
      const size_t row = static_cast<size_t>(
          std::find_if(live.begin(), live.end(), [&](uint16_t group) { return group % of_tap == of_tap - 1; }) - live.begin());
      REQUIRE(row < o.live.size());
      t.rows->as<int8_t>()[row * 64 + 7] = 1;
    });
    refused("bias", [](TestNode& t, ConvU8Options&, size_t, Starts, Live) { t.bias.as<int32_t>()[17] = INT32_MIN; });
    refused("multiplier", [](TestNode& t, ConvU8Options&, size_t, Starts, Live) { t.multiplier.as<float>()[17] = 0; });
  }
  // Far more k-groups than a list can name.
  CheckRefused({OpKind::kConv, 1, 1, 1, 4, 4, 1, {}, true, 0, 0, 40}, "a huge window", [](TestNode& t) {
    ConvU8Options& o = *std::get_if<ConvU8Options>(&t.node.options);
    o.window.kernel_h = o.window.kernel_w = 300;
    o.window.pad_bottom = o.window.pad_right = 299;
  });
}

TEST_CASE("the bound of pruned sums counts the live rows of a panel") {
  // 64 inputs, of which each panel keeps some rows: 32512 * 4 * rows + |bias| < 2^31.
  const Layer layer = {OpKind::kDense, 1, 1, 1, 64, 32, 1, {}, false, 0, 0, 50};
  TestNode test(layer, 2);
  const std::span<const uint32_t> starts = std::get_if<ConvU8Options>(&test.node.options)->panel_starts;
  REQUIRE(starts[1] != starts[2] - starts[1]);
  for (size_t panel = 0; panel < 2; ++panel) {
    const int64_t most = (int64_t{1} << 31) - 1 - 32512 * 4 * int64_t{starts[panel + 1] - starts[panel]};
    int32_t& bias = test.bias.as<int32_t>()[panel * 16];
    bias = static_cast<int32_t>(most);
    CHECK(test.op->check(test.node).ok());
    bias = static_cast<int32_t>(most + 1);
    CHECK(!test.op->check(test.node).ok());
    bias = 0;
  }
}

TEST_CASE("the bound of the sums is exact") {
  // One channel of 8 terms: 32512 * 8 + |bias| < 2^31.
  const Layer layer = {OpKind::kDense, 1, 1, 1, 8, 1, 1, {}, false, 0, 0};
  TestNode test(layer, 1);
  constexpr int64_t kMost = (int64_t{1} << 31) - 1 - 32512 * 8;
  for (int64_t sign : {-1, 1}) {
    test.bias.as<int32_t>()[0] = static_cast<int32_t>(sign * kMost);
    CHECK(test.op->check(test.node).ok());
    test.bias.as<int32_t>()[0] = static_cast<int32_t>(sign * (kMost + 1));
    CHECK(!test.op->check(test.node).ok());
  }
}

TEST_CASE("multiply-adds are counted without padding channels") {
  const TestNode conv({OpKind::kConv, 1, 8, 8, 6, 20, 2, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, false, 0, 0}, 1);
  CHECK(conv.op->macs(conv.node) == 8 * 8 * 20 * 9 * 3);
  const TestNode dense({OpKind::kDense, 1, 1, 1, 7, 9, 1, {}, false, 0, 0}, 1);
  CHECK(dense.op->macs(dense.node) == 63);
  // Pruned: what is left of each panel. The weights say themselves which blocks are zero.
  for (const Layer& layer : {Layer{OpKind::kConv, 1, 5, 4, 6, 40, 2, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, false, 0, 0, 60},
                             Layer{OpKind::kDense, 1, 1, 1, 131, 35, 1, {}, false, 0, 0, 60}}) {
    const TestNode pruned(layer, 3);
    const size_t outs = static_cast<size_t>(layer.out_c / layer.groups), ins = static_cast<size_t>(layer.in_c / layer.groups);
    const size_t terms = pruned.plain.size() / static_cast<size_t>(layer.out_c);
    uint64_t expected = 0;
    for (size_t n = 0; n < static_cast<size_t>(layer.out_c); ++n) {
      const size_t first = n / outs * outs + n % outs / 16 * 16, last = std::min(first + 16, (n / outs + 1) * outs);
      for (size_t k = 0; k < terms; ++k) {
        const size_t block = k / ins * ins + k % ins / 4 * 4, end = std::min(block + 4, (k / ins + 1) * ins);
        bool alive = false;
        for (size_t row = first; row < last; ++row) {
          for (size_t i = block; i < end; ++i) alive = alive || pruned.plain[row * terms + i] != 0;
        }
        expected += alive ? 1 : 0;
      }
    }
    expected *= static_cast<uint64_t>(pruned.out.shape.height * pruned.out.shape.width);
    CHECK(expected < pruned.plain.size() * static_cast<size_t>(pruned.out.shape.height * pruned.out.shape.width) * 6 / 10);
    CHECK(pruned.op->macs(pruned.node) == expected);
  }
  const TestNode depthwise({OpKind::kDepthwise, 1, 8, 8, 5, 5, 1, {3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, false, 0, 0}, 1);
  CHECK(depthwise.op->macs(depthwise.node) == 4 * 4 * 5 * 9);
}

}  // namespace
}  // namespace cutis::test
