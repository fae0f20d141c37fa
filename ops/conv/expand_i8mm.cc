// ExpandU8 and ExpandSparseU8 for AArch64 with matrix products: the tile of expand_neon.h over rows that panel_i8mm.h zips. Two
// pairs of pixels times 16 channels are 16 sums. Words that do not follow each other are zipped out of single words: 6 zips for
// 16 matrix products.
#include "ops/conv/expand_neon.h"
#include "ops/conv/panel_i8mm.h"

namespace cutis {
namespace {

// 8 k of two pixels out of two words of each.
CUTIS_INLINE uint8x16_t PairOfWords(const uint8_t* x0, const uint8_t* x1, size_t first, size_t second) {
  const uint8x16_t a0 = LoadGroups<1>(x0 + first), b0 = LoadGroups<1>(x0 + second);
  const uint8x16_t a1 = LoadGroups<1>(x1 + first), b1 = LoadGroups<1>(x1 + second);
  return LowHalves(LowWords(a0, b0), LowWords(a1, b1));
}

// One quad; panel.w are zipped rows.
template <size_t kFilled, Words kWords>
CUTIS_INLINE void MatrixTile(const ExpandU8Args& args, const Output& out, const ExpandPanel& panel, const uint8_t* x,
                             uint8_t* y) {
  constexpr size_t kPairs = (kFilled + 1) / 2;
  const size_t last = (kFilled - 1) * args.x_stride;
  int32x4_t sums[kPairs][8];
  BeginSums(panel.bias, sums);
  const int8_t* w = panel.w;
  size_t left = panel.rows;
  if constexpr (kWords == Words::kTogether) {
    for (; left >= 4; left -= 4, x += 16, w += 256) AddPixels<4>(w, x, args.x_stride, last, sums);
    if (left >= 2) {
      AddPixels<2>(w, x, args.x_stride, last, sums);
      x += 8;
      w += 128;
    }
    if (left % 2 != 0) AddPixels<1>(w, x, args.x_stride, last, sums);
  } else {
    const uint32_t* next = args.offsets;
    const uint16_t* live = panel.live;
    const auto offset = [&]() CUTIS_UNROLLED { return size_t{kWords == Words::kLive ? args.offsets[*live++] : *next++}; };
    const auto add = [&](size_t first, size_t second) CUTIS_UNROLLED {
      uint8x16_t pairs[1][kPairs];
      Unroll<kPairs>([&](auto p) CUTIS_UNROLLED {
        const uint8_t* x0 = x + 2 * p * args.x_stride;
        pairs[0][p] = PairOfWords(x0, 2 * p + 1 < kFilled ? x0 + args.x_stride : x0, first, second);
      });
      AddSteps(w, pairs, sums);
      w += 128;
    };
    for (; left >= 2; left -= 2) {
      const size_t first = offset(), second = offset();
      add(first, second);
    }
    if (left != 0) {
      const size_t only = offset();  // beside weights of zero
      add(only, only);
    }
  }
  uint8x16x4_t quads;
  Unroll<4>([&](auto p) CUTIS_UNROLLED {
    if constexpr (p < kFilled) {
      quads.val[p] = BytesOf<p>(sums, panel.multiplier, out);
    } else {
      quads.val[p] = vld1q_u8(panel.padding);
    }
  });
  vst4q_u8(y, quads);
}

template <Words kWords>
[[gnu::noinline]] void RunMatrixPanel(const ExpandU8Args& args, const Output& out, const ExpandPanel& panel, uint8_t* y) {
  ForQuads(args, out, panel, y,
           [](auto n, const ExpandU8Args& all, const Output& to, const ExpandPanel& of, const uint8_t* x, uint8_t* quad)
               CUTIS_UNROLLED { MatrixTile<n, kWords>(all, to, of, x, quad); });
}

template <Words kWords>
CUTIS_INLINE void Run(const ExpandU8Args& args) {
  const Output out = MakeOutput(args.out);
  for (size_t i = 0; i < static_cast<size_t>(args.panels); ++i) {
    ExpandPanel panel = PanelAt<kWords == Words::kLive>(args, i);
    uint8_t* y = args.y + i * args.y_panel_stride;
    if (ZippedBytes<8>(panel.rows) > kExpandU8KernelBytes) {
      // More than 1500 inputs: rare, and so without code of its own for words that lie together.
      RunDotPanel<Pixels::kUnsigned, kWords == Words::kTogether ? Words::kApart : kWords>(args, out, panel, y);
      continue;
    }
    int8_t* zipped = reinterpret_cast<int8_t*>(args.scratch);
    ZipWeights<8>(panel.w, panel.rows, zipped);
    panel.w = zipped;
    RunMatrixPanel<kWords>(args, out, panel, y);
  }
}

}  // namespace

void ExpandU8_4x16k8_i8mm(const ExpandU8Args& args) {
  if (Together(args)) return Run<Words::kTogether>(args);
  Run<Words::kApart>(args);
}

void ExpandSparseU8_4x16k8_i8mm(const ExpandSparseU8Args& args) { Run<Words::kLive>(args); }

}  // namespace cutis
