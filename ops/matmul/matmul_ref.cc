// Reference kernels of the products of matrices.
#include "ops/matmul/matmul.h"
#include "ops/requant.h"

namespace cutis {

void MatMulF32_scalar(const MatMulF32Args& args) {
  for (ptrdiff_t r = 0; r < static_cast<ptrdiff_t>(args.rows); ++r) {
    for (ptrdiff_t c = 0; c < static_cast<ptrdiff_t>(args.columns); ++c) {
      args.y[r * args.y_row + c * args.y_column] = DotF32(args, args.a + r * args.a_row, args.b + c * args.b_column);
    }
  }
}

void MatMulU8_scalar(const MatMulU8Args& args) {
  for (ptrdiff_t r = 0; r < static_cast<ptrdiff_t>(args.rows); ++r) {
    for (ptrdiff_t c = 0; c < static_cast<ptrdiff_t>(args.columns); ++c) {
      const int32_t sum = DotU8(args, args.a + r * args.a_row, args.b + c * args.b_column);
      args.y[r * args.y_row + c * args.y_column] = Requantize(sum, args.multiplier, args.out);
    }
  }
}

}  // namespace cutis
