// The reductions for every instruction set that Highway knows: lanes are outputs that lie next to each other (channels), each
// lane folds its elements in the reference's order. Four vectors at a time hide the latency of the additions.
//
// A run ends with vectors that overlap those before: their outputs are computed twice, to the same values, since y does not
// overlap x. Outputs apart in memory, and runs shorter than a vector, are folded as scalars, four at a time where there are as
// many.
#include "ops/divide_hwy.h"
#include "ops/hwy_kernel.h"
#include "ops/reduce/reduce.h"
#include "ops/requant.h"
#include "ops/unroll.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
const hn::RebindToSigned<decltype(df)> d32;
const hn::Rebind<uint8_t, decltype(df)> d8;
const hn::ScalableTag<uint8_t> bytes;
using Floats = hn::Vec<decltype(df)>;
using Sums = hn::Vec<decltype(d32)>;
using Bytes = hn::Vec<decltype(bytes)>;
constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
constexpr size_t kByteLanes = hn::MaxLanes(hn::ScalableTag<uint8_t>());

// A fold is a type with Value (what it keeps for `kWidth` outputs), Start(x), Step(value, x), Store(value, y).
// `kUnits` values at once, for the outputs from x on.
template <size_t kUnits, class Fold, class T>
HWY_INLINE void Run(const Fold& fold, const Reduction<T>& run, const T* x, T* y, ptrdiff_t x_step, ptrdiff_t y_step) {
  typename Fold::Value values[kUnits];
  Unroll<kUnits>([&](auto v) CUTIS_UNROLLED { values[v] = fold.Start(x + static_cast<ptrdiff_t>(v) * x_step); });
  ForEachReduced(run, [&](ptrdiff_t at) CUTIS_UNROLLED {
    Unroll<kUnits>([&](auto v)
                       CUTIS_UNROLLED { values[v] = fold.Step(values[v], x + at + static_cast<ptrdiff_t>(v) * x_step); });
  });
  Unroll<kUnits>([&](auto v) CUTIS_UNROLLED { fold.Store(values[v], y + static_cast<ptrdiff_t>(v) * y_step); });
}

template <class Vector, class Scalar, class T>
HWY_INLINE void RunAll(const Vector& vector, const Scalar& scalar, const Reduction<T>& run) {
  constexpr size_t kWidth = Vector::kWidth;
  const T* x = run.x;
  T* y = run.y;
  size_t left = run.outputs;
  if (run.x_stride == 1 && run.y_stride == 1 && left >= kWidth) {
    const ptrdiff_t step = static_cast<ptrdiff_t>(kWidth);
    for (; left >= 4 * kWidth; left -= 4 * kWidth, x += 4 * kWidth, y += 4 * kWidth) Run<4>(vector, run, x, y, step, step);
    for (; left > 0; left -= kWidth, x += kWidth, y += kWidth) {
      if (left < kWidth) {  // the last vector overlaps the one before
        x -= kWidth - left;
        y -= kWidth - left;
        left = kWidth;
      }
      Run<1>(vector, run, x, y, step, step);
    }
    return;
  }
  for (; left >= 4; left -= 4, x += 4 * run.x_stride, y += 4 * run.y_stride) {
    Run<4>(scalar, run, x, y, run.x_stride, run.y_stride);
  }
  for (; left > 0; --left, x += run.x_stride, y += run.y_stride) Run<1>(scalar, run, x, y, run.x_stride, run.y_stride);
}

// -- float32 --------------------------------------------------------------------------------------

// A sum is divided by one.
struct SumLanes {
  using Value = Floats;
  static constexpr size_t kWidth = kLanes;
  Floats divisor;
  HWY_INLINE Floats Start(const float*) const { return hn::Zero(df); }
  HWY_INLINE Floats Step(Floats sum, const float* x) const { return hn::Add(sum, hn::LoadU(df, x)); }
  HWY_INLINE void Store(Floats sum, float* y) const { hn::StoreU(DivideLanes(df, sum, divisor), df, y); }
};

struct SumScalar {
  using Value = float;
  float divisor;
  HWY_INLINE float Start(const float*) const { return 0; }
  HWY_INLINE float Step(float sum, const float* x) const { return sum + *x; }
  HWY_INLINE void Store(float sum, float* y) const { *y = sum / divisor; }
};

template <bool kMax>
struct BestLanes {
  using Value = Floats;
  static constexpr size_t kWidth = kLanes;
  HWY_INLINE Floats Start(const float* x) const { return hn::LoadU(df, x); }
  HWY_INLINE Floats Step(Floats best, const float* from) const {
    const Floats x = hn::LoadU(df, from);
    return hn::IfThenElse(hn::Or(kMax ? hn::Le(x, best) : hn::Ge(x, best), hn::IsNaN(best)), best, x);
  }
  HWY_INLINE void Store(Floats best, float* y) const { hn::StoreU(best, df, y); }
};

