// ConvSparseU8 for AVX-512 VNNI: a live row is one register, 16 channels times 4 k, as in conv_avx512vnni.cc.
//
// Each panel has rows of its own, so a tile is one panel times as many pixels as there are sums: 12. A row costs a load of the
// weights, one of its k-group and 12 broadcasts for 12 dot products.
#include "ops/conv/conv.h"
#include "ops/conv/requant_avx512.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

template <size_t kPixels>
CUTIS_INLINE void SparseTile(const uint8_t* x, size_t x_stride, const int8_t* w, const uint16_t* k_groups, size_t rows,
                             const int32_t* bias, const float* multiplier, const Output& out, uint8_t* y, size_t y_stride,
                             uint64_t live_channels) {
  __m512i sums[kPixels];
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED { sums[p] = _mm512_loadu_si512(bias); });
  if (rows > 0) {
    // Tested at its end: see Tile() in conv_avx512vnni.cc.
    const uint16_t* const end = k_groups + rows;
    do {
      const uint8_t* word = x + size_t{*k_groups} * 4;
      const __m512i weights = _mm512_load_si512(w);
      Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
        sums[p] = _mm512_dpbusd_epi32(sums[p], _mm512_set1_epi32(LoadWord(word + p * x_stride)), weights);
      });
      w += 64;
    } while (++k_groups != end);
  }
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    Store<1>(sums[p], sums[p], sums[p], sums[p], multiplier, out, y + p * y_stride, live_channels);
  });
}

}  // namespace

void ConvSparseU8_12x16k4_avx512vnni(const ConvSparseU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t channels = static_cast<size_t>(args.channels);
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
