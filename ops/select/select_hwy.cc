// The select for every instruction set that Highway knows: vectors along rows of which the output follows itself and each input
// follows itself or stands still. A row ends with a vector that overlaps the one before, computed first and stored last (see
// ops/add/add_hwy.cc). Other strides, and rows shorter than a vector, are scalar.
#include "ops/hwy_kernel.h"
#include "ops/select/select.h"

namespace cutis {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> df;
using Floats = hn::Vec<decltype(df)>;
constexpr int64_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());

bool HasVectors(const Nest& nest) {
  const int32_t last = nest.rank - 1;
  bool vectors = nest.extent[last] >= kLanes && nest.stride[0][last] == 1;
  for (int32_t o = 1; o < 4; ++o) vectors = vectors && (nest.stride[o][last] == 0 || nest.stride[o][last] == 1);
  return vectors;
}

void SelectRow(const SelectF32Args& args, const int64_t* offset) {
  const int32_t last = args.nest.rank - 1;
  const auto& stride = args.nest.stride;
  for (int64_t i = 0; i < args.nest.extent[last]; ++i) {
    const bool chosen = args.condition[offset[1] + i * stride[1][last]] != 0;
    args.y[offset[0] + i * stride[0][last]] =
        chosen ? args.a[offset[2] + i * stride[2][last]] : args.b[offset[3] + i * stride[3][last]];
  }
}

// An operand of a row.
struct Operand {
  const float* data;
  int64_t stride;
  Floats repeated;

  HWY_INLINE Operand(const float* start, int64_t stride_) : data(start), stride(stride_), repeated(hn::Set(df, *start)) {}
  HWY_INLINE Floats At(int64_t i) const { return stride == 0 ? repeated : hn::LoadU(df, data + i); }
};

}  // namespace

void CUTIS_HWY_NAME(SelectF32)(const SelectF32Args& args) {
  const int32_t last = args.nest.rank - 1;
  const int64_t count = args.nest.extent[last];
  if (!HasVectors(args.nest)) {
    ForEachRow<4>(args.nest, [&](const int64_t* offset) { SelectRow(args, offset); });
    return;
  }
  ForEachRow<4>(args.nest, [&](const int64_t* offset) HWY_ATTR {
    const Operand condition(args.condition + offset[1], args.nest.stride[1][last]);
    const Operand a(args.a + offset[2], args.nest.stride[2][last]);
    const Operand b(args.b + offset[3], args.nest.stride[3][last]);
    float* y = args.y + offset[0];
    const auto choose = [&](int64_t i)
                            HWY_ATTR { return hn::IfThenElse(hn::Eq(condition.At(i), hn::Zero(df)), b.At(i), a.At(i)); };
    const int64_t last_vector = count - kLanes;
    const Floats tail = choose(last_vector);
    for (int64_t i = 0; i < last_vector; i += kLanes) hn::StoreU(choose(i), df, y + i);
    hn::StoreU(tail, df, y + last_vector);
  });
}

}  // namespace cutis
