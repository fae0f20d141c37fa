// Offsets for buffers with known lifetimes: dynamic storage allocation, NP-hard in general, easy for most networks.
//
// A placement is an order of the buffers; each in turn takes the best-fitting gap between those placed before it that are live
// at the same time. Several orders are tried, then a local search over orders, then the exact search of exact.h, until the
// lower bound is reached or the effort spent. The effort is counted in steps, never in time, so that the result does not depend
// on the machine.
//
// An output that takes over the place of an input is one buffer with it, from the birth of the first to the death of the last.
// That never adds to the sum of a step, but it ties two lifetimes together, so a plan that leaves some such pair apart can be
// lower: the search tries that too, where the bound is not reached otherwise.
#include "converter/plan/place.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "converter/plan/exact.h"
#include "converter/plan/plan.h"

namespace cutis::convert {
namespace {

using Order = std::vector<size_t>;

class Placer {
 public:
  // Stops at `bound`, below which no placement can be.
  Placer(const std::vector<PlannedBuffer>& buffers, uint64_t bound)
      : buffers_(buffers), conflicts_(ConflictsOf(buffers)), bound_(bound) {}

  const std::vector<uint64_t>& offsets() const { return best_offsets_; }
  uint64_t best() const { return best_; }
  const Order& best_order() const { return best_order_; }
  bool done() const { return best_ <= bound_; }

  uint64_t ConflictBytes(size_t i) const {
    uint64_t bytes = 0;
    for (const size_t j : conflicts_[i]) bytes += buffers_[j].bytes;
    return bytes;
  }

  size_t effort() const {
    size_t pairs = buffers_.size();
    for (const Order& list : conflicts_) pairs += list.size();
    return pairs;
  }

  // The height of the placement in this order; the best one is kept (ties: the first).
  uint64_t Try(const Order& order) {
    constexpr uint64_t kUnplaced = UINT64_MAX;
    std::vector<uint64_t> offsets(buffers_.size(), kUnplaced);
    std::vector<std::pair<uint64_t, uint64_t>> taken;
    uint64_t height = 0;
    for (const size_t i : order) {
      taken.clear();
      for (const size_t j : conflicts_[i]) {
        if (offsets[j] != kUnplaced) taken.emplace_back(offsets[j], offsets[j] + buffers_[j].bytes);
      }
      std::sort(taken.begin(), taken.end());
      offsets[i] = BestGap(taken, buffers_[i].bytes);
      height = std::max(height, offsets[i] + buffers_[i].bytes + buffers_[i].above);
    }
    if (best_offsets_.empty() || height < best_) {
      best_ = height;
      best_offsets_ = std::move(offsets);
      best_order_ = order;
    }
    return height;
  }

  // The buffer that makes the best placement as high as it is.
  size_t Top() const {
    const auto height = [&](size_t i) { return best_offsets_[i] + buffers_[i].bytes + buffers_[i].above; };
    size_t top = 0;
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (height(i) > height(top)) top = i;
    }
    return top;
  }

 private:
  // The smallest gap below or between that holds `bytes`, else the place above all.
  static uint64_t BestGap(const std::vector<std::pair<uint64_t, uint64_t>>& taken, uint64_t bytes) {
    uint64_t end = 0, best = UINT64_MAX, best_size = UINT64_MAX;
    for (const auto& [from, to] : taken) {
      if (from > end && from - end >= bytes && from - end < best_size) {
        best = end;
        best_size = from - end;
      }
      end = std::max(end, to);
    }
    return best == UINT64_MAX ? end : best;
  }

  const std::vector<PlannedBuffer>& buffers_;
  std::vector<Order> conflicts_;
  uint64_t bound_ = 0, best_ = 0;
  std::vector<uint64_t> best_offsets_;
  Order best_order_;
};

// Orders by falling key, ties by index.
template <class Key>
Order SortedBy(size_t count, Key key) {
  Order order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) > key(b); });
  return order;
}

// xorshift64: any fixed sequence will do.
class Sequence {
 public:
  size_t Below(size_t count) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<size_t>(state_ % count);
  }

 private:
  uint64_t state_ = 0x9e3779b97f4a7c15;
};

