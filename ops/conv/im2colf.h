// Patches of a float32 image as rows of a matrix.
#ifndef CUTIS_OPS_CONV_IM2COLF_H_
#define CUTIS_OPS_CONV_IM2COLF_H_

#include <cstddef>
#include <cstdint>

#include "ops/options.h"
#include "ops/tensor.h"

namespace cutis {

// One group of an image: pixels of `channels` floats, `stride` floats apart.
struct PatchSource {
  const float* x;
  int32_t height, width;
  size_t stride;
  int32_t channels;
};

// Writes the patches of output pixels [first, first + count) (row-major over `out`), each kernel_h*kernel_w*channels floats in
// the order (ky, kx, channel), one behind the other. What lies outside the image is 0.
void CopyPatchesF32(const PatchSource& source, const Window& window, const Shape& out, int64_t first, int64_t count,
                    float* patches);

}  // namespace cutis

#endif  // CUTIS_OPS_CONV_IM2COLF_H_
