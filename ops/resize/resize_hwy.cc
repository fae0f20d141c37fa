// Linear interpolation for every instruction set that Highway knows: lanes are channels. The channels of a pixel end with a
// vector that overlaps the one before (see ops/pool/pool_hwy.cc); fewer channels than a vector are scalars.
//
// uint8: a*(2048-w) + b*w is 2048*a + (b-a)*w, one multiplication instead of two; all numbers are exact and stay below 2^31.
#include "ops/hwy_kernel.h"
#include "ops/resize/resize.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
const hn::RebindToSigned<decltype(df)> d32;
const hn::Rebind<uint8_t, decltype(df)> d8;
using Floats = hn::Vec<decltype(df)>;
using Numbers = hn::Vec<decltype(d32)>;
constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());

HWY_INLINE Floats InterpolateLanes(Floats a, Floats b, Floats weight) { return hn::Add(a, hn::Mul(hn::Sub(b, a), weight)); }

HWY_INLINE Numbers LoadNumbers(const uint8_t* from) { return hn::PromoteTo(d32, hn::LoadU(d8, from)); }
HWY_INLINE Numbers Interpolate2048Lanes(Numbers a, Numbers b, Numbers weight) {
  return hn::Add(hn::ShiftLeft<11>(a), hn::Mul(hn::Sub(b, a), weight));
}

// The first channel of the four neighbours of a pixel.
template <class T>
struct Neighbours {
  const T *top_low, *top_high, *bottom_low, *bottom_high;
};
template <class T>
HWY_INLINE Neighbours<T> NeighboursOf(const ResizeRow<T>& row, size_t pixel) {
  const size_t low = static_cast<size_t>(row.low[pixel]) * row.x_stride,
               high = static_cast<size_t>(row.high[pixel]) * row.x_stride;
  return {row.top + low, row.top + high, row.bottom + low, row.bottom + high};
}

// Calls vector(c) for every vector of channels; scalar(c) for every channel where they are fewer than a vector.
template <class Vector, class Scalar>
HWY_INLINE void ForEachVector(size_t channels, const Vector& vector, const Scalar& scalar) {
  if (channels < kLanes) {
    for (size_t c = 0; c < channels; ++c) scalar(c);
    return;
  }
  const size_t last = channels - kLanes;
  for (size_t c = 0; c < last; c += kLanes) vector(c);
  vector(last);
}

}  // namespace

void CUTIS_HWY_NAME(ResizeLinearF32)(const ResizeLinearF32Args& args) {
  const Floats weight_y = hn::Set(df, args.weight_y);
  for (size_t p = 0; p < args.pixels; ++p) {
    const Neighbours<float> from = NeighboursOf(args, p);
    float* y = args.y + p * args.y_stride;
    const Floats weight = hn::Set(df, args.weight[p]);
    ForEachVector(
        static_cast<size_t>(args.channels),
        [&](size_t c) HWY_ATTR {
          const Floats a = InterpolateLanes(hn::LoadU(df, from.top_low + c), hn::LoadU(df, from.top_high + c), weight);
          const Floats b = InterpolateLanes(hn::LoadU(df, from.bottom_low + c), hn::LoadU(df, from.bottom_high + c), weight);
          hn::StoreU(InterpolateLanes(a, b, weight_y), df, y + c);
        },
        [&](size_t c) {
          const float a = Interpolate(from.top_low[c], from.top_high[c], args.weight[p]);
          const float b = Interpolate(from.bottom_low[c], from.bottom_high[c], args.weight[p]);
          y[c] = Interpolate(a, b, args.weight_y);
        });
  }
}

void CUTIS_HWY_NAME(ResizeLinearU8)(const ResizeLinearU8Args& args) {
  const int32_t wy = IntegerWeight(args.weight_y);
  const Numbers weight_y = hn::Set(d32, wy), half = hn::Set(d32, 1 << 21);
  for (size_t p = 0; p < args.pixels; ++p) {
    const Neighbours<uint8_t> from = NeighboursOf(args, p);
    uint8_t* y = args.y + p * args.y_stride;
    const int32_t wx = IntegerWeight(args.weight[p]);
    const Numbers weight = hn::Set(d32, wx);
    ForEachVector(
        static_cast<size_t>(args.channels),
        [&](size_t c) HWY_ATTR {
          const Numbers a = Interpolate2048Lanes(LoadNumbers(from.top_low + c), LoadNumbers(from.top_high + c), weight);
          const Numbers b = Interpolate2048Lanes(LoadNumbers(from.bottom_low + c), LoadNumbers(from.bottom_high + c), weight);
          const Numbers sum = hn::Add(Interpolate2048Lanes(a, b, weight_y), half);
          hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<22>(sum)), d8, y + c);
        },
        [&](size_t c) {
          const int32_t a = Interpolate2048(from.top_low[c], from.top_high[c], wx);
          const int32_t b = Interpolate2048(from.bottom_low[c], from.bottom_high[c], wx);
          y[c] = static_cast<uint8_t>((Interpolate2048(a, b, wy) + (1 << 21)) >> 22);
        });
  }
}

}  // namespace cutis
