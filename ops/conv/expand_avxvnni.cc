// ExpandU8 and ExpandSparseU8 for AVX-VNNI: the sums of a tile are packed as quads by one shuffle.
//
// A tile is one quad times the 16 channels of a panel: 2 loads and 4 broadcasts serve 8 dot products. Two of those can start in
// a cycle, and with a latency of 5 they would want 10 sums; 12 (one quad times 24 channels) take all 16 registers, for which
// gcc 12 spills four of them and is half as fast.
#include "ops/conv/dot_avxvnni.h"
#include "ops/conv/expand.h"
#include "ops/conv/panel.h"
#include "ops/conv/prefetch.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

// 8 channels of padding.
CUTIS_INLINE __m256i PaddingHalf(const uint8_t* bytes) {
  const __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
  return _mm256_mullo_epi32(wide, _mm256_set1_epi32(0x01010101));
}

// One quad. `filled`: its pixels that exist; the others become padding.
template <bool kSparse>
CUTIS_INLINE void Tile(const ExpandU8Args& args, const Output& out, const ExpandPanel& panel, const uint8_t* x, size_t filled,
                       uint8_t* y) {
  const uint8_t* pixels[4];
  Unroll<4>([&](auto p) CUTIS_UNROLLED {
    constexpr size_t kPixel = decltype(p)::kIndex;
    pixels[p] = kPixel < filled ? x + kPixel * args.x_stride : x;  // one that does not exist is the first
  });
  __m256i sums[4][2];
  Unroll<4>([&](auto p) CUTIS_UNROLLED {
    sums[p][0] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel.bias));
    sums[p][1] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel.bias + 8));
  });
  // Tested at its end: see Tile() in conv_avx512vnni.cc.
  size_t left = panel.rows;
  const int8_t* w = panel.w;
  const uint32_t* next = args.offsets;
  const uint16_t* live = panel.live;
  if (!kSparse || left > 0) {
    do {
      const size_t offset = kSparse ? next[*live++] : *next++;
      const __m256i w0 = _mm256_load_si256(reinterpret_cast<const __m256i*>(w));
      const __m256i w1 = _mm256_load_si256(reinterpret_cast<const __m256i*>(w + 32));
      Unroll<4>([&](auto p) CUTIS_UNROLLED {
        const __m256i word = _mm256_set1_epi32(LoadWord(pixels[p] + offset));
        AddDotProducts(sums[p][0], word, w0);
        AddDotProducts(sums[p][1], word, w1);
      });
      w += 64;
    } while (--left > 0);
  }
  const __m256i by_channel = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  Unroll<2>([&](auto h) CUTIS_UNROLLED {
    const __m256i packed = Packed(sums[0][h], sums[1][h], sums[2][h], sums[3][h], panel.multiplier + 8 * h, out);
    __m256i quad = _mm256_shuffle_epi8(packed, by_channel);
    if (filled < 4) {
      const __m256i absent = _mm256_set1_epi32(static_cast<int32_t>(~uint32_t{0} << (8 * filled)));
      quad = _mm256_blendv_epi8(quad, PaddingHalf(panel.padding + 8 * h), absent);
    }
    _mm256_store_si256(reinterpret_cast<__m256i*>(y + 32 * h), quad);
  });
}

template <bool kSparse>
[[gnu::noinline]] void RunPanel(const ExpandU8Args& shared, const Output& shared_out, const ExpandPanel& shared_panel,
                                uint8_t* y) {
  const ExpandU8Args args = shared;  // copies: stores of bytes might change the others
  const Output out = shared_out;
  const ExpandPanel panel = shared_panel;
  const size_t width = static_cast<size_t>(args.width), quads = (width + 3) / 4;
  const __m256i padding[2] = {PaddingHalf(panel.padding), PaddingHalf(panel.padding + 8)};
  const auto fill = [&](uint8_t* from, size_t count) CUTIS_UNROLLED {
    for (size_t i = 0; i < 2 * count; ++i) _mm256_store_si256(reinterpret_cast<__m256i*>(from + 32 * i), padding[i % 2]);
  };
  const uint8_t* row = args.x;
  WeightPrefetch prefetch(panel.w, panel.rows * 64, static_cast<size_t>(args.rows) * quads);
  for (int32_t i = 0; i < args.rows; ++i, row += args.x_row_stride, y += args.y_row_stride) {
    const uint8_t* x = row;
    for (size_t quad = 0; quad < quads; ++quad, x += 4 * args.x_stride) {
      const size_t left = width - 4 * quad;
      prefetch.Step();
      Tile<kSparse>(args, out, panel, x, left < 4 ? left : 4, y + quad * kQuadBytes);
    }
    fill(y - args.border * kQuadBytes, args.border);
    fill(y + quads * kQuadBytes, args.border);
  }
}

}  // namespace

void ExpandU8_4x16k4_avxvnni(const ExpandU8Args& args) {
  const size_t groups = static_cast<size_t>(args.k_groups);
  const Output out = MakeOutput(args.out);
  for (size_t i = 0; i < static_cast<size_t>(args.panels); ++i) {
    const ExpandPanel panel = {args.w + i * groups * 64, nullptr, groups, args.bias + 16 * i, args.multiplier + 16 * i,
                               args.padding + 16 * i};
    RunPanel<false>(args, out, panel, args.y + i * args.y_panel_stride);
  }
}

void ExpandSparseU8_4x16k4_avxvnni(const ExpandSparseU8Args& args) {
  const Output out = MakeOutput(args.out);
  for (size_t i = 0; i < static_cast<size_t>(args.panels); ++i) {
    const size_t first = args.panel_starts[i], rows = args.panel_starts[i + 1] - first;
    const ExpandPanel panel = {args.w + first * 64, args.live + first,        rows,
                               args.bias + 16 * i,  args.multiplier + 16 * i, args.padding + 16 * i};
    RunPanel<true>(args, out, panel, args.y + i * args.y_panel_stride);
  }
}

}  // namespace cutis
