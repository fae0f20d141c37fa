// Reference kernels of the functions of two elements.
#include "ops/binary/functions.h"

namespace cutis {
namespace {

template <BinaryFunction kFunction>
void RowF32(const BinaryF32Args& args, const int64_t* offset) {
  const int32_t last = args.nest.rank - 1;
  const int64_t y_stride = args.nest.stride[0][last], a_stride = args.nest.stride[1][last],
                b_stride = args.nest.stride[2][last];
  for (int64_t i = 0; i < args.nest.extent[last]; ++i) {
    const float value = ApplyF32<kFunction>(args.a[offset[1] + i * a_stride], args.b[offset[2] + i * b_stride]);
    args.y[offset[0] + i * y_stride] = value < args.min ? args.min : value > args.max ? args.max : value;
  }
}
template <BinaryFunction kFunction>
void RowU8(const BinaryU8Args& args, const int64_t* offset) {
  const int32_t last = args.nest.rank - 1;
  const int64_t y_stride = args.nest.stride[0][last], a_stride = args.nest.stride[1][last],
                b_stride = args.nest.stride[2][last];
  for (int64_t i = 0; i < args.nest.extent[last]; ++i) {
    const uint8_t a = args.a[offset[1] + i * a_stride], b = args.b[offset[2] + i * b_stride];
    args.y[offset[0] + i * y_stride] = ApplyU8<kFunction>(a, b, args);
  }
}

template <BinaryFunction kFunction>
void RunF32(const BinaryF32Args& args) {
  ForEachRow<3>(args.nest, [&](const int64_t* offset) { RowF32<kFunction>(args, offset); });
}
template <BinaryFunction kFunction>
void RunU8(const BinaryU8Args& args) {
  ForEachRow<3>(args.nest, [&](const int64_t* offset) { RowU8<kFunction>(args, offset); });
}

}  // namespace

void BinaryF32_scalar(const BinaryF32Args& args) {
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

void BinaryU8_scalar(const BinaryU8Args& args) {
  switch (args.function) {
    case BinaryFunction::kAdd:
      return RunU8<BinaryFunction::kAdd>(args);
    case BinaryFunction::kSub:
      return RunU8<BinaryFunction::kSub>(args);
    case BinaryFunction::kMul:
      return RunU8<BinaryFunction::kMul>(args);
    case BinaryFunction::kMax:
      return RunU8<BinaryFunction::kMax>(args);
    case BinaryFunction::kMin:
      return RunU8<BinaryFunction::kMin>(args);
    case BinaryFunction::kDiv:
    case BinaryFunction::kPow:
      return;  // refused by the operator's check
  }
}

}  // namespace cutis
