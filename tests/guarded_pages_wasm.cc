#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ops/tensor.h"
#include "tests/guarded_pages.h"

namespace cutis::test {

// A module cannot make memory fault. What is written outside is found when the memory is given back; reads are not.
constexpr size_t kGuardBytes = 4096;
constexpr int kGuard = 0xa7;

GuardedPages::GuardedPages(size_t bytes) {
  const size_t inner = RoundUp(std::max<size_t>(bytes, 1), kGuardBytes);
  uint8_t* const memory = static_cast<uint8_t*>(std::aligned_alloc(kGuardBytes, inner + 2 * kGuardBytes));
  if (memory == nullptr) {
    std::fprintf(stderr, "no memory for %zu guarded bytes\n", bytes);
    std::abort();
  }
  begin_ = memory + kGuardBytes;
  end_ = begin_ + inner;
  std::memset(memory, kGuard, kGuardBytes);
  std::memset(begin_, 0, inner);
  std::memset(end_, kGuard, kGuardBytes);
}

GuardedPages::~GuardedPages() {
  uint8_t* const memory = begin_ - kGuardBytes;
  const auto whole = [](const uint8_t* guard) {
    return std::all_of(guard, guard + kGuardBytes, [](uint8_t byte) { return byte == kGuard; });
  };
  if (!whole(memory) || !whole(end_)) {
    std::fprintf(stderr, "something wrote outside of its memory\n");
    std::abort();
  }
  std::free(memory);
}

}  // namespace cutis::test
