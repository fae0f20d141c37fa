// One panel of weights, dense or pruned, times many pixels, with the dot products of AArch64 (sdot, or sudot of FEAT_I8MM); for
// files compiled for one of them only.
//
// These instructions multiply a vector, here the weights of 4 channels, by 4 bytes out of another one, here 4 k-groups of a
// pixel: no byte is broadcast or brought into another order. A tile is 6 pixels times the 16 channels of a panel: 24 sums, 6
// vectors of pixels and 2 of weights take the 32 registers. Four k-groups are 96 instructions, 16 loads of weights and 6 of
// pixels; two dot products can start in a cycle on large cores, and 24 sums hide any latency. A panel of 8 channels or fewer
// takes tiles of 8 pixels times 8 channels.
//
// sdot wants signed pixels: x - 128, which is x ^ 0x80, for x, and bias + 128 sum w for the bias. All sums are those of the
// reference modulo 2^32, whatever the parts.
#ifndef CUTIS_OPS_CONV_PANEL_NEON_H_
#define CUTIS_OPS_CONV_PANEL_NEON_H_

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "ops/conv/panel.h"
#include "ops/conv/requant_neon.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// How pixels come to the dot product.
enum class Pixels {
  kUnsigned,  // as they are, to sudot
  kShift,     // x ^ 0x80 here, to sdot
  kShifted    // x ^ 0x80 in memory, to sdot
};

// The instructions of a tile are assembly that keeps its order: around the intrinsics gcc 12 moves sums between registers, and
// puts each load of weights next to its use, where a core that takes instructions in order waits for it.
//
// Adds to 4 sums the dot products of 4 weights each with the 4 bytes `kLane` of x.
template <Pixels kPixels, size_t kLane>
CUTIS_INLINE void AddDotProducts(int32x4_t& sums, int8x16_t w, uint8x16_t x) {
  if constexpr (kPixels == Pixels::kUnsigned) {
    asm volatile("sudot %0.4s, %1.16b, %2.4b[%3]" : "+w"(sums) : "w"(w), "w"(x), "i"(kLane));
  } else {
    asm volatile("sdot %0.4s, %1.16b, %2.4b[%3]" : "+w"(sums) : "w"(w), "w"(x), "i"(kLane));
  }
}

// Types of memory operands.
typedef uint32_t Bytes4 __attribute__((aligned(1), may_alias));
typedef uint64_t Bytes8 __attribute__((aligned(1), may_alias));
typedef uint8x16_t Bytes16 __attribute__((aligned(1), may_alias));

// 4 weights of 4 channels.
CUTIS_INLINE int8x16_t LoadWeights(const int8_t* from) {
  int8x16_t w;
  asm volatile("ldr %q0, %1" : "=w"(w) : "m"(*reinterpret_cast<const Bytes16*>(from)));
  return w;
}

// The first 4 * kGroups bytes of a vector, no byte more; what lies behind them in it is not used. (The intrinsic for 4 bytes
// loads by way of a general register, or into all lanes, which takes an arithmetic unit too.)
template <size_t kGroups>
CUTIS_INLINE uint8x16_t LoadGroups(const uint8_t* from) {
  uint8x16_t words;
  if constexpr (kGroups == 4) {
    asm volatile("ldr %q0, %1" : "=w"(words) : "m"(*reinterpret_cast<const Bytes16*>(from)));
  } else if constexpr (kGroups == 2) {
    asm volatile("ldr %d0, %1" : "=w"(words) : "m"(*reinterpret_cast<const Bytes8*>(from)));
  } else {
    static_assert(kGroups == 1);
    asm volatile("ldr %s0, %1" : "=w"(words) : "m"(*reinterpret_cast<const Bytes4*>(from)));
  }
  return words;
}

// Made anew where it is used: as a constant it would keep a register that sums and weights need.
CUTIS_INLINE uint8x16_t SignBits() {
  uint8x16_t bits;
  asm volatile("movi %0.16b, #128" : "=w"(bits));
  return bits;
}

CUTIS_INLINE void ShiftSigns(uint8x16_t& words, uint8x16_t signs) {
  asm volatile("eor %0.16b, %0.16b, %1.16b" : "+w"(words) : "w"(signs));
}

// Here and now: at the end of a round, where gcc would do it, the branch has to wait for it.
CUTIS_INLINE void CountDown(size_t& rounds) { asm volatile("sub %0, %0, #1" : "+r"(rounds)); }

// `kGroups` k-groups of a tile: rows of weights from w on, words of the pixels from x[p] + at on. Weights are loaded one
// vector ahead.
template <size_t kTile, size_t kVectors, size_t kGroups, Pixels kPixels>
CUTIS_INLINE void AddGroups(const int8_t* w, const uint8_t* const (&x)[kTile], size_t at, int32x4_t (&sums)[kTile][kVectors]) {
  uint8x16_t words[kTile];
  uint8x16_t signs;
  if constexpr (kPixels == Pixels::kShift) signs = SignBits();
  Unroll<kTile>([&](auto p) CUTIS_UNROLLED { words[p] = LoadGroups<kGroups>(x[p] + at); });
  int8x16_t rows[2];
  rows[0] = LoadWeights(w);  // before the signs, which have to wait for the last words anyway
  if constexpr (kPixels == Pixels::kShift) Unroll<kTile>([&](auto p) CUTIS_UNROLLED { ShiftSigns(words[p], signs); });
  Unroll<kGroups * kVectors>([&](auto i) CUTIS_UNROLLED {
    constexpr size_t kGroup = i / kVectors, kVector = i % kVectors, kNext = i + 1;
    if constexpr (kNext < kGroups * kVectors) {
      rows[kNext % 2] = LoadWeights(w + 64 * (kNext / kVectors) + 16 * (kNext % kVectors));
    }
    Unroll<kTile>([&](auto p) CUTIS_UNROLLED { AddDotProducts<kPixels, kGroup>(sums[p][kVector], rows[i % 2], words[p]); });
  });
}

