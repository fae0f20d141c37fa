// ConvSparseU8 for AArch64 with dot products: the tile of panel_neon.h over the live rows of a panel. A row takes 24 dot
// products, 4 loads of weights and 6 of single words.
#include "ops/conv/bias_dotprod.h"
#include "ops/conv/conv.h"
#include "ops/conv/panel_neon.h"
#include "ops/conv/signed_neon.h"

namespace cutis {
namespace {

// All panels times `pixels` pixels.
template <Pixels kPixels>
CUTIS_INLINE void RunPanels(const ConvSparseU8Args& args, const uint8_t* x, size_t x_stride, size_t pixels, const Output& out,
                            uint8_t* y) {
  const size_t channels = static_cast<size_t>(args.channels);
  for (size_t n = 0; n < channels; n += 16) {
    const size_t first = args.panel_starts[n / 16], rows = args.panel_starts[n / 16 + 1] - first;
    const int8_t* w = args.w + first * 64;
    int32_t bias[16];
    ShiftBias(w, rows, args.bias + n, bias);
    const Panel panel = {w, args.live + first, rows, bias, args.multiplier + n, channels - n};
    if constexpr (kPixels == Pixels::kShifted) {
      RunPanel<kPixels, false>(panel, x, x_stride, pixels, out, y + n, args.y_stride);
    } else {  // rare, and so small in code
      RunTiles<4, 4, kPixels, false>(panel, x, x_stride, pixels, out, y + n, args.y_stride);
    }
  }
}

}  // namespace

void ConvSparseU8_6x16k4_dotprod(const ConvSparseU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t bytes = Reach(args) * 4, fitting = bytes == 0 ? args.pixels : kSignedBytes / bytes;
  // Blocks of less than a tile would read the weights too often.
  if (fitting < 6 && fitting < args.pixels) {
    RunPanels<Pixels::kShift>(args, args.x, args.x_stride, args.pixels, out, args.y);
    return;
  }
  const size_t most = fitting < 6 ? fitting : fitting / 6 * 6;
  uint8_t* block = reinterpret_cast<uint8_t*>(args.scratch);
  for (size_t done = 0; done < args.pixels; done += most) {
    const size_t pixels = args.pixels - done < most ? args.pixels - done : most;
    CopySigned(args.x + done * args.x_stride, args.x_stride, pixels, bytes, block);
    RunPanels<Pixels::kShifted>(args, block, bytes, pixels, out, args.y + done * args.y_stride);
  }
}

}  // namespace cutis
