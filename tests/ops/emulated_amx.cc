// The AMX kernels compiled a second time over a model of the tile registers (palette 1), written from the operation sections of
// Intel's Software Developer's Manual, and over SIMDe for AVX-512. What the processor would answer with a fault fails the test,
// and so does a kernel that leaves tiles configured. The instructions themselves are not tested: that needs a CPU that has
// them.
#include <immintrin.h>

#include <cstring>
#include <string>

#include "ops/conv/conv.h"
#include "ops/conv/expand.h"
#include "ops/conv/tiles_amx.h"
#include "tests/ops/kernel_test.h"

namespace cutis::test {
namespace {

class Tiles {
 public:
  // LDTILECFG. On a fault nothing changes.
  void Load(const TileConfig& from) {
    bool bad = from.palette > 1 || from.start_row >= kTileRows;
    for (uint8_t byte : from.reserved) bad = bad || byte != 0;
    for (size_t i = 0; i < 16; ++i) {
      const bool exists = i < kTiles;
      bad = bad || from.row_bytes[i] > (exists ? kTileRowBytes : 0) || from.rows[i] > (exists ? kTileRows : 0);
      bad = bad || (from.row_bytes[i] == 0) != (from.rows[i] == 0);
    }
    if (bad) return Fault("#GP: ldtilecfg with a configuration that does not exist");
    config_ = from;
    configured_ = from.palette != 0;
    std::memset(data_, 0, sizeof data_);
  }

  // TILERELEASE
  void Release() {
    config_ = {};
    configured_ = false;
    std::memset(data_, 0, sizeof data_);
  }

  // TILELOADD: bytes and rows beyond the configured ones become zero.
  void LoadTile(size_t tile, const void* from, size_t stride) {
    if (!Usable(tile, "tileloadd")) return;
    const uint8_t* bytes = static_cast<const uint8_t*>(from);
    std::memset(data_[tile], 0, kTileBytes);
    for (size_t row = 0; row < Rows(tile); ++row) std::memcpy(data_[tile][row], bytes + row * stride, RowBytes(tile));
  }

  // TILESTORED: the configured rows and bytes only.
  void StoreTile(size_t tile, void* to, size_t stride) const {
    if (!Usable(tile, "tilestored")) return;
    uint8_t* bytes = static_cast<uint8_t*>(to);
    for (size_t row = 0; row < Rows(tile); ++row) std::memcpy(bytes + row * stride, data_[tile][row], RowBytes(tile));
  }

  // TDPBUSD: a holds unsigned bytes, b signed ones.
  void Multiply(size_t c, size_t a, size_t b) {
    if (!Usable(c, "tdpbusd") || !Usable(a, "tdpbusd") || !Usable(b, "tdpbusd")) return;
    if (c == a || c == b || a == b) return Fault("#UD: tdpbusd with the same tile twice");
    if (RowBytes(c) % 4 != 0 || RowBytes(a) % 4 != 0 || RowBytes(b) % 4 != 0 || Rows(c) != Rows(a) ||
        RowBytes(c) != RowBytes(b) || RowBytes(a) / 4 != Rows(b)) {
      return Fault("#UD: tdpbusd of shapes that do not fit");
    }
    for (size_t m = 0; m < Rows(c); ++m) {
      uint32_t sums[kTileRowBytes / 4] = {};  // unsigned, since the sums may wrap
      std::memcpy(sums, data_[c][m], RowBytes(c));
      for (size_t k = 0; k < RowBytes(a) / 4; ++k) {
        for (size_t n = 0; n < RowBytes(c) / 4; ++n) {
          for (size_t j = 0; j < 4; ++j) {
            const int32_t product = int32_t{data_[a][m][4 * k + j]} * static_cast<int8_t>(data_[b][k][4 * n + j]);
            sums[n] += static_cast<uint32_t>(product);
          }
        }
      }
      std::memset(data_[c][m], 0, kTileRowBytes);
      std::memcpy(data_[c][m], sums, RowBytes(c));
    }
    for (size_t m = Rows(c); m < kTileRows; ++m) std::memset(data_[c][m], 0, kTileRowBytes);
  }

  bool configured() const { return configured_; }
  void Fault(const std::string& text) const { FailCheck("AMX: " + text); }

 private:
  static constexpr size_t kTiles = 8;

