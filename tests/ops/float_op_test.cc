// The float32 operators conv, depthwise and dense against direct sums in double, against PyTorch, and what they refuse.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

#include "tests/ops/float_layer.h"

namespace cutis::test {
namespace {

TEST_CASE("float layers agree with direct sums") {
  uint64_t seed = 1;
  for (const FloatLayer& layer : FloatLayers()) {
    CAPTURE(seed);
    FloatCase c(layer, seed++);
    c.op().Run();
    // A sum of some thousand terms, each step rounded.
    CHECK(c.Error() < 1e-5);
  }
}

// tests/ops/make_float_fixtures.py: per layer nine int32 (kind, height, width, in, out, kernel, stride, padding, groups), then
// as float32 the input (NHWC), the weights [out][ky][kx][in], the bias and PyTorch's output (NHWC).
class Fixture {
 public:
  explicit Fixture(const char* name) {
    const char* tests = std::getenv("CUTIS_TESTS");
    if (tests != nullptr) file_ = std::fopen((std::string(tests) + "/ops/data/" + name).c_str(), "rb");
  }
  ~Fixture() {
    if (file_ != nullptr) std::fclose(file_);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  bool is_open() const { return file_ != nullptr; }
  // False at the end of the file.
  template <class T>
  bool Read(T* values, size_t count) {
    return std::fread(values, sizeof(T), count, file_) == count;
  }
  float Next() {
    float value = std::numeric_limits<float>::quiet_NaN();
    CHECK(Read(&value, 1));
    return value;
  }

 private:
  std::FILE* file_ = nullptr;
};

TEST_CASE("float layers agree with PyTorch") {
  Fixture fixture("float_layers.bin");
  REQUIRE_MESSAGE(fixture.is_open(), "set CUTIS_TESTS to the folder tests (meson test does)");
  int32_t n[9];
  int layers = 0;
  while (fixture.Read(n, 9)) {
    FloatLayer layer;
    layer.kind = n[0] == 0 ? OpKind::kConv : n[0] == 1 ? OpKind::kDepthwise : OpKind::kDense;
    layer.in = {n[1], n[2], n[3]};
    layer.out_channels = n[4];
    layer.window = {n[5], n[5], n[6], n[6], 1, 1, n[7], n[7], n[7], n[7]};
    layer.groups = n[8];
    layer.batch = 1;
    FloatCase c(layer, 1);
    c.op().Fill<float>(0, [&] { return fixture.Next(); });
    for (float& weight : c.weights()) weight = fixture.Next();
    for (float& bias : c.bias()) bias = fixture.Next();
    c.Pack();
    c.op().Run();
    double worst = 0, largest = 0;
    c.op().ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t channel) {
      const double expected = static_cast<double>(fixture.Next());
      worst = std::fmax(worst, std::fabs(static_cast<double>(c.op().Out<float>(i, y, x, channel)) - expected));
      largest = std::fmax(largest, std::fabs(expected));
    });
    CHECK(worst <= 1e-5 * largest);
    ++layers;
  }
  CHECK(layers == 6);
}

TEST_CASE("float layers refuse what does not fit") {
  for (const OpKind kind : {OpKind::kConv, OpKind::kDense}) {
    FloatLayer layer;
    layer.kind = kind;
    layer.in = {1, 1, 20};
    layer.out_channels = 33;
    FloatCase c(layer, 1);
    CHECK(!c.op().IsRefused());
    const ConvF32Options good = *std::get_if<ConvF32Options>(&c.op().node().options);
    const auto refused_with = [&](auto change) {
      ConvF32Options changed = good;
      change(changed);
      c.op().node().options = changed;
      return c.op().IsRefused();
    };
    CHECK(refused_with([](ConvF32Options& o) { o.weights = o.weights.first(o.weights.size() - 1); }));
    CHECK(refused_with([](ConvF32Options& o) { o.weights = o.weights.subspan(1); }));
    CHECK(refused_with([](ConvF32Options& o) { o.bias = o.bias.first(33); }));
    CHECK(refused_with([](ConvF32Options& o) { o.groups = 0; }));
    CHECK(refused_with([](ConvF32Options& o) { o.groups = 2; }));
    CHECK(refused_with([](ConvF32Options& o) { o.groups = -1; }));
    CHECK(refused_with([](ConvF32Options& o) { o.min = 1, o.max = 0; }));
    CHECK(refused_with([](ConvF32Options& o) { o.max = std::numeric_limits<float>::quiet_NaN(); }));
    CHECK(refused_with([](ConvF32Options& o) { o.window.kernel_h = 2; }));
    CHECK(refused_with([](ConvF32Options& o) { o.window.stride_w = 0; }));
    CHECK(refused_with([](ConvF32Options& o) { o.window.pad_top = 1; }));
    CHECK(refused_with([](ConvF32Options& o) { o.window.dilation_w = 1 << 20; }));
    CHECK((kind == OpKind::kConv || refused_with([](ConvF32Options& o) { o.window.pad_top = 1, o.window.stride_h = 2; })));
    CHECK(!refused_with([](ConvF32Options&) {}));
    c.op().node().options = AddF32Options{};
    CHECK(c.op().IsRefused());
  }
  FloatLayer layer;
  layer.kind = OpKind::kDepthwise;
  layer.in = {4, 4, 20};
  layer.out_channels = 20;
  layer.window = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
  FloatCase c(layer, 1);
  CHECK(!c.op().IsRefused());
  const DepthwiseF32Options good = *std::get_if<DepthwiseF32Options>(&c.op().node().options);
  const auto refused_with = [&](auto change) {
    DepthwiseF32Options changed = good;
    change(changed);
    c.op().node().options = changed;
    return c.op().IsRefused();
  };
  CHECK(refused_with([](DepthwiseF32Options& o) { o.weights = o.weights.first(o.weights.size() - 16); }));
  CHECK(refused_with([](DepthwiseF32Options& o) { o.bias = o.bias.first(20); }));
  CHECK(refused_with([](DepthwiseF32Options& o) { o.window.kernel_w = 5; }));
  CHECK(refused_with([](DepthwiseF32Options& o) { o.min = 2, o.max = 1; }));
  CHECK(!refused_with([](DepthwiseF32Options&) {}));
  c.op().output().shape.channels = 19;
  CHECK(c.op().IsRefused());
}

}  // namespace
}  // namespace cutis::test
