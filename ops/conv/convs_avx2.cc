// ConvSparseU8 for AVX2: the arithmetic of panel_avx2.h over the live rows of a panel. Which word of the pixels a row meets
// comes from the list of k-groups.
#include "ops/conv/panel_avx2.h"

namespace cutis {
namespace {

constexpr size_t kChunk = kConvU8ChunkGroups;

// The live rows of a panel, and how many k-groups of a pixel they reach over.
struct Live {
  const int8_t* w;
  const uint16_t* k_groups;
  size_t rows, reach;
};

CUTIS_INLINE Live PanelAt(const ConvSparseU8Args& args, size_t panel) {
  const size_t first = args.panel_starts[panel], rows = args.panel_starts[panel + 1] - first;
  const uint16_t* k_groups = args.live + first;
  return {args.w + first * 64, k_groups, rows, rows == 0 ? 0 : size_t{k_groups[rows - 1]} + 1};
}

// One panel whose rows reach over several chunks.
void RunChunks(const ConvSparseU8Args& args, const Live& live, size_t n, const Output& out, const Workspace& work) {
  for (size_t done = 0; done < args.pixels; done += kConvU8BlockPixels) {
    const size_t left = args.pixels - done, pixels = left < kConvU8BlockPixels ? left : size_t{kConvU8BlockPixels};
    size_t row = 0;
    for (size_t base = 0; base < live.reach; base += kChunk) {
      const size_t groups = live.reach - base < kChunk ? live.reach - base : kChunk, begin = row;
      while (row < live.rows && live.k_groups[row] < base + groups) ++row;
      const Rows rows = PrepareRows(live.w + begin * 64, live.k_groups + begin, base, row - begin, 0, work);
      RunTiles(
          &rows, 1, args.x + done * args.x_stride + base * 4, args.x_stride, groups, pixels, work.tile,
          {base == 0 ? args.bias + n : nullptr, work.sums, args.multiplier + n, base + groups == live.reach ? &out : nullptr,
           args.y + done * args.y_stride + n, args.y_stride, static_cast<size_t>(args.channels) - n});
    }
  }
}

}  // namespace

void ConvSparseU8_6x16k4_avx2(const ConvSparseU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t channels = static_cast<size_t>(args.channels), panels = (channels + 15) / 16;
  if (args.pixels < kFewPixels) {
    for (size_t n = 0; n < channels; n += 16) {
      const Live live = PanelAt(args, n / 16);
      RunInPlace(args.x, args.x_stride, args.pixels, live.w, live.k_groups, live.rows, args.bias + n, args.multiplier + n, out,
                 args.y + n, args.y_stride, channels - n);
    }
    return;
  }
  const Workspace work = MakeWorkspace(args.scratch);
  for (size_t panel = 0; panel < panels;) {
    const size_t n = panel * 16;
    if (const Live live = PanelAt(args, panel); live.reach > kChunk) {
      RunChunks(args, live, n, out, work);
      ++panel;
      continue;
    }
    // As many panels together as the workspace holds the rows of.
    Rows rows[kMostPanels];
    size_t together = 0, used = 0, groups = 0;
    for (; panel < panels && together < kMostPanels; ++panel, ++together) {
      const Live live = PanelAt(args, panel);
      if (live.reach > kChunk || used + live.rows > kChunk) break;
      rows[together] = PrepareRows(live.w, live.k_groups, 0, live.rows, used, work);
      used += live.rows;
      if (live.reach > groups) groups = live.reach;
    }
    RunTiles(rows, together, args.x, args.x_stride, groups, args.pixels, work.tile,
             {args.bias + n, work.sums, args.multiplier + n, &out, args.y + n, args.y_stride, channels - n});
  }
}

}  // namespace cutis
