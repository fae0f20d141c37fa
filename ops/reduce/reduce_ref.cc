// Reference kernels of the reductions.
#include "ops/reduce/reduce.h"
#include "ops/requant.h"

namespace cutis {

void ReduceF32_scalar(const ReduceF32Args& args) {
  for (size_t i = 0; i < args.outputs; ++i) {
    const float* x = args.x + static_cast<ptrdiff_t>(i) * args.x_stride;
    float* y = args.y + static_cast<ptrdiff_t>(i) * args.y_stride;
    float result = 0;
    switch (args.function) {
      case ReduceFunction::kSum:
      case ReduceFunction::kMean:
        ForEachReduced(args, [&](ptrdiff_t at) { result += x[at]; });
        if (args.function == ReduceFunction::kMean) result /= args.divisor;
        break;
      case ReduceFunction::kMax:
        result = *x;
        ForEachReduced(args, [&](ptrdiff_t at) { result = MaxStep(result, x[at]); });
        break;
      case ReduceFunction::kMin:
        result = *x;
        ForEachReduced(args, [&](ptrdiff_t at) { result = MinStep(result, x[at]); });
        break;
    }
    *y = result;
  }
}

void ReduceU8_scalar(const ReduceU8Args& args) {
  for (size_t i = 0; i < args.outputs; ++i) {
    const uint8_t* x = args.x + static_cast<ptrdiff_t>(i) * args.x_stride;
    uint8_t* y = args.y + static_cast<ptrdiff_t>(i) * args.y_stride;
    if (args.function == ReduceFunction::kSum || args.function == ReduceFunction::kMean) {
      int32_t sum = args.start;
      ForEachReduced(args, [&](ptrdiff_t at) { sum += x[at]; });
      *y = Requantize(sum, args.multiplier, args.out);
      continue;
    }
    const bool max = args.function == ReduceFunction::kMax;
    uint8_t best = *x;
    ForEachReduced(args, [&](ptrdiff_t at) {
      if (max ? x[at] > best : x[at] < best) best = x[at];
    });
    *y = ClampByte(best, args.out);
  }
}

}  // namespace cutis
