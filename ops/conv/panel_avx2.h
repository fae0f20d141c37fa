// One panel of weights, dense or pruned, times many pixels, with AVX2; for files compiled for it only.
//
// Rows of weights are brought into the order of the arithmetic once and serve many tiles of pixels; the pixels of a tile are
// widened once and serve all rows. There are two ways through a row, and both are exact:
//   clean  vpmaddubsw adds two products of bytes in 16 bits. It cannot saturate where of each pair of weights the positive ones
//          sum to 128 at most and the negative ones to -128 at least: 255 * 128 < 2^15. vpmaddwd then adds two such sums.
//   wide   vpmaddwd multiplies 16-bit values in pairs into 32 bits. A 32-bit lane holds the 4 k of a channel: by shifts its
//          bytes become the pairs of words (k0, k2) and (k1, k3).
// Per row, 6 pixels and 16 channels (384 products) the one takes 36 operations, the other 48.
#ifndef CUTIS_OPS_CONV_PANEL_AVX2_H_
#define CUTIS_OPS_CONV_PANEL_AVX2_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "ops/conv/conv.h"
#include "ops/conv/requant_avx2.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

constexpr size_t kTile = 6;                                     // pixels: 12 registers of sums
constexpr size_t kChunkBytes = size_t{kConvU8ChunkGroups} * 4;  // of a pixel
constexpr size_t kPixelBytes = 3 * kChunkBytes;                 // in the tile: the bytes; k0, k2 as words; k1, k3 as words
static_assert(kConvU8TileBytes == kTile * kPixelBytes && kConvU8BlockPixels % kTile == 0);

constexpr size_t kMostPanels = 16;  // that are prepared together

// The rows of one panel and one chunk of k-groups. An index is a k-group's place within the chunk.
struct Rows {
  const int8_t* clean_w;  // 64 bytes a row, as in the file
  const int8_t* wide_w;   // 128 bytes a row: words (k0, k2) of 16 channels, then (k1, k3)
  const uint16_t *clean_at, *wide_at;
  size_t clean, wide;
};

// The parts of a thread's scratch.
struct Workspace {
  uint8_t* tile;
  uint16_t* clean_at;
  uint16_t* wide_at;
  int32_t* sums;  // [kConvU8BlockPixels][16], where there are several chunks
  int8_t* clean_w;
  int8_t* wide_w;
};

CUTIS_INLINE Workspace MakeWorkspace(std::byte* scratch) {
  Workspace work;
  work.tile = reinterpret_cast<uint8_t*>(scratch);
  work.clean_at = reinterpret_cast<uint16_t*>(scratch + kConvU8TileBytes);
  work.wide_at = work.clean_at + kConvU8ChunkGroups;
  work.clean_w = reinterpret_cast<int8_t*>(work.wide_at + kConvU8ChunkGroups);
  work.wide_w = work.clean_w + kConvU8ChunkGroups * 64;
  work.sums = reinterpret_cast<int32_t*>(work.wide_w + kConvU8ChunkGroups * 128);
  return work;
}

CUTIS_INLINE __m256i Load(const void* from) { return _mm256_load_si256(static_cast<const __m256i*>(from)); }
CUTIS_INLINE void Store(void* to, __m256i value) { _mm256_store_si256(static_cast<__m256i*>(to), value); }

// Sums of the positive weights of each pair, or of the negative ones without their sign, whichever is larger. vpmaddubsw is
// exact here: it multiplies unsigned bytes by 1, and two of them are 2 * 128 at most (-128 without its sign is 128 as an
// unsigned byte).
CUTIS_INLINE __m256i LargestSums(__m256i w) {
  const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi8(1);
  const __m256i above = _mm256_maddubs_epi16(_mm256_max_epi8(w, zero), ones);
  const __m256i below = _mm256_maddubs_epi16(_mm256_sub_epi8(zero, _mm256_min_epi8(w, zero)), ones);
  return _mm256_max_epi16(above, below);
}

