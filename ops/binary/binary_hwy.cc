// The functions of two elements for every instruction set that Highway knows.
//
// Vectors run along rows where the output follows itself and an input follows itself or stands still (one of the two, that is:
// a row of which both stand still is one element). What stands still is read from a vector full of it, and the last vector of a
// row, which overlaps the one before, from copies that were made before the output could cover the inputs: so a function is
// compiled once. Other strides, and rows shorter than a vector, are scalar.
#include "ops/binary/functions.h"
#include "ops/clamp_hwy.h"
#include "ops/hwy_kernel.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
const hn::RebindToSigned<decltype(df)> d32;
const hn::Rebind<uint8_t, decltype(df)> d8;
const hn::ScalableTag<uint8_t> d8s;
using Floats = hn::Vec<decltype(df)>;
using Bytes = hn::Vec<decltype(d8s)>;
constexpr int64_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
constexpr int64_t kByteLanes = hn::MaxLanes(hn::ScalableTag<uint8_t>());
// ARMv7 has no vector division: Highway's is an approximation.
constexpr bool kDivides = !HWY_ARCH_ARM_V7;

// Whether the rows of a nest can be computed by vectors of so many lanes.
bool TakesVectors(const Nest& nest, int64_t lanes) {
  const int32_t last = nest.rank - 1;
  const int64_t a = nest.stride[1][last], b = nest.stride[2][last];
  return nest.stride[0][last] == 1 && nest.extent[last] >= lanes && a >= 0 && a <= 1 && b >= 0 && b <= 1 && a + b > 0;
}

// An operand of a row: where its vectors are read from, one after the other.
template <class T, int64_t kStep>
struct Operand {
  const T* at;
  int64_t step;
  alignas(64) T last[kStep];  // of the last vector

  HWY_INLINE Operand(const T* row, int64_t stride, int64_t tail) : at(row), step(stride * kStep) {
    for (int64_t i = 0; i < kStep; ++i) last[i] = row[(tail + i) * stride];
    if (stride == 0) at = last;
  }
};

// Stores compute(a, b) to each vector of each row; kStep elements make one.
template <int64_t kStep, class D, class T, class Compute>
HWY_INLINE void ForEachVector(D d, const Nest& nest, const T* a_data, const T* b_data, T* y_data, const Compute& compute) {
  const int32_t inner = nest.rank - 1;
  const int64_t tail = nest.extent[inner] - kStep;
  ForEachRow<3>(nest, [&](const int64_t* offset) HWY_ATTR {
    T* y = y_data + offset[0];
    Operand<T, kStep> a(a_data + offset[1], nest.stride[1][inner], tail);
    Operand<T, kStep> b(b_data + offset[2], nest.stride[2][inner], tail);
    for (int64_t i = 0;; i += kStep) {
      const bool at_end = i >= tail;
      hn::StoreU(compute(at_end ? a.last : a.at, at_end ? b.last : b.at), d, y + (at_end ? tail : i));
      if (at_end) return;
      a.at += a.step;
      b.at += b.step;
    }
  });
}

// -- float32 --------------------------------------------------------------------------------------

template <BinaryFunction kFunction>
HWY_INLINE Floats ApplyLanes(Floats a, Floats b) {
  if constexpr (kFunction == BinaryFunction::kAdd) return hn::Add(a, b);
  if constexpr (kFunction == BinaryFunction::kSub) return hn::Sub(a, b);
  if constexpr (kFunction == BinaryFunction::kMul) return hn::Mul(a, b);
  if constexpr (kFunction == BinaryFunction::kDiv) return hn::Div(a, b);
  // Highway's Ne(a, a) is false for a NaN on AVX2, so the NaN is what Eq is false for.
  if constexpr (kFunction == BinaryFunction::kMax) return hn::IfThenElse(hn::Gt(a, b), a, hn::IfThenElse(hn::Eq(a, a), b, a));
  if constexpr (kFunction == BinaryFunction::kMin) return hn::IfThenElse(hn::Lt(a, b), a, hn::IfThenElse(hn::Eq(a, a), b, a));
}

template <BinaryFunction kFunction>
void RunF32(const BinaryF32Args& args) {
  if constexpr (kFunction != BinaryFunction::kPow && (kDivides || kFunction != BinaryFunction::kDiv)) {
    if (TakesVectors(args.nest, kLanes)) {
      const Floats min = hn::Set(df, args.min), max = hn::Set(df, args.max);
      ForEachVector<kLanes>(df, args.nest, args.a, args.b, args.y, [&](const float* a, const float* b) HWY_ATTR {
        return ClampLanes(df, ApplyLanes<kFunction>(hn::LoadU(df, a), hn::LoadU(df, b)), min, max);
      });
      return;
    }
  }
  BinaryF32_scalar(args);
}

// -- uint8 ----------------------------------------------------------------------------------------

template <BinaryFunction kFunction>
struct LanesU8 {
  static constexpr int64_t kStep = kLanes;
  static HWY_INLINE auto Tag() { return d8; }
  hn::Vec<decltype(d32)> zero_a, zero_b;
  Floats multiplier_a, multiplier_b, lo, hi;
  hn::Vec<decltype(d32)> rounded_zero;  // the bits of 1.5 * 2^23, less the zero point (see ops/add/add_hwy.cc)

