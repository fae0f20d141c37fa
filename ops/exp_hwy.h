// The exponential of ops/exp.h for Highway: the same operations in the same order, so the same bits.
#ifndef CUTIS_OPS_EXP_HWY_H_
#define CUTIS_OPS_EXP_HWY_H_

#include "ops/hwy_kernel.h"

namespace cutis {

template <class D, class V>
HWY_INLINE V ExpLanes(D df, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> d32;
  const V least = hn::Set(df, -87.33654f), most = hn::Set(df, 88.72283f);
  const V magic = hn::Set(df, 12582912.0f);  // 1.5 * 2^23, see RoundToEven in ops/requant.h
  // Lanes outside the range compute something harmless and are replaced at the end.
  const V inside = hn::IfThenElse(hn::Lt(x, least), least, hn::IfThenElse(hn::Gt(x, most), most, x));
  const V whole = hn::Sub(hn::Add(hn::Mul(inside, hn::Set(df, 1.44269504f)), magic), magic);
  const V r = hn::Sub(hn::Sub(inside, hn::Mul(whole, hn::Set(df, 0.693145751953125f))),
                      hn::Mul(whole, hn::Set(df, 1.42860682030941723e-6f)));
  V p = hn::Set(df, 1.0f / 5040.0f);
  p = hn::Add(hn::Mul(p, r), hn::Set(df, 1.0f / 720.0f));
  p = hn::Add(hn::Mul(p, r), hn::Set(df, 1.0f / 120.0f));
  p = hn::Add(hn::Mul(p, r), hn::Set(df, 1.0f / 24.0f));
  p = hn::Add(hn::Mul(p, r), hn::Set(df, 1.0f / 6.0f));
  p = hn::Add(hn::Mul(p, r), hn::Set(df, 0.5f));
  p = hn::Add(hn::Mul(p, r), hn::Set(df, 1.0f));
  p = hn::Add(hn::Mul(p, r), hn::Set(df, 1.0f));
  const auto n = hn::ConvertTo(d32, whole);
  const auto half = hn::ShiftRight<1>(hn::Sub(n, hn::ShiftRight<31>(n)));  // n / 2, towards 0
  const auto bias = hn::Set(d32, 127);
  const V first = hn::BitCast(df, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V second = hn::BitCast(df, hn::ShiftLeft<23>(hn::Add(hn::Sub(n, half), bias)));
  const V value = hn::Mul(hn::Mul(p, first), second);
  const V limited =
      hn::IfThenElse(hn::Lt(x, least), hn::Zero(df), hn::IfThenElse(hn::Gt(x, most), hn::Set(df, __builtin_inff()), value));
  return hn::IfThenElse(hn::Eq(x, x), limited, x);
}

}  // namespace cutis

#endif  // CUTIS_OPS_EXP_HWY_H_
