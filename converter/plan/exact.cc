// Branch and bound over the order of offsets (as MiniMalloc, Moffitt 2023, does).
//
// In some lowest placement no buffer can be moved down to any free place that is lower. Taken by rising offsets (equal ones by
// index: they cannot be live together), each of its buffers stands directly on the highest end of those before it that are live
// with it, or on the floor. So it is enough to choose, again and again, which buffer comes next; its offset follows.
//
// A choice is cut off where
//   - it would stand below the buffer before it: another order of the same placement;
//   - a buffer still to come would fit entirely below it: that one could move down, or comes first in another order;
//   - in some step the buffers to come, on top of the highest end there, reach the best height known.
// What a buffer needs above it (scratch) belongs to its height: less of it wherever the buffer moves down.
#include "converter/plan/exact.h"

#include <algorithm>
#include <numeric>

namespace cutis::convert {

std::vector<std::vector<size_t>> ConflictsOf(std::span<const PlannedBuffer> buffers) {
  // Sweep by birth: a buffer conflicts with what is still live when it is born.
  std::vector<size_t> by_birth(buffers.size());
  std::iota(by_birth.begin(), by_birth.end(), size_t{0});
  std::stable_sort(by_birth.begin(), by_birth.end(),
                   [&](size_t a, size_t b) { return buffers[a].first_step < buffers[b].first_step; });
  std::vector<std::vector<size_t>> conflicts(buffers.size());
  std::vector<size_t> live;
  for (const size_t i : by_birth) {
    std::erase_if(live, [&](size_t j) { return buffers[j].last_step < buffers[i].first_step; });
    for (const size_t j : live) {
      conflicts[i].push_back(j);
      conflicts[j].push_back(i);
    }
    live.push_back(i);
  }
  return conflicts;
}

namespace {

constexpr size_t kNone = SIZE_MAX;

class Search {
 public:
  Search(std::vector<PlannedBuffer>& buffers, uint64_t below, uint64_t bound, Steps& steps)
      : buffers_(buffers),
        conflicts_(ConflictsOf(buffers)),
        items_(buffers.size()),
        best_(below),
        bound_(bound),
        steps_(steps) {
    // The sum of live bytes is largest at a birth, so those steps are enough to bound it.
    std::vector<int32_t> births;
    for (const PlannedBuffer& buffer : buffers) births.push_back(buffer.first_step);
    std::sort(births.begin(), births.end());
    births.erase(std::unique(births.begin(), births.end()), births.end());
    floor_.resize(births.size());
    to_come_.resize(births.size());
    above_.assign(births.size(), UINT64_MAX);
    for (size_t i = 0; i < buffers.size(); ++i) {
      Item& item = items_[i];
      item.first = static_cast<size_t>(std::lower_bound(births.begin(), births.end(), buffers[i].first_step) - births.begin());
      item.end = static_cast<size_t>(std::upper_bound(births.begin(), births.end(), buffers[i].last_step) - births.begin());
      for (size_t s = item.first; s < item.end; ++s) {
        to_come_[s] += buffers[i].bytes;
        above_[s] = std::min(above_[s], buffers[i].above);
      }
      // Of equal buffers the first one comes first: exchanging them changes nothing.
      for (size_t j = i; j-- > 0 && item.twin == kNone;) {
        if (buffers[j].bytes == buffers[i].bytes && buffers[j].above == buffers[i].above &&
            buffers[j].first_step == buffers[i].first_step && buffers[j].last_step == buffers[i].last_step) {
          item.twin = j;
        }
      }
    }
  }

  uint64_t Run() {
    Branch(0, 0, kNone);
    for (size_t i = 0; i < offsets_.size(); ++i) buffers_[i].offset = offsets_[i];
    return best_;
  }

 private:
  struct Item {
    size_t first = 0, end = 0;  // steps, as indices of floor_
    size_t twin = kNone;        // an equal buffer before it
    uint64_t lowest = 0;        // the highest end of those below it: where it stands if it comes next
    bool placed = false;
  };
  struct Saved {
    size_t index;
    uint64_t value;
  };

  bool Done() const { return steps_.spent || best_ <= bound_; }

