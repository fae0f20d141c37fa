// ConvSparseU8 for AArch64 without dot products: the tile of panel_smlal.h over the live rows of a panel, two at a time.
#include "ops/conv/conv.h"
#include "ops/conv/panel_smlal.h"

namespace cutis {

void ConvSparseU8_4x8k8_neon(const ConvSparseU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t channels = static_cast<size_t>(args.channels);
  ForBlocks(args.x, args.x_stride, args.pixels, Reach(args) * 4, args.scratch,
            [&](const uint8_t* x, size_t x_stride, size_t first, size_t pixels, auto shifted) CUTIS_UNROLLED {
              for (size_t n = 0; n < channels; n += 8) {
                const size_t begin = args.panel_starts[n / 16], rows = args.panel_starts[n / 16 + 1] - begin;
                const int8_t* w = args.w + begin * 64 + n % 16 * 4;
                int32_t bias[8];
                ShiftBias(w, rows, args.bias + n, bias);
                const HalfPanel panel = {w, args.live + begin, rows, bias, args.multiplier + n, channels - n};
                RunHalfPanel<false, shifted == 0>(panel, x, x_stride, pixels, out, args.y + first * args.y_stride + n,
                                                  args.y_stride);
              }
            });
}

}  // namespace cutis
