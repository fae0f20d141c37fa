// The planner's exact search, against a judge that tries everything; outputs in the place of an input.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "converter/plan/exact.h"
#include "converter/plan/in_place.h"
#include "converter/plan/place.h"
#include "converter/plan/plan.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {
namespace {

uint64_t BoundOf(const std::vector<PlannedBuffer>& buffers, std::span<const InPlace> in_place = {}) {
  int32_t last = -1;
  for (const PlannedBuffer& buffer : buffers) last = std::max(last, buffer.last_step);
  std::vector<StepMemory> steps(static_cast<size_t>(last + 2));
  MeasureSteps(buffers, in_place, steps);
  return ArenaLowerBound(steps, 1, 1);
}

uint64_t EndOf(const std::vector<PlannedBuffer>& buffers) {
  uint64_t end = 0;
  for (const PlannedBuffer& buffer : buffers) end = std::max(end, buffer.offset + buffer.bytes);
  return end;
}

// The lowest placement of buffers of which none may lie on another: in some order of them each takes the lowest gap that is
// left. All orders are tried.
uint64_t LowestOfAllOrders(std::vector<PlannedBuffer> buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  uint64_t lowest = UINT64_MAX;
  do {
    uint64_t height = 0;
    for (size_t i = 0; i < order.size() && height < lowest; ++i) {
      PlannedBuffer& now = buffers[order[i]];
      now.offset = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (size_t j = 0; j < i; ++j) {
          const PlannedBuffer& other = buffers[order[j]];
          if (now.first_step <= other.last_step && other.first_step <= now.last_step &&
              now.offset < other.offset + other.bytes && other.offset < now.offset + now.bytes) {
            now.offset = other.offset + other.bytes;
            moved = true;
          }
        }
      }
      height = std::max(height, now.offset + now.bytes + now.above);
    }
    lowest = std::min(lowest, height);
  } while (std::next_permutation(order.begin(), order.end()));
  return lowest;
}

// The same with every choice of the pairs that lie on each other, each then one buffer.
uint64_t LowestOfAll(const std::vector<PlannedBuffer>& buffers, const std::vector<InPlace>& pairs, size_t pair = 0) {
  if (pair == pairs.size()) {
    std::vector<PlannedBuffer> left;
    std::copy_if(buffers.begin(), buffers.end(), std::back_inserter(left), [](const PlannedBuffer& b) { return b.bytes > 0; });
    return LowestOfAllOrders(left);
  }
  uint64_t lowest = LowestOfAll(buffers, pairs, pair + 1);
  std::vector<PlannedBuffer> merged = buffers;
  PlannedBuffer &input = merged[pairs[pair].input], &output = merged[pairs[pair].output];
  if (output.first_step != input.last_step) return lowest;  // it lies on another input already
  output.first_step = input.first_step;
  output.above = std::max(output.above, input.above);
  input.bytes = 0;
  return std::min(lowest, LowestOfAll(merged, pairs, pair + 1));
}

// Cuts a rectangle of `steps` by `lines` into buffers: they fit in `lines` exactly.
void Cut(Random& random, int32_t first, int32_t steps, int32_t lines, int32_t least, std::vector<PlannedBuffer>* buffers) {
  const bool in_time = random.Below(2) == 0;
  const int32_t extent = in_time ? steps : lines;
  if (extent < 2 || (steps * lines <= least && random.Below(3) > 0)) {
    buffers->push_back({0, 64 * static_cast<uint64_t>(lines), first, first + steps - 1});
    return;
  }
  const int32_t at = 1 + random.Below(extent - 1);
  Cut(random, first, in_time ? at : steps, in_time ? lines : at, least, buffers);
  Cut(random, in_time ? first + at : first, in_time ? steps - at : steps, in_time ? lines : lines - at, least, buffers);
}

}  // namespace

