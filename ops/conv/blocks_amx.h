// The blocks in which AMX kernels multiply; for files compiled for AMX only (and for the emulation in tests/ops).
//
// tdpbusd multiplies a tile of 16 pixels x 64 bytes by one of 16 k-groups x 16 channels, which is 16 rows of a W16x4 panel as
// they are stored, and adds to 16 x 16 sums of 32 bits, exactly.
//
// Blocks are 32 pixels x 32 channels: 4 tiles of sums, 2 of pixels, 2 of weights: all 8 that there are. Four loads of at least
// 8 cycles serve four products of 16 cycles, so the loads hide behind the products as long as one side comes from the
// first-level cache.
//
// One configuration serves a call, since no tile is left for another shape and ldtilecfg clears all tiles, sums included. Tails
// need none of their own:
//   - pixels: the last tile begins so early that it ends with the last pixel; its sums of pixels done before are not used;
//   - k: the last step takes the last 64 bytes of a pixel, and of the panel a copy of the last 16 rows in which those that an
//     earlier step had are zero;
//   - fewer than 16 pixels or k-groups in the whole call: the configuration has fewer rows or shorter ones;
//   - channels: panels are stored whole; what writes outputs leaves out those that do not exist.
//
// Sums begin as the bias: a load with stride 0 fills every row from the same 64 bytes, which costs no vector operation. Those
// are the scarce ones: 5 for an output vector and two units, about 40 cycles a tile of sums. So the sums of a block are left in
// scratch and become bytes between the products of the next block, which run on another unit. What they become is the kernel's
// own: a class like this, of which a strip is some pixels that are stored together.
//
//   size_t strips;                          // that wait
//   void StoreStrip();                      // the next of them
//   void Begin(size_t panel, size_t panels) // no strip waits; the sums of `panels` panels from `panel` on follow
//   void Ready(size_t end)                  // those of the pixels before `end` are in the ring
#ifndef CUTIS_OPS_CONV_BLOCKS_AMX_H_
#define CUTIS_OPS_CONV_BLOCKS_AMX_H_

#include <cstddef>
#include <cstdint>

#include "ops/conv/prefetch.h"
#include "ops/conv/requant_avx512.h"
#include "ops/conv/tiles_amx.h"

namespace cutis {
namespace {

// Where AVX-512 VNNI takes over. Its products take half a cycle a k-group and vector on the units that requantisation needs for
// 2.5 cycles a vector; AMX frees them for one store and one load of the sums. By these counts AMX gains from 4 k-groups on; a
// plain version whose steps did not overlap lost at 4 and 6, so 8 is the careful choice. It is to be measured.
constexpr int32_t kFewestGroups = 8;
// A pixel costs VNNI half a cycle a row of weights, so 8 a tile of weights; loading that tile costs AMX 8 and the product up
// to 16.
constexpr size_t kFewestPixels = 4;

constexpr size_t kBlockPixels = 2 * kTileRows;

struct Pixels {
  const uint8_t* x;
  size_t stride, count;

  [[gnu::always_inline]] size_t TileRows() const { return count < kTileRows ? count : kTileRows; }
};

// The sums of two blocks, in scratch: those that become bytes and those that are written next. A pixel's place holds those of
// two panels.
class SumRing {
 public:
  static constexpr size_t kPixels = 2 * kBlockPixels;
  static constexpr size_t kPlaceBytes = 2 * kTileRowBytes;
  static constexpr size_t kPlaceSums = kPlaceBytes / sizeof(int32_t);
  static constexpr size_t kBytes = kPixels * kPlaceBytes;

  [[gnu::always_inline]] SumRing(std::byte* ring, size_t pixels)
      : ring_(ring), whole_(pixels / kTileRows * kTileRows), shift_(whole_ > 0 ? kTileRows - pixels % kTileRows : 0) {}

  // For the tile that begins with this pixel, a multiple of 16; or before it, where it is the last.
  [[gnu::always_inline]] std::byte* Tile(size_t pixel) const { return ring_ + pixel % kPixels * kPlaceBytes; }
  // Of a pixel, which is not the first row of the last tile where that began early.
  [[gnu::always_inline]] const int32_t* Sums(size_t pixel) const {
    const size_t place = pixel % kPixels + (pixel < whole_ ? 0 : shift_);
    return reinterpret_cast<const int32_t*>(ring_ + place * kPlaceBytes);
  }
  // Whether four pixels have places that follow each other; always where the first is a multiple of 4.
  [[gnu::always_inline]] bool FourTogether(size_t pixel) const {
    return pixel % kPixels <= kPixels - 4 && (pixel >= whole_ || pixel + 4 <= whole_);
  }

