// The functions of single elements for every instruction set that Highway knows. A row ends with a vector that overlaps the one
// before, whose input is read first. Logarithm and softplus compute in double and stay scalar.
#include "ops/exp_hwy.h"
#include "ops/hwy_kernel.h"
#include "ops/unary/functions.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
using Floats = hn::Vec<decltype(df)>;
constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());

template <UnaryFunction kFunction>
constexpr bool HasVectors() {
  switch (kFunction) {
    case UnaryFunction::kLog:
    case UnaryFunction::kSoftplus:
      return false;
    case UnaryFunction::kSqrt:
    case UnaryFunction::kReciprocal:
    case UnaryFunction::kSigmoid:
    case UnaryFunction::kTanh:
    case UnaryFunction::kSwish:
    case UnaryFunction::kMish:
      return !HWY_ARCH_ARM_V7;  // which has no vector division or square root: Highway's are approximations
    default:
      return true;
  }
}

HWY_INLINE Floats Constant(float value) { return hn::Set(df, value); }
HWY_INLINE Floats MultiplyAdd(Floats a, Floats b, float c) { return hn::Add(hn::Mul(a, b), Constant(c)); }  // two roundings

// The functions of ops/unary/functions.h.

HWY_INLINE Floats SigmoidLanes(Floats x) {
  const Floats e = ExpLanes(df, hn::Neg(hn::Abs(x)));
  const Floats one = Constant(1.0f);
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(df)), e, one), hn::Add(one, e));
}

HWY_INLINE Floats TanhLanes(Floats x) {
  const Floats size = hn::Abs(x), z = hn::Mul(size, size), one = Constant(1.0f);
  Floats p = Constant(62.0f / 2835.0f);
  p = MultiplyAdd(p, z, -17.0f / 315.0f);
  p = MultiplyAdd(p, z, 2.0f / 15.0f);
  p = MultiplyAdd(p, z, -1.0f / 3.0f);
  const Floats small = hn::Add(size, hn::Mul(hn::Mul(size, z), p));
  const Floats e = ExpLanes(df, hn::Mul(Constant(-2.0f), size));
  const Floats large = hn::Div(hn::Sub(one, e), hn::Add(one, e));
  return hn::CopySign(hn::IfThenElse(hn::Lt(size, Constant(kSmallTanh)), small, large), x);
}

HWY_INLINE Floats GateLanes(Floats x, Floats factor) {
  return hn::IfThenElse(hn::Eq(factor, hn::Zero(df)), hn::Zero(df), hn::Mul(x, factor));
}

HWY_INLINE Floats MishFactorLanes(Floats x) {
  const Floats e = ExpLanes(df, hn::Neg(hn::Abs(x)));
  const Floats two = Constant(2.0f), twice = hn::Mul(two, e);
  const Floats above = hn::Add(Constant(1.0f), twice), below = hn::Mul(e, hn::Add(e, two));
  const auto negative = hn::Lt(x, hn::Zero(df));
  const Floats numerator = hn::IfThenElse(negative, below, above);
  return hn::Div(numerator, hn::Add(numerator, hn::IfThenElse(negative, two, hn::Mul(twice, e))));
}

HWY_INLINE Floats ExpLessOneLanes(Floats x) {
  Floats p = Constant(1.0f / 40320.0f);
  p = MultiplyAdd(p, x, 1.0f / 5040.0f);
  p = MultiplyAdd(p, x, 1.0f / 720.0f);
  p = MultiplyAdd(p, x, 1.0f / 120.0f);
  p = MultiplyAdd(p, x, 1.0f / 24.0f);
  p = MultiplyAdd(p, x, 1.0f / 6.0f);
  p = MultiplyAdd(p, x, 0.5f);
  const Floats small = hn::Add(x, hn::Mul(hn::Mul(x, x), p));
  return hn::IfThenElse(hn::Gt(x, Constant(kSmallElu)), small, hn::Sub(ExpLanes(df, x), Constant(1.0f)));
}