TEST_CASE("the exact search finds the lowest of all orders") {
  Random random(21);
  for (int round = 0; round < 240; ++round) {
    const int32_t count = round % 40 == 0 ? 7 : 1 + random.Below(6);
    std::vector<PlannedBuffer> buffers(static_cast<size_t>(count));
    for (PlannedBuffer& buffer : buffers) {
      buffer.bytes = 64 * static_cast<uint64_t>(1 + random.Below(round % 2 == 0 ? 4 : 30));
      buffer.first_step = random.Below(6) - 1;
      buffer.last_step = buffer.first_step + random.Below(4);
      if (round % 3 == 0) buffer.above = 64 * static_cast<uint64_t>(random.Below(5));
    }
    // Seven buffers that need 5 lines, though no step needs more than 4; hardly any others of this size are so.
    if (round == 0) {
      buffers = {{0, 128, -1, 0},  {0, 64, 1, 3}, {0, 128, 4, 5}, {0, 128, 3, 5},
                 {0, 128, -1, -1}, {0, 64, 0, 2}, {0, 64, 0, 3}};
    }
    const uint64_t lowest = LowestOfAllOrders(buffers), bound = BoundOf(buffers);
    if (round == 0) CHECK(lowest == bound + 64);
    Steps steps{1'000'000};
    std::vector<PlannedBuffer> exact = buffers;
    CHECK(PlaceExactly(exact, UINT64_MAX, bound, steps) == lowest);
    CHECK(!steps.spent);
    CHECK(CheckPlan(exact, EndOf(exact)).ok());
    // Nothing is lower: the search says so, and leaves the buffers as they are.
    std::vector<PlannedBuffer> same = exact;
    CHECK(PlaceExactly(same, lowest, 0, steps) == lowest);
    CHECK(!steps.spent);
    for (size_t i = 0; i < same.size(); ++i) CHECK(same[i].offset == exact[i].offset);
    const Placement placement = PlaceBuffers(buffers);
    CHECK(placement.bytes == lowest);
    CHECK(placement.optimal);
    CHECK(CheckPlan(buffers, EndOf(buffers)).ok());
  }
}

TEST_CASE("a buffer that lives while much scratch is needed lies low") {
  // Two that live together; the second one alone in a step of 640 bytes of scratch.
  std::vector<PlannedBuffer> buffers = {{0, 256, -1, 0}, {0, 128, 0, 1, 640}};
  const Placement placement = PlaceBuffers(buffers);
  CHECK(placement.bytes == 128 + 640);
  CHECK(placement.optimal);
  CHECK(buffers[1].offset == 0);
  CHECK(buffers[0].offset == 128);
}

TEST_CASE("the exact search finds what the heuristics miss") {
  Random random(8);
  int missed = 0;
  for (int round = 0; round < 40; ++round) {
    std::vector<PlannedBuffer> buffers;
    Cut(random, 0, 12, 24, 14, &buffers);
    for (size_t i = buffers.size(); i-- > 1;) {
      std::swap(buffers[i], buffers[static_cast<size_t>(random.Below(static_cast<int32_t>(i) + 1))]);
    }
    const uint64_t bound = BoundOf(buffers);
    REQUIRE(bound == 24 * 64);
    std::vector<PlannedBuffer> quick = buffers;
    const bool misses = PlaceQuickly(quick, bound) > bound;
    missed += misses;
    const Placement placement = PlaceBuffers(buffers);
    CHECK(placement.bytes == bound);
    CHECK(placement.optimal);
    CHECK(CheckPlan(buffers, bound).ok());
  }
  MESSAGE(missed << " of 40 missed by the heuristics");
  CHECK(missed > 0);
}

TEST_CASE("spent steps end the search at the same place, without a proof") {
  Random random(4);
  std::vector<PlannedBuffer> buffers;
  for (int i = 0; i < 60; ++i) {
    const int32_t first = random.Below(30);
    buffers.push_back({0, 64 * static_cast<uint64_t>(1 + random.Below(1000)), first, first + random.Below(12)});
  }
  Steps a{20'000}, b{20'000};
  std::vector<PlannedBuffer> one = buffers, two = buffers;
  const uint64_t height = PlaceExactly(one, UINT64_MAX, 0, a);
  CHECK(a.spent);
  CHECK(height == PlaceExactly(two, UINT64_MAX, 0, b));
  for (size_t i = 0; i < one.size(); ++i) CHECK(one[i].offset == two[i].offset);
  if (height != UINT64_MAX) CHECK(CheckPlan(one, height).ok());
}

