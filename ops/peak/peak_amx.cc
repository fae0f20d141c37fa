// tdpbusd on whole tiles: 16 x 16 sums of 64 products. Six tiles of sums hide its latency of 52 cycles, of which 16 pass before
// the next one can start.
#include <immintrin.h>

#include "ops/conv/tiles_amx.h"
#include "ops/peak/peak.h"

namespace cutis {

void PeakU8_tiles_amx(const PeakU8Args& args) {
  alignas(64) uint8_t x[kTileRowBytes];
  alignas(64) int8_t w[kTileRowBytes];
  alignas(64) uint32_t sums[kTileBytes / 4] = {};
  for (size_t i = 0; i < kTileRowBytes; ++i) {
    x[i] = args.x[i % 4];
    w[i] = args.w[i % 4];
  }
  TileConfig config = {};
  config.palette = 1;
  for (size_t tile = 0; tile < 8; ++tile) {
    config.rows[tile] = kTileRows;
    config.row_bytes[tile] = kTileRowBytes;
  }
  LoadTileConfig(config);  // all tiles are zeros then
  FinishStores();
  _tile_loadd(6, x, 0);  // with stride 0 every row is the same
  _tile_loadd(7, w, 0);
  for (uint64_t round = 0; round < args.rounds; ++round) {
    _tile_dpbusd(0, 6, 7);
    _tile_dpbusd(1, 6, 7);
    _tile_dpbusd(2, 6, 7);
    _tile_dpbusd(3, 6, 7);
    _tile_dpbusd(4, 6, 7);
    _tile_dpbusd(5, 6, 7);
  }
  *args.sum = 0;
  const auto add_stored = [&] {
    FinishStores();
    for (uint32_t sum : sums) *args.sum += sum;
  };
  _tile_stored(0, sums, kTileRowBytes);
  add_stored();
  _tile_stored(1, sums, kTileRowBytes);
  add_stored();
  _tile_stored(2, sums, kTileRowBytes);
  add_stored();
  _tile_stored(3, sums, kTileRowBytes);
  add_stored();
  _tile_stored(4, sums, kTileRowBytes);
  add_stored();
  _tile_stored(5, sums, kTileRowBytes);
  add_stored();
  _tile_release();  // see ConvU8_32x32k64_amx
  *args.macs = args.rounds * 6 * kTileRows * kTileRows * kTileRowBytes;
}

}  // namespace cutis