 private:
  std::byte* ring_;
  size_t whole_;  // pixels of whole tiles
  size_t shift_;  // rows of the last tile before its own pixels
};

// One product of a block: bytes of the pixels, and 16 rows of each panel.
struct Step {
  size_t offset;
  const int8_t* w[2];
};

// The numbers of tiles must be literals: 0 and 1 hold the sums of the first 16 pixels, 2 and 3 of the second; 4 and 5 pixels, 6
// and 7 weights.
template <size_t kTiles, size_t kPanels>
CUTIS_INLINE void Multiply(const uint8_t* x0, const uint8_t* x1, size_t x_stride, const Step& step) {
  _tile_loadd(6, step.w[0], kTileRowBytes);
  _tile_loadd(4, x0 + step.offset, x_stride);
  _tile_dpbusd(0, 4, 6);
  if constexpr (kPanels > 1) {
    _tile_loadd(7, step.w[1], kTileRowBytes);
    _tile_dpbusd(1, 4, 7);
  }
  if constexpr (kTiles > 1) {
    _tile_loadd(5, x1 + step.offset, x_stride);
    _tile_dpbusd(2, 5, 6);
    if constexpr (kPanels > 1) _tile_dpbusd(3, 5, 7);
  }
}

template <size_t kTiles, size_t kPanels>
CUTIS_INLINE void LoadBiases(const int32_t* bias) {
  _tile_loadd(0, bias, 0);
  if constexpr (kPanels > 1) _tile_loadd(1, bias + 16, 0);
  if constexpr (kTiles > 1) _tile_loadd(2, bias, 0);
  if constexpr (kTiles > 1 && kPanels > 1) _tile_loadd(3, bias + 16, 0);
}

template <size_t kTiles, size_t kPanels>
CUTIS_INLINE void LoadSums(const std::byte* const* from) {
  _tile_loadd(0, from[0], SumRing::kPlaceBytes);
  if constexpr (kPanels > 1) _tile_loadd(1, from[0] + kTileRowBytes, SumRing::kPlaceBytes);
  if constexpr (kTiles > 1) _tile_loadd(2, from[1], SumRing::kPlaceBytes);
  if constexpr (kTiles > 1 && kPanels > 1) _tile_loadd(3, from[1] + kTileRowBytes, SumRing::kPlaceBytes);
}

template <size_t kTiles, size_t kPanels>
CUTIS_INLINE void StoreSums(std::byte* const* to) {
  _tile_stored(0, to[0], SumRing::kPlaceBytes);
  if constexpr (kPanels > 1) _tile_stored(1, to[0] + kTileRowBytes, SumRing::kPlaceBytes);
  if constexpr (kTiles > 1) _tile_stored(2, to[1], SumRing::kPlaceBytes);
  if constexpr (kTiles > 1 && kPanels > 1) _tile_stored(3, to[1] + kTileRowBytes, SumRing::kPlaceBytes);
}

// Where the tiles of a block lie.
struct BlockTiles {
  const uint8_t* x[2];
  size_t x_stride;
  std::byte* sums[2];
};

// The sums of a block, which begin as the bias, or without one as those that lie in the ring; meanwhile the strips that wait
// become bytes, all of them.
template <size_t kTiles, size_t kPanels, class Steps, class Waiting>
[[gnu::noinline]] void RunTiles(const Steps& shared, const BlockTiles& tiles, const int32_t* bias, Waiting& waiting) {
  const Steps steps = shared;  // a copy: stores of bytes might change the other
  const uint8_t *x0 = tiles.x[0], *x1 = tiles.x[kTiles - 1];
  bias != nullptr ? LoadBiases<kTiles, kPanels>(bias) : LoadSums<kTiles, kPanels>(tiles.sums);
  const size_t strips_a_step = (waiting.strips + steps.count - 1) / steps.count;
  for (size_t step = 0; step < steps.count; ++step) {
    Multiply<kTiles, kPanels>(x0, x1, tiles.x_stride, steps.At(step));
    for (size_t i = 0; i < strips_a_step && waiting.strips > 0; ++i) waiting.StoreStrip();
  }
  StoreSums<kTiles, kPanels>(tiles.sums);
}

// The block of up to 32 pixels from `pixel` on and of one or two panels.
template <class Steps, class Waiting>
CUTIS_INLINE void RunBlock(const Pixels& pixels, const SumRing& ring, size_t pixel, size_t panels, const Steps& steps,
                           const int32_t* bias, Waiting& waiting) {
  const size_t last = pixels.count - pixels.TileRows();
  BlockTiles block = {};
  block.x_stride = pixels.stride;
  for (size_t tile = 0; tile < 2; ++tile) {
    const size_t first = pixel + tile * kTileRows;
    block.x[tile] = pixels.x + (first < last ? first : last) * pixels.stride;
    block.sums[tile] = ring.Tile(first);
  }
  if (pixels.count - pixel > kTileRows) {
    panels == 2 ? RunTiles<2, 2>(steps, block, bias, waiting) : RunTiles<2, 1>(steps, block, bias, waiting);
  } else {
    panels == 2 ? RunTiles<1, 2>(steps, block, bias, waiting) : RunTiles<1, 1>(steps, block, bias, waiting);
  }
}

CUTIS_INLINE void Configure(size_t rows, size_t groups) {
  TileConfig config = {};
  config.palette = 1;
  for (size_t tile = 0; tile < 4; ++tile) {  // sums
    config.rows[tile] = static_cast<uint8_t>(rows);
    config.row_bytes[tile] = kTileRowBytes;
  }
  for (size_t tile = 4; tile < 6; ++tile) {  // pixels
    config.rows[tile] = static_cast<uint8_t>(rows);
    config.row_bytes[tile] = static_cast<uint16_t>(4 * groups);
  }
  for (size_t tile = 6; tile < 8; ++tile) {  // weights
    config.rows[tile] = static_cast<uint8_t>(groups);
    config.row_bytes[tile] = kTileRowBytes;
  }
  LoadTileConfig(config);
  FinishStores();  // the caller may have filled x just before
}

// Left configured, the tiles would cost 8 KB more at every switch of the thread, and the core could not sleep deeply.
template <class Waiting>
CUTIS_INLINE void Finish(Waiting& waiting) {
  _tile_release();
  while (waiting.strips > 0) waiting.StoreStrip();
}

// Steps through the panels as they are stored, 16 k-groups each (or all of them where they are fewer), and the tail if 16 do
// not divide them.
struct DenseSteps {
  const int8_t* w;
  size_t panel_bytes;
  size_t whole, count;
  size_t last_offset;
  const int8_t* tail;  // of two panels

