// ConvU8 for every instruction set that Highway knows: the floor on SSE4 and NEON.
//
// Exactness: bytes are widened to 16 bits and multiplied in pairs into 32 bits (pmaddwd, smlal), which cannot overflow. A
// 32-bit lane holds the 4 k of one channel, so its low and high bytes, widened in place by shifts, are the pairs (k0, k2) and
// (k1, k3): no shuffle is needed, and the lane that sums a pair is the channel's own.
#include "ops/conv/conv.h"
#include "ops/conv/requant_hwy.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// `kPixels` pixels times kChannels channels, of which `live` exist.
template <size_t kPixels>
HWY_INLINE void Tile(const ConvU8Args& args, const uint8_t* x, const int8_t* w, const int32_t* bias, const float* multiplier,
                     uint8_t* y, size_t live) {
  Sums sums[kPixels][2], more[kPixels][2];  // `more`: where the instruction set sums halves apart
  Unroll<kPixels>([&](auto p)
                      CUTIS_UNROLLED { Unroll<2>([&](auto v) CUTIS_UNROLLED { sums[p][v] = more[p][v] = hn::Zero(d32); }); });
  const Words low_bytes = hn::Set(d16, 0xff);
  for (int32_t g = 0; g < args.k_groups; ++g, w += 64, x += 4) {
    Words even[2], odd[2];
    Unroll<2>([&](auto v) CUTIS_UNROLLED {
      const Words bytes = hn::LoadU(d16, reinterpret_cast<const int16_t*>(w) + v * 2 * kLanes);
      even[v] = hn::ShiftRight<8>(hn::ShiftLeft<8>(bytes));
      odd[v] = hn::ShiftRight<8>(bytes);
    });
    Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
      const Words bytes = hn::BitCast(d16, hn::Set(d32, LoadWord(x + p * args.x_stride)));
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

void CUTIS_HWY_NAME(ConvU8_4x8k4)(const ConvU8Args& args) {
  const size_t channels = static_cast<size_t>(args.channels), panel_bytes = static_cast<size_t>(args.k_groups) * 64;
  for (size_t n = 0; n < channels; n += kChannels) {
    const int8_t* w = args.w + n / 16 * panel_bytes + n % 16 * 4;
    const uint8_t* x = args.x;
    uint8_t* y = args.y + n;
    size_t left = args.pixels;
    for (; left >= 4; left -= 4, x += 4 * args.x_stride, y += 4 * args.y_stride) {
      Tile<4>(args, x, w, args.bias + n, args.multiplier + n, y, channels - n);
    }
    for (; left > 0; --left, x += args.x_stride, y += args.y_stride) {
      Tile<1>(args, x, w, args.bias + n, args.multiplier + n, y, channels - n);
    }
  }
}

}  // namespace cutis