// `rows` rows of 64 bytes, with `used` rows of the workspace taken already. `k_groups`: theirs, or null where they follow each
// other from `base` on.
CUTIS_INLINE Rows PrepareRows(const int8_t* w, const uint16_t* k_groups, size_t base, size_t rows, size_t used,
                              const Workspace& all) {
  Workspace work = all;
  work.clean_w += used * 64;
  work.wide_w += used * 128;
  work.clean_at += used;
  work.wide_at += used;
  Rows made = {work.clean_w, work.wide_w, work.clean_at, work.wide_at, 0, 0};
  for (size_t r = 0; r < rows; ++r, w += 64) {
    const __m256i w0 = Load(w), w1 = Load(w + 32);
    const auto at = static_cast<uint16_t>(k_groups != nullptr ? k_groups[r] - base : r);
    // The proof for vpmaddubsw, of the very bytes that are copied: the file may change behind us, these cannot.
    const __m256i over = _mm256_cmpgt_epi16(_mm256_max_epi16(LargestSums(w0), LargestSums(w1)), _mm256_set1_epi16(128));
    const auto clean = static_cast<size_t>(_mm256_testz_si256(over, over));
    // Both forms are written and one of them is kept: which one, no branch could foresee.
    int8_t *as_clean = work.clean_w + made.clean * 64, *as_wide = work.wide_w + made.wide * 128;
    Store(as_clean, w0);
    Store(as_clean + 32, w1);
    Store(as_wide, _mm256_srai_epi16(_mm256_slli_epi16(w0, 8), 8));
    Store(as_wide + 32, _mm256_srai_epi16(_mm256_slli_epi16(w1, 8), 8));
    Store(as_wide + 64, _mm256_srai_epi16(w0, 8));
    Store(as_wide + 96, _mm256_srai_epi16(w1, 8));
    work.clean_at[made.clean] = at;
    work.wide_at[made.wide] = at;
    made.clean += clean;
    made.wide += 1 - clean;
  }
  return made;
}

// Fills the tile with `groups` k-groups of each pixel; reads no byte beyond them.
template <size_t kPixels>
CUTIS_INLINE void FillTile(const uint8_t* x, size_t x_stride, size_t groups, uint8_t* tile) {
  alignas(32) static constexpr int32_t kMask[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  const __m256i low_bytes = _mm256_set1_epi16(0xff);
  const size_t whole = groups / 8 * 8;
  const __m256i mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMask + 8 - (groups - whole)));
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    const uint8_t* from = x + p * x_stride;
    uint8_t* to = tile + p * kPixelBytes;
    const auto store = [&](size_t at, __m256i bytes) CUTIS_UNROLLED {
      Store(to + at, bytes);
      Store(to + kChunkBytes + at, _mm256_and_si256(bytes, low_bytes));
      Store(to + 2 * kChunkBytes + at, _mm256_srli_epi16(bytes, 8));
    };
    for (size_t g = 0; g < whole; g += 8) store(g * 4, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + g * 4)));
    if (whole < groups) store(whole * 4, _mm256_maskload_epi32(reinterpret_cast<const int*>(from + whole * 4), mask));
  });
}

// sum += product. Left to itself, gcc 12 keeps two registers for some of the sums, and the stack for others.
CUTIS_INLINE void AddTo(__m256i& sum, __m256i product) { asm("vpaddd %1, %0, %0" : "+x"(sum) : "x"(product)); }

// vpmaddubsw with the weights in memory: 12 sums, half a row, the ones, a pixel and a product take all 16 registers.
CUTIS_INLINE __m256i MultiplyBytes(__m256i x, const int8_t* w) {
  __m256i sums;
  asm("vpmaddubsw %2, %1, %0" : "=x"(sums) : "x"(x), "m"(*reinterpret_cast<const __m256i*>(w)));
  return sums;
}

