// The pools for every instruction set that Highway knows: lanes are channels, the taps of a window are summed in a register.
//
// The channels of a pixel end with a vector that overlaps the one before: its elements are computed twice, to the same values,
// since y does not overlap x. Where a pixel has fewer channels than a vector, narrower vectors are tried, then scalars.
#include "ops/hwy_kernel.h"
#include "ops/pool/pool.h"
#include "ops/requant.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Calls each(x, y) for the first tap and the output of every group of `lanes` channels of every pixel; channels >= lanes.
template <class T, class Each>
HWY_INLINE void ForEachVector(const PoolWindows<T>& windows, size_t lanes, const Each& each) {
  const size_t last = static_cast<size_t>(windows.channels) - lanes;
  for (size_t p = 0; p < windows.pixels; ++p) {
    const T* x = windows.x + p * windows.pixel_stride;
    T* y = windows.y + p * windows.y_stride;
    for (size_t c = 0; c < last; c += lanes) each(x + c, y + c);
    each(x + last, y + last);
  }
}

// Folds the taps of a window, in order.
template <class T, class Sum, class Step>
HWY_INLINE Sum Fold(const PoolWindows<T>& windows, const T* x, Sum sum, const Step& step) {
  for (int32_t row = 0; row < windows.rows; ++row) {
    const T* tap = x + static_cast<size_t>(row) * windows.row_stride;
    for (int32_t column = 0; column < windows.columns; ++column, tap += windows.column_stride) sum = step(sum, tap);
  }
  return sum;
}

template <class D, class T>
HWY_INLINE void MaxPool(D d, const PoolWindows<T>& windows) {
  using V = hn::Vec<D>;
  ForEachVector(windows, hn::Lanes(d), [&](const T* x, T* y) HWY_ATTR {
    const V max = Fold(windows, x, hn::LoadU(d, x), [d](V so_far, const T* tap) HWY_ATTR {
      const V value = hn::LoadU(d, tap);
      if constexpr (hwy::IsFloat<T>()) {
        return hn::IfThenElse(hn::Gt(value, so_far), value, so_far);  // as the reference treats a NaN
      } else {
        return hn::Max(value, so_far);
      }
    });
    hn::StoreU(max, d, y);
  });
}

template <class T>
HWY_INLINE void MaxPoolScalar(const PoolWindows<T>& windows) {
  ForEachVector(windows, 1, [&](const T* x, T* y) {
    *y = Fold(windows, x, *x, [](T max, const T* tap) { return *tap > max ? *tap : max; });
  });
}

}  // namespace

void CUTIS_HWY_NAME(MaxPoolU8)(const MaxPoolU8Args& args) {
  const hn::ScalableTag<uint8_t> whole;
  const hn::CappedTag<uint8_t, 16> sixteen;
  const hn::CappedTag<uint8_t, 8> eight;
  const size_t channels = static_cast<size_t>(args.channels);
  if (channels >= hn::Lanes(whole)) {
    MaxPool<decltype(whole), uint8_t>(whole, args);
  } else if (channels >= hn::Lanes(sixteen)) {
    MaxPool<decltype(sixteen), uint8_t>(sixteen, args);
  } else if (channels >= hn::Lanes(eight)) {
    MaxPool<decltype(eight), uint8_t>(eight, args);
  } else {
    MaxPoolScalar<uint8_t>(args);
  }
}

void CUTIS_HWY_NAME(MaxPoolF32)(const MaxPoolF32Args& args) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 4> four;
  const size_t channels = static_cast<size_t>(args.channels);
  if (channels >= hn::Lanes(whole)) {
    MaxPool<decltype(whole), float>(whole, args);
  } else if (channels >= hn::Lanes(four)) {
    MaxPool<decltype(four), float>(four, args);
  } else {
    MaxPoolScalar<float>(args);
  }
}

void CUTIS_HWY_NAME(AveragePoolU8)(const AveragePoolU8Args& args) {
  const hn::ScalableTag<float> df;
  const hn::RebindToSigned<decltype(df)> d32;
  const hn::Rebind<uint8_t, decltype(df)> d8;
  using Sums = hn::Vec<decltype(d32)>;
  const int32_t start = -args.rows * args.columns * args.zero_point;
  if (static_cast<size_t>(args.channels) < hn::Lanes(df)) {
    ForEachVector<uint8_t>(args, 1, [&](const uint8_t* x, uint8_t* y) {
      const int32_t sum = Fold<uint8_t>(args, x, start, [](int32_t so_far, const uint8_t* tap) { return so_far + *tap; });
      *y = Requantize(sum, args.multiplier, args.out);
    });
    return;
  }
  const auto multiplier = hn::Set(df, args.multiplier);
  const auto lo = hn::Set(df, static_cast<float>(args.out.lo - args.out.zero_point));
  const auto hi = hn::Set(df, static_cast<float>(args.out.hi - args.out.zero_point));
  const auto rounded_zero = hn::Set(d32, 0x4B400000 - args.out.zero_point);  // the bits of 1.5 * 2^23, less the zero point
  ForEachVector<uint8_t>(args, hn::Lanes(df), [&](const uint8_t* x, uint8_t* y) HWY_ATTR {
    const Sums sum = Fold<uint8_t>(args, x, hn::Set(d32, start), [&](Sums so_far, const uint8_t* tap) HWY_ATTR {
      return hn::Add(so_far, hn::PromoteTo(d32, hn::LoadU(d8, tap)));
    });
    const auto clamped = hn::Min(hn::Max(hn::Mul(hn::ConvertTo(df, sum), multiplier), lo), hi);
    // Adding 1.5 * 2^23 rounds to an integer, to nearest even, and leaves it in the low bits (see RoundToEven in
    // ops/requant.h).
    const auto bits = hn::BitCast(d32, hn::Add(clamped, hn::Set(df, 12582912.0f)));
    hn::StoreU(hn::DemoteTo(d8, hn::Sub(bits, rounded_zero)), d8, y);
  });
}

void CUTIS_HWY_NAME(AveragePoolF32)(const AveragePoolF32Args& args) {
  const hn::ScalableTag<float> df;
  using Sums = hn::Vec<decltype(df)>;
  if (static_cast<size_t>(args.channels) < hn::Lanes(df)) {
    ForEachVector<float>(args, 1, [&](const float* x, float* y) {
      *y = Fold<float>(args, x, 0.0f, [](float so_far, const float* tap) { return so_far + *tap; }) / args.divisor;
    });
    return;
  }
  const Sums divisor = hn::Set(df, args.divisor);
  ForEachVector<float>(args, hn::Lanes(df), [&](const float* x, float* y) HWY_ATTR {
    const Sums sum = Fold<float>(args, x, hn::Zero(df),
                                 [&](Sums so_far, const float* tap) HWY_ATTR { return hn::Add(so_far, hn::LoadU(df, tap)); });
    hn::StoreU(hn::Div(sum, divisor), df, y);
  });
}

}  // namespace cutis
