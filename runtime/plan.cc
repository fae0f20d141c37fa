#include "runtime/plan.h"

#include <algorithm>
#include <cstddef>

#include "ops/tensor.h"

namespace cutis {
namespace {

bool Overlap(const PlannedBuffer& a, const PlannedBuffer& b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes && a.first_step <= b.last_step &&
         b.first_step <= a.last_step;
}

// The pairs of one output.
std::span<const InPlace> PairsOf(std::span<const InPlace> in_place, size_t output) {
  const auto first =
      std::partition_point(in_place.begin(), in_place.end(), [&](const InPlace& p) { return p.output < output; });
  const auto end = std::partition_point(first, in_place.end(), [&](const InPlace& p) { return p.output == output; });
  return {first, end};
}

bool Dies(const PlannedBuffer& input, const PlannedBuffer& output) {
  return input.last_step == output.first_step && input.first_step < output.first_step && input.bytes == output.bytes;
}

// `output` takes over the place of `input` as one of the pairs allows.
bool TakesPlace(std::span<const PlannedBuffer> buffers, std::span<const InPlace> in_place, size_t input, size_t output) {
  if (!Dies(buffers[input], buffers[output]) || buffers[input].offset != buffers[output].offset) return false;
  const std::span<const InPlace> pairs = PairsOf(in_place, output);
  return std::any_of(pairs.begin(), pairs.end(), [&](const InPlace& pair) { return pair.input == input; });
}

Status CheckBuffer(const PlannedBuffer& buffer, size_t index, uint64_t activation_bytes) {
  if (buffer.bytes == 0 || buffer.bytes % kAlignment != 0 || buffer.offset % kAlignment != 0) {
    return Status::Error(Code::kBadInput, "memory plan: buffer %zu is empty or not aligned to %zu bytes", index, kAlignment);
  }
  if (buffer.bytes > activation_bytes || buffer.offset > activation_bytes - buffer.bytes) {
    return Status::Error(Code::kBadInput, "memory plan: buffer %zu ends beyond the %llu planned bytes", index,
                         static_cast<unsigned long long>(activation_bytes));
  }
  if (buffer.first_step > buffer.last_step) {
    return Status::Error(Code::kBadInput, "memory plan: buffer %zu dies before it is made", index);
  }
  return {};
}

}  // namespace

void SortInPlace(std::span<InPlace> in_place) {
  std::sort(in_place.begin(), in_place.end(),
            [](const InPlace& a, const InPlace& b) { return a.output != b.output ? a.output < b.output : a.input < b.input; });
}

Status CheckPlan(std::span<const PlannedBuffer> buffers, uint64_t activation_bytes, std::span<const InPlace> in_place,
                 Memory* memory) {
  if (buffers.empty()) return Status::Error(Code::kBadInput, "memory plan: no buffers");
  uint64_t end = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    CUTIS_TRY(CheckBuffer(buffers[i], i, activation_bytes));
    end = std::max(end, buffers[i].offset + buffers[i].bytes);
  }
  if (end != activation_bytes) {
    return Status::Error(Code::kBadInput, "memory plan: %llu activation bytes are stated, the buffers end at %llu",
                         static_cast<unsigned long long>(activation_bytes), static_cast<unsigned long long>(end));
  }

  // Sweep over the steps: `live` holds the buffers that are not known to be dead; each new one is compared with those.
  Memory temporary(memory);
  std::span<size_t> both;
  CUTIS_TRY(temporary.Array(2 * buffers.size(), &both));
  size_t* order = both.data();
  size_t* live = order + buffers.size();
  for (size_t i = 0; i < buffers.size(); ++i) order[i] = i;
  std::sort(order, order + buffers.size(), [&](size_t a, size_t b) {
    return buffers[a].first_step != buffers[b].first_step ? buffers[a].first_step < buffers[b].first_step : a < b;
  });
  size_t live_count = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const size_t now = order[i];
    size_t kept = 0;
    for (size_t j = 0; j < live_count; ++j) {
      const size_t other = live[j];
      if (buffers[other].last_step < buffers[now].first_step) continue;
      if (Overlap(buffers[other], buffers[now]) && !TakesPlace(buffers, in_place, other, now)) {
        return Status::Error(Code::kBadInput, "memory plan: buffers %zu and %zu share bytes while both are live",
                             std::min(other, now), std::max(other, now));
      }
      live[kept++] = other;
    }
    live[kept++] = now;
    live_count = kept;
  }
  return {};
}

void MeasureSteps(std::span<const PlannedBuffer> buffers, std::span<const InPlace> in_place, std::span<StepMemory> steps) {
  for (StepMemory& step : steps) step.live = step.top = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const PlannedBuffer& buffer = buffers[i];
    const std::span<const InPlace> pairs = PairsOf(in_place, i);
    const bool may_take_place =
        std::any_of(pairs.begin(), pairs.end(), [&](const InPlace& pair) { return Dies(buffers[pair.input], buffer); });
    for (int64_t step = buffer.first_step; step <= buffer.last_step; ++step) {
      if (step < -1 || step + 1 >= static_cast<int64_t>(steps.size())) continue;
      StepMemory& memory = steps[static_cast<size_t>(step + 1)];
      memory.top = std::max(memory.top, buffer.offset + buffer.bytes);
      if (step > buffer.first_step || !may_take_place) memory.live += buffer.bytes;
    }
  }
}

namespace {

template <class Bytes>
uint64_t Largest(std::span<const StepMemory> steps, int32_t batch, int32_t threads, Bytes bytes) {
  uint64_t largest = 0;
  for (const StepMemory& step : steps)
    largest = std::max(largest, static_cast<uint64_t>(batch) * bytes(step) + static_cast<uint64_t>(threads) * step.scratch);
  return largest;
}

}  // namespace

uint64_t ArenaBytes(std::span<const StepMemory> steps, int32_t batch, int32_t threads) {
  return Largest(steps, batch, threads, [](const StepMemory& step) { return step.top; });
}

uint64_t ArenaLowerBound(std::span<const StepMemory> steps, int32_t batch, int32_t threads) {
  return Largest(steps, batch, threads, [](const StepMemory& step) { return step.live; });
}

}  // namespace cutis
