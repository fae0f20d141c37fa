// The elementwise sums for every instruction set that Highway knows.
//
// A row that is no whole number of vectors ends with a vector that overlaps the one before: its elements are computed twice. It
// is computed first and stored last, so that it comes from the inputs as they were even where y lies on one of them. Rows
// shorter than a vector are scalar.
#include "ops/add/add.h"
#include "ops/clamp_hwy.h"
#include "ops/hwy_kernel.h"
#include "ops/requant.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
const hn::RebindToSigned<decltype(df)> d32;
const hn::Rebind<uint8_t, decltype(df)> d8;
using Floats = hn::Vec<decltype(df)>;
constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());

struct AddU8Lanes {
  hn::Vec<decltype(d32)> zero_a, zero_b;
  Floats multiplier_a, multiplier_b, lo, hi;
  hn::Vec<decltype(d32)> rounded_zero;  // the bits of 1.5 * 2^23, less the zero point

  HWY_INLINE hn::Vec<decltype(d8)> Compute(const uint8_t* a, const uint8_t* b) const {
    const auto from_a = hn::Sub(hn::PromoteTo(d32, hn::LoadU(d8, a)), zero_a);
    const auto from_b = hn::Sub(hn::PromoteTo(d32, hn::LoadU(d8, b)), zero_b);
    const auto scaled_a = hn::Mul(hn::ConvertTo(df, from_a), multiplier_a);
    const auto scaled_b = hn::Mul(hn::ConvertTo(df, from_b), multiplier_b);
    const auto clamped = hn::Min(hn::Max(hn::Add(scaled_a, scaled_b), lo), hi);
    // Adding 1.5 * 2^23 rounds to an integer, to nearest even, and leaves it in the low bits (see RoundToEven in
    // ops/requant.h).
    const auto bits = hn::BitCast(d32, hn::Add(clamped, hn::Set(df, 12582912.0f)));
    return hn::DemoteTo(d8, hn::Sub(bits, rounded_zero));
  }
};

}  // namespace

void CUTIS_HWY_NAME(AddU8)(const AddU8Args& args) {
  const AddU8Lanes lanes = {hn::Set(d32, args.zero_a),
                            hn::Set(d32, args.zero_b),
                            hn::Set(df, args.multiplier_a),
                            hn::Set(df, args.multiplier_b),
                            hn::Set(df, static_cast<float>(args.out.lo - args.out.zero_point)),
                            hn::Set(df, static_cast<float>(args.out.hi - args.out.zero_point)),
                            hn::Set(d32, 0x4B400000 - args.out.zero_point)};
  const size_t channels = static_cast<size_t>(args.channels);
  for (size_t p = 0; p < args.pixels; ++p) {
    const uint8_t* a = args.a + p * args.a_stride;
    const uint8_t* b = args.b + p * args.b_stride;
    uint8_t* y = args.y + p * args.y_stride;
    if (channels < kLanes) {
      for (size_t c = 0; c < channels; ++c) {
        const float scaled_a = static_cast<float>(a[c] - args.zero_a) * args.multiplier_a;
        const float scaled_b = static_cast<float>(b[c] - args.zero_b) * args.multiplier_b;
        y[c] = ClampRound(scaled_a + scaled_b, args.out);
      }
      continue;
    }
    const size_t last = channels - kLanes;
    const auto tail = lanes.Compute(a + last, b + last);
    for (size_t c = 0; c < last; c += kLanes) hn::StoreU(lanes.Compute(a + c, b + c), d8, y + c);
    hn::StoreU(tail, d8, y + last);
  }
}

void CUTIS_HWY_NAME(AddF32)(const AddF32Args& args) {
  const Floats min = hn::Set(df, args.min), max = hn::Set(df, args.max);
  const size_t channels = static_cast<size_t>(args.channels);
  for (size_t p = 0; p < args.pixels; ++p) {
    const float* a = args.a + p * args.a_stride;
    const float* b = args.b + p * args.b_stride;
    float* y = args.y + p * args.y_stride;
    if (channels < kLanes) {
      for (size_t c = 0; c < channels; ++c) {
        const float sum = a[c] + b[c];
        y[c] = sum < args.min ? args.min : sum > args.max ? args.max : sum;
      }
      continue;
    }
    const auto compute = [&](size_t c)
                             HWY_ATTR { return ClampLanes(df, hn::Add(hn::LoadU(df, a + c), hn::LoadU(df, b + c)), min, max); };
    const size_t last = channels - kLanes;
    const Floats tail = compute(last);
    for (size_t c = 0; c < last; c += kLanes) hn::StoreU(compute(c), df, y + c);
    hn::StoreU(tail, df, y + last);
  }
}

}  // namespace cutis
