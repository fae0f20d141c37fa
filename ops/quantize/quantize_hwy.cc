// The change from real numbers to bytes for every instruction set that Highway knows. A row ends with a vector that overlaps
// the one before (see ops/add/add_hwy.cc). The quotient is a true division: a product with 1/scale would round twice.
#include "ops/divide_hwy.h"
#include "ops/hwy_kernel.h"
#include "ops/quantize/quantize.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
const hn::RebindToSigned<decltype(df)> d32;
const hn::Rebind<uint8_t, decltype(df)> d8;
constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());

struct QuantizeLanes {
  hn::Vec<decltype(df)> scale, lo, hi;
  hn::Vec<decltype(d32)> rounded_zero;  // the bits of 1.5 * 2^23, less the zero point

  HWY_INLINE void Compute(const float* x, uint8_t* y) const {
    const auto scaled = DivideLanes(df, hn::LoadU(df, x), scale);
    // What minimum and maximum make of a NaN differs between instruction sets, so it goes first.
    const auto number = hn::IfThenElseZero(hn::Eq(scaled, scaled), scaled);
    const auto clamped = hn::Min(hn::Max(number, lo), hi);
    // Adding 1.5 * 2^23 rounds to an integer, to nearest even, and leaves it in the low bits (see RoundToEven in
    // ops/requant.h).
    const auto bits = hn::BitCast(d32, hn::Add(clamped, hn::Set(df, 12582912.0f)));
    hn::StoreU(hn::DemoteTo(d8, hn::Sub(bits, rounded_zero)), d8, y);
  }
};

}  // namespace

void CUTIS_HWY_NAME(QuantizeF32)(const QuantizeF32Args& args) {
  const QuantizeLanes lanes = {hn::Set(df, args.scale), hn::Set(df, static_cast<float>(-args.zero_point)),
                               hn::Set(df, static_cast<float>(255 - args.zero_point)),
                               hn::Set(d32, 0x4B400000 - args.zero_point)};
  const size_t channels = static_cast<size_t>(args.channels);
  for (size_t p = 0; p < args.pixels; ++p) {
    const float* x = args.x + p * args.x_stride;
    uint8_t* y = args.y + p * args.y_stride;
    if (channels < kLanes) {
      for (size_t c = 0; c < channels; ++c) y[c] = QuantizeOne(x[c], args.scale, args.zero_point);
      continue;
    }
    for (size_t c = 0; c + kLanes < channels; c += kLanes) lanes.Compute(x + c, y + c);
    const size_t last = channels - kLanes;
    lanes.Compute(x + last, y + last);
  }
}

}  // namespace cutis
