// Which layers are put into blocks, and what the plan gains by it. That the bits stay the same is held by
// tests/ops/block_test.cc and tests/runtime/test_session.cc.
#include "converter/plan/blocks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "converter/plan/plan.h"
#include "converter/quant/quantize.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

const Window kThree = Square(3, 1, 1, 1), kOne = Square(1, 1, 0, 0);

// A network of layers on a tensor of 12 x 12 x 3, quantised. `outputs`: of the network.
FileModel Quantised(const std::function<std::vector<int>(NetBuilder&)>& layers) {
  NetBuilder builder(5, {12, 12, 3});
  const std::vector<int> outputs = layers(builder);
  Net net = builder.Build(outputs[0]);
  net.outputs = outputs;
  Random random(6);
  std::vector<std::vector<double>> inputs(2, std::vector<double>(12 * 12 * 3));
  for (std::vector<double>& input : inputs) {
    for (double& value : input) value = static_cast<double>(random.Real(-1, 1));
  }
  auto file = Quantize(net, CalibrationOf(net, inputs), {{127.5f, 127.5f, 127.5f}, {127.5f, 127.5f, 127.5f}});
  REQUIRE_MESSAGE(file.ok(), std::string(file.status().text()));
  RemoveUnusedTensors(file.value());
  return std::move(file.value());
}

struct Found {
  size_t first, count;
  int32_t rows;
  friend bool operator==(const Found&, const Found&) = default;
};

std::vector<Found> BlocksOf(const FileModel& model) {
  std::vector<Found> found;
  for (const FileBlock& block : FindBlocks(model)) found.push_back({block.first, block.count, block.rows});
  return found;
}

}  // namespace

TEST_CASE("an inverted residual is one block, and what lies inside takes no arena") {
  FileModel model = Quantised([](NetBuilder& b) {
    const int narrow = b.Conv(0, 8, kThree);
    const int wide = b.Depthwise(b.Conv(narrow, 48, kOne), kThree);
    return std::vector{b.Dense(b.Pool(OpKind::kAveragePool, b.Add(b.Conv(wide, 8, kOne), narrow), Square(12, 1, 0, 0)), 2)};
  });
  // Strips of as few rows as hold 200 pixels: all 12 of 12 are 144.
  CHECK(BlocksOf(model) == std::vector<Found>{{1, 4, 12}});
  const auto apart = PlanMemory(model);
  REQUIRE(apart.ok());
  model.blocks = FindBlocks(model);
  const auto together = PlanMemory(model);
  REQUIRE(together.ok());
  // Apart, the depthwise convolution reads and makes 48 channels while the residual waits. Together there are the residual and
  // the sum, of 8 channels each, and never more.
  CHECK(apart.value().activation_bytes == 12 * 12 * (48 + 48 + 8));
  CHECK(together.value().activation_bytes == 12 * 12 * (8 + 8));
  CHECK(together.value().arena_bytes == together.value().lower_bound);
  // The first convolution reads the image, of 3 channels in 4 bytes.
  CHECK(together.value().arena_bytes ==
        std::max(12 * 12 * (4 + 8) + model.scratch_bytes[0], 12 * 12 * (8 + 8) + model.scratch_bytes[1]));
  for (size_t i = 2; i < 5; ++i) CHECK(model.scratch_bytes[i] == 0);
  for (size_t i = 1; i < 4; ++i) CHECK(model.tensors[static_cast<size_t>(model.nodes[i].output)].offset == 0);
}

TEST_CASE("what is needed elsewhere is not inside a block") {
  // The expanded tensor is read twice: the block begins after it.
  CHECK(BlocksOf(Quantised([](NetBuilder& b) {
          const int wide = b.Conv(0, 16, kOne);
          return std::vector{b.Add(b.Conv(b.Depthwise(wide, kThree), 16, kOne), wide)};
        })) == std::vector<Found>{{1, 3, 12}});
  // What the depthwise convolution makes is an output: the block ends with it.
  CHECK(BlocksOf(Quantised([](NetBuilder& b) {
          const int wide = b.Depthwise(b.Conv(0, 16, kOne), kThree);
          return std::vector{b.Conv(wide, 8, kOne), wide};
        })) == std::vector<Found>{{0, 2, 12}});
  // So is the projected one.
  CHECK(BlocksOf(Quantised([](NetBuilder& b) {
          const int in = b.Conv(0, 8, kOne);
          const int narrow = b.Conv(b.Depthwise(in, kThree), 8, kOne);
          return std::vector{b.Add(narrow, in), narrow};
        })) == std::vector<Found>{{1, 2, 12}});
}

TEST_CASE("what is no block stays apart") {
  // No depthwise convolution; one alone; one between grouped and wider ones.
  CHECK(BlocksOf(Quantised([](NetBuilder& b) {
          const int x = b.Conv(b.Conv(0, 16, kThree), 16, kOne);
          return std::vector{b.Add(x, b.Conv(x, 16, kOne))};
        })).empty());
  CHECK(BlocksOf(Quantised([](NetBuilder& b) { return std::vector{b.Depthwise(0, kThree)}; })).empty());
  CHECK(BlocksOf(Quantised([](NetBuilder& b) {
          const int x = b.Depthwise(b.Conv(b.Conv(0, 16, kThree), 16, kOne, 2), kThree);
          return std::vector{b.Conv(x, 16, kThree)};
        })).empty());
  // In float32 nothing is.
  NetBuilder builder(5, {12, 12, 3});
  const Net net = builder.Build(builder.Conv(builder.Depthwise(builder.Conv(0, 16, kOne), kThree), 8, kOne));
  const auto real = PackFloat(net);
  REQUIRE(real.ok());
  CHECK(BlocksOf(real.value()).empty());
}

TEST_CASE("blocks one after the other, of strips that hold enough pixels") {
  const std::vector<Found> found = BlocksOf(Quantised([](NetBuilder& b) {
    int x = b.Conv(b.Depthwise(b.Conv(0, 16, Square(3, 1, 20, 20)), kThree), 8, kOne);  // 50 x 50
    x = b.Conv(b.Depthwise(b.Conv(x, 16, kOne), Square(3, 2, 0, 1)), 8, kOne);          // 25 x 25
    return std::vector{b.Depthwise(b.Conv(x, 16, kOne), kThree)};
  }));
  CHECK(found == std::vector<Found>{{0, 3, 4}, {3, 3, 8}, {6, 2, 8}});
}

}  // namespace cutis::convert
