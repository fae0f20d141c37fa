// The reference kernel of the functions of single elements.
#include "ops/unary/functions.h"

namespace cutis {
namespace {

struct Rows {
  const UnaryF32Args& args;

  template <UnaryFunction kFunction>
  void Run() const {
    for (size_t p = 0; p < args.pixels; ++p) {
      const float* x = args.x + p * args.x_stride;
      float* y = args.y + p * args.y_stride;
      for (int32_t c = 0; c < args.channels; ++c) y[c] = ApplyUnary<kFunction>(x[c], args.alpha, args.beta);
    }
  }
};

}  // namespace

void UnaryF32_scalar(const UnaryF32Args& args) { WithUnaryFunction(args.function, Rows{args}); }

}  // namespace cutis
