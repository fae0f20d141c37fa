// ExpandU8 and ExpandSparseU8 for AMX-INT8: the blocks of blocks_amx.h, whose sums become quads.
//
// The patches of a row are rows of a tile where their k-groups lie one behind the other: in all 1x1 convolutions, but not in
// the stem. Where a row goes on in the next one, as it does without a stride, the pixels of all rows are one sequence: 14 rows
// of 14 pixels are 12 tiles and a last one, not 14 of which each holds 14. Quads do not mind: a row of them begins anywhere
// among the sums. A quad is written as soon as its last pixel is there; those of one that ends in the next block, three at
// most, keep their places in the ring meanwhile.
//
// Counted for a block of 32 x 32 sums, cycles: products 64 for each 16 k-groups, requantisation to quads 16 * 20 vector
// operations on two units 160, meanwhile. AVX-512 VNNI takes 32 for each k-group and those 160, one after the other: 480 where
// AMX takes 160 at 10 k-groups (40 channels), 1056 at 28 (112), 1696 at 48 (192: AMX 192).
#include "ops/conv/blocks_amx.h"
#include "ops/conv/expand.h"
#include "ops/conv/sparse_amx.h"
#include "ops/quads_avx512.h"

namespace cutis {

void ExpandU8_8x48k4_avx512vnni(const ExpandU8Args& args);
void ExpandSparseU8_8x16k4_avx512vnni(const ExpandSparseU8Args& args);

namespace {

// Steps of pruned weights. They must hold all k-groups, since quads take pixels of two blocks: 128, which are 512 channels.
constexpr size_t kExpandSteps = 8;
static_assert(kDenseScratchBytes <= kExpandU8KernelBytes && SparseScratchBytes(kExpandSteps) <= kExpandU8KernelBytes);

// A strip is one quad of each panel.
class WaitingQuads {
 public:
  WaitingQuads(const ExpandU8Args& args, const SumRing& ring)
      : args_(args),
        out_(MakeOutput(args.out, args.multiplier, static_cast<size_t>(args.panels) * 16)),
        ring_(ring),
        width_(static_cast<size_t>(args.width)) {}

  size_t strips = 0;

  [[gnu::always_inline]] void Begin(size_t panel, size_t panels) {
    multiplier_ = args_.multiplier + panel * 16;
    padding_ = args_.padding + panel * 16;
    row_ = args_.y + panel * args_.y_panel_stride;
    panels_ = panels;
    column_ = pixel_ = done_ = 0;
  }

  [[gnu::always_inline]] void Ready(size_t end) { strips = end / width_ * ((width_ + 3) / 4) + end % width_ / 4 - done_; }

  [[gnu::always_inline]] void StoreStrip() {
    const size_t left = width_ - column_, filled = left < 4 ? left : 4;
    const int32_t* first = ring_.Sums(pixel_);
    const int32_t* sums[4] = {first, first + SumRing::kPlaceSums, first + 2 * SumRing::kPlaceSums,
                              first + 3 * SumRing::kPlaceSums};
    if (filled < 4 || !ring_.FourTogether(pixel_)) {  // pixels that do not exist are the first one
      for (size_t i = 1; i < 4; ++i) sums[i] = i < filled ? ring_.Sums(pixel_ + i) : first;
    }
    uint8_t* y = row_ + column_ / 4 * kQuadBytes;
    for (size_t v = 0; v < panels_; ++v) {
      __m512i quad = InQuads(Requantize4<1>(_mm512_load_si512(sums[0] + 16 * v), _mm512_load_si512(sums[1] + 16 * v),
                                            _mm512_load_si512(sums[2] + 16 * v), _mm512_load_si512(sums[3] + 16 * v),
                                            multiplier_ + 16 * v, out_));
      if (filled < 4) quad = PadQuad(quad, filled, padding_ + 16 * v);
      _mm512_store_si512(y + v * args_.y_panel_stride, quad);
    }
    --strips;
    ++done_;
    pixel_ += filled;
    column_ += 4;
    if (column_ >= width_) EndRow();
  }