// An address for each pixel, which gcc must not make out of another one's for every load.
template <size_t kTile>
CUTIS_INLINE void PlacePixels(const uint8_t* x, size_t x_stride, const uint8_t* (&pixels)[kTile]) {
  Unroll<kTile>([&](auto p) CUTIS_UNROLLED {
    pixels[p] = x + p * x_stride;
    asm("" : "+r"(pixels[p]));
  });
}

template <size_t kTile, size_t kVectors, Pixels kPixels, bool kDense>
CUTIS_INLINE void Tile(const Panel& panel, const uint8_t* x, size_t x_stride, const Output& out, uint8_t* y, size_t y_stride) {
  int32x4_t sums[kTile][kVectors];
  Unroll<kVectors>([&](auto v) CUTIS_UNROLLED {
    Unroll<kTile>([&](auto p) CUTIS_UNROLLED { sums[p][v] = vld1q_s32(panel.bias + 4 * v); });
  });
  const int8_t* w = panel.w;
  const uint8_t* pixels[kTile];
  PlacePixels(x, x_stride, pixels);
  if constexpr (kDense) {
    size_t at = 0;
    for (size_t rounds = panel.rows / 4; rounds > 0; w += 256, at += 16) {
      CountDown(rounds);
      AddGroups<kTile, kVectors, 4, kPixels>(w, pixels, at, sums);
    }
    if (panel.rows & 2) {
      AddGroups<kTile, kVectors, 2, kPixels>(w, pixels, at, sums);
      w += 128;
      at += 8;
    }
    if (panel.rows & 1) AddGroups<kTile, kVectors, 1, kPixels>(w, pixels, at, sums);
  } else if (panel.rows > 0) {
    const uint16_t* k_group = panel.k_groups;
    size_t at = 4 * size_t{*k_group};
    for (size_t rounds = panel.rows - 1; rounds > 0; w += 64) {
      CountDown(rounds);
      const size_t next = 4 * size_t{*++k_group};  // in time for the next round
      AddGroups<kTile, kVectors, 1, kPixels>(w, pixels, at, sums);
      at = next;
    }
    AddGroups<kTile, kVectors, 1, kPixels>(w, pixels, at, sums);
  }
  TileRows<kTile, 4 * kVectors> rows(y, y_stride, panel.live);
  Unroll<kTile>([&](auto p) CUTIS_UNROLLED {
    if constexpr (kVectors == 4) {
      rows.Store(p, Requantize16(sums[p][0], sums[p][1], sums[p][2], sums[p][3], panel.multiplier, out));
    } else {
      rows.Store(p, Requantize8(sums[p][0], sums[p][1], panel.multiplier, out));
    }
  });
  rows.Finish();
}

// The last tiles have any number of pixels up to this one, or an even one: what the others would save is not worth their code. A panel
// of 16 channels gains from 4 + 3 where 7 are left, as in rows of 7.
template <size_t kVectors>
constexpr size_t kAnyPixels = kVectors == 4 ? 4 : 2;

// The pixels of the next tile, of `left`. One alone reads all weights for few products, so two share theirs where it would be left.
template <size_t kTile, size_t kVectors>
CUTIS_INLINE size_t PixelsOfTile(size_t left) {
  if (kVectors == 4 && kTile > 4 && left == kTile + 1) return kTile - 2;
  if (left >= kTile) return kTile;
  return left > kAnyPixels<kVectors> ? left & ~size_t{1} : left;
}

// Calls body(UnrolledIndex<n>) for n = `count`, one of those.
template <size_t kMost, size_t kVectors, class Body>
CUTIS_INLINE void WithPixels(size_t count, const Body& body) {
  if constexpr (kMost > 1) {
    if (count < kMost) return WithPixels<kMost - (kMost > kAnyPixels<kVectors> ? 2 : 1), kVectors>(count, body);
  }
  body(UnrolledIndex<kMost>());
}

// Calls body(UnrolledIndex<n>) for n = `count`, 1 to kMost.
template <size_t kMost, class Body>
CUTIS_INLINE void WithCount(size_t count, const Body& body) {
  if constexpr (kMost > 1) {
    if (count < kMost) return WithCount<kMost - 1>(count, body);
  }
  body(UnrolledIndex<kMost>());
}

// All pixels of a panel in tiles of kTile.
template <size_t kTile, size_t kVectors, Pixels kPixels, bool kDense>
[[gnu::noinline]] void RunTiles(const Panel& panel, const uint8_t* x, size_t x_stride, size_t pixels, const Output& shared_out,
                                uint8_t* y, size_t y_stride) {
  const Output out = shared_out;
  while (pixels > 0) {
    const size_t now = PixelsOfTile<kTile, kVectors>(pixels);
    WithPixels<kTile, kVectors>(
        now, [&](auto n) CUTIS_UNROLLED { Tile<n, kVectors, kPixels, kDense>(panel, x, x_stride, out, y, y_stride); });
    pixels -= now;
    x += now * x_stride;
    y += now * y_stride;
  }
}

template <Pixels kPixels, bool kDense>
CUTIS_INLINE void RunPanel(const Panel& panel, const uint8_t* x, size_t x_stride, size_t pixels, const Output& out, uint8_t* y,
                           size_t y_stride) {
  if (panel.live > 8) {
    RunTiles<6, 4, kPixels, kDense>(panel, x, x_stride, pixels, out, y, y_stride);
  } else {
    RunTiles<8, 2, kPixels, kDense>(panel, x, x_stride, pixels, out, y, y_stride);
  }
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_PANEL_NEON_H_
