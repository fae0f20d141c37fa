// Copies of elements between shapes: what the kernel gets.
#ifndef CUTIS_OPS_RESHAPE_RESHAPE_H_
#define CUTIS_OPS_RESHAPE_RESHAPE_H_

#include <cstddef>

namespace cutis {

// y[0 .. bytes) = x[0 .. bytes), any alignment, no overlap.
struct CopyArgs {
  const std::byte* x;
  std::byte* y;
  size_t bytes;
};

}  // namespace cutis

#endif  // CUTIS_OPS_RESHAPE_RESHAPE_H_