void Search(Placer& placer, size_t count) {
  constexpr size_t kEffort = 200'000'000;  // pairs of buffers looked at: about a second
  constexpr size_t kMostTries = 20'000;
  const size_t tries = std::min(kMostTries, kEffort / std::max<size_t>(1, placer.effort()));
  Sequence random;
  Order order = placer.best_order();
  uint64_t height = placer.best();
  for (size_t i = 0; i < tries && !placer.done() && count > 1; ++i) {
    Order next = order;
    // Every third step places the highest buffer earlier; the others exchange two buffers.
    if (i % 3 == 0) {
      const auto top = std::find(next.begin(), next.end(), placer.Top());
      const auto to = next.begin() + static_cast<ptrdiff_t>(random.Below(static_cast<size_t>(top - next.begin()) + 1));
      std::rotate(to, top, top + 1);
    } else {
      std::swap(next[random.Below(count)], next[random.Below(count)]);
    }
    const uint64_t next_height = placer.Try(next);
    // Equally high orders are taken too: they lead off plateaus.
    if (next_height <= height) {
      order = std::move(next);
      height = next_height;
    }
  }
}

}  // namespace

uint64_t PlaceQuickly(std::vector<PlannedBuffer>& buffers, uint64_t bound) {
  Placer placer(buffers, bound);
  const size_t count = buffers.size();
  const auto lifetime = [&](size_t i) { return static_cast<uint64_t>(buffers[i].last_step - buffers[i].first_step + 1); };
  placer.Try(SortedBy(count, [&](size_t i) { return buffers[i].bytes; }));
  if (!placer.done()) placer.Try(SortedBy(count, [&](size_t i) { return buffers[i].bytes + buffers[i].above; }));
  if (!placer.done()) placer.Try(SortedBy(count, [&](size_t i) { return buffers[i].above; }));
  if (!placer.done()) placer.Try(SortedBy(count, [&](size_t i) { return buffers[i].bytes + placer.ConflictBytes(i); }));
  if (!placer.done()) placer.Try(SortedBy(count, [&](size_t i) { return buffers[i].bytes * lifetime(i); }));
  if (!placer.done()) placer.Try(SortedBy(count, lifetime));
  if (!placer.done()) placer.Try(SortedBy(count, [&](size_t i) { return -static_cast<int64_t>(buffers[i].first_step); }));
  Search(placer, count);
  for (size_t i = 0; i < count; ++i) buffers[i].offset = placer.offsets()[i];
  return placer.best();
}

namespace {

// The plans of some buffers, of which outputs may lie on inputs.
class Planner {
 public:
  Planner(std::vector<PlannedBuffer>& buffers, std::span<const InPlace> in_place) : buffers_(buffers) {
    int32_t last = -1;
    for (const PlannedBuffer& buffer : buffers) last = std::max(last, buffer.last_step);
    bound_ = Bound(last, in_place);
    for (const InPlace& pair : in_place) {
      if (outputs_.empty() || outputs_.back().index != pair.output) outputs_.push_back({pair.output, {}, 0});
      outputs_.back().inputs.push_back(pair.input);
    }
    for (Output& output : outputs_) {
      for (const PlannedBuffer& buffer : buffers) {
        const int32_t step = buffers[output.index].first_step;
        if (buffer.first_step <= step && step <= buffer.last_step) output.bytes_apart += buffer.bytes;
      }
    }
    chosen_.assign(outputs_.size(), 0);
  }

  Placement Run() {
    const auto quickly = [](std::vector<PlannedBuffer>& merged, uint64_t, uint64_t bound) {
      return PlaceQuickly(merged, bound);
    };
    // Outputs on the first input that they may take the place of, then on the last, then none of them.
    Attempt(quickly);
    const auto all = [&](auto choice) {
      for (size_t i = 0; i < outputs_.size(); ++i) chosen_[i] = choice(outputs_[i]);
      if (!outputs_.empty() && !Done()) Attempt(quickly);
    };
    all([](const Output& output) { return output.inputs.size() - 1; });
    all([](const Output& output) { return output.inputs.size(); });
    if (!Done()) Exactly(0);
    return {best_, !steps_.spent};
  }

