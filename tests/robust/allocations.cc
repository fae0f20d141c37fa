#include "tests/robust/allocations.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {

std::atomic<uint64_t> g_allocations{0};
std::atomic<int64_t> g_held{0};
std::atomic<int64_t> g_left{-1};

bool Allow() {
  g_allocations.fetch_add(1);
  int64_t left = g_left.load();
  while (left > 0 && !g_left.compare_exchange_weak(left, left - 1)) {
  }
  return left != 0;
}

void* Count(void* memory) {
  if (memory != nullptr) g_held.fetch_add(1);
  return memory;
}

}  // namespace

extern "C" {
void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* memory, size_t size);
void* __real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void** memory, size_t alignment, size_t size);
void __real_free(void* memory);

void* __wrap_malloc(size_t size);
void* __wrap_malloc(size_t size) { return Allow() ? Count(__real_malloc(size)) : nullptr; }
void* __wrap_calloc(size_t count, size_t size);
void* __wrap_calloc(size_t count, size_t size) { return Allow() ? Count(__real_calloc(count, size)) : nullptr; }
void* __wrap_realloc(void* memory, size_t size);
void* __wrap_realloc(void* memory, size_t size) {
  if (!Allow()) return nullptr;
  void* moved = __real_realloc(memory, size);
  if (memory == nullptr) Count(moved);
  return moved;
}
void* __wrap_aligned_alloc(size_t alignment, size_t size);
void* __wrap_aligned_alloc(size_t alignment, size_t size) {
  return Allow() ? Count(__real_aligned_alloc(alignment, size)) : nullptr;
}
int __wrap_posix_memalign(void** memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void** memory, size_t alignment, size_t size) {
  if (!Allow()) return 12;  // ENOMEM
  const int error = __real_posix_memalign(memory, alignment, size);
  if (error == 0) Count(*memory);
  return error;
}
void __wrap_free(void* memory);
void __wrap_free(void* memory) {
  if (memory != nullptr) g_held.fetch_sub(1);
  __real_free(memory);
}
}

// The throwing forms, which only the tests themselves use, end the program when they are made to fail.
static void* MustAllocate(size_t size, size_t alignment) {
  void* memory =
      alignment > 16 ? __wrap_aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment) : __wrap_malloc(size);
  if (memory == nullptr) {
    std::fputs("a throwing operator new was made to fail: the code under test must not use it\n", stderr);
    std::abort();
  }
  return memory;
}
void* operator new(size_t size) { return MustAllocate(size, 1); }
void* operator new[](size_t size) { return MustAllocate(size, 1); }
void* operator new(size_t size, std::align_val_t alignment) { return MustAllocate(size, static_cast<size_t>(alignment)); }
void* operator new[](size_t size, std::align_val_t alignment) { return MustAllocate(size, static_cast<size_t>(alignment)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return __wrap_malloc(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return __wrap_malloc(size); }
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const size_t a = static_cast<size_t>(alignment);
  return __wrap_aligned_alloc(a, (size + a - 1) / a * a);
}
void operator delete(void* memory) noexcept { __wrap_free(memory); }
void operator delete[](void* memory) noexcept { __wrap_free(memory); }
void operator delete(void* memory, size_t) noexcept { __wrap_free(memory); }
void operator delete[](void* memory, size_t) noexcept { __wrap_free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { __wrap_free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { __wrap_free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { __wrap_free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { __wrap_free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { __wrap_free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { __wrap_free(memory); }

namespace cutis::test {

uint64_t Allocations() { return g_allocations.load(); }
int64_t Held() { return g_held.load(); }
void FailAllocationsAfter(int64_t more) { g_left.store(more); }

}  // namespace cutis::test