  size_t Rows(size_t tile) const { return config_.rows[tile]; }
  size_t RowBytes(size_t tile) const { return config_.row_bytes[tile]; }
  bool Usable(size_t tile, const char* instruction) const {
    const bool usable = configured_ && tile < kTiles && Rows(tile) != 0 && config_.start_row < Rows(tile);
    if (!usable) Fault("#UD: " + std::string(instruction) + " with tile " + std::to_string(tile) + ", which is not configured");
    return usable;
  }

  TileConfig config_ = {};
  bool configured_ = false;
  uint8_t data_[kTiles][kTileRows][kTileRowBytes] = {};
};

Tiles tiles;  // the tests run in one thread

void LoadTileConfigEmulated(const TileConfig& config) { tiles.Load(config); }

}  // namespace
}  // namespace cutis::test

#include "tests/ops/simde_avx512.h"

#undef _tile_dpbusd
#undef _tile_loadd
#undef _tile_stored
#define _tile_dpbusd(c, a, b) ::cutis::test::tiles.Multiply(c, a, b)
#define _tile_loadd(tile, from, stride) ::cutis::test::tiles.LoadTile(tile, from, stride)
#define _tile_release() ::cutis::test::tiles.Release()
#define _tile_stored(tile, to, stride) ::cutis::test::tiles.StoreTile(tile, to, stride)
#define LoadTileConfig ::cutis::test::LoadTileConfigEmulated
// Those that take over small calls are of emulated_avx512vnni.cc and emulated_quads_avx512vnni.cc.
#define ConvU8_6x64k4_avx512vnni ConvU8_6x64k4_avx512vnni_emulated
#define ConvU8_32x32k64_amx ConvU8_32x32k64_amx_emulated
#define ConvSparseU8_12x16k4_avx512vnni ConvSparseU8_12x16k4_avx512vnni_emulated
#define ConvSparseU8_32x32k64_amx ConvSparseU8_32x32k64_amx_emulated
#define ExpandSparseU8_8x16k4_avx512vnni ExpandSparseU8_8x16k4_avx512vnni_emulated
#define ExpandSparseU8_32x32k64_amx ExpandSparseU8_32x32k64_amx_emulated
#define ExpandU8_8x48k4_avx512vnni ExpandU8_8x48k4_avx512vnni_emulated
#define ExpandU8_32x32k64_amx ExpandU8_32x32k64_amx_emulated
#define PeakU8_tiles_amx PeakU8_tiles_amx_emulated

#include "ops/conv/conv_amx.cc"
#include "ops/conv/expand_amx.cc"
#include "ops/peak/peak_amx.cc"

namespace cutis::test {
namespace {

template <class Args, void (*kKernel)(const Args&)>
void Run(const Args& args) {
  kKernel(args);
  if (tiles.configured()) tiles.Fault("the kernel leaves tiles configured");
}

template <class Args, void (*kKernel)(const Args&)>
Kernel Emulated(KernelKind kind, const char* name) {
  return {kind, name, Isa::kAmx, 0, reinterpret_cast<KernelFn>(&Run<Args, kKernel>)};
}

ExtraKernel conv_u8(Emulated<ConvU8Args, ConvU8_32x32k64_amx_emulated>(KernelKind::kConvU8, "ConvU8_32x32k64_amx (emulated)"));
ExtraKernel conv_sparse_u8(Emulated<ConvSparseU8Args, ConvSparseU8_32x32k64_amx_emulated>(
    KernelKind::kConvSparseU8, "ConvSparseU8_32x32k64_amx (emulated)"));
ExtraKernel expand_u8(Emulated<ExpandU8Args, ExpandU8_32x32k64_amx_emulated>(KernelKind::kExpandU8,
                                                                             "ExpandU8_32x32k64_amx (emulated)"));
ExtraKernel expand_sparse_u8(Emulated<ExpandSparseU8Args, ExpandSparseU8_32x32k64_amx_emulated>(
    KernelKind::kExpandSparseU8, "ExpandSparseU8_32x32k64_amx (emulated)"));
ExtraKernel peak_u8(Emulated<PeakU8Args, PeakU8_tiles_amx_emulated>(KernelKind::kPeakU8, "PeakU8_tiles_amx (emulated)"));

}  // namespace
}  // namespace cutis::test
