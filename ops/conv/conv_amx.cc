// ConvU8 for AMX-INT8: tdpbusd multiplies a tile of 16 pixels x 64 bytes by one of 16 k-groups x 16 channels, which is 16 rows
// of a W16x4 panel as they are stored, and adds to 16 x 16 sums of 32 bits, exactly.
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
//   - channels: panels are stored whole; outputs are stored under a mask.
//
// Sums begin as the bias: a load with stride 0 fills every row from the same 64 bytes, which costs no vector operation. Those
// are the scarce ones: 6 for an output vector and two units, about 48 cycles a tile of sums. So the sums of a block are left in
// scratch and become bytes between the products of the next block, which run on another unit.
#include "ops/conv/conv.h"
#include "ops/conv/requant_avx512.h"
#include "ops/conv/tiles_amx.h"
#include "ops/unroll.h"

namespace cutis {

void ConvU8_6x64k4_avx512vnni(const ConvU8Args& args);

namespace {

// Where AVX-512 VNNI takes over. Its products take half a cycle a k-group and vector on the units that requantisation needs for
// 3 cycles a vector; AMX frees them for one store and one load of the sums. By these counts AMX gains from 4 k-groups on; a
// plain version whose steps did not overlap lost at 4 and 6, so 8 is the careful choice. It is to be measured.
constexpr int32_t kFewestGroups = 8;
// A pixel costs VNNI half a cycle a row of weights, so 8 a tile of weights; loading that tile costs AMX 8 and the product up
// to 16.
constexpr size_t kFewestPixels = 4;

// In scratch: the sums of two blocks, and the last step's weights of two panels.
constexpr size_t kBlockBytes = 4 * kTileBytes;
constexpr size_t kTailOffset = 2 * kBlockBytes;
static_assert(kTailOffset + 2 * kTileBytes <= ConvU8ScratchBytes(1));

// A block whose sums wait in scratch: `tiles` times 16 pixels and `panels` times 16 channels. Of tile t the rows first[t] ...
// are pixels, the first of which goes to y[t].
struct Block {
  const std::byte* sums;
  const float* multiplier;
  uint64_t live;  // a bit for each channel that exists
  size_t panels;
  size_t strips;  // of both tiles: StripRows(panels) pixels each
  size_t strips_of_first;
  size_t first[2];
  uint8_t* y[2];
};

// Four vectors become bytes together.
CUTIS_INLINE size_t StripRows(size_t panels) { return 4 / panels; }

CUTIS_INLINE const int32_t* SumsOf(const Block& block, size_t tile, size_t panel, size_t row) {
  return reinterpret_cast<const int32_t*>(block.sums + (tile * 2 + panel) * kTileBytes + row * kTileRowBytes);
}

struct Call {
  const ConvU8Args& args;
  Output out;
  size_t rows;    // pixels of a tile
  size_t groups;  // k-groups of a tile
  size_t steps;   // of whole tiles; another one follows if `tail`
  bool tail;
};

// Strip number `strip` of a block: 2 pixels of two panels or 4 of one. Rows beyond the tile's last repeat it and are not
// stored.
CUTIS_INLINE void StoreStrip(const Call& call, const Block& block, size_t strip) {
  const size_t tile = strip < block.strips_of_first ? 0 : 1;
  const size_t at = (strip - tile * block.strips_of_first) * StripRows(block.panels);
  const size_t row = block.first[tile] + at, left = call.rows - row, stride = call.args.y_stride;
  uint8_t* y = block.y[tile] + at * stride;
  const auto scaled = [&](size_t panel, size_t i) CUTIS_UNROLLED {
    const int32_t* sums = SumsOf(block, tile, panel, row + (i < left ? i : left - 1));
    return Scale<false>(_mm512_load_si512(sums), _mm512_loadu_ps(block.multiplier + 16 * panel), call.out);
  };
  if (block.panels == 2) {
    const __m512i bytes = InRows(Packed(scaled(0, 0), scaled(1, 0), scaled(0, 1), scaled(1, 1), call.out));
    const __mmask32 live = static_cast<__mmask32>(block.live);
    _mm256_mask_storeu_epi8(y, live, _mm512_castsi512_si256(bytes));
    if (left > 1) _mm256_mask_storeu_epi8(y + stride, live, _mm512_extracti64x4_epi64(bytes, 1));
    return;
  }
  const __m512i bytes = InRows(Packed(scaled(0, 0), scaled(0, 1), scaled(0, 2), scaled(0, 3), call.out));
  const __mmask16 live = static_cast<__mmask16>(block.live);
  _mm_mask_storeu_epi8(y, live, _mm512_castsi512_si128(bytes));
  if (left > 1) _mm_mask_storeu_epi8(y + stride, live, _mm512_extracti32x4_epi32(bytes, 1));
  if (left > 2) _mm_mask_storeu_epi8(y + 2 * stride, live, _mm512_extracti32x4_epi32(bytes, 2));
  if (left > 3) _mm_mask_storeu_epi8(y + 3 * stride, live, _mm512_extracti32x4_epi32(bytes, 3));
}

// The numbers of tiles must be literals: 0 and 1 hold the sums of the first 16 pixels, 2 and 3 of the second; 4 and 5 pixels, 6
// and 7 weights.
template <size_t kTiles, size_t kPanels>
CUTIS_INLINE void Multiply(const uint8_t* const* x, size_t x_stride, const int8_t* w0, const int8_t* w1) {
  _tile_loadd(6, w0, kTileRowBytes);
  _tile_loadd(4, x[0], x_stride);
  _tile_dpbusd(0, 4, 6);
  if constexpr (kPanels > 1) {
    _tile_loadd(7, w1, kTileRowBytes);
    _tile_dpbusd(1, 4, 7);
  }
  if constexpr (kTiles > 1) {
    _tile_loadd(5, x[1], x_stride);
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
CUTIS_INLINE void StoreSums(std::byte* to) {
  _tile_stored(0, to, kTileRowBytes);
  if constexpr (kPanels > 1) _tile_stored(1, to + kTileBytes, kTileRowBytes);
  if constexpr (kTiles > 1) _tile_stored(2, to + 2 * kTileBytes, kTileRowBytes);
  if constexpr (kTiles > 1 && kPanels > 1) _tile_stored(3, to + 3 * kTileBytes, kTileRowBytes);
}

// The sums of a block from the pixels x[0], x[1] on, into `to`; meanwhile the strips of the block before become bytes.
template <size_t kTiles, size_t kPanels>
[[gnu::noinline]] void RunBlock(const Call& call, const uint8_t* const* x, size_t n, const Block& before, std::byte* to) {
  const ConvU8Args& args = call.args;
  const size_t k_groups = static_cast<size_t>(args.k_groups), panel_bytes = k_groups * kTileRowBytes;
  const int8_t* w = args.w + n / 16 * panel_bytes;
  LoadBiases<kTiles, kPanels>(args.bias + n);
  const size_t steps = call.steps + (call.tail ? 1 : 0), strips_a_step = (before.strips + steps - 1) / steps;
  const uint8_t* at[2] = {x[0], x[kTiles - 1]};
  size_t strip = 0;
  const auto store = [&](size_t most) CUTIS_UNROLLED {
    const size_t end = strip + most < before.strips ? strip + most : before.strips;
    for (; strip < end; ++strip) StoreStrip(call, before, strip);
  };
  for (size_t step = 0; step < call.steps; ++step) {
    Multiply<kTiles, kPanels>(at, args.x_stride, w, w + panel_bytes);
    store(strips_a_step);
    w += kTileBytes;
    at[0] += kTileRowBytes;
    at[1] += kTileRowBytes;
  }
  if (call.tail) {
    const size_t last = k_groups * 4 - kTileRowBytes;
    at[0] = x[0] + last;
    at[1] = x[kTiles - 1] + last;
    const int8_t* tail = reinterpret_cast<const int8_t*>(args.scratch + kTailOffset);
    Multiply<kTiles, kPanels>(at, args.x_stride, tail, tail + kTileBytes);
    store(strips_a_step);
  }
  StoreSums<kTiles, kPanels>(to);
}

// The last 16 rows of a panel, without those that whole steps multiply.
CUTIS_INLINE void CopyTail(const int8_t* panel, size_t k_groups, std::byte* to) {
  const int8_t* rows = panel + (k_groups - kTileRows) * kTileRowBytes;
  const size_t before = kTileRows - k_groups % kTileRows;
  for (size_t row = 0; row < kTileRows; ++row) {
    const __m512i weights = row < before ? _mm512_setzero_si512() : _mm512_load_si512(rows + row * kTileRowBytes);
    _mm512_store_si512(to + row * kTileRowBytes, weights);
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

// The block of up to 32 pixels from `pixel` and up to 32 channels from n.
CUTIS_INLINE Block RunBlockAt(const Call& call, size_t pixel, size_t n, const Block& before, std::byte* to) {
  const ConvU8Args& args = call.args;
  const size_t left = args.pixels - pixel, channels = static_cast<size_t>(args.channels) - n;
  const size_t tiles = left > kTileRows ? 2 : 1;
  Block block = {};
  block.sums = to;
  block.multiplier = args.multiplier + n;
  block.panels = channels > 16 ? 2 : 1;
  block.live = FirstBits(channels < 32 ? channels : 32);
  const size_t strip_rows = StripRows(block.panels);
  const uint8_t* x[2] = {};
  for (size_t tile = 0; tile < tiles; ++tile) {
    const size_t wanted = pixel + tile * kTileRows, last = args.pixels - call.rows, begin = wanted < last ? wanted : last;
    x[tile] = args.x + begin * args.x_stride;
    block.first[tile] = wanted - begin;
    block.y[tile] = args.y + wanted * args.y_stride + n;
    const size_t strips = (call.rows - block.first[tile] + strip_rows - 1) / strip_rows;
    block.strips += strips;
    if (tile == 0) block.strips_of_first = strips;
  }
  if (block.panels == 2) {
    tiles == 2 ? RunBlock<2, 2>(call, x, n, before, to) : RunBlock<1, 2>(call, x, n, before, to);
  } else {
    tiles == 2 ? RunBlock<2, 1>(call, x, n, before, to) : RunBlock<1, 1>(call, x, n, before, to);
  }
  return block;
}

}  // namespace

void ConvU8_32x32k64_amx(const ConvU8Args& args) {
  if (args.k_groups < kFewestGroups || args.pixels < kFewestPixels) {
    ConvU8_6x64k4_avx512vnni(args);
    return;
  }
  const size_t k_groups = static_cast<size_t>(args.k_groups), channels = static_cast<size_t>(args.channels);
  Call call = {args,
               MakeOutput(args.out, args.multiplier, channels),
               args.pixels < kTileRows ? args.pixels : kTileRows,
               k_groups < kTileRows ? k_groups : kTileRows,
               0,
               false};
  call.steps = k_groups / call.groups;
  call.tail = k_groups % call.groups != 0;
  Configure(call.rows, call.groups);
  Block before = {};
  size_t turn = 0;
  for (size_t n = 0; n < channels; n += 32) {
    if (call.tail) {
      std::byte* tail = args.scratch + kTailOffset;
      const int8_t* panel = args.w + n / 16 * k_groups * kTileRowBytes;
      CopyTail(panel, k_groups, tail);
      if (channels - n > 16) CopyTail(panel + k_groups * kTileRowBytes, k_groups, tail + kTileBytes);
      FinishStores();
    }
    for (size_t pixel = 0; pixel < args.pixels; pixel += 2 * kTileRows) {
      before = RunBlockAt(call, pixel, n, before, args.scratch + turn * kBlockBytes);
      turn ^= 1;
    }
  }
  // Left configured, the tiles would cost 8 KB more at every switch of the thread, and the core could not sleep deeply.
  _tile_release();
  for (size_t strip = 0; strip < before.strips; ++strip) StoreStrip(call, before, strip);
}

}  // namespace cutis