 private:
  [[gnu::always_inline]] void EndRow() {
    for (size_t v = 0; v < panels_; ++v) {
      StoreBorders(row_ + v * args_.y_panel_stride, column_ / 4, args_.border, padding_ + 16 * v);
    }
    row_ += args_.y_row_stride;
    column_ = 0;
  }

  const ExpandU8Args args_;
  const Output out_;
  const SumRing ring_;
  const size_t width_;
  const float* multiplier_ = nullptr;
  const uint8_t* padding_ = nullptr;
  uint8_t* row_ = nullptr;  // its first quad of the first panel
  size_t panels_ = 0;
  size_t column_ = 0, pixel_ = 0;  // of the next quad, in its row and in the sequence
  size_t done_ = 0;                // quads
};

// Whether the k-groups of a patch lie one behind the other.
CUTIS_INLINE bool InOnePiece(const ExpandU8Args& args) {
  for (int32_t group = 0; group < args.k_groups; ++group) {
    if (args.offsets[group] != static_cast<uint32_t>(group) * 4) return false;
  }
  return true;
}

// Whether the pixels of all rows are one sequence.
CUTIS_INLINE bool InOneSequence(const ExpandU8Args& args) {
  return args.rows == 1 || args.x_row_stride == static_cast<size_t>(args.width) * args.x_stride;
}

CUTIS_INLINE size_t PixelsOf(const ExpandU8Args& args) {
  return static_cast<size_t>(args.rows) * static_cast<size_t>(args.width);
}

// Calls `kernel` for each row.
CUTIS_INLINE void RowByRow(const ExpandU8Args& args, void (*kernel)(const ExpandU8Args&)) {
  ExpandU8Args row = args;
  row.rows = 1;
  for (int32_t i = 0; i < args.rows; ++i, row.x += args.x_row_stride, row.y += args.y_row_stride) kernel(row);
}

}  // namespace

void ExpandU8_32x32k64_amx(const ExpandU8Args& args) {
  const bool sequence = InOneSequence(args);
  // Rows by themselves have one configuration each, and should fill a tile at least.
  const size_t fewest = sequence ? kFewestPixels : static_cast<size_t>(args.rows) * kTileRows;
  if (args.k_groups < kFewestGroups || PixelsOf(args) < fewest || !InOnePiece(args)) {
    ExpandU8_8x48k4_avx512vnni(args);
    return;
  }
  if (!sequence) {
    RowByRow(args, ExpandU8_32x32k64_amx);
    return;
  }
  const Pixels pixels = {args.x, args.x_stride, PixelsOf(args)};
  const SumRing ring(args.scratch, pixels.count);
  WaitingQuads waiting(args, ring);
  RunDense(pixels, ring, args.w, static_cast<size_t>(args.k_groups), args.bias, static_cast<size_t>(args.panels), args.scratch,
           waiting);
}

void ExpandSparseU8_32x32k64_amx(const ExpandSparseU8Args& args) {
  const bool sequence = InOneSequence(args);
  const SparseWeights weights(args.w, args.panel_starts, args.live, static_cast<size_t>(args.panels));
  const size_t together = sequence ? PixelsOf(args) : static_cast<size_t>(args.width);
  if (!weights.PayForAmx(together) || weights.MostSteps() > kExpandSteps || !InOnePiece(args)) {
    ExpandSparseU8_8x16k4_avx512vnni(args);
    return;
  }
  if (!sequence) {
    RowByRow(args, ExpandSparseU8_32x32k64_amx);
    return;
  }
  const Pixels pixels = {args.x, args.x_stride, together};
  const SumRing ring(args.scratch, pixels.count);
  WaitingQuads waiting(args, ring);
  RunSparse<kExpandSteps>(pixels, ring, weights, args.bias, args.scratch, waiting);
}

}  // namespace cutis
