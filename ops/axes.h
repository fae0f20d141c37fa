// What operators on index maps share: the checks of their tensors and walks over several tensors at once.
#ifndef CUTIS_OPS_AXES_H_
#define CUTIS_OPS_AXES_H_

#include <cstddef>
#include <cstdint>

#include "ops/index.h"
#include "ops/op.h"
#include "ops/status.h"
#include "ops/tensor.h"

namespace cutis {

// For operators by entry, after CheckTensors: every tensor has 1 .. 2^16 images and less than 2^31 bytes an entry, so that
// products of its strides with the steps of a map stay within int64; the output is no constant.
Status CheckEntries(const char* op, const Node& node);

// Axes along which kTensors tensors are walked together; strides in elements. Axes of one element are left out, and an axis
// that goes on where the next one ends, in every tensor, is one with it.
template <size_t kTensors>
struct Axes {
  int32_t rank = 0;
  int64_t extent[kMaxAxes] = {};
  int64_t stride[kTensors][kMaxAxes] = {};

  // The next axis, outermost first.
  void Append(int64_t size, const int64_t (&strides)[kTensors]) {
    if (size == 1) return;
    bool joins = rank > 0;
    for (size_t t = 0; joins && t < kTensors; ++t) joins = stride[t][rank - 1] == strides[t] * size;
    if (!joins) ++rank;
    extent[rank - 1] = joins ? extent[rank - 1] * size : size;
    for (size_t t = 0; t < kTensors; ++t) stride[t][rank - 1] = strides[t];
  }

  // Takes the innermost axis off: its extent and strides, or one element with strides 1.
  int64_t TakeLast(int64_t (&strides)[kTensors]) {
    if (rank == 0) {
      for (int64_t& s : strides) s = 1;
      return 1;
    }
    --rank;
    for (size_t t = 0; t < kTensors; ++t) strides[t] = stride[t][rank];
    return extent[rank];
  }

  int64_t Count() const {
    int64_t count = 1;
    for (int32_t a = 0; a < rank; ++a) count *= extent[a];
    return count;
  }

  // Where element `index` of the row-major order lies.
  void OffsetsAt(int64_t index, int64_t (&offsets)[kTensors]) const {
    for (int64_t& offset : offsets) offset = 0;
    for (int32_t a = rank - 1; a >= 0; --a) {
      const int64_t at = index % extent[a];
      index /= extent[a];
      for (size_t t = 0; t < kTensors; ++t) offsets[t] += at * stride[t][a];
    }
  }
};

}  // namespace cutis

#endif  // CUTIS_OPS_AXES_H_
