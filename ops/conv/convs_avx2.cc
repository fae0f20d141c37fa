// ConvSparseU8 for AVX2: the arithmetic of conv_avx2.cc, over the live rows of a panel. Which word of the pixels a row meets
// comes from the list of k-groups: one load more for each row, against 8 multiplies.
#include <immintrin.h>

#include "ops/conv/conv.h"
#include "ops/conv/requant_avx2.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// `kPixels` pixels times `rows` rows of one panel, of which `live_channels` channels exist.
template <size_t kPixels>
CUTIS_INLINE void Tile(const uint8_t* x, size_t x_stride, const int8_t* w, const uint16_t* k_groups, size_t rows,
                       const int32_t* bias, const float* multiplier, const Output& out, uint8_t* y, size_t y_stride,
                       size_t live_channels) {
  __m256i sums[kPixels][2];
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    sums[p][0] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bias));
    sums[p][1] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bias + 8));
  });
  const __m256i low_bytes = _mm256_set1_epi16(0xff);
  for (size_t row = 0; row < rows; ++row, w += 64) {
    const uint8_t* word = x + size_t{k_groups[row]} * 4;
    const __m256i w0 = _mm256_load_si256(reinterpret_cast<const __m256i*>(w));
    const __m256i w1 = _mm256_load_si256(reinterpret_cast<const __m256i*>(w + 32));
    const __m256i even0 = _mm256_srai_epi16(_mm256_slli_epi16(w0, 8), 8), odd0 = _mm256_srai_epi16(w0, 8);
    const __m256i even1 = _mm256_srai_epi16(_mm256_slli_epi16(w1, 8), 8), odd1 = _mm256_srai_epi16(w1, 8);
    Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
      const __m256i bytes = _mm256_set1_epi32(LoadWord(word + p * x_stride));
      const __m256i even = _mm256_and_si256(bytes, low_bytes), odd = _mm256_srli_epi16(bytes, 8);
      sums[p][0] = _mm256_add_epi32(sums[p][0], _mm256_madd_epi16(even, even0));
      sums[p][1] = _mm256_add_epi32(sums[p][1], _mm256_madd_epi16(even, even1));
      sums[p][0] = _mm256_add_epi32(sums[p][0], _mm256_madd_epi16(odd, odd0));
      sums[p][1] = _mm256_add_epi32(sums[p][1], _mm256_madd_epi16(odd, odd1));
    });
  }
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    StoreFirst(Requantize16(sums[p][0], sums[p][1], multiplier, out), y + p * y_stride, live_channels);
  });
}

}  // namespace

void ConvSparseU8_4x16k4_avx2(const ConvSparseU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t channels = static_cast<size_t>(args.channels);
  for (size_t n = 0; n < channels; n += 16) {
    const size_t first = args.panel_starts[n / 16], rows = args.panel_starts[n / 16 + 1] - first;
    const int8_t* w = args.w + first * 64;
    const uint16_t* k_groups = args.live + first;
    const uint8_t* x = args.x;
    uint8_t* y = args.y + n;
    const auto tile = [&](auto pixels) CUTIS_UNROLLED {
      Tile<pixels>(x, args.x_stride, w, k_groups, rows, args.bias + n, args.multiplier + n, out, y, args.y_stride,
                   channels - n);
      x += pixels * args.x_stride;
      y += pixels * args.y_stride;
    };
    size_t left = args.pixels;
    for (; left >= 4; left -= 4) tile(UnrolledIndex<4>());
    if (left >= 2) tile(UnrolledIndex<2>());
    if (left % 2 == 1) tile(UnrolledIndex<1>());
  }
}

}  // namespace cutis
