// Every operator's header and entry, for the registry and for tests.
#ifndef CUTIS_OPS_OPS_H_
#define CUTIS_OPS_OPS_H_

#include "ops/activation/activation.h"
#include "ops/add/add.h"
#include "ops/binary/binary.h"
#include "ops/conv/conv.h"
#include "ops/conv/expand.h"
#include "ops/depthwise/depthwise.h"
#include "ops/depthwise/quads.h"
#include "ops/hash/sha256.h"
#include "ops/matmul/matmul.h"
#include "ops/move/move.h"
#include "ops/op.h"
#include "ops/peak/peak.h"
#include "ops/pool/pool.h"
#include "ops/quantize/quantize.h"
#include "ops/reduce/reduce.h"
#include "ops/resample/resample.h"
#include "ops/reshape/reshape.h"
#include "ops/resize/resize.h"
#include "ops/select/select.h"
#include "ops/softmax/softmax.h"
#include "ops/unary/unary.h"

namespace cutis {

// Every operator of a kind and type. Each is a constant k<Name>Op, defined in its folder.
// clang-format off
#define CUTIS_EACH_OP(OP) \
  OP(ConvU8) OP(ConvF32) OP(DepthwiseU8) OP(DepthwiseF32) OP(DenseU8) OP(DenseF32) OP(AddU8) OP(AddF32) \
  OP(MaxPoolU8) OP(MaxPoolF32) OP(AveragePoolU8) OP(AveragePoolF32) OP(LookupU8) OP(ClampF32) OP(SoftmaxU8) \
  OP(SoftmaxF32) OP(DequantizeU8) OP(ReshapeU8) OP(ReshapeF32) OP(MoveU8) OP(MoveF32) OP(BinaryU8) \
  OP(BinaryF32) OP(UnaryF32) OP(SelectF32) OP(ReduceU8) OP(ReduceF32) OP(MatMulU8) OP(MatMulF32) OP(QuantizeF32) \
  OP(ResizeLinearU8) OP(ResizeLinearF32)
// clang-format on

#define CUTIS_OP(name) extern const Op k##name##Op;
CUTIS_EACH_OP(CUTIS_OP)
#undef CUTIS_OP

}  // namespace cutis

#endif  // CUTIS_OPS_OPS_H_
