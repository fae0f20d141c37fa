// AMX tile registers: their configuration; for files compiled for AMX only (and for the emulation in tests/ops).
#ifndef CUTIS_OPS_CONV_TILES_AMX_H_
#define CUTIS_OPS_CONV_TILES_AMX_H_

#include <cstddef>
#include <cstdint>

namespace cutis {
namespace {

inline constexpr size_t kTileRows = 16;  // palette 1: 8 tiles of 16 rows of 64 bytes
inline constexpr size_t kTileRowBytes = 64;
inline constexpr size_t kTileBytes = kTileRows * kTileRowBytes;

// What ldtilecfg reads. Reserved bytes and the entries of tiles that are not used must be zero.
struct TileConfig {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(TileConfig) == 64);

// gcc 12 declares its _tile_loadconfig() to read 8 bytes, so that it drops the stores which fill the rest. Here the whole
// struct is the operand.
[[gnu::always_inline]] inline void LoadTileConfig(const TileConfig& config) {
  __asm__ volatile("ldtilecfg %0" : : "m"(config));
}

// The intrinsics that load tiles do not say that they read memory. Between writing what a tile is loaded from and the load.
[[gnu::always_inline]] inline void FinishStores() { __asm__ volatile("" : : : "memory"); }

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_TILES_AMX_H_