  [[gnu::always_inline]] Step At(size_t step) const {
    if (step == whole) return {last_offset, {tail, tail + kTileBytes}};
    const int8_t* at = w + step * kTileBytes;
    return {step * kTileRowBytes, {at, at + panel_bytes}};
  }
};

// The last 16 rows of a panel, without those that whole steps multiply.
CUTIS_INLINE void CopyTail(const int8_t* panel, size_t k_groups, std::byte* to) {
  const int8_t* rows = panel + (k_groups - kTileRows) * kTileRowBytes;
  const size_t before = kTileRows - k_groups % kTileRows;
  for (size_t row = 0; row < kTileRows; ++row) {
    const __m512i weights = row < before ? _mm512_setzero_si512() : _mm512_load_si512(rows + row * kTileRowBytes);
    _mm512_store_si512(to + row * kTileRowBytes, weights);
  }
}

constexpr size_t kDenseScratchBytes = SumRing::kBytes + 2 * kTileBytes;

// All pixels times all panels of W16x4, the sums by way of `ring`, which is that of `waiting` too, at the start of `scratch`.
template <class Waiting>
CUTIS_INLINE void RunDense(const Pixels& pixels, const SumRing& ring, const int8_t* w, size_t k_groups, const int32_t* bias,
                           size_t panels, std::byte* scratch, Waiting& waiting) {
  std::byte* tail = scratch + SumRing::kBytes;
  DenseSteps steps = {};
  steps.panel_bytes = k_groups * kTileRowBytes;
  steps.whole = k_groups < kTileRows ? 1 : k_groups / kTileRows;
  steps.count = k_groups < kTileRows ? 1 : (k_groups + kTileRows - 1) / kTileRows;
  steps.tail = reinterpret_cast<const int8_t*>(tail);
  if (steps.count > steps.whole) steps.last_offset = k_groups * 4 - kTileRowBytes;
  Configure(pixels.TileRows(), k_groups < kTileRows ? k_groups : kTileRows);
  for (size_t panel = 0; panel < panels; panel += 2) {
    const size_t together = panels - panel < 2 ? 1 : 2;
    steps.w = w + panel * steps.panel_bytes;
    if (steps.count > steps.whole) {
      for (size_t v = 0; v < together; ++v) CopyTail(steps.w + v * steps.panel_bytes, k_groups, tail + v * kTileBytes);
      FinishStores();
    }
    WeightPrefetch prefetch(steps.w, together * steps.panel_bytes, (pixels.count + kBlockPixels - 1) / kBlockPixels);
    for (size_t pixel = 0; pixel < pixels.count; pixel += kBlockPixels) {
      prefetch.Step();
      RunBlock(pixels, ring, pixel, together, steps, bias + panel * 16, waiting);
      if (pixel == 0) waiting.Begin(panel, together);
      waiting.Ready(pixels.count - pixel < kBlockPixels ? pixels.count : pixel + kBlockPixels);
    }
  }
  Finish(waiting);
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_BLOCKS_AMX_H_
