#include "ops/heap.h"

#include <cstdlib>

namespace cutis {

void* TakeHeap(size_t bytes) { return std::malloc(bytes); }
void GiveHeap(void* memory) { std::free(memory); }

}  // namespace cutis
