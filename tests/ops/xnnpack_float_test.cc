// XNNPACK as float backend against our own operators, its allocations, batches and threads. A program of its own, since XNNPACK
// keeps the allocator of its first user for the life of the process.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "ops/xnnpack.h"
#include "tests/ops/float_layer.h"

namespace cutis::test {

void CountCheck() { CHECK(true); }
void FailCheck(const std::string& text) { FAIL_CHECK(text); }

namespace {

// The largest difference from `expected` over the first images, in units of the largest absolute output.
double Difference(FloatCase& c, const std::vector<float>& expected, int32_t images) {
  double worst = 0, largest = 0;
  size_t at = 0;
  c.op().ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) {
    const double value = static_cast<double>(expected[at++]);
    if (i >= images) return;
    largest = std::fmax(largest, std::fabs(value));
    worst = std::fmax(worst, std::fabs(static_cast<double>(c.op().Out<float>(i, y, x, n)) - value));
  });
  return largest > 0 ? worst / largest : worst;
}

std::vector<float> Outputs(FloatCase& c) {
  std::vector<float> values;
  c.op().ForEachOutput([&](int32_t i, int32_t y, int32_t x, int32_t n) { values.push_back(c.op().Out<float>(i, y, x, n)); });
  return values;
}

TEST_CASE("XNNPACK agrees with our own float layers") {
  if (!XnnpackAvailable()) {
    MESSAGE("skipped: this build has no XNNPACK");
    return;
  }
  for (const int32_t threads : {1, 2}) {
    auto pool = CreateXnnpackThreads(threads);
    REQUIRE(pool.ok());
    uint64_t seed = 1;
    for (FloatLayer layer : FloatLayers()) {
      CAPTURE(seed);
      // Room for the bytes that XNNPACK reads behind an input.
      layer.in_gaps.image += 64;
      FloatCase c(layer, seed++);
      c.op().Run();
      const std::vector<float> expected = Outputs(c);
      const RunArgs args = c.op().run_args();
      const uint64_t bytes_before = XnnpackBytes();
      auto op = CreateXnnpackOp(c.op().node(), args, pool.value());
      REQUIRE_MESSAGE(op.ok(), op.status().text());
      CHECK(XnnpackOpBytes(op.value()) >= c.weights().size() * sizeof(float));
      CHECK(XnnpackBytes() > bytes_before);
      const uint64_t allocations = XnnpackAllocations();
      for (const int32_t images : {layer.batch, 1, layer.batch}) {
        // Ruin the outputs, so that they must be written again.
        std::fill_n(reinterpret_cast<float*>(args.output),
                    c.op().output().image_bytes * static_cast<size_t>(layer.batch) / sizeof(float), 1e9f);
        const Status status = RunXnnpackOp(op.value(), images);
        REQUIRE_MESSAGE(status.ok(), status.text());
        CHECK(Difference(c, expected, images) < 1e-5);
      }
      CHECK(XnnpackAllocations() == allocations);
      CHECK(!RunXnnpackOp(op.value(), 0).ok());
      CHECK(!RunXnnpackOp(op.value(), layer.batch + 1).ok());
      DestroyXnnpackOp(op.value());
      CHECK(XnnpackBytes() == bytes_before);
    }
    DestroyXnnpackThreads(pool.value());
  }
}

TEST_CASE("XNNPACK refuses other operators") {
  const TensorInfo tensor = MakeTensor(DataType::kF32, {2, 2, 4});
  OpCase c(OpKind::kClamp, {tensor}, tensor, ClampF32Options{0, 1}, 1, 1);
  CHECK(!XnnpackSupports(c.node()));
  const auto op = CreateXnnpackOp(c.node(), c.run_args(), nullptr);
  CHECK(!op.ok());
  CHECK(op.status().code() == Code::kUnsupported);
  CHECK(!CreateXnnpackThreads(0).ok());
}

}  // namespace
}  // namespace cutis::test
