// ExpandU8 and ExpandSparseU8 for AVX-512 VNNI: the products of conv_avx512vnni.cc and convs_avx512vnni.cc, whose sums are
// packed as quads, with one shuffle where those have a permutation.
//
// A tile is two quads times 3 panels: 8 broadcasts and 3 loads of weights for 24 dot products. Where panels are left over, or
// one quad of a row, it is smaller; so it is with pruned weights, since each panel has rows of its own.
#include "ops/conv/expand.h"
#include "ops/conv/prefetch.h"
#include "ops/conv/requant_avx512.h"
#include "ops/quads_avx512.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// Some panels that a tile takes together.
struct Weights {
  const int8_t* w;
  size_t panel_bytes;
  const uint16_t* live;  // null: all k-groups in their order
  size_t rows;           // of w
  const int32_t* bias;
  const float* multiplier;
};

// kQuads quads of kPanels panels. `filled`: the pixels of the last quad that exist; the others become padding.
template <size_t kQuads, size_t kPanels, bool kSparse>
CUTIS_INLINE void Tile(const ExpandU8Args& args, const Output& out, const Weights& weights, const uint8_t* x, size_t filled,
                       const uint8_t* padding, uint8_t* y) {
  constexpr size_t kPixels = kQuads * 4;
  const uint8_t* pixels[kPixels];
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    constexpr size_t kPixel = decltype(p)::kIndex, kLast = kPixels - 4;
    // Pixels that do not exist are the first one of their quad.
    pixels[p] = x + (kPixel < kLast || kPixel - kLast < filled ? kPixel : kLast) * args.x_stride;
  });
  __m512i sums[kPixels][kPanels];
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    Unroll<kPanels>([&](auto v) CUTIS_UNROLLED { sums[p][v] = _mm512_loadu_si512(weights.bias + 16 * v); });
  });
  // Tested at its end: see Tile() in conv_avx512vnni.cc.
  const size_t panel_bytes = weights.panel_bytes;
  const int8_t* w = weights.w;
  size_t left = weights.rows;
  const uint32_t* next = args.offsets;
  const uint16_t* live = weights.live;
  if (!kSparse || left > 0) {
    do {
      const size_t offset = kSparse ? next[*live++] : *next++;
      __m512i rows[kPanels];
      Unroll<kPanels>([&](auto v) CUTIS_UNROLLED { rows[v] = _mm512_load_si512(w + v * panel_bytes); });
      Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
        const __m512i word = _mm512_set1_epi32(LoadWord(pixels[p] + offset));
        Unroll<kPanels>([&](auto v) CUTIS_UNROLLED { sums[p][v] = _mm512_dpbusd_epi32(sums[p][v], word, rows[v]); });
      });
      w += 64;
    } while (--left > 0);
  }
  Unroll<kPanels>([&](auto v) CUTIS_UNROLLED {
    Unroll<kQuads>([&](auto q) CUTIS_UNROLLED {
      const float* multiplier = weights.multiplier + 16 * v;
      __m512i quad =
          InQuads(Requantize4<1>(sums[4 * q][v], sums[4 * q + 1][v], sums[4 * q + 2][v], sums[4 * q + 3][v], multiplier, out));
      if (decltype(q)::kIndex == kQuads - 1 && filled < 4) quad = PadQuad(quad, filled, padding + 16 * v);
      _mm512_store_si512(y + v * args.y_panel_stride + q * kQuadBytes, quad);
    });
  });
}

// All rows of kPanels panels, of which the first is number `panel`.
template <size_t kPanels, bool kSparse>
[[gnu::noinline]] void Panels(const ExpandU8Args& shared, const Output& shared_out, const Weights& shared_weights,
                              size_t panel) {
  const ExpandU8Args args = shared;  // copies: stores of bytes might change the others
  const Output out = shared_out;
  const Weights weights = shared_weights;
  const size_t width = static_cast<size_t>(args.width), quads = (width + 3) / 4;
  const uint8_t* padding = args.padding + panel * 16;
  const uint8_t* row = args.x;
  uint8_t* y = args.y + panel * args.y_panel_stride;
  WeightPrefetch prefetch(weights.w, kPanels * weights.rows * 64, static_cast<size_t>(args.rows) * ((width + 7) / 8));
  for (int32_t i = 0; i < args.rows; ++i, row += args.x_row_stride, y += args.y_row_stride) {
    const uint8_t* x = row;
    uint8_t* to = y;
    size_t left = width;
    for (; left > 4; left -= left < 8 ? left : 8, x += 8 * args.x_stride, to += 2 * kQuadBytes) {
      prefetch.Step();
      Tile<2, kPanels, kSparse>(args, out, weights, x, left < 8 ? left - 4 : 4, padding, to);
    }
    if (left > 0) {
      prefetch.Step();
      Tile<1, kPanels, kSparse>(args, out, weights, x, left, padding, to);
    }
    for (size_t v = 0; v < kPanels; ++v) StoreBorders(y + v * args.y_panel_stride, quads, args.border, padding + 16 * v);
  }
}

}  // namespace

void ExpandU8_8x48k4_avx512vnni(const ExpandU8Args& args) {
  const size_t panels = static_cast<size_t>(args.panels), groups = static_cast<size_t>(args.k_groups);
  const Output out = MakeOutput(args.out, args.multiplier, panels * 16);
  for (size_t panel = 0; panel < panels;) {
    const Weights weights = {args.w + panel * groups * 64, groups * 64, nullptr, groups, args.bias + panel * 16,
                             args.multiplier + panel * 16};
    const size_t left = panels - panel;
    // Four are two pairs: one by itself has as many broadcasts as three.
    if (left == 3 || left > 4) {
      Panels<3, false>(args, out, weights, panel);
      panel += 3;
    } else if (left > 1) {
      Panels<2, false>(args, out, weights, panel);
      panel += 2;
    } else {
      Panels<1, false>(args, out, weights, panel);
      panel += 1;
    }
  }
}

void ExpandSparseU8_8x16k4_avx512vnni(const ExpandSparseU8Args& args) {
  const size_t panels = static_cast<size_t>(args.panels);
  const Output out = MakeOutput(args.out, args.multiplier, panels * 16);
  for (size_t panel = 0; panel < panels; ++panel) {
    const size_t first = args.panel_starts[panel];
    const Weights weights = {args.w + first * 64,    0,
                             args.live + first,      args.panel_starts[panel + 1] - first,
                             args.bias + panel * 16, args.multiplier + panel * 16};
    Panels<1, true>(args, out, weights, panel);
  }
}

}  // namespace cutis
