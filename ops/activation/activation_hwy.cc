// Clamp for every instruction set that Highway knows. A row ends with a vector that overlaps the one before (see
// ops/add/add_hwy.cc). Lookup has no vector kernel: 256 entries take 16 shuffles and as many selections a vector, no less than
// a load for each byte.
#include "ops/activation/activation.h"
#include "ops/clamp_hwy.h"
#include "ops/hwy_kernel.h"

namespace cutis {

void CUTIS_HWY_NAME(ClampF32)(const ClampF32Args& args) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> df;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
  const auto min = hn::Set(df, args.min), max = hn::Set(df, args.max);
  const size_t channels = static_cast<size_t>(args.channels);
  for (size_t p = 0; p < args.pixels; ++p) {
    const float* x = args.x + p * args.x_stride;
    float* y = args.y + p * args.y_stride;
    if (channels < kLanes) {
      for (size_t c = 0; c < channels; ++c) y[c] = x[c] < args.min ? args.min : x[c] > args.max ? args.max : x[c];
      continue;
    }
    const size_t last = channels - kLanes;
    const auto tail = ClampLanes(df, hn::LoadU(df, x + last), min, max);
    for (size_t c = 0; c < last; c += kLanes) {
      hn::StoreU(ClampLanes(df, hn::LoadU(df, x + c), min, max), df, y + c);
    }
    hn::StoreU(tail, df, y + last);
  }
}

}  // namespace cutis