TEST_CASE("outputs in the place of an input: the lowest of all choices and orders") {
  Random random(33);
  int saved = 0;
  for (int round = 0; round < 60; ++round) {
    // Steps that make one buffer each, from one or two before it.
    const int32_t count = 6;
    std::vector<PlannedBuffer> buffers;
    std::vector<std::vector<size_t>> inputs(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; ++i) {
      buffers.push_back({0, 64 * static_cast<uint64_t>(1 + random.Below(3)), i - 1, i - 1});
      for (int32_t j = 0; i > 0 && j < 2; ++j) {
        const auto input = static_cast<size_t>(j == 0 ? i - 1 : random.Below(i));
        buffers[input].last_step = i - 1;
        inputs[static_cast<size_t>(i)].push_back(input);
      }
    }
    buffers.back().last_step = count;
    std::vector<InPlace> pairs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      for (const size_t input : inputs[i]) {
        const bool again = !pairs.empty() && pairs.back().input == input && pairs.back().output == i;
        if (!again && buffers[input].last_step == buffers[i].first_step && buffers[input].bytes == buffers[i].bytes &&
            random.Below(4) > 0) {
          pairs.push_back({input, i});
        }
      }
    }
    for (PlannedBuffer& buffer : buffers) buffer.above = round % 2 == 0 ? 0 : 64 * static_cast<uint64_t>(random.Below(4));
    SortInPlace(pairs);
    const uint64_t lowest = LowestOfAll(buffers, pairs), apart = LowestOfAllOrders(buffers);
    saved += lowest < apart;
    const Placement placement = PlaceBuffers(buffers, pairs);
    CHECK(placement.bytes == lowest);
    CHECK(placement.optimal);
    CHECK(CheckPlan(buffers, EndOf(buffers), pairs).ok());
    CHECK(placement.bytes >= BoundOf(buffers, pairs));
  }
  CHECK(saved > 5);
}

TEST_CASE("MarkInPlace: dying inputs of operators on single elements") {
  FileModel model;
  const auto tensor = [&](DataType type, Shape shape) {
    FileTensor& added = model.tensors.emplace_back();
    added.info.type = type;
    added.info.shape = shape;
    added.info.channel_stride = ChannelStride(type, shape.channels);
    added.info.image_bytes = ImageBytes(type, shape);
    return static_cast<int>(model.tensors.size()) - 1;
  };
  const auto node = [&](OpKind kind, std::vector<int> inputs, int output, OpOptions options) {
    model.nodes.push_back({"node", kind, std::move(inputs), output, std::move(options), -1});
  };
  const Shape shape{4, 4, 4};
  for (int i = 0; i < 7; ++i) tensor(DataType::kU8, shape);
  const int real = tensor(DataType::kF32, shape);
  const std::vector<uint8_t> table(256);
  node(OpKind::kLookup, {0}, 1, LookupOptions{table});    // 1 on 0
  node(OpKind::kLookup, {1}, 2, LookupOptions{table});    // 1 is read again
  node(OpKind::kAdd, {1, 2}, 3, AddU8Options{1, 1, {}});  // 3 on 1 or on 2
  node(OpKind::kMaxPool, {3}, 4, MaxPoolOptions{});       // a pool
  node(OpKind::kAdd, {4, 4}, 5, AddU8Options{1, 1, {}});  // 5 on 4, once
  node(OpKind::kLookup, {5}, 6, LookupOptions{table});    // 5 is an output
  node(OpKind::kDequantize, {6}, real, DequantizeOptions{});
  model.inputs = {0};
  model.outputs = {5, real};
  const std::vector<InPlace> marked = MarkInPlace(model, model.outputs);
  const InPlace expected[] = {{0, 1}, {1, 3}, {2, 3}, {4, 5}};
  REQUIRE(marked.size() == std::size(expected));
  for (size_t i = 0; i < marked.size(); ++i) {
    CHECK(marked[i].input == expected[i].input);
    CHECK(marked[i].output == expected[i].output);
  }

  // Planned: the two buffers of 64 bytes that the sum's operands need, and of the end the float32 result beside its input and
  // the other output.
  const auto plan = PlanMemory(model);
  REQUIRE_MESSAGE(plan.ok(), std::string(plan.status().text()));
  CHECK(plan.value().optimal);
  CHECK(plan.value().activation_bytes == 64 + 64 + 256);
  CHECK(plan.value().arena_bytes == plan.value().lower_bound);
  const auto offset = [&](int index) { return model.tensors[static_cast<size_t>(index)].offset; };
  CHECK(offset(0) == offset(1));
  CHECK((offset(3) == offset(1) || offset(3) == offset(2)));
  CHECK(offset(4) == offset(5));
}

}  // namespace cutis::convert
