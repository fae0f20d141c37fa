// Moves of elements along index maps: what the kernels get.
#ifndef CUTIS_OPS_MOVE_MOVE_H_
#define CUTIS_OPS_MOVE_MOVE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/nest.h"
#include "ops/options.h"
#include "ops/status.h"

namespace cutis {

// y = x for every index of the nest, whose operands are y and x; exactly those elements are read and written, and y does not
// overlap x. With a table (256 bytes) y = table[x]. A value is repeated by strides of 0.
struct MoveU8Args {
  const uint8_t* x;
  uint8_t* y;
  const uint8_t* table;  // or null
  Nest nest;
};
struct MoveF32Args {
  const float* x;
  float* y;
  Nest nest;
};

// No two of these boxes, of which the first `rank` axes count and which lie within a view, share an element. Takes time in
// proportion to their number: more than 1024 that no planes part into few are refused.
Status CheckDisjoint(std::span<const MovePiece> pieces, int32_t rank);

}  // namespace cutis

#endif  // CUTIS_OPS_MOVE_MOVE_H_
