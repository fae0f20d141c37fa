// A block of pixels with their signs shifted (x ^ 0x80), in scratch: where pruned weights pick single words, shifting each in
// registers would be an operation for every 4 dot products. For files of one instruction set only.
#ifndef CUTIS_OPS_CONV_SIGNED_NEON_H_
#define CUTIS_OPS_CONV_SIGNED_NEON_H_

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "ops/conv/conv.h"
#include "ops/conv/requant_neon.h"

namespace cutis {
namespace {

constexpr size_t kSignedBytes = ConvU8ScratchBytes(1);  // what every layer has

// `pixels` rows of `bytes` bytes, a multiple of 4, behind each other.
CUTIS_INLINE void CopySigned(const uint8_t* x, size_t x_stride, size_t pixels, size_t bytes, uint8_t* to) {
  const uint8x16_t signs = vdupq_n_u8(0x80);
  for (size_t p = 0; p < pixels; ++p, x += x_stride, to += bytes) {
    size_t i = 0;
    for (; i + 16 <= bytes; i += 16) vst1q_u8(to + i, veorq_u8(vld1q_u8(x + i), signs));
    for (; i < bytes; i += 4) {
      uint32_t word;
      __builtin_memcpy(&word, x + i, 4);
      word ^= 0x80808080u;
      __builtin_memcpy(to + i, &word, 4);
    }
  }
}

// How many k-groups of a pixel the live rows of all panels reach over.
CUTIS_INLINE size_t Reach(const ConvSparseU8Args& args) {
  size_t reach = 0;
  for (size_t panel = 0; panel < (static_cast<size_t>(args.channels) + 15) / 16; ++panel) {
    const size_t end = args.panel_starts[panel + 1];
    if (end == args.panel_starts[panel]) continue;
    const size_t last = size_t{args.live[end - 1]} + 1;
    if (last > reach) reach = last;
  }
  return reach;
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_SIGNED_NEON_H_