template <bool kMax>
struct BestScalar {
  using Value = float;
  HWY_INLINE float Start(const float* x) const { return *x; }
  HWY_INLINE float Step(float best, const float* x) const { return kMax ? MaxStep(best, *x) : MinStep(best, *x); }
  HWY_INLINE void Store(float best, float* y) const { *y = best; }
};

// -- uint8 ----------------------------------------------------------------------------------------

struct SumBytesLanes {
  using Value = Sums;
  static constexpr size_t kWidth = kLanes;
  Sums start;
  Floats multiplier, lo, hi;
  Sums rounded_zero;  // the bits of 1.5 * 2^23, less the zero point
  HWY_INLINE Sums Start(const uint8_t*) const { return start; }
  HWY_INLINE Sums Step(Sums sum, const uint8_t* x) const { return hn::Add(sum, hn::PromoteTo(d32, hn::LoadU(d8, x))); }
  HWY_INLINE void Store(Sums sum, uint8_t* y) const {
    const Floats clamped = hn::Min(hn::Max(hn::Mul(hn::ConvertTo(df, sum), multiplier), lo), hi);
    // Adding 1.5 * 2^23 rounds to an integer, to nearest even, and leaves it in the low bits (see RoundToEven in
    // ops/requant.h).
    const Sums bits = hn::BitCast(d32, hn::Add(clamped, hn::Set(df, 12582912.0f)));
    hn::StoreU(hn::DemoteTo(d8, hn::Sub(bits, rounded_zero)), d8, y);
  }
};

struct SumBytesScalar {
  using Value = int32_t;
  int32_t start;
  float multiplier;
  const OutputU8& out;
  HWY_INLINE int32_t Start(const uint8_t*) const { return start; }
  HWY_INLINE int32_t Step(int32_t sum, const uint8_t* x) const { return sum + *x; }
  HWY_INLINE void Store(int32_t sum, uint8_t* y) const { *y = Requantize(sum, multiplier, out); }
};

template <bool kMax>
struct BestBytesLanes {
  using Value = Bytes;
  static constexpr size_t kWidth = kByteLanes;
  Bytes lo, hi;
  HWY_INLINE Bytes Start(const uint8_t* x) const { return hn::LoadU(bytes, x); }
  HWY_INLINE Bytes Step(Bytes best, const uint8_t* x) const {
    return kMax ? hn::Max(best, hn::LoadU(bytes, x)) : hn::Min(best, hn::LoadU(bytes, x));
  }
  HWY_INLINE void Store(Bytes best, uint8_t* y) const { hn::StoreU(hn::Min(hn::Max(best, lo), hi), bytes, y); }
};

template <bool kMax>
struct BestBytesScalar {
  using Value = uint8_t;
  const OutputU8& out;
  HWY_INLINE uint8_t Start(const uint8_t* x) const { return *x; }
  HWY_INLINE uint8_t Step(uint8_t best, const uint8_t* x) const { return (kMax ? *x > best : *x < best) ? *x : best; }
  HWY_INLINE void Store(uint8_t best, uint8_t* y) const { *y = ClampByte(best, out); }
};

}  // namespace

void CUTIS_HWY_NAME(ReduceF32)(const ReduceF32Args& args) {
  switch (args.function) {
    case ReduceFunction::kSum:
    case ReduceFunction::kMean: {
      const float divisor = args.function == ReduceFunction::kSum ? 1.0f : args.divisor;
      return RunAll<SumLanes, SumScalar, float>({hn::Set(df, divisor)}, {divisor}, args);
    }
    case ReduceFunction::kMax:
      return RunAll<BestLanes<true>, BestScalar<true>, float>({}, {}, args);
    case ReduceFunction::kMin:
      return RunAll<BestLanes<false>, BestScalar<false>, float>({}, {}, args);
  }
}

void CUTIS_HWY_NAME(ReduceU8)(const ReduceU8Args& args) {
  const OutputU8& out = args.out;
  const Bytes lo = hn::Set(bytes, static_cast<uint8_t>(out.lo)), hi = hn::Set(bytes, static_cast<uint8_t>(out.hi));
  switch (args.function) {
    case ReduceFunction::kSum:
    case ReduceFunction::kMean: {
      const SumBytesLanes lanes = {
          hn::Set(d32, args.start), hn::Set(df, args.multiplier), hn::Set(df, static_cast<float>(out.lo - out.zero_point)),
          hn::Set(df, static_cast<float>(out.hi - out.zero_point)), hn::Set(d32, 0x4B400000 - out.zero_point)};
      return RunAll<SumBytesLanes, SumBytesScalar, uint8_t>(lanes, {args.start, args.multiplier, out}, args);
    }
    case ReduceFunction::kMax:
      return RunAll<BestBytesLanes<true>, BestBytesScalar<true>, uint8_t>({lo, hi}, {out}, args);
    case ReduceFunction::kMin:
      return RunAll<BestBytesLanes<false>, BestBytesScalar<false>, uint8_t>({lo, hi}, {out}, args);
  }
}

}  // namespace cutis
