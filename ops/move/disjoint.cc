// Whether boxes are disjoint, in time that a hostile file cannot choose.
//
// Pieces come from concatenations, paddings, gathered rows: planes between them part them into groups, further planes each
// group, until one piece is left. Sorting by their starts along an axis shows the planes across it. Groups that no plane parts
// (four boxes around a fifth, say) are compared pair by pair.
#include <algorithm>

#include "ops/heap.h"
#include "ops/move/move.h"

namespace cutis {
namespace {

// Groups up to this size are compared pair by pair at once.
constexpr size_t kFew = 8;
// Up to so many need no heap: 1 KB, and more pieces than a network has outside of gathered rows.
constexpr size_t kOnStack = 256;
// How often a piece may be sorted, and with how many others be compared, on average.
constexpr int64_t kSortsOfPiece = 64;
constexpr int64_t kComparisonsOfPiece = 512;

bool Overlap(const MovePiece& a, const MovePiece& b, int32_t rank) {
  for (int32_t axis = 0; axis < rank; ++axis) {
    if (a.from[axis] >= b.from[axis] + b.extent[axis] || b.from[axis] >= a.from[axis] + a.extent[axis]) return false;
  }
  return true;
}

class Parting {
 public:
  Parting(std::span<const MovePiece> pieces, int32_t rank)
      : pieces_(pieces),
        rank_(rank),
        sorts_(static_cast<int64_t>(pieces.size()) * kSortsOfPiece),
        comparisons_(static_cast<int64_t>(pieces.size()) * kComparisonsOfPiece) {}

  Status Check(std::span<uint32_t> group) {
    while (group.size() > kFew) {
      std::span<uint32_t> largest = group;
      for (int32_t axis = 0; axis < rank_ && largest.size() == group.size(); ++axis) CUTIS_TRY(Part(group, axis, &largest));
      if (largest.size() == group.size()) break;
      group = largest;
    }
    return Compare(group);
  }

 private:
  // Sorts the group by its starts along the axis and checks all parts between planes but the largest, which is left to the
  // caller; so the depth of this recursion is at most the logarithm of the number of pieces. Leaves *largest alone where no
  // plane is found.
  Status Part(std::span<uint32_t> group, int32_t axis, std::span<uint32_t>* largest) {
    sorts_ -= static_cast<int64_t>(group.size());
    if (sorts_ < 0) return {};
    const auto start = [&](uint32_t index) { return pieces_[index].from[axis]; };
    const auto [first, last] =
        std::minmax_element(group.begin(), group.end(), [&](uint32_t a, uint32_t b) { return start(a) < start(b); });
    if (start(*first) == start(*last)) return {};
    std::sort(group.begin(), group.end(), [&](uint32_t a, uint32_t b) { return start(a) < start(b); });
    *largest = {};
    CUTIS_TRY(ForEachPart(group, axis, [&](std::span<uint32_t> part) {
      if (part.size() > largest->size()) *largest = part;
      return Status();
    }));
    return ForEachPart(group, axis,
                       [&](std::span<uint32_t> part) { return part.data() == largest->data() ? Status() : Check(part); });
  }

  // Calls each(part) for the parts of a group sorted along the axis, until one is not ok.
  template <class Each>
  Status ForEachPart(std::span<uint32_t> group, int32_t axis, Each each) {
    size_t begin = 0;
    int32_t reach = 0;  // where the furthest piece so far ends
    for (size_t i = 0; i < group.size(); ++i) {
      const MovePiece& piece = pieces_[group[i]];
      const bool parted = i > begin && piece.from[axis] >= reach;
      const int32_t end = piece.from[axis] + piece.extent[axis];
      reach = parted ? end : std::max(reach, end);
      if (!parted) continue;
      CUTIS_TRY(each(group.subspan(begin, i - begin)));
      begin = i;
    }
    return each(group.subspan(begin));
  }

  Status Compare(std::span<const uint32_t> group) {
    comparisons_ -= static_cast<int64_t>(group.size() * (group.size() - 1) / 2);
    if (comparisons_ < 0) {
      return Status::Error(Code::kUnsupported, "move: its %zu pieces are too tangled to tell whether they overlap",
                           pieces_.size());
    }
    for (size_t i = 0; i < group.size(); ++i) {
      for (size_t j = i + 1; j < group.size(); ++j) {
        if (Overlap(pieces_[group[i]], pieces_[group[j]], rank_)) {
          return Status::Error(Code::kBadInput, "move: pieces %u and %u overlap", std::min(group[i], group[j]),
                               std::max(group[i], group[j]));
        }
      }
    }
    return {};
  }

  std::span<const MovePiece> pieces_;
  int32_t rank_;
  int64_t sorts_, comparisons_;
};

}  // namespace

Status CheckDisjoint(std::span<const MovePiece> pieces, int32_t rank) {
  if (pieces.size() < 2) return {};
  uint32_t few[kOnStack];
  std::span<uint32_t> all(few, std::min(pieces.size(), kOnStack));
  void* many = nullptr;
  if (pieces.size() > kOnStack) {
    many = TakeHeap(pieces.size() * sizeof(uint32_t));
    if (many == nullptr) return Status::Error(Code::kNoMemory, "out of memory: no room to compare %zu pieces", pieces.size());
    all = {static_cast<uint32_t*>(many), pieces.size()};
  }
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint32_t>(i);
  const Status status = Parting(pieces, rank).Check(all);
  GiveHeap(many);
  return status;
}

}  // namespace cutis
