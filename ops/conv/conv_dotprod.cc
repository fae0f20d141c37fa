// ConvU8 for AArch64 with dot products (FEAT_DotProd: Cortex-A55, A75, A76, Neoverse N1 and later): see panel_neon.h. The signs
// of pixels are shifted in registers, 6 operations beside 96 dot products.
#include "ops/conv/bias_dotprod.h"
#include "ops/conv/conv.h"
#include "ops/conv/panel_neon.h"

namespace cutis {

void ConvU8_6x16k4_dotprod(const ConvU8Args& args) {
  const Output out = MakeOutput(args.out);
  const size_t channels = static_cast<size_t>(args.channels), k_groups = static_cast<size_t>(args.k_groups);
  for (size_t n = 0; n < channels; n += 16) {
    const int8_t* w = args.w + n / 16 * k_groups * 64;
    int32_t bias[16];
    ShiftBias(w, k_groups, args.bias + n, bias);
    const Panel panel = {w, nullptr, k_groups, bias, args.multiplier + n, channels - n};
    RunPanel<Pixels::kShift, true>(panel, args.x, args.x_stride, args.pixels, out, args.y + n, args.y_stride);
  }
}

}  // namespace cutis
