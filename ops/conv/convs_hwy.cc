// ConvSparseU8 for every instruction set that Highway knows: the arithmetic of conv_hwy.cc, over the live rows of a panel.
#include "ops/conv/conv.h"
#include "ops/conv/requant_hwy.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// `kPixels` pixels times kChannels channels of `rows` rows of one panel, of which `live` channels exist.
template <size_t kPixels>
HWY_INLINE void Tile(const ConvSparseU8Args& args, const uint8_t* x, const int8_t* w, const uint16_t* k_groups, size_t rows,
                     const int32_t* bias, const float* multiplier, uint8_t* y, size_t live) {
  Sums sums[kPixels][2], more[kPixels][2];  // `more`: where the instruction set sums halves apart
  Unroll<kPixels>([&](auto p)
                      CUTIS_UNROLLED { Unroll<2>([&](auto v) CUTIS_UNROLLED { sums[p][v] = more[p][v] = hn::Zero(d32); }); });
  const Words low_bytes = hn::Set(d16, 0xff);
  for (size_t row = 0; row < rows; ++row, w += 64) {
    const uint8_t* word = x + size_t{k_groups[row]} * 4;
    Words even[2], odd[2];
    Unroll<2>([&](auto v) CUTIS_UNROLLED {
      const Words bytes = hn::LoadU(d16, reinterpret_cast<const int16_t*>(w) + v * 2 * kLanes);
      even[v] = hn::ShiftRight<8>(hn::ShiftLeft<8>(bytes));
      odd[v] = hn::ShiftRight<8>(bytes);
    });
    Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
      const Words bytes = hn::BitCast(d16, hn::Set(d32, LoadWord(word + p * args.x_stride)));
      const Words x_even = hn::And(bytes, low_bytes);
      const Words x_odd = hn::BitCast(d16, hn::ShiftRight<8>(hn::BitCast(du16, bytes)));
      Unroll<2>([&](auto v) CUTIS_UNROLLED {
        sums[p][v] = hn::ReorderWidenMulAccumulate(d32, x_even, even[v], sums[p][v], more[p][v]);
        sums[p][v] = hn::ReorderWidenMulAccumulate(d32, x_odd, odd[v], sums[p][v], more[p][v]);
      });
    });
  }
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    Unroll<2>([&](auto v) CUTIS_UNROLLED {
      if (v * kLanes >= live) return;
      const Sums total = hn::Add(hn::RearrangeToOddPlusEven(sums[p][v], more[p][v]), hn::LoadU(d32, bias + v * kLanes));
      Store(total, multiplier + v * kLanes, args.out, y + p * args.y_stride + v * kLanes, live - v * kLanes);
    });
  });
}

}  // namespace

void CUTIS_HWY_NAME(ConvSparseU8_4x8k4)(const ConvSparseU8Args& args) {
  const size_t channels = static_cast<size_t>(args.channels);
  for (size_t n = 0; n < channels; n += kChannels) {
    const size_t first = args.panel_starts[n / 16], rows = args.panel_starts[n / 16 + 1] - first;
    const int8_t* w = args.w + first * 64 + n % 16 * 4;
    const uint16_t* k_groups = args.live + first;
    const uint8_t* x = args.x;
    uint8_t* y = args.y + n;
    size_t left = args.pixels;
    for (; left >= 4; left -= 4, x += 4 * args.x_stride, y += 4 * args.y_stride) {
      Tile<4>(args, x, w, k_groups, rows, args.bias + n, args.multiplier + n, y, channels - n);
    }
    for (; left > 0; --left, x += args.x_stride, y += args.y_stride) {
      Tile<1>(args, x, w, k_groups, rows, args.bias + n, args.multiplier + n, y, channels - n);
    }
  }
}

}  // namespace cutis
