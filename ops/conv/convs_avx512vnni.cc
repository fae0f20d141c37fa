// ConvSparseU8 for AVX-512 VNNI: a live row is one register, 16 channels times 4 k, as in conv_avx512vnni.cc.
//
// Each panel has rows of its own, so a tile is one panel times as many pixels as there are sums: 12. A row costs a load of the
// weights, one of its k-group and 12 broadcasts for 12 dot products: 7 cycles of two loads for 6 of two products.
#include "ops/conv/conv.h"
#include "ops/conv/requant_avx512.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// Left to itself, gcc 12 copies every sum in every step of a loop that might make none.
CUTIS_INLINE void AddDotProducts(__m512i& sum, __m512i x, __m512i w) {
#if defined(CUTIS_EMULATED)
  sum = _mm512_dpbusd_epi32(sum, x, w);
#else
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
#endif
}

template <size_t kPixels>
CUTIS_INLINE void SparseTile(const uint8_t* x, size_t x_stride, const int8_t* w, const uint16_t* k_groups, size_t rows,
                             const int32_t* bias, const float* multiplier, const Output& out, uint8_t* y, size_t y_stride,
                             uint64_t live_channels) {
  __m512i sums[kPixels][1];
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED { sums[p][0] = _mm512_loadu_si512(bias); });
  if (rows > 0) {
    // Tested at its end: see Tile() in conv_avx512vnni.cc.
    const uint16_t* const end = k_groups + rows;
    do {
      const uint8_t* word = x + size_t{*k_groups} * 4;
      const __m512i weights = _mm512_load_si512(w);
      Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
        AddDotProducts(sums[p][0], _mm512_set1_epi32(LoadWord(word + p * x_stride)), weights);
      });
      w += 64;
    } while (++k_groups != end);
  }
  StoreTile<kPixels, 1>(sums, multiplier, out, y, y_stride, live_channels);
}

}  // namespace

void ConvSparseU8_12x16k4_avx512vnni(const ConvSparseU8Args& args) {
  const size_t channels = static_cast<size_t>(args.channels);
  const Output out = MakeOutput(args.out, args.multiplier, channels);
  for (size_t n = 0; n < channels; n += 16) {
    const size_t first = args.panel_starts[n / 16], rows = args.panel_starts[n / 16 + 1] - first;
    const int8_t* w = args.w + first * 64;
    const uint16_t* k_groups = args.live + first;
    const uint64_t live_channels = FirstBits(channels - n < 16 ? channels - n : 16);
    const uint8_t* x = args.x;
    uint8_t* y = args.y + n;
    const auto tile = [&](auto pixels) CUTIS_UNROLLED {
      SparseTile<pixels>(x, args.x_stride, w, k_groups, rows, args.bias + n, args.multiplier + n, out, y, args.y_stride,
                         live_channels);
      x += pixels * args.x_stride;
      y += pixels * args.y_stride;
    };
    size_t left = args.pixels;
    for (; left >= 12; left -= 12) tile(UnrolledIndex<12>());
    for (; left >= 4; left -= 4) tile(UnrolledIndex<4>());
    for (; left > 0; --left) tile(UnrolledIndex<1>());
  }
}

}  // namespace cutis
