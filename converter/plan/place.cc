// Offsets for buffers with known lifetimes: dynamic storage allocation, NP-hard in general, easy for most networks.
//
// A placement is an order of the buffers; each in turn takes the best-fitting gap between those placed before it that are live
// at the same time. Several orders are tried, then a local search over orders, until the lower bound is reached or the effort
// spent. The effort is counted in steps, never in time, so that the result does not depend on the machine.
#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "converter/plan/plan.h"

namespace cutis::convert {
namespace {

using Order = std::vector<size_t>;

bool LiveTogether(const PlannedBuffer& a, const PlannedBuffer& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

class Placer {
 public:
  explicit Placer(const std::vector<PlannedBuffer>& buffers) : buffers_(buffers), conflicts_(buffers.size()) {
    // Sweep by birth: a buffer conflicts with what is still live when it is born.
    Order by_birth(buffers.size());
    std::iota(by_birth.begin(), by_birth.end(), size_t{0});
    std::stable_sort(by_birth.begin(), by_birth.end(),
                     [&](size_t a, size_t b) { return buffers[a].first_step < buffers[b].first_step; });
    Order live;
    int32_t last = -1;
    for (const size_t i : by_birth) {
      std::erase_if(live, [&](size_t j) { return !LiveTogether(buffers[i], buffers[j]); });
      for (const size_t j : live) {
        conflicts_[i].push_back(j);
        conflicts_[j].push_back(i);
      }
      live.push_back(i);
      last = std::max(last, buffers[i].last_step);
    }
    bound_ = LiveBytesBound(buffers, last);
  }

  uint64_t bound() const { return bound_; }
  const std::vector<uint64_t>& offsets() const { return best_offsets_; }
  uint64_t best() const { return best_; }
  const Order& best_order() const { return best_order_; }
  bool done() const { return best_ == bound_; }

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
      height = std::max(height, offsets[i] + buffers_[i].bytes);
    }
    if (best_offsets_.empty() || height < best_) {
      best_ = height;
      best_offsets_ = std::move(offsets);
      best_order_ = order;
    }
    return height;
  }

  // The buffer that ends highest in the best placement.
  size_t Top() const {
    size_t top = 0;
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (best_offsets_[i] + buffers_[i].bytes > best_offsets_[top] + buffers_[top].bytes) top = i;
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

uint64_t PlaceBuffers(std::vector<PlannedBuffer>& buffers) {
  if (buffers.empty()) return 0;
  Placer placer(buffers);
  const size_t count = buffers.size();
  const auto lifetime = [&](size_t i) { return static_cast<uint64_t>(buffers[i].last_step - buffers[i].first_step + 1); };
  placer.Try(SortedBy(count, [&](size_t i) { return buffers[i].bytes; }));
  if (!placer.done()) placer.Try(SortedBy(count, [&](size_t i) { return buffers[i].bytes + placer.ConflictBytes(i); }));
  if (!placer.done()) placer.Try(SortedBy(count, [&](size_t i) { return buffers[i].bytes * lifetime(i); }));
  if (!placer.done()) placer.Try(SortedBy(count, lifetime));
  if (!placer.done()) placer.Try(SortedBy(count, [&](size_t i) { return -static_cast<int64_t>(buffers[i].first_step); }));
  Search(placer, count);
  for (size_t i = 0; i < count; ++i) buffers[i].offset = placer.offsets()[i];
  return placer.best();
}

}  // namespace cutis::convert
