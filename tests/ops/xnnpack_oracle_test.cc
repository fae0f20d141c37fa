// XNNPACK's int8 convolution (qc8: one scale per output channel) as an oracle that we did not write. It takes int8 activations:
// byte^0x80, zero points less 128. Its arithmetic is the same fp32 requantisation, so the bytes must be equal.
#include <doctest/doctest.h>

#if defined(CUTIS_XNNPACK)
#include <xnnpack.h>
#endif

#include <vector>

#include "tests/ops/conv_u8_node.h"

namespace cutis::test {
namespace {

#if defined(CUTIS_XNNPACK)

int8_t Signed(int32_t byte) { return static_cast<int8_t>(byte - 128); }
uint32_t Unsigned(int32_t value) { return static_cast<uint32_t>(value); }

// XNNPACK's result for image 0, as our bytes, [pixels][channels].
std::vector<uint8_t> RunXnnpack(const ConvU8TestNode& test) {
  const ConvLayer& layer = test.layer;
  const Window& w = layer.window;
  const bool depthwise = layer.kind == OpKind::kDepthwise;
  const int32_t groups = depthwise ? layer.in_c : layer.groups;
  const OutputU8 clamp = test.Clamp();
  // Our bias contains -z_x * sum(w) already; XNNPACK subtracts the zero point itself.
  std::vector<int32_t> bias = test.plain_bias;
  const size_t terms = test.plain.size() / bias.size();
  for (size_t i = 0; i < test.plain.size(); ++i) bias[i / terms] += test.in.zero_point * test.plain[i];
  std::vector<int8_t> x(test.in.image_bytes + XNN_EXTRA_BYTES);
  for (size_t i = 0; i < test.in.image_bytes; ++i) x[i] = Signed(test.x.data()[i]);
  const size_t pixels = static_cast<size_t>(test.out.shape.height) * static_cast<size_t>(test.out.shape.width);
  std::vector<int8_t> y(pixels * static_cast<size_t>(layer.out_c) + XNN_EXTRA_BYTES);

  xnn_operator_t op = nullptr;
  REQUIRE(xnn_create_convolution2d_nhwc_qc8(
              Unsigned(w.pad_top), Unsigned(w.pad_right), Unsigned(w.pad_bottom), Unsigned(w.pad_left), Unsigned(w.kernel_h),
              Unsigned(w.kernel_w), Unsigned(w.stride_h), Unsigned(w.stride_w), Unsigned(w.dilation_h), Unsigned(w.dilation_w),
              Unsigned(groups), Unsigned(layer.in_c / groups), Unsigned(layer.out_c / groups), Unsigned(test.in.channel_stride),
              Unsigned(layer.out_c), Signed(test.in.zero_point), 1.0f, test.plain_multiplier.data(), test.plain.data(),
              bias.data(), Signed(clamp.zero_point), 1.0f, Signed(clamp.lo), Signed(clamp.hi), 0, &op) == xnn_status_success);
  const xnn_status ready =
      xnn_setup_convolution2d_nhwc_qc8(op, 1, Unsigned(layer.in_h), Unsigned(layer.in_w), x.data(), y.data(), nullptr);
  const xnn_status done = ready == xnn_status_success ? xnn_run_operator(op, nullptr) : ready;
  xnn_delete_operator(op);
  REQUIRE(done == xnn_status_success);
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < pixels * static_cast<size_t>(layer.out_c); ++i) bytes.push_back(static_cast<uint8_t>(y[i] + 128));
  return bytes;
}

void CheckAgainstXnnpack(const ConvLayer& layer, uint64_t seed) {
  ConvU8TestNode test(layer, seed);
  INFO(Describe(layer));
  // XNNPACK refuses an empty range; ours may be one value.
  if (test.Clamp().lo == test.Clamp().hi) return;
  REQUIRE(test.op->check(test.node).ok());
  const std::vector<uint8_t> expected = RunXnnpack(test);
  const Kernel* kernel = ChooseKernel(KernelKindOf(*test.op, test.node), DetectCpu());
  test.Run(*kernel, {0, test.op->units(test.node, layer.batch)});
  const size_t channels = static_cast<size_t>(layer.out_c), stride = static_cast<size_t>(test.out.channel_stride);
  size_t different = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    different += expected[i] != test.y.data()[i / channels * stride + i % channels] ? 1 : 0;
  }
  CHECK(different == 0);
}

#endif

TEST_CASE("conv and depthwise u8 equal XNNPACK's int8 convolution") {
#if defined(CUTIS_XNNPACK)
  if (xnn_initialize(nullptr) != xnn_status_success) {
    MESSAGE("skipped: XNNPACK does not support this machine");
    return;
  }
  constexpr Window kWindows[] = {{1, 1, 1, 1, 1, 1, 0, 0, 0, 0},
                                 {3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
                                 {3, 3, 2, 2, 1, 1, 0, 0, 1, 1},
                                 {5, 5, 2, 1, 1, 1, 2, 1, 2, 3},
                                 {3, 2, 1, 1, 2, 2, 2, 1, 0, 3}};
  uint64_t seed = 1;
  for (const Window& window : kWindows) {
    for (int32_t channels : {3, 8, 20, 33}) {
      for (int32_t outs : {5, 16, 40}) {
        CheckAgainstXnnpack({OpKind::kConv, 1, 9, 10, channels, outs, 1, window, false, 0, 0}, seed++);
      }
      CheckAgainstXnnpack({OpKind::kDepthwise, 1, 9, 10, channels, channels, 1, window, false, 0, 0}, seed++);
    }
    CheckAgainstXnnpack({OpKind::kConv, 1, 9, 10, 12, 18, 3, window, false, 0, 0}, seed++);
  }
#else
  MESSAGE("skipped: this build has no XNNPACK");
#endif
}

}  // namespace
}  // namespace cutis::test