 private:
  struct Output {
    size_t index;
    std::vector<size_t> inputs;
    uint64_t bytes_apart;  // live in its step where it lies on no input
  };

  // A number that takes some seconds where it is spent, and most often is not needed.
  static constexpr uint64_t kExactSteps = 300'000'000;

  bool Done() const { return best_ <= bound_ || steps_.spent; }

  // No placement is below the sum of a step with the least that one of its buffers needs above it: some one lies highest.
  uint64_t Bound(int32_t last, std::span<const InPlace> in_place) const {
    std::vector<StepMemory> steps(static_cast<size_t>(last + 2));
    MeasureSteps(buffers_, in_place, steps);
    uint64_t bound = 0;
    for (size_t s = 0; s < steps.size(); ++s) {
      uint64_t above = UINT64_MAX;
      for (const PlannedBuffer& buffer : buffers_) {
        const auto step = static_cast<int32_t>(s) - 1;
        if (buffer.first_step <= step && step <= buffer.last_step) above = std::min(above, buffer.above);
      }
      if (above != UINT64_MAX) bound = std::max(bound, steps[s].live + above);
    }
    return bound;
  }

  // The buffers as chosen: outputs and the inputs that they lie on are one. `merged_index` says which each one became.
  std::vector<PlannedBuffer> Merge(std::vector<size_t>* merged_index) const {
    std::vector<size_t> on(buffers_.size(), SIZE_MAX);
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (chosen_[i] < outputs_[i].inputs.size()) on[outputs_[i].index] = outputs_[i].inputs[chosen_[i]];
    }
    std::vector<PlannedBuffer> merged;
    merged_index->assign(buffers_.size(), SIZE_MAX);
    for (size_t i = 0; i < buffers_.size(); ++i) {
      size_t root = i;  // chains end, since an input is older than its output
      while (on[root] != SIZE_MAX) root = on[root];
      size_t& index = (*merged_index)[root];
      if (index == SIZE_MAX) {
        index = merged.size();
        merged.push_back(buffers_[root]);
      }
      (*merged_index)[i] = index;
      merged[index].last_step = std::max(merged[index].last_step, buffers_[i].last_step);
      merged[index].above = std::max(merged[index].above, buffers_[i].above);
    }
    return merged;
  }

  // Places the buffers as chosen by place(buffers, best height so far, bound); keeps what is lower.
  template <class PlaceFunction>
  void Attempt(const PlaceFunction& place) {
    std::vector<size_t> merged_index;
    std::vector<PlannedBuffer> merged = Merge(&merged_index);
    const uint64_t height = place(merged, best_, bound_);
    if (height >= best_) return;
    best_ = height;
    for (size_t i = 0; i < buffers_.size(); ++i) buffers_[i].offset = merged[merged_index[i]].offset;
  }

  // All choices of the outputs from number `output` on. One that lies apart costs its bytes in its step.
  void Exactly(size_t output) {
    if (Done()) return;
    if (output == outputs_.size()) {
      if (!steps_.Take(buffers_.size())) return;
      Attempt([&](std::vector<PlannedBuffer>& merged, uint64_t below, uint64_t bound) {
        return PlaceExactly(merged, below, bound, steps_);
      });
      return;
    }
    for (size_t choice = 0; choice <= outputs_[output].inputs.size(); ++choice) {
      if (choice == outputs_[output].inputs.size() && outputs_[output].bytes_apart >= best_) continue;
      chosen_[output] = choice;
      Exactly(output + 1);
    }
  }

  std::vector<PlannedBuffer>& buffers_;
  uint64_t bound_ = 0, best_ = UINT64_MAX;
  std::vector<Output> outputs_;
  std::vector<size_t> chosen_;  // for each output which of its inputs it lies on; their number: on none
  Steps steps_{kExactSteps};
};

}  // namespace

Placement PlaceBuffers(std::vector<PlannedBuffer>& buffers, std::span<const InPlace> in_place) {
  if (buffers.empty()) return {0, true};
  return Planner(buffers, in_place).Run();
}

}  // namespace cutis::convert