HWY_INLINE Floats ClampToOneLanes(Floats x) {
  const Floats zero = hn::Zero(df), one = Constant(1.0f);
  return hn::IfThenElse(hn::Lt(x, zero), zero, hn::IfThenElse(hn::Gt(x, one), one, x));
}

// Where x is no NaN.
template <UnaryFunction kFunction>
HWY_INLINE Floats ApplyToNumbers(Floats x, [[maybe_unused]] Floats alpha, [[maybe_unused]] Floats beta) {
  if constexpr (kFunction == UnaryFunction::kSqrt) return hn::Sqrt(x);
  if constexpr (kFunction == UnaryFunction::kReciprocal) return hn::Div(Constant(1.0f), x);
  if constexpr (kFunction == UnaryFunction::kExp) return ExpLanes(df, x);
  if constexpr (kFunction == UnaryFunction::kSigmoid) return SigmoidLanes(x);
  if constexpr (kFunction == UnaryFunction::kTanh) return TanhLanes(x);
  if constexpr (kFunction == UnaryFunction::kSwish) return GateLanes(x, SigmoidLanes(hn::Mul(alpha, x)));
  if constexpr (kFunction == UnaryFunction::kMish) return GateLanes(x, MishFactorLanes(x));
  if constexpr (kFunction == UnaryFunction::kHardSigmoid) return ClampToOneLanes(hn::Add(hn::Mul(alpha, x), beta));
  if constexpr (kFunction == UnaryFunction::kHardSwish) {
    return GateLanes(x, ClampToOneLanes(MultiplyAdd(x, Constant(1.0f / 6.0f), 0.5f)));
  }
  const auto negative = hn::Lt(x, hn::Zero(df));
  if constexpr (kFunction == UnaryFunction::kElu) {
    return hn::IfThenElse(negative, hn::Mul(alpha, ExpLessOneLanes(x)), x);
  }
  if constexpr (kFunction == UnaryFunction::kLeakyRelu) return hn::IfThenElse(negative, hn::Mul(alpha, x), x);
}

template <UnaryFunction kFunction>
HWY_INLINE Floats ApplyLanes(Floats x, Floats alpha, Floats beta) {
  if constexpr (kFunction == UnaryFunction::kNeg) return hn::Neg(x);
  if constexpr (kFunction == UnaryFunction::kAbs) return hn::Abs(x);
  if constexpr (kFunction != UnaryFunction::kNeg && kFunction != UnaryFunction::kAbs) {
    return hn::IfThenElse(hn::Eq(x, x), ApplyToNumbers<kFunction>(x, alpha, beta), x);
  }
}

struct Rows {
  const UnaryF32Args& args;

  template <UnaryFunction kFunction>
  HWY_INLINE void Run() const {
    if constexpr (HasVectors<kFunction>()) {
      if (static_cast<size_t>(args.channels) >= kLanes) return RunVectors<kFunction>();
    }
    UnaryF32_scalar(args);
  }

 private:
  template <UnaryFunction kFunction>
  HWY_INLINE void RunVectors() const {
    const Floats alpha = Constant(args.alpha), beta = Constant(args.beta);
    const size_t last = static_cast<size_t>(args.channels) - kLanes;
    for (size_t p = 0; p < args.pixels; ++p) {
      const float* x = args.x + p * args.x_stride;
      float* y = args.y + p * args.y_stride;
      const Floats tail = hn::LoadU(df, x + last);  // before the output can cover it
      for (size_t c = 0;; c += kLanes) {
        const bool at_end = c >= last;
        const Floats value = at_end ? tail : hn::LoadU(df, x + c);
        hn::StoreU(ApplyLanes<kFunction>(value, alpha, beta), df, y + (at_end ? last : c));
        if (at_end) break;
      }
    }
  }
};

}  // namespace

void CUTIS_HWY_NAME(UnaryF32)(const UnaryF32Args& args) { WithUnaryFunction(args.function, Rows{args}); }

}  // namespace cutis
