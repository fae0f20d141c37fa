// ConvU8 for AVX-512 VNNI: vpdpbusd multiplies 4 unsigned by 4 signed bytes and adds them to a 32-bit lane, exactly (not the
// saturating vpdpbusds). One 64-byte row of W16x4 is one register: 16 channels times 4 k.
//
// Tiles have up to 24 sums, which leaves 8 of the 32 registers for weights and pixels: 6 pixels x 4 panels (4 loads of weights
// and 6 broadcasts from memory for 24 dot products), 8 x 3 (11 loads for 24), 12 x 2 (14 for 24), and 12 x 1 (13 for 12) where
// the channels run out. Two dot products and two loads can start in a cycle, so only the last is bound by loads. The ends of a
// tile cost 5 operations a sum, as much as 5 k-groups (requant_avx512.h).
#include "ops/conv/conv.h"
#include "ops/conv/prefetch.h"
#include "ops/conv/requant_avx512.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// `kPixels` pixels times `kPanels` panels; `live` has a bit for each channel that exists.
template <size_t kPixels, size_t kPanels>
CUTIS_INLINE void Tile(const ConvU8Args& args, const uint8_t* x, const int8_t* w, const int32_t* bias, const float* multiplier,
                       const Output& out, uint8_t* y, uint64_t live) {
  const size_t panel_bytes = static_cast<size_t>(args.k_groups) * 64;
  __m512i sums[kPixels][kPanels];
  Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
    Unroll<kPanels>([&](auto v) CUTIS_UNROLLED { sums[p][v] = _mm512_loadu_si512(bias + 16 * v); });
  });
  // Tested at its end: in a loop that might make no step, gcc 12 stores every sum in every step. See also the flags in
  // ops/meson.build.
  int32_t left = args.k_groups;
  do {
    __m512i rows[kPanels];
    Unroll<kPanels>([&](auto v) CUTIS_UNROLLED { rows[v] = _mm512_load_si512(w + v * panel_bytes); });
    Unroll<kPixels>([&](auto p) CUTIS_UNROLLED {
      const __m512i bytes = _mm512_set1_epi32(LoadWord(x + p * args.x_stride));
      Unroll<kPanels>([&](auto v) CUTIS_UNROLLED { sums[p][v] = _mm512_dpbusd_epi32(sums[p][v], bytes, rows[v]); });
    });
    w += 64;
    x += 4;
  } while (--left > 0);
  StoreTile<kPixels, kPanels>(sums, multiplier, out, y, args.y_stride, live);
}

// All pixels of `kPanels` panels: tiles of kPixels, then of half and of single pixels.
template <size_t kPixels, size_t kPanels>
void Panels(const ConvU8Args& args, size_t n, const Output& out) {
  const int8_t* w = args.w + n / 16 * static_cast<size_t>(args.k_groups) * 64;
  const int32_t* bias = args.bias + n;
  const float* multiplier = args.multiplier + n;
  const uint64_t live = FirstBits(static_cast<size_t>(args.channels) - n);
  const uint8_t* x = args.x;
  uint8_t* y = args.y + n;
  size_t left = args.pixels;
  WeightPrefetch prefetch(w, kPanels * static_cast<size_t>(args.k_groups) * 64, left / kPixels);
  for (; left >= kPixels; left -= kPixels, x += kPixels * args.x_stride, y += kPixels * args.y_stride) {
    prefetch.Step();
    Tile<kPixels, kPanels>(args, x, w, bias, multiplier, out, y, live);
  }
  for (; left >= kPixels / 2; left -= kPixels / 2, x += kPixels / 2 * args.x_stride, y += kPixels / 2 * args.y_stride) {
    Tile<kPixels / 2, kPanels>(args, x, w, bias, multiplier, out, y, live);
  }
  for (; left > 0; --left, x += args.x_stride, y += args.y_stride) {
    Tile<1, kPanels>(args, x, w, bias, multiplier, out, y, live);
  }
}

}  // namespace

void ConvU8_6x64k4_avx512vnni(const ConvU8Args& args) {
  const size_t channels = static_cast<size_t>(args.channels);
  const Output out = MakeOutput(args.out, args.multiplier, channels);
  for (size_t n = 0; n < channels; n += 64) {
    const size_t left = channels - n;
    if (left > 48) {
      Panels<6, 4>(args, n, out);
    } else if (left > 32) {
      Panels<8, 3>(args, n, out);
    } else if (left > 16) {
      Panels<12, 2>(args, n, out);
    } else {
      Panels<12, 1>(args, n, out);
    }
  }
}

}  // namespace cutis
