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
    if (kernel.kind != test.op->kernel || (kernel.needs & ~DetectCpu()) != 0) continue;
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
  uint64_t seed = 1;
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
  uint64_t seed = 1;
  for (int32_t batch : {1, 2, 5}) {
    for (int32_t in : {4, 7, 33, 320}) {
      for (int32_t out : {1, 7, 16, 17, 50}) {
        CheckLayer({OpKind::kDense, batch, 1, 1, in, out, 1, {}, false, 0, seed % 2 * 64}, seed);
        ++seed;
      }
    }
  }
}

TEST_CASE("depthwise u8: direct sums, every cut") {
  uint64_t seed = 1;
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
      // The first one that packing left at zero within a live row: k or tap 3 of channel 0.
      t.weights.as<int8_t>()[t.layer.kind == OpKind::kDense ? 64 + 3 : 3] = 1;
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
  const TestNode depthwise({OpKind::kDepthwise, 1, 8, 8, 5, 5, 1, {3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, false, 0, 0}, 1);
  CHECK(depthwise.op->macs(depthwise.node) == 4 * 4 * 5 * 9);
}

}  // namespace
}  // namespace cutis::test
