// ConvU8 for AVX2 without a dot-product instruction.
//
// Exactness: vpmaddwd multiplies 16-bit values in pairs into 32 bits and cannot overflow; vpmaddubsw would saturate at
// 255*127*2. A 32-bit lane holds the 4 k of one channel: widened in place by shifts, its bytes become the pairs (k0, k2) and
// (k1, k3), so no shuffle is needed and each lane sums its own channel.
//
// Tile: 4 pixels x 16 channels are 8 registers of sums, beside 4 of weights and 3 of pixels. Per k-group 32 multiplies and
// adds, 6 shifts of weights and 8 operations on pixels.
#include <immintrin.h>

#include "ops/conv/conv.h"
#include "ops/conv/requant_avx2.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// `kPixels` pixels times one panel, of which `live` channels exist.
template <size_t kPixels>
CUTIS_INLINE void Tile(const ConvU8Args& args, const uint8_t* x, const int8_t* w, const int32_t* bias, const float* multiplier,
                       const Output& out, uint8_t* y, size_t live) {
  __m256i sums[kPixels][2];
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    sums[p][0] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bias));
    sums[p][1] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bias + 8));
  });
  const __m256i low_bytes = _mm256_set1_epi16(0xff);
  for (int32_t g = 0; g < args.k_groups; ++g, w += 64, x += 4) {
    const __m256i w0 = _mm256_load_si256(reinterpret_cast<const __m256i*>(w));
    const __m256i w1 = _mm256_load_si256(reinterpret_cast<const __m256i*>(w + 32));
    const __m256i even0 = _mm256_srai_epi16(_mm256_slli_epi16(w0, 8), 8), odd0 = _mm256_srai_epi16(w0, 8);
    const __m256i even1 = _mm256_srai_epi16(_mm256_slli_epi16(w1, 8), 8), odd1 = _mm256_srai_epi16(w1, 8);
    Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
      const __m256i bytes = _mm256_set1_epi32(LoadWord(x + p * args.x_stride));
      const __m256i even = _mm256_and_si256(bytes, low_bytes), odd = _mm256_srli_epi16(bytes, 8);
      sums[p][0] = _mm256_add_epi32(sums[p][0], _mm256_madd_epi16(even, even0));
      sums[p][1] = _mm256_add_epi32(sums[p][1], _mm256_madd_epi16(even, even1));
      sums[p][0] = _mm256_add_epi32(sums[p][0], _mm256_madd_epi16(odd, odd0));
      sums[p][1] = _mm256_add_epi32(sums[p][1], _mm256_madd_epi16(odd, odd1));
    });
  }
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    StoreFirst(Requantize16(sums[p][0], sums[p][1], multiplier, out), y + p * args.y_stride, live);
  });
}

}  // namespace

void ConvU8_4x16k4_avx2(const ConvU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t channels = static_cast<size_t>(args.channels), panel_bytes = static_cast<size_t>(args.k_groups) * 64;
  const int8_t* w = args.w;
  for (size_t n = 0; n < channels; n += 16, w += panel_bytes) {
    const uint8_t* x = args.x;
    uint8_t* y = args.y + n;
    size_t left = args.pixels;
    for (; left >= 4; left -= 4, x += 4 * args.x_stride, y += 4 * args.y_stride) {
      Tile<4>(args, x, w, args.bias + n, args.multiplier + n, out, y, channels - n);
    }
    if (left >= 2) {
      Tile<2>(args, x, w, args.bias + n, args.multiplier + n, out, y, channels - n);
      left -= 2;
      x += 2 * args.x_stride;
      y += 2 * args.y_stride;
    }
    if (left == 1) Tile<1>(args, x, w, args.bias + n, args.multiplier + n, out, y, channels - n);
  }
}

}  // namespace cutis
