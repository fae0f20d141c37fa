// One panel of weights, dense or pruned, times many pixels, with AVX-VNNI (256-bit vpdpbusd in VEX encoding: client CPUs
// without AVX-512); for files compiled for it only.
//
// A tile is 6 pixels times the 16 channels of a panel: 12 sums, the two halves of a row of weights and the 4 bytes of a pixel
// in all lanes take 15 of the 16 registers. A row of weights (384 products) takes 12 dot products, of which two can start in a
// cycle; their latency of 5 asks for 10 sums at least. The 2 loads of weights and 6 broadcasts from memory take no vector unit,
// and with 3 loads a cycle less than half the time. Other tiles lose: 4 pixels x 16 has too few sums, 2 x 32 and 3 x 32 load
// more weights than they use twice.
#ifndef CUTIS_OPS_CONV_PANEL_AVXVNNI_H_
#define CUTIS_OPS_CONV_PANEL_AVXVNNI_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "ops/conv/dot_avxvnni.h"
#include "ops/conv/panel.h"
#include "ops/conv/requant_avx2.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

template <size_t kPixels, bool kDense>
CUTIS_INLINE void Tile(const Panel& panel, const uint8_t* x, size_t x_stride, const Output& out, uint8_t* y, size_t y_stride) {
  __m256i sums[kPixels][2];
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    sums[p][0] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel.bias));
    sums[p][1] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel.bias + 8));
  });
  // Tested at its end: see Tile() in conv_avx512vnni.cc.
  if (size_t left = panel.rows; left > 0) {
    const int8_t* w = panel.w;
    const uint16_t* k_group = panel.k_groups;
    do {
      const uint8_t* word = kDense ? x : x + size_t{*k_group++} * 4;
      const __m256i w0 = _mm256_load_si256(reinterpret_cast<const __m256i*>(w));
      const __m256i w1 = _mm256_load_si256(reinterpret_cast<const __m256i*>(w + 32));
      Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
        const __m256i bytes = _mm256_set1_epi32(LoadWord(word + p * x_stride));
        AddDotProducts(sums[p][0], bytes, w0);
        AddDotProducts(sums[p][1], bytes, w1);
      });
      w += 64;
      x += kDense ? 4 : 0;
    } while (--left > 0);
  }
  const auto words = [&](auto p) CUTIS_UNROLLED { return RequantizeWords(sums[p][0], sums[p][1], panel.multiplier, out); };
  Unroll<kPixels / 2>([&](auto pair) CUTIS_UNROLLED {
    const __m256i bytes = PackBytes(words(UnrolledIndex<2 * pair>()), words(UnrolledIndex<2 * pair + 1>()), out);
    uint8_t* to = y + 2 * pair * y_stride;
    StoreFirst(_mm256_castsi256_si128(bytes), to, panel.live);
    StoreFirst(_mm256_extracti128_si256(bytes, 1), to + y_stride, panel.live);
  });
  if constexpr (kPixels % 2 == 1) {
    const __m256i last = words(UnrolledIndex<kPixels - 1>());
    StoreFirst(_mm256_castsi256_si128(PackBytes(last, last, out)), y + (kPixels - 1) * y_stride, panel.live);
  }
}

// All pixels of a panel: 6, then 4, 2 and 1 at a time.
template <bool kDense>
[[gnu::noinline]] void RunPanel(const Panel& panel, const uint8_t* x, size_t x_stride, size_t pixels, const Output& out,
                                uint8_t* y, size_t y_stride) {
  const auto tile = [&](auto n) CUTIS_UNROLLED {
    Tile<n, kDense>(panel, x, x_stride, out, y, y_stride);
    x += n * x_stride;
    y += n * y_stride;
  };
  for (; pixels >= 6; pixels -= 6) tile(UnrolledIndex<6>());
  if (pixels >= 4) {
    tile(UnrolledIndex<4>());
    pixels -= 4;
  }
  if (pixels >= 2) tile(UnrolledIndex<2>());
  if (pixels % 2 == 1) tile(UnrolledIndex<1>());
}

}  // namespace
}  // namespace cutis

#endif  // CUTIS_OPS_CONV_PANEL_AVXVNNI_H_
