// ExpandU8 and ExpandSparseU8 with the dot products of AArch64; for files compiled for one instruction set only.
//
// A tile is one quad times the 16 channels of a panel: 16 sums. Four pixels as bytes, stored by st4, which takes one byte of
// each vector in turn, are quads. Where the k-groups of a patch follow each other in the image (1x1 convolutions) pixels are
// loaded four k-groups at a time, else word by word.
#ifndef CUTIS_OPS_CONV_EXPAND_NEON_H_
#define CUTIS_OPS_CONV_EXPAND_NEON_H_

#include <arm_neon.h>

#include "ops/conv/expand.h"
#include "ops/conv/panel.h"
#include "ops/conv/panel_neon.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

enum class Words { kTogether, kApart, kLive };  // where the rows' words of a pixel are

// One quad, of which kFilled pixels exist; the others become padding.
template <size_t kFilled, Pixels kPixels, Words kWords>
CUTIS_INLINE void DotTile(const ExpandU8Args& args, const Output& out, const ExpandPanel& panel, const uint8_t* x, uint8_t* y) {
  int32x4_t sums[kFilled][4];
  Unroll<4>([&](auto v) CUTIS_UNROLLED {
    Unroll<kFilled>([&](auto p) CUTIS_UNROLLED { sums[p][v] = vld1q_s32(panel.bias + 4 * v); });
  });
  const uint8_t* pixels[kFilled];
  PlacePixels(x, args.x_stride, pixels);
  const int8_t* w = panel.w;
  size_t left = panel.rows;
  if constexpr (kWords == Words::kTogether) {
    size_t at = 0;
    for (; left >= 4; left -= 4, w += 256, at += 16) AddGroups<kFilled, 4, 4, kPixels>(w, pixels, at, sums);
    for (; left > 0; --left, w += 64, at += 4) AddGroups<kFilled, 4, 1, kPixels>(w, pixels, at, sums);
  } else {
    const uint32_t* next = args.offsets;
    for (const uint16_t* live = panel.live; left > 0; --left, w += 64) {
      const size_t offset = kWords == Words::kLive ? next[*live++] : *next++;
      AddGroups<kFilled, 4, 1, kPixels>(w, pixels, offset, sums);
    }
  }
  uint8x16x4_t quads;
  Unroll<4>([&](auto p) CUTIS_UNROLLED {
    if constexpr (p < kFilled) {
      quads.val[p] = Requantize16(sums[p][0], sums[p][1], sums[p][2], sums[p][3], panel.multiplier, out);
    } else {
      quads.val[p] = vld1q_u8(panel.padding);
    }
  });
  vst4q_u8(y, quads);
}

// All quads of a panel. `tile(filled, args, out, panel, x, y)` makes one of which UnrolledIndex `filled` pixels exist.
template <class Tile>
CUTIS_INLINE void ForQuads(const ExpandU8Args& shared, const Output& shared_out, const ExpandPanel& shared_panel, uint8_t* y,
                           const Tile& tile) {
  const ExpandU8Args args = shared;  // copies: stores of bytes might change the others
  const Output out = shared_out;
  const ExpandPanel panel = shared_panel;
  const size_t width = static_cast<size_t>(args.width);
  const uint8x16_t padding = vld1q_u8(panel.padding);
  const uint8x16x4_t padding_quad = {{padding, padding, padding, padding}};
  const auto fill = [&](uint8_t* from, size_t count) CUTIS_UNROLLED {
    for (size_t i = 0; i < count; ++i) vst4q_u8(from + i * kQuadBytes, padding_quad);
  };
  const uint8_t* row = args.x;
  for (int32_t i = 0; i < args.rows; ++i, row += args.x_row_stride, y += args.y_row_stride) {
    fill(y - args.border * kQuadBytes, args.border);
    const uint8_t* x = row;
    uint8_t* to = y;
    for (size_t left = width; left > 0; x += 4 * args.x_stride, to += kQuadBytes) {
      const size_t filled = left < 4 ? left : 4;
      WithCount<4>(filled, [&](auto n) CUTIS_UNROLLED { tile(n, args, out, panel, x, to); });
      left -= filled;
    }
    fill(to, args.border);
  }
}

template <Pixels kPixels, Words kWords>
[[gnu::noinline]] void RunDotPanel(const ExpandU8Args& args, const Output& out, const ExpandPanel& panel, uint8_t* y) {
  ForQuads(args, out, panel, y,
           [](auto n, const ExpandU8Args& all, const Output& to, const ExpandPanel& of, const uint8_t* x, uint8_t* quad)
               CUTIS_UNROLLED { DotTile<n, kPixels, kWords>(all, to, of, x, quad); });
}

// Whether each word of a patch lies behind the one before.
CUTIS_INLINE bool Together(const ExpandU8Args& args) {
  for (size_t g = 0; g < static_cast<size_t>(args.k_groups); ++g) {
    if (args.offsets[g] != 4 * g) return false;
  }
  return true;
}

// Panel i as it lies in the file.
template <bool kSparse>
CUTIS_INLINE ExpandPanel PanelAt(const ExpandU8Args& args, size_t i) {
  const size_t groups = static_cast<size_t>(args.k_groups), first = kSparse ? args.panel_starts[i] : i * groups;
  return {args.w + first * 64,
          kSparse ? args.live + first : nullptr,
          kSparse ? args.panel_starts[i + 1] - first : groups,
          args.bias + 16 * i,
          args.multiplier + 16 * i,
          args.padding + 16 * i};
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_EXPAND_NEON_H_
