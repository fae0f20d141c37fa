// ConvSparseU8 for AVX-VNNI: the tile of panel_avxvnni.h over the live rows of a panel. A row takes 12 dot products, as a dense
// k-group does, and one load more, that of its k-group.
#include "ops/conv/conv.h"
#include "ops/conv/panel_avxvnni.h"

namespace cutis {

void ConvSparseU8_6x16k4_avxvnni(const ConvSparseU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t channels = static_cast<size_t>(args.channels);
  for (size_t n = 0; n < channels; n += 16) {
    const size_t first = args.panel_starts[n / 16], rows = args.panel_starts[n / 16 + 1] - first;
    const Panel panel = {args.w + first * 64, args.live + first, rows, args.bias + n, args.multiplier + n, channels - n};
    RunPanel<false>(panel, args.x, args.x_stride, args.pixels, out, args.y + n, args.y_stride);
  }
}

}  // namespace cutis
