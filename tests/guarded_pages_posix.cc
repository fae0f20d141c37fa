#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "ops/tensor.h"
#include "tests/guarded_pages.h"

namespace cutis::test {

static size_t PageBytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

GuardedPages::GuardedPages(size_t bytes) {
  const size_t page = PageBytes(), inner = RoundUp(std::max<size_t>(bytes, 1), page);
  void* const mapping = mmap(nullptr, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  begin_ = static_cast<uint8_t*>(mapping) + page;
  end_ = begin_ + inner;
  if (mapping == MAP_FAILED || mprotect(begin_, inner, PROT_READ | PROT_WRITE) != 0) {
    std::fprintf(stderr, "no memory for %zu guarded bytes\n", bytes);
    std::abort();
  }
}

GuardedPages::~GuardedPages() {
  const size_t page = PageBytes();
  munmap(begin_ - page, static_cast<size_t>(end_ - begin_) + 2 * page);
}

}  // namespace cutis::test
