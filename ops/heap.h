// The one place where runtime/ and ops/ take memory from the system for what a model and a check need.
#ifndef CUTIS_OPS_HEAP_H_
#define CUTIS_OPS_HEAP_H_

#include <cstddef>

namespace cutis {

// As malloc and free. With -Dos=none there is no heap: every request is refused (null).
void* TakeHeap(size_t bytes);
void GiveHeap(void* memory);
// The same at a multiple of `alignment`, of which `bytes` is a multiple. Windows wants such memory back by a function of its own.
void* TakeAligned(size_t alignment, size_t bytes);
void GiveAligned(void* memory);

}  // namespace cutis

#endif  // CUTIS_OPS_HEAP_H_
