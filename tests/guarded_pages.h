// Memory between two pages that fault on any access. One implementation a system: guarded_pages_posix.cc, guarded_pages_windows.cc;
// guarded_pages_wasm.cc finds only what is written there.
#ifndef CUTIS_TESTS_GUARDED_PAGES_H_
#define CUTIS_TESTS_GUARDED_PAGES_H_

#include <cstddef>
#include <cstdint>

namespace cutis::test {

// At least `bytes` bytes, from the first guarding page to the second. Ends the program where there is no memory.
class GuardedPages {
 public:
  explicit GuardedPages(size_t bytes);
  ~GuardedPages();
  GuardedPages(const GuardedPages&) = delete;
  GuardedPages& operator=(const GuardedPages&) = delete;

  uint8_t* begin() const { return begin_; }
  uint8_t* end() const { return end_; }

 private:
  uint8_t *begin_, *end_;
};

}  // namespace cutis::test

#endif  // CUTIS_TESTS_GUARDED_PAGES_H_
