#include "ops/heap.h"

#include <cstdlib>

#if defined(_WIN32)
#include <malloc.h>
#endif

namespace cutis {

void* TakeHeap(size_t bytes) { return std::malloc(bytes); }
void GiveHeap(void* memory) { std::free(memory); }

#if defined(_WIN32)
void* TakeAligned(size_t alignment, size_t bytes) { return _aligned_malloc(bytes, alignment); }
void GiveAligned(void* memory) { _aligned_free(memory); }
#else
void* TakeAligned(size_t alignment, size_t bytes) { return std::aligned_alloc(alignment, bytes); }
void GiveAligned(void* memory) { std::free(memory); }
#endif

}  // namespace cutis
