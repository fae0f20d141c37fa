// The reference kernel of the select.
#include "ops/select/select.h"

namespace cutis {

void SelectF32_scalar(const SelectF32Args& args) {
  const int32_t last = args.nest.rank - 1;
  const auto& stride = args.nest.stride;
  ForEachRow<4>(args.nest, [&](const int64_t* offset) {
    for (int64_t i = 0; i < args.nest.extent[last]; ++i) {
      const bool chosen = args.condition[offset[1] + i * stride[1][last]] != 0;
      args.y[offset[0] + i * stride[0][last]] =
          chosen ? args.a[offset[2] + i * stride[2][last]] : args.b[offset[3] + i * stride[3][last]];
    }
  });
}

}  // namespace cutis
