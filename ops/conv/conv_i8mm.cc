// ConvU8 for AArch64 with matrix products (FEAT_I8MM: Cortex-A510, X1 and later, Neoverse V1, N2): see panel_i8mm.h. Rows too
// long for the scratch, and pixels too few to zip weights for, take sudot as the weights lie in the file.
#include "ops/conv/conv.h"
#include "ops/conv/panel_i8mm.h"
#include "ops/conv/panel_neon.h"

namespace cutis {
namespace {

// Fewer are as fast by sudot, whose 8 instructions a pixel for two rows the zips (8, and as many loads and stores) then equal.
constexpr size_t kFewPixels = 4;

template <size_t kPairs, size_t kVectors>
CUTIS_INLINE void Tile(const int8_t* w, size_t k_groups, const uint8_t* x, size_t x_stride, size_t pixels, const Ends& ends,
                       const Output& out) {
  int32x4_t sums[kPairs][kVectors];
  BeginSums(ends.bias, sums);
  const size_t last = (pixels - 1) * x_stride;
  size_t left = k_groups;
  for (; left >= 4; left -= 4, x += 16, w += kVectors * 32) AddPixels<4>(w, x, x_stride, last, sums);
  if (left >= 2) {
    AddPixels<2>(w, x, x_stride, last, sums);
    x += 8;
    w += kVectors * 16;
  }
  if (left % 2 != 0) AddPixels<1>(w, x, x_stride, last, sums);
  StoreTile(sums, ends, out, pixels);
}

// All pixels of zipped weights, in tiles of 2 * kPairs.
template <size_t kPairs, size_t kVectors>
[[gnu::noinline]] void RunZipped(const ConvU8Args& args, const int8_t* w, const Ends& shared_ends, const Output& shared_out) {
  Ends ends = shared_ends;  // copies: stores of bytes might change the others
  const Output out = shared_out;
  const size_t k_groups = static_cast<size_t>(args.k_groups), x_stride = args.x_stride;
  const uint8_t* x = args.x;
  for (size_t left = args.pixels; left > 0;) {
    const size_t now = left < 2 * kPairs ? left : 2 * kPairs;
    WithCount<kPairs>((now + 1) / 2,
                      [&](auto n) CUTIS_UNROLLED { Tile<n, kVectors>(w, k_groups, x, x_stride, now, ends, out); });
    left -= now;
    x += now * x_stride;
    ends.y += now * ends.y_stride;
  }
}

}  // namespace

void ConvU8_6x16k8_i8mm(const ConvU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t channels = static_cast<size_t>(args.channels), k_groups = static_cast<size_t>(args.k_groups);
  const bool whole = ZippedBytes<8>(k_groups) <= kI8mmScratchBytes, half = ZippedBytes<4>(k_groups) <= kI8mmScratchBytes;
  int8_t* zipped = reinterpret_cast<int8_t*>(args.scratch);
  for (size_t n = 0; n < channels;) {
    const int8_t* w = args.w + n / 16 * k_groups * 64 + n % 16 * 4;
    const Ends ends = {args.bias + n, args.multiplier + n, args.y + n, args.y_stride, channels - n};
    if (args.pixels < kFewPixels || !half) {
      const Panel panel = {w, nullptr, k_groups, ends.bias, ends.multiplier, ends.live};
      RunTiles<4, 4, Pixels::kUnsigned, true>(panel, args.x, args.x_stride, args.pixels, out, ends.y, args.y_stride);
      n += 16;
    } else if (whole && n % 16 == 0 && ends.live > 8) {
      ZipWeights<8>(w, k_groups, zipped);
      RunZipped<3, 8>(args, zipped, ends, out);
      n += 16;
    } else {
      ZipWeights<4>(w, k_groups, zipped);
      RunZipped<4, 4>(args, zipped, ends, out);
      n += 8;
    }
  }
}

}  // namespace cutis