  // Can the buffers to come still end below the best height?
  bool Promising(uint64_t last_offset) const {
    for (size_t s = 0; s < floor_.size(); ++s) {
      if (to_come_[s] > 0 && std::max(floor_[s], last_offset) + to_come_[s] + above_[s] >= best_) return false;
    }
    return true;
  }

  // Before b among the choices of a branch: lower, then larger, then first.
  bool Before(size_t a, size_t b) const {
    if (items_[a].lowest != items_[b].lowest) return items_[a].lowest < items_[b].lowest;
    if (buffers_[a].bytes != buffers_[b].bytes) return buffers_[a].bytes > buffers_[b].bytes;
    return a < b;
  }

  // The choice after `last` (kNone: the first) in a branch whose last buffer is `below`.
  size_t Next(size_t last, size_t below) const {
    const uint64_t least = below == kNone ? 0 : items_[below].lowest;
    uint64_t first_end = UINT64_MAX;  // of the buffers to come, each put as low as it goes
    for (size_t i = 0; i < items_.size(); ++i) {
      if (!items_[i].placed) first_end = std::min(first_end, items_[i].lowest + buffers_[i].bytes);
    }
    size_t next = kNone;
    for (size_t i = 0; i < items_.size(); ++i) {
      const Item& item = items_[i];
      if (item.placed || item.lowest < least || item.lowest >= first_end) continue;
      if (below != kNone && item.lowest == least && i < below) continue;
      if (item.twin != kNone && !items_[item.twin].placed) continue;
      if ((last == kNone || Before(last, i)) && (next == kNone || Before(i, next))) next = i;
    }
    return next;
  }

  void Branch(size_t placed, uint64_t height, size_t below) {
    if (placed == items_.size()) {
      best_ = height;
      offsets_.resize(items_.size());
      for (size_t i = 0; i < items_.size(); ++i) offsets_[i] = items_[i].lowest;
      return;
    }
    if (!steps_.Take(floor_.size()) || !Promising(below == kNone ? 0 : items_[below].lowest)) return;
    for (size_t i = kNone; steps_.Take(items_.size()) && (i = Next(i, below)) != kNone && !Done();) Place(i, placed, height);
  }

  void Place(size_t i, size_t placed, uint64_t height) {
    Item& item = items_[i];
    const uint64_t end = item.lowest + buffers_[i].bytes;
    if (end + buffers_[i].above >= best_ || !steps_.Take(conflicts_[i].size() + item.end - item.first)) return;
    const size_t floors = saved_.size();
    for (size_t s = item.first; s < item.end; ++s) {
      saved_.push_back({s, floor_[s]});
      floor_[s] = end;
      to_come_[s] -= buffers_[i].bytes;
    }
    const size_t lows = saved_.size();
    for (const size_t j : conflicts_[i]) {
      if (items_[j].placed || items_[j].lowest >= end) continue;
      saved_.push_back({j, items_[j].lowest});
      items_[j].lowest = end;
    }
    item.placed = true;
    Branch(placed + 1, std::max(height, end + buffers_[i].above), i);
    item.placed = false;
    for (; saved_.size() > lows; saved_.pop_back()) items_[saved_.back().index].lowest = saved_.back().value;
    for (; saved_.size() > floors; saved_.pop_back()) {
      floor_[saved_.back().index] = saved_.back().value;
      to_come_[saved_.back().index] += buffers_[i].bytes;
    }
  }

  std::vector<PlannedBuffer>& buffers_;
  const std::vector<std::vector<size_t>> conflicts_;
  std::vector<Item> items_;
  std::vector<uint64_t> floor_, to_come_;  // by step: the highest end so far, the bytes of what is not placed
  std::vector<uint64_t> above_;            // by step: the least that one of its buffers needs above it
  std::vector<Saved> saved_;               // what the branches under way have changed
  std::vector<uint64_t> offsets_;          // of the best placement found, if any
  uint64_t best_, bound_;
  Steps& steps_;
};

}  // namespace

uint64_t PlaceExactly(std::vector<PlannedBuffer>& buffers, uint64_t below, uint64_t bound, Steps& steps) {
  if (buffers.empty()) return 0;
  if (buffers.size() > kMostExactBuffers) {
    steps.spent = true;
    return below;
  }
  return Search(buffers, below, bound, steps).Run();
}

}  // namespace cutis::convert