// Adds the rows' products with the tile to the sums.
template <size_t kPixels>
CUTIS_INLINE void Accumulate(const Rows& rows, const uint8_t* tile, __m256i (&sums)[kPixels][2]) {
  const __m256i ones = _mm256_set1_epi16(1);
  const int8_t* w = rows.clean_w;
  // PrepareRows has proved of these rows that a pair's sum lies in [-255 * 128, 255 * 128].
  for (size_t r = 0; r < rows.clean; ++r, w += 64) {
    const uint8_t* at = tile + size_t{rows.clean_at[r]} * 4;
    const __m256i w0 = Load(w);
    Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
      const __m256i x = _mm256_set1_epi32(LoadWord(at + p * kPixelBytes));
      AddTo(sums[p][0], _mm256_madd_epi16(_mm256_maddubs_epi16(x, w0), ones));
      AddTo(sums[p][1], _mm256_madd_epi16(MultiplyBytes(x, w + 32), ones));
    });
  }
  w = rows.wide_w;
  for (size_t r = 0; r < rows.wide; ++r, w += 128) {
    const uint8_t* at = tile + kChunkBytes + size_t{rows.wide_at[r]} * 4;
    Unroll<2>([&](auto side) CUTIS_UNROLLED {
      const __m256i w0 = Load(w + side * 64), w1 = Load(w + side * 64 + 32);
      Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
        const __m256i x = _mm256_set1_epi32(LoadWord(at + side * kChunkBytes + p * kPixelBytes));
        AddTo(sums[p][0], _mm256_madd_epi16(x, w0));
        AddTo(sums[p][1], _mm256_madd_epi16(x, w1));
      });
    });
  }
}

// What a tile begins with and what becomes of it.
struct Ends {
  const int32_t* bias;  // null: the sums of the chunks before
  int32_t* sums;        // of the tile's first pixel
  const float* multiplier;
  const Output* out;  // null: the sums go on
  uint8_t* y;
  size_t y_stride;
  size_t live;  // channels that exist, from the panel's first one on
};

template <size_t kPixels>
[[gnu::noinline]] void RunTile(const Rows& rows, const uint8_t* tile, const Ends& ends) {
  __m256i sums[kPixels][2];
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    const int32_t* from = ends.bias != nullptr ? ends.bias : ends.sums + p * 16;
    sums[p][0] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    sums[p][1] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 8));
  });
  Accumulate<kPixels>(rows, tile, sums);
  if (ends.out == nullptr) {
    Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
      Store(ends.sums + p * 16, sums[p][0]);
      Store(ends.sums + p * 16 + 8, sums[p][1]);
    });
    return;
  }
  const Output out = *ends.out;
  const auto words = [&](auto p) CUTIS_UNROLLED { return RequantizeWords(sums[p][0], sums[p][1], ends.multiplier, out); };
  Unroll<kPixels / 2>([&](auto pair) CUTIS_UNROLLED {
    const __m256i bytes = PackBytes(words(UnrolledIndex<2 * pair>()), words(UnrolledIndex<2 * pair + 1>()), out);
    uint8_t* y = ends.y + 2 * pair * ends.y_stride;
    StoreFirst(_mm256_castsi256_si128(bytes), y, ends.live);
    StoreFirst(_mm256_extracti128_si256(bytes, 1), y + ends.y_stride, ends.live);
  });
  if constexpr (kPixels % 2 == 1) {
    const __m256i last = words(UnrolledIndex<kPixels - 1>());
    StoreFirst(_mm256_castsi256_si128(PackBytes(last, last, out)), ends.y + (kPixels - 1) * ends.y_stride, ends.live);
  }
}

// Calls body(UnrolledIndex<n>) for n = `pixels`, 1 to kTile.
template <size_t kPixels = kTile, class Body>
CUTIS_INLINE void WithPixels(size_t pixels, const Body& body) {
  if constexpr (kPixels > 1) {
    if (pixels < kPixels) return WithPixels<kPixels - 1>(pixels, body);
  }
  body(UnrolledIndex<kPixels>());
}

