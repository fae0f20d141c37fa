#include <windows.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "ops/tensor.h"
#include "tests/guarded_pages.h"

namespace cutis::test {

static size_t PageBytes() {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

GuardedPages::GuardedPages(size_t bytes) {
  const size_t page = PageBytes(), inner = RoundUp(std::max<size_t>(bytes, 1), page);
  // What is reserved and not committed faults.
  void* const reserved = VirtualAlloc(nullptr, inner + 2 * page, MEM_RESERVE, PAGE_NOACCESS);
  begin_ = static_cast<uint8_t*>(reserved) + page;
  end_ = begin_ + inner;
  if (reserved == nullptr || VirtualAlloc(begin_, inner, MEM_COMMIT, PAGE_READWRITE) == nullptr) {
    std::fprintf(stderr, "no memory for %zu guarded bytes\n", bytes);
    std::abort();
  }
}

GuardedPages::~GuardedPages() { VirtualFree(begin_ - PageBytes(), 0, MEM_RELEASE); }

}  // namespace cutis::test
