// The planner: valid plans, never below the bound, at the bound where that is known to be reachable.
#include "converter/plan/plan.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

uint64_t BoundOf(const std::vector<PlannedBuffer>& buffers) {
  int32_t last = 0;
  for (const PlannedBuffer& buffer : buffers) last = std::max(last, buffer.last_step);
  std::vector<StepMemory> steps(static_cast<size_t>(last) + 2);
  MeasureSteps(buffers, {}, steps);
  return ArenaLowerBound(steps, 1, 1);
}

uint64_t CheckPlacement(std::vector<PlannedBuffer>& buffers) {
  const uint64_t bytes = PlaceBuffers(buffers).bytes;
  const Status status = CheckPlan(buffers, bytes);
  INFO(std::string(status.text()));
  CHECK(status.ok());
  CHECK(bytes >= BoundOf(buffers));
  return bytes;
}

}  // namespace

TEST_CASE("random lifetimes") {
  Random random(3);
  double ratio = 0;
  constexpr int kGraphs = 60;
  for (int graph = 0; graph < kGraphs; ++graph) {
    std::vector<PlannedBuffer> buffers(static_cast<size_t>(1 + random.Below(60)));
    for (PlannedBuffer& buffer : buffers) {
      buffer.bytes = 64 * static_cast<uint64_t>(1 + random.Below(graph % 2 == 0 ? 10 : 1000));
      buffer.first_step = random.Below(40) - 1;
      buffer.last_step = buffer.first_step + random.Below(graph % 3 == 0 ? 3 : 20);
    }
    const uint64_t bytes = CheckPlacement(buffers);
    ratio += static_cast<double>(bytes) / static_cast<double>(BoundOf(buffers)) / kGraphs;
  }
  CHECK(ratio < 1.02);
}

TEST_CASE("chains with and without residuals reach the bound") {
  Random random(5);
  for (const bool residual : {false, true}) {
    for (int graph = 0; graph < 20; ++graph) {
      std::vector<PlannedBuffer> buffers;
      for (int32_t step = -1; step < 60; ++step) {
        const int32_t last = residual && step % 3 == 0 ? step + 3 : step + 1;
        buffers.push_back({0, 64 * static_cast<uint64_t>(1 + random.Below(500)), step, last});
      }
      const uint64_t bytes = CheckPlacement(buffers);
      if (!residual) CHECK(bytes == BoundOf(buffers));
    }
  }
}

TEST_CASE("one buffer, none, and the same twice") {
  std::vector<PlannedBuffer> one = {{999, 128, -1, 4}};
  CHECK(CheckPlacement(one) == 128);
  CHECK(one[0].offset == 0);
  std::vector<PlannedBuffer> none;
  CHECK(PlaceBuffers(none).bytes == 0);

  Random random(9);
  std::vector<PlannedBuffer> a;
  for (int32_t i = 0; i < 50; ++i) a.push_back({0, 64 * static_cast<uint64_t>(1 + random.Below(99)), i - random.Below(9), i});
  std::vector<PlannedBuffer> b = a;
  CHECK(PlaceBuffers(a).bytes == PlaceBuffers(b).bytes);
  for (size_t i = 0; i < a.size(); ++i) CHECK(a[i].offset == b[i].offset);
}

}  // namespace cutis::convert
