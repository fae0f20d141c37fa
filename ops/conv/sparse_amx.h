// Pruned weights in the blocks of blocks_amx.h: the live rows of two panels become tiles in scratch, with rows of zeros between
// them, once for all pixels of a call, and are multiplied as dense ones are.
//
// A step begins with the first k-group that no step before it has: 16 dead ones in a row cost nothing, and the last step ends
// with the last live k-group, so that a row of pixels is not read beyond it.
//
// Where that pays is a matter of density. Cycles for a panel, counted:
//   - AVX-512 VNNI: 7 for each live row and 12 pixels (convs_avx512vnni.cc).
//   - AMX: for each step 16 for a tile of 16 pixels, and 32 for making a tile of weights: 16 stores of zeros and at most as
//     many rows, each a load, a store and its k-group. For each tile of sums 16 more, for its stores.
// With 16 * d live rows a step, p pixels and many steps that is 9.3 * d * p against 16 * ceil(p / 16) + 32, so AMX pays from a
// density d of 11 % on where there are many pixels, 21 % at 49 of them, 32 % at 16; 75 % of the rows pruned, 196 pixels: 457
// against 240. Requantisation, the same for both but hidden behind the products of AMX, is left out: a careful choice. The
// numbers are to be measured.
#ifndef CUTIS_OPS_CONV_SPARSE_AMX_H_
#define CUTIS_OPS_CONV_SPARSE_AMX_H_

#include <cstddef>
#include <cstdint>

#include "ops/conv/blocks_amx.h"

namespace cutis {
namespace {

struct SparseWeights {
  const int8_t* w;
  const uint32_t* starts;
  const uint16_t* live;
  size_t panels;
  size_t end;  // behind the last live k-group of all panels

  [[gnu::always_inline]] SparseWeights(const int8_t* w_, const uint32_t* starts_, const uint16_t* live_, size_t panels_)
      : w(w_), starts(starts_), live(live_), panels(panels_), end(0) {
    for (size_t panel = 0; panel < panels; ++panel) {
      if (starts[panel] == starts[panel + 1]) continue;
      const size_t behind = size_t{live[starts[panel + 1] - 1]} + 1;
      if (behind > end) end = behind;
    }
  }

  [[gnu::always_inline]] size_t MostSteps() const { return (end + kTileRows - 1) / kTileRows; }

  // By the counts above, times 12.
  [[gnu::always_inline]] bool PayForAmx(size_t pixels) const {
    const size_t rows = starts[panels] - starts[0], tiles = (pixels + kTileRows - 1) / kTileRows;
    const size_t steps = panels * MostSteps();
    return 12 * (steps * (16 * tiles + 32) + panels * 16 * tiles) < 7 * rows * pixels;
  }
};

struct SparseSteps {
  const int8_t* tiles;      // two panels' for each step
  const uint32_t* offsets;  // into the pixels
  size_t count;

  [[gnu::always_inline]] Step At(size_t step) const {
    const int8_t* at = tiles + step * 2 * kTileBytes;
    return {offsets[step], {at, at + kTileBytes}};
  }
};

// The rows of a panel that are in no tile yet.
struct LiveRows {
  const int8_t* w;
  const uint16_t* next;
  const uint16_t* end;
};

CUTIS_INLINE LiveRows RowsOf(const SparseWeights& weights, size_t panel) {
  const size_t begin = weights.starts[panel];
  return {weights.w + begin * kTileRowBytes, weights.live + begin, weights.live + weights.starts[panel + 1]};
}

// The tile of a panel for k-groups [first, end), from the rows up to there.
CUTIS_INLINE void MakeTile(LiveRows& rows, size_t first, size_t end, int8_t* tile) {
  const __m512i zero = _mm512_setzero_si512();
  for (size_t row = 0; row < kTileRows; ++row) _mm512_store_si512(tile + row * kTileRowBytes, zero);
  for (; rows.next != rows.end && *rows.next < end; ++rows.next, rows.w += kTileRowBytes) {
    _mm512_store_si512(tile + (*rows.next - first) * kTileRowBytes, _mm512_load_si512(rows.w));
  }
}

// Scratch: the sums, the tiles of weights of up to so many steps, their offsets.
constexpr size_t SparseScratchBytes(size_t steps) { return SumRing::kBytes + steps * (2 * kTileBytes + sizeof(uint32_t)); }

// Up to `most` steps into scratch, one at least, until one or two panels have no rows left; returns how many.
CUTIS_INLINE size_t MakeSteps(LiveRows (&rows)[2], size_t panels, size_t k_end, size_t most, int8_t* tiles, uint32_t* offsets) {
  const size_t groups = k_end < kTileRows ? k_end : kTileRows;
  size_t step = 0;
  do {
    size_t first = k_end - groups;
    for (size_t v = 0; v < panels; ++v) {
      if (rows[v].next != rows[v].end && *rows[v].next < first) first = *rows[v].next;
    }
    offsets[step] = static_cast<uint32_t>(first * 4);
    for (size_t v = 0; v < panels; ++v) MakeTile(rows[v], first, first + groups, tiles + (2 * step + v) * kTileBytes);
    ++step;
  } while (step < most && (rows[0].next != rows[0].end || (panels > 1 && rows[1].next != rows[1].end)));
  return step;
}

// All pixels times all panels, as RunDense(). Where a pair of panels has more than kMostSteps, a chunk of so many is multiplied
// after the other, with the pixels whose sums the ring holds; the sums of all but the last chunk wait there as they are. So
// `waiting` must have no strip that takes pixels of two blocks.
template <size_t kMostSteps, class Waiting>
CUTIS_INLINE void RunSparse(const Pixels& pixels, const SumRing& ring, const SparseWeights& weights, const int32_t* bias,
                            std::byte* scratch, Waiting& waiting) {
  int8_t* tiles = reinterpret_cast<int8_t*>(scratch + SumRing::kBytes);
  uint32_t* offsets = reinterpret_cast<uint32_t*>(tiles + kMostSteps * 2 * kTileBytes);
  SparseSteps steps = {tiles, offsets, 0};
  Configure(pixels.TileRows(), weights.end < kTileRows ? weights.end : kTileRows);
  for (size_t panel = 0; panel < weights.panels; panel += 2) {
    const size_t together = weights.panels - panel < 2 ? 1 : 2;
    size_t span = pixels.count;
    for (size_t begin = 0; begin < pixels.count; begin += span) {
      LiveRows rows[2] = {RowsOf(weights, panel), RowsOf(weights, panel + together - 1)};
      const int32_t* from = bias + panel * 16;
      bool last = false;
      while (!last) {
        steps.count = MakeSteps(rows, together, weights.end, kMostSteps, tiles, offsets);
        FinishStores();
        last = rows[0].next == rows[0].end && (together == 1 || rows[1].next == rows[1].end);
        if (!last) span = SumRing::kPixels;
        const size_t end = pixels.count - begin < span ? pixels.count : begin + span;
        for (size_t pixel = begin; pixel < end; pixel += kBlockPixels) {
          RunBlock(pixels, ring, pixel, together, steps, from, waiting);
          if (!last) continue;
          if (pixel == 0) waiting.Begin(panel, together);
          waiting.Ready(end - pixel < kBlockPixels ? end : pixel + kBlockPixels);
        }
        from = nullptr;
      }
    }
  }
  Finish(waiting);
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_SPARSE_AMX_H_
