// Every operator's header and entry, for the registry and for tests.
#ifndef CUTIS_OPS_OPS_H_
#define CUTIS_OPS_OPS_H_

#include "ops/activation/activation.h"
#include "ops/add/add.h"
#include "ops/conv/conv.h"
#include "ops/depthwise/depthwise.h"
#include "ops/hash/sha256.h"
#include "ops/matmul/matmul.h"
#include "ops/op.h"
#include "ops/pool/pool.h"
#include "ops/quantize/quantize.h"
#include "ops/reduce/reduce.h"
#include "ops/reshape/reshape.h"
#include "ops/resize/resize.h"
#include "ops/softmax/softmax.h"

namespace cutis {

// Defined in <folder>/<folder>.cc and <folder>/<folder>f.cc.
extern const Op kConvU8Op, kConvF32Op, kDepthwiseU8Op, kDepthwiseF32Op, kDenseU8Op, kDenseF32Op, kAddU8Op, kAddF32Op,
    kMaxPoolU8Op, kMaxPoolF32Op, kAveragePoolU8Op, kAveragePoolF32Op, kLookupU8Op, kClampF32Op, kSoftmaxU8Op, kSoftmaxF32Op,
    kDequantizeU8Op, kReshapeU8Op, kReshapeF32Op;
extern const Op kReduceU8Op, kReduceF32Op, kMatMulU8Op, kMatMulF32Op, kQuantizeF32Op;
extern const Op kResizeLinearU8Op, kResizeLinearF32Op;

}  // namespace cutis

#endif  // CUTIS_OPS_OPS_H_
