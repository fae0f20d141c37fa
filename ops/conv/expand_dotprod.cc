// ExpandU8 and ExpandSparseU8 for AArch64 with dot products: see expand_neon.h.
#include "ops/conv/bias_dotprod.h"
#include "ops/conv/expand_neon.h"

namespace cutis {
namespace {

template <Words kWords>
CUTIS_INLINE void Run(const ExpandU8Args& args) {
  const Output out = MakeOutput(args.out);
  for (size_t i = 0; i < static_cast<size_t>(args.panels); ++i) {
    ExpandPanel panel = PanelAt<kWords == Words::kLive>(args, i);
    int32_t bias[16];
    ShiftBias(panel.w, panel.rows, panel.bias, bias);
    panel.bias = bias;
    RunDotPanel<Pixels::kShift, kWords>(args, out, panel, args.y + i * args.y_panel_stride);
  }
}

}  // namespace

void ExpandU8_4x16k4_dotprod(const ExpandU8Args& args) {
  if (Together(args)) return Run<Words::kTogether>(args);
  Run<Words::kApart>(args);
}

void ExpandSparseU8_4x16k4_dotprod(const ExpandSparseU8Args& args) { Run<Words::kLive>(args); }

}  // namespace cutis