// The tiles of `pixels` pixels over the rows of `panels` panels; several panels only where there is one chunk. `x` is the
// chunk's first byte of the first pixel, `ends` is that of the first panel.
[[gnu::noinline]] static void RunTiles(const Rows* rows, size_t panels, const uint8_t* x, size_t x_stride, size_t groups,
                                       size_t pixels, uint8_t* tile, Ends ends) {
  for (size_t left = pixels; left > 0;) {
    const size_t now = left < kTile ? left : kTile;
    WithPixels(now, [&](auto n) CUTIS_UNROLLED {
      FillTile<n>(x, x_stride, groups, tile);
      for (size_t i = 0; i < panels; ++i) {
        Ends of = ends;
        if (i != 0)
          of = {ends.bias + i * 16, ends.sums,     ends.multiplier + i * 16, ends.out,
                ends.y + i * 16,    ends.y_stride, ends.live - i * 16};
        RunTile<n>(rows[i], tile, of);
      }
    });
    left -= now;
    x += now * x_stride;
    ends.sums += now * 16;
    ends.y += now * ends.y_stride;
  }
}

constexpr size_t kFewPixels = 40;  // fewer are not worth the preparation: at 25 it costs a quarter, at 49 nothing

// `kPixels` pixels times `rows` rows of one panel as they lie in the file, of which `live` channels exist. `k_groups`: the
// rows', or null where they follow each other. Per row 8 multiplies and adds for each pixel, 6 shifts of weights and 3
// operations on each pixel.
template <size_t kPixels>
CUTIS_INLINE void TileInPlace(const uint8_t* x, size_t x_stride, const int8_t* w, const uint16_t* k_groups, size_t rows,
                              const int32_t* bias, const float* multiplier, const Output& out, uint8_t* y, size_t y_stride,
                              size_t live) {
  __m256i sums[kPixels][2];
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    sums[p][0] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bias));
    sums[p][1] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bias + 8));
  });
  const __m256i low_bytes = _mm256_set1_epi16(0xff);
  for (size_t r = 0; r < rows; ++r, w += 64) {
    const uint8_t* word = x + 4 * (k_groups != nullptr ? size_t{k_groups[r]} : r);
    const __m256i w0 = Load(w), w1 = Load(w + 32);
    const __m256i even0 = _mm256_srai_epi16(_mm256_slli_epi16(w0, 8), 8), odd0 = _mm256_srai_epi16(w0, 8);
    const __m256i even1 = _mm256_srai_epi16(_mm256_slli_epi16(w1, 8), 8), odd1 = _mm256_srai_epi16(w1, 8);
    Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
      const __m256i bytes = _mm256_set1_epi32(LoadWord(word + p * x_stride));
      const __m256i even = _mm256_and_si256(bytes, low_bytes), odd = _mm256_srli_epi16(bytes, 8);
      AddTo(sums[p][0], _mm256_madd_epi16(even, even0));
      AddTo(sums[p][1], _mm256_madd_epi16(even, even1));
      AddTo(sums[p][0], _mm256_madd_epi16(odd, odd0));
      AddTo(sums[p][1], _mm256_madd_epi16(odd, odd1));
    });
  }
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    StoreFirst(Requantize16(sums[p][0], sums[p][1], multiplier, out), y + p * y_stride, live);
  });
}

// All tiles of a few pixels: 4, 2 and 1 at a time.
CUTIS_INLINE void RunInPlace(const uint8_t* x, size_t x_stride, size_t pixels, const int8_t* w, const uint16_t* k_groups,
                             size_t rows, const int32_t* bias, const float* multiplier, const Output& out, uint8_t* y,
                             size_t y_stride, size_t live) {
  const auto tile = [&](auto n) CUTIS_UNROLLED {
    TileInPlace<n>(x, x_stride, w, k_groups, rows, bias, multiplier, out, y, y_stride, live);
    x += n * x_stride;
    y += n * y_stride;
  };
  for (; pixels >= 4; pixels -= 4) tile(UnrolledIndex<4>());
  if (pixels >= 2) tile(UnrolledIndex<2>());
  if (pixels % 2 == 1) tile(UnrolledIndex<1>());
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_PANEL_AVX2_H_
