// Half a panel of weights, dense or pruned, times many pixels, with AArch64's plain vector instructions (Cortex-A53, A72: no
// dot products).
//
// smull and smlal multiply 8 signed bytes into 16 bits, sadalp adds pairs of those to 32-bit sums. Pixels are x ^ 0x80, at
// least -128, weights lie in [-127, 127], so that two products sum to 2 * 128 * 127 = 32512 at most: two k-groups share a
// smull, a smlal and a sadalp, and 16 bits hold them exactly. (A weight of -128, which only a file that is altered while it is
// mapped can have, may wrap and gives a wrong number.) The weights of 2 channels meet the 4 bytes of a pixel twice; a sum holds
// two parts of each channel, added in the end.
//
// A tile is 4 pixels times 8 channels: 16 sums, 4 vectors of weights, 4 of pixels and 8 of products. Two pixels are multiplied
// together, so that 8 instructions lie between a product and its use, and their products are added to the sums while those of
// the next two begin.
#ifndef CUTIS_OPS_CONV_PANEL_SMLAL_H_
#define CUTIS_OPS_CONV_PANEL_SMLAL_H_

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "ops/conv/requant_neon.h"
#include "ops/conv/signed_neon.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// Half a panel: see Panel in panel_neon.h.
struct HalfPanel {
  const int8_t* w;
  const uint16_t* k_groups;
  size_t rows;
  const int32_t* bias;  // with 128 sum w
  const float* multiplier;
  size_t live;
};

// bias + 128 sum w of 8 channels over `rows` rows of weights.
CUTIS_INLINE void ShiftBias(const int8_t* w, size_t rows, const int32_t* bias, int32_t (&to)[8]) {
  int32x4_t sums[4];
  Unroll<4>([&](auto i) CUTIS_UNROLLED { sums[i] = vdupq_n_s32(0); });
  for (; rows > 0; --rows, w += 64) {
    Unroll<4>([&](auto i) CUTIS_UNROLLED { sums[i] = vaddq_s32(sums[i], vpaddlq_s16(vmovl_s8(vld1_s8(w + 8 * i)))); });
  }
  Unroll<2>([&](auto v) CUTIS_UNROLLED {
    const int32x4_t sum = vpaddq_s32(sums[2 * v], sums[2 * v + 1]);
    vst1q_s32(to + 4 * v, vaddq_s32(vld1q_s32(bias + 4 * v), vshlq_n_s32(sum, 7)));
  });
}

// The instructions of a tile keep their order: see panel_neon.h.
CUTIS_INLINE int8x16_t LoadVector(const int8_t* from) {
  typedef int8x16_t Bytes16 __attribute__((aligned(1), may_alias));
  int8x16_t bytes;
  asm volatile("ldr %q0, %1" : "=w"(bytes) : "m"(*reinterpret_cast<const Bytes16*>(from)));
  return bytes;
}

// One word of a pixel in all lanes.
template <bool kShift>
CUTIS_INLINE int8x16_t LoadWord(const uint8_t* from) {
  typedef uint32_t Bytes4 __attribute__((aligned(1), may_alias));
  int8x16_t word;
  asm volatile("ld1r {%0.4s}, [%1]" : "=w"(word) : "r"(from), "m"(*reinterpret_cast<const Bytes4*>(from)));
  if constexpr (kShift) word = veorq_s8(word, vdupq_n_s8(-128));
  return word;
}

// Number kPart of the products of 8 channels with a pixel: 2 channels each.
template <size_t kPart, bool kFirst>
CUTIS_INLINE void Multiply(int16x8_t& products, const int8x16_t (&w)[2], int8x16_t x) {
  if constexpr (kFirst && kPart % 2 == 0)
    asm volatile("smull %0.8h, %1.8b, %2.8b" : "=w"(products) : "w"(w[kPart / 2]), "w"(x));
  if constexpr (kFirst && kPart % 2 == 1) {
    asm volatile("smull2 %0.8h, %1.16b, %2.16b" : "=w"(products) : "w"(w[kPart / 2]), "w"(x));
  }
  if constexpr (!kFirst && kPart % 2 == 0) {
    asm volatile("smlal %0.8h, %1.8b, %2.8b" : "+w"(products) : "w"(w[kPart / 2]), "w"(x));
  }
  if constexpr (!kFirst && kPart % 2 == 1) {
    asm volatile("smlal2 %0.8h, %1.16b, %2.16b" : "+w"(products) : "w"(w[kPart / 2]), "w"(x));
  }
}
CUTIS_INLINE void AddProducts(int32x4_t& sums, int16x8_t products) {
  asm volatile("sadalp %0.4s, %1.8h" : "+w"(sums) : "w"(products));
}

