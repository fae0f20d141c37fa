// ConvU8 for AVX-VNNI: see panel_avxvnni.h. 6 pixels take 12 dot products a k-group; all else has ports of its own.
#include "ops/conv/conv.h"
#include "ops/conv/panel_avxvnni.h"

namespace cutis {

void ConvU8_6x16k4_avxvnni(const ConvU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t channels = static_cast<size_t>(args.channels), k_groups = static_cast<size_t>(args.k_groups);
  for (size_t n = 0; n < channels; n += 16) {
    const Panel panel = {args.w + n / 16 * k_groups * 64, nullptr, k_groups, args.bias + n, args.multiplier + n, channels - n};
    RunPanel<true>(panel, args.x, args.x_stride, args.pixels, out, args.y + n, args.y_stride);
  }
}

}  // namespace cutis
