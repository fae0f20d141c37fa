// The specification of ExpandU8 and ExpandSparseU8: reads like the formula.
#include "ops/conv/expand.h"
#include "ops/requant.h"

namespace cutis {
namespace {

uint8_t Output(const ExpandU8Args& args, const uint8_t* x, size_t n) {
  const bool dense = args.panel_starts == nullptr;
  const size_t k_groups = static_cast<size_t>(args.k_groups);
  const size_t begin = dense ? n / 16 * k_groups : args.panel_starts[n / 16];
  const size_t end = dense ? begin + k_groups : args.panel_starts[n / 16 + 1];
  uint32_t sum = static_cast<uint32_t>(args.bias[n]);  // unsigned: the sum is exact, the parts may wrap
  for (size_t row = begin; row < end; ++row) {
    const uint8_t* word = x + args.offsets[dense ? row - begin : args.live[row]];
    const int8_t* w = args.w + row * 64 + n % 16 * 4;
    for (size_t j = 0; j < 4; ++j) sum += static_cast<uint32_t>(word[j] * w[j]);
  }
  return Requantize(static_cast<int32_t>(sum), args.multiplier[n], args.out);
}

void Expand(const ExpandU8Args& args) {
  const int64_t width = args.width, quads = (width + 3) / 4, border = static_cast<int64_t>(args.border);
  for (size_t n = 0; n < static_cast<size_t>(args.panels) * 16; ++n) {
    for (size_t row = 0; row < static_cast<size_t>(args.rows); ++row) {
      const uint8_t* x = args.x + row * args.x_row_stride;
      uint8_t* y = args.y + n / 16 * args.y_panel_stride + row * args.y_row_stride + n % 16 * 4;
      for (int64_t p = -4 * border; p < 4 * (quads + border); ++p) {
        const int64_t quad = (p + 4 * border) / 4 - border;
        const bool inside = p >= 0 && p < width;
        y[quad * 64 + (p - 4 * quad)] = inside ? Output(args, x + static_cast<size_t>(p) * args.x_stride, n) : args.padding[n];
      }
    }
  }
}

}  // namespace

void ExpandU8_scalar(const ExpandU8Args& args) { Expand(args); }
void ExpandSparseU8_scalar(const ExpandSparseU8Args& args) { Expand(args); }

}  // namespace cutis