// One or two rows of weights times the words that first[p] and second[p] point to.
template <size_t kTile, size_t kRows, bool kShift>
CUTIS_INLINE void AddRows(const int8_t* w, const uint8_t* const (&first)[kTile], const uint8_t* const (&second)[kTile],
                          int32x4_t (&sums)[kTile][4]) {
  constexpr size_t kPair = kTile < 2 ? kTile : 2;
  int8x16_t rows[kRows][2], words[2][kPair];
  int16x8_t products[kPair][4];
  const auto load = [&](auto row, auto pair) CUTIS_UNROLLED {
    Unroll<kPair>([&](auto i) CUTIS_UNROLLED {
      words[row][i] = LoadWord<kShift>(row == 0 ? first[kPair * pair + i] : second[kPair * pair + i]);
    });
  };
  load(UnrolledIndex<0>(), UnrolledIndex<0>());
  Unroll<2 * kRows>([&](auto i) CUTIS_UNROLLED { rows[i / 2][i % 2] = LoadVector(w + 64 * (i / 2) + 16 * (i % 2)); });
  Unroll<kTile / kPair>([&](auto pair) CUTIS_UNROLLED {
    if constexpr (kRows == 2) load(UnrolledIndex<1>(), pair);
    Unroll<kPair * 4>([&](auto j) CUTIS_UNROLLED {
      if constexpr (pair > 0) AddProducts(sums[kPair * (pair - 1) + j / 4][j % 4], products[j / 4][j % 4]);
      Multiply<j % 4, true>(products[j / 4][j % 4], rows[0], words[0][j / 4]);
    });
    if constexpr (pair + 1 < kTile / kPair) load(UnrolledIndex<0>(), UnrolledIndex<pair + 1>());
    if constexpr (kRows == 2) {
      Unroll<kPair * 4>([&](auto j)
                            CUTIS_UNROLLED { Multiply<j % 4, false>(products[j / 4][j % 4], rows[1], words[1][j / 4]); });
    }
  });
  Unroll<kPair * 4>([&](auto j) CUTIS_UNROLLED { AddProducts(sums[kTile - kPair + j / 4][j % 4], products[j / 4][j % 4]); });
}

template <size_t kTile, bool kDense, bool kShift>
CUTIS_INLINE void Tile(const HalfPanel& panel, const uint8_t* x, size_t x_stride, const Output& out, uint8_t* y,
                       size_t y_stride) {
  int32x4_t sums[kTile][4];
  const uint8_t *pixels[kTile], *first[kTile], *second[kTile];  // addresses are made before they are waited for
  Unroll<kTile>([&](auto p) CUTIS_UNROLLED {
    pixels[p] = first[p] = x + p * x_stride;
    second[p] = first[p] + 4;
    Unroll<4>([&](auto i) CUTIS_UNROLLED { sums[p][i] = vdupq_n_s32(0); });
  });
  const int8_t* w = panel.w;
  const uint16_t* k_group = panel.k_groups;
  const auto find = [&](const uint8_t*(&words)[kTile]) CUTIS_UNROLLED {
    const size_t offset = 4 * size_t{*k_group++};
    Unroll<kTile>([&](auto p) CUTIS_UNROLLED { words[p] = pixels[p] + offset; });
  };
  size_t left = panel.rows;
  for (; left >= 2; left -= 2, w += 128) {
    if constexpr (!kDense) {
      find(first);
      find(second);
    }
    AddRows<kTile, 2, kShift>(w, first, second, sums);
    if constexpr (kDense) {
      Unroll<kTile>([&](auto p) CUTIS_UNROLLED {
        first[p] += 8;
        second[p] += 8;
      });
    }
  }
  if (left != 0) {
    if constexpr (!kDense) find(first);
    AddRows<kTile, 1, kShift>(w, first, second, sums);
  }
  TileRows<kTile, 8> rows(y, y_stride, panel.live);
  Unroll<kTile>([&](auto p) CUTIS_UNROLLED {
    const int32x4_t low = vaddq_s32(vpaddq_s32(sums[p][0], sums[p][1]), vld1q_s32(panel.bias));
    const int32x4_t high = vaddq_s32(vpaddq_s32(sums[p][2], sums[p][3]), vld1q_s32(panel.bias + 4));
    rows.Store(p, Requantize8(low, high, panel.multiplier, out));
  });
  rows.Finish();
}

template <bool kDense, bool kShift>
[[gnu::noinline]] void RunHalfPanel(const HalfPanel& panel, const uint8_t* x, size_t x_stride, size_t pixels,
                                    const Output& shared_out, uint8_t* y, size_t y_stride) {
  const Output out = shared_out;
  const auto tile = [&](auto n) CUTIS_UNROLLED {
    Tile<n, kDense, kShift>(panel, x, x_stride, out, y, y_stride);
    x += n * x_stride;
    y += n * y_stride;
  };
  for (; pixels >= 4; pixels -= 4) tile(UnrolledIndex<4>());
  if (pixels >= 2) tile(UnrolledIndex<2>());
  if (pixels % 2 == 1) tile(UnrolledIndex<1>());
}

// Calls run(x, x_stride, first, pixels, shifted) for blocks of pixels with shifted signs, `bytes` bytes of each; once for all
// as they are where the scratch holds less than a tile.
template <class Run>
CUTIS_INLINE void ForBlocks(const uint8_t* x, size_t x_stride, size_t pixels, size_t bytes, std::byte* scratch,
                            const Run& run) {
  const size_t fitting = bytes == 0 ? pixels : kSignedBytes / bytes;
  if (fitting < 4 && fitting < pixels) {
    run(x, x_stride, 0, pixels, UnrolledIndex<0>());
    return;
  }
  const size_t most = fitting < 4 ? fitting : fitting / 4 * 4;
  uint8_t* block = reinterpret_cast<uint8_t*>(scratch);
  for (size_t done = 0; done < pixels; done += most) {
    const size_t now = pixels - done < most ? pixels - done : most;
    CopySigned(x + done * x_stride, x_stride, now, bytes, block);
    run(block, bytes, done, now, UnrolledIndex<1>());
  }
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_PANEL_SMLAL_H_