  explicit LanesU8(const BinaryU8Args& args)
      : zero_a(hn::Set(d32, args.zero_a)),
        zero_b(hn::Set(d32, args.zero_b)),
        multiplier_a(hn::Set(df, args.multiplier_a)),
        multiplier_b(hn::Set(df, args.multiplier_b)),
        lo(hn::Set(df, static_cast<float>(args.out.lo - args.out.zero_point))),
        hi(hn::Set(df, static_cast<float>(args.out.hi - args.out.zero_point))),
        rounded_zero(hn::Set(d32, 0x4B400000 - args.out.zero_point)) {}

  HWY_INLINE auto Compute(const uint8_t* a, const uint8_t* b) const {
    const auto bytes_a = hn::PromoteTo(d32, hn::LoadU(d8, a)), bytes_b = hn::PromoteTo(d32, hn::LoadU(d8, b));
    const Floats from_a = hn::ConvertTo(df, hn::Sub(bytes_a, zero_a)), from_b = hn::ConvertTo(df, hn::Sub(bytes_b, zero_b));
    Floats scaled;
    if constexpr (kFunction == BinaryFunction::kMul) {
      scaled = hn::Mul(hn::Mul(from_a, from_b), multiplier_a);  // 255 * 255 is exact as a float
    } else if constexpr (kFunction == BinaryFunction::kSub) {
      scaled = hn::Sub(hn::Mul(from_a, multiplier_a), hn::Mul(from_b, multiplier_b));
    } else {
      scaled = hn::Add(hn::Mul(from_a, multiplier_a), hn::Mul(from_b, multiplier_b));
    }
    const Floats clamped = hn::Min(hn::Max(scaled, lo), hi);
    const auto bits = hn::BitCast(d32, hn::Add(clamped, hn::Set(df, 12582912.0f)));
    return hn::DemoteTo(d8, hn::Sub(bits, rounded_zero));
  }
};

template <BinaryFunction kFunction>
struct ChooseU8 {
  static constexpr int64_t kStep = kByteLanes;
  static HWY_INLINE auto Tag() { return d8s; }
  Bytes lo, hi;

  explicit ChooseU8(const BinaryU8Args& args)
      : lo(hn::Set(d8s, static_cast<uint8_t>(args.out.lo))), hi(hn::Set(d8s, static_cast<uint8_t>(args.out.hi))) {}

  HWY_INLINE Bytes Compute(const uint8_t* a, const uint8_t* b) const {
    const Bytes va = hn::LoadU(d8s, a), vb = hn::LoadU(d8s, b);
    const Bytes one = kFunction == BinaryFunction::kMax ? hn::Max(va, vb) : hn::Min(va, vb);
    return hn::Min(hn::Max(one, lo), hi);
  }
};

template <class Lanes>
void RunU8(const BinaryU8Args& args) {
  if (TakesVectors(args.nest, Lanes::kStep)) {
    const Lanes lanes(args);
    ForEachVector<Lanes::kStep>(Lanes::Tag(), args.nest, args.a, args.b, args.y,
                                [&](const uint8_t* a, const uint8_t* b) HWY_ATTR { return lanes.Compute(a, b); });
  } else {
    BinaryU8_scalar(args);
  }
}

}  // namespace

void CUTIS_HWY_NAME(BinaryF32)(const BinaryF32Args& args) {
  switch (args.function) {
    case BinaryFunction::kAdd:
      return RunF32<BinaryFunction::kAdd>(args);
    case BinaryFunction::kSub:
      return RunF32<BinaryFunction::kSub>(args);
    case BinaryFunction::kMul:
      return RunF32<BinaryFunction::kMul>(args);
    case BinaryFunction::kDiv:
      return RunF32<BinaryFunction::kDiv>(args);
    case BinaryFunction::kMax:
      return RunF32<BinaryFunction::kMax>(args);
    case BinaryFunction::kMin:
      return RunF32<BinaryFunction::kMin>(args);
    case BinaryFunction::kPow:
      return RunF32<BinaryFunction::kPow>(args);
  }
}

void CUTIS_HWY_NAME(BinaryU8)(const BinaryU8Args& args) {
  switch (args.function) {
    case BinaryFunction::kAdd:
      return RunU8<LanesU8<BinaryFunction::kAdd>>(args);
    case BinaryFunction::kSub:
      return RunU8<LanesU8<BinaryFunction::kSub>>(args);
    case BinaryFunction::kMul:
      return RunU8<LanesU8<BinaryFunction::kMul>>(args);
    case BinaryFunction::kMax:
      return RunU8<ChooseU8<BinaryFunction::kMax>>(args);
    case BinaryFunction::kMin:
      return RunU8<ChooseU8<BinaryFunction::kMin>>(args);
    case BinaryFunction::kDiv:
    case BinaryFunction::kPow:
      return;  // refused by the operator's check
  }
}

}  // namespace cutis
