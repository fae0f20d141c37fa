// ConvU8 for AVX2 without a dot-product instruction: see panel_avx2.h. Where there are too few pixels to bring the weights into
// another order for, they are widened in registers.
#include "ops/conv/panel_avx2.h"

namespace cutis {

void ConvU8_6x16k4_avx2(const ConvU8Args& args) {
  const Output out = MakeOutput(args.out);
  constexpr size_t kChunk = kConvU8ChunkGroups;
  const size_t channels = static_cast<size_t>(args.channels), k_groups = static_cast<size_t>(args.k_groups);
  if (args.pixels < kFewPixels) {
    for (size_t n = 0; n < channels; n += 16) {
      RunInPlace(args.x, args.x_stride, args.pixels, args.w + n / 16 * k_groups * 64, nullptr, k_groups, args.bias + n,
                 args.multiplier + n, out, args.y + n, args.y_stride, channels - n);
    }
    return;
  }
  const Workspace work = MakeWorkspace(args.scratch);
  const size_t most = k_groups > kChunk ? size_t{kConvU8BlockPixels} : args.pixels;
  const size_t together = k_groups * kMostPanels <= kChunk ? kMostPanels : k_groups < kChunk ? kChunk / k_groups : 1;
  for (size_t done = 0; done < args.pixels; done += most) {
    const size_t pixels = args.pixels - done < most ? args.pixels - done : most;
    for (size_t n = 0; n < channels; n += together * 16) {
      const int8_t* panel = args.w + n / 16 * k_groups * 64;
      const size_t left = (channels - n + 15) / 16, panels = left < together ? left : together;
      for (size_t base = 0; base < k_groups; base += kChunk) {
        const size_t groups = k_groups - base < kChunk ? k_groups - base : kChunk;
        Rows rows[kMostPanels];
        for (size_t i = 0; i < panels; ++i) {
          rows[i] = PrepareRows(panel + (i * k_groups + base) * 64, nullptr, 0, groups, i * groups, work);
        }
        RunTiles(rows, panels, args.x + done * args.x_stride + base * 4, args.x_stride, groups, pixels, work.tile,
                 {base == 0 ? args.bias + n : nullptr, work.sums, args.multiplier + n,
                  base + groups == k_groups ? &out : nullptr, args.y + done * args.y_stride + n, args.y_stride, channels - n});
      }
    }
  }
}

}  // namespace cutis
