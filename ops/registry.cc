// The tables of operators and kernels, made from ops/kernels.inc and the list below.
#include <iterator>

#include "ops/op.h"
#include "ops/ops.h"

namespace cutis {

// Declarations first: the line of a kernel is its only mention beside its definition.
#define CUTIS_KERNEL(kind, isa, needs, function) void function(const kind##Args&);
#include "ops/kernels_expand.h"
#undef CUTIS_KERNEL

namespace {

#define CUTIS_KERNEL(kind, isa, needs, function) \
  Kernel{KernelKind::k##kind, #function, Isa::isa, FeatureOf(Isa::isa) | (needs), reinterpret_cast<KernelFn>(&function)},
const Kernel kKernels[] = {
#include "ops/kernels_expand.h"
};
#undef CUTIS_KERNEL

const Op* const kOps[] = {
    &kConvU8Op,    &kConvF32Op,    &kDepthwiseU8Op,  &kDepthwiseF32Op,   &kDenseU8Op,         &kDenseF32Op, &kAddU8Op,
    &kAddF32Op,    &kMaxPoolU8Op,  &kMaxPoolF32Op,   &kAveragePoolU8Op,  &kAveragePoolF32Op,  &kLookupU8Op, &kClampF32Op,
    &kSoftmaxU8Op, &kSoftmaxF32Op, &kDequantizeU8Op, &kReshapeU8Op,      &kReshapeF32Op,      &kReduceU8Op, &kReduceF32Op,
    &kMatMulU8Op,  &kMatMulF32Op,  &kQuantizeF32Op,  &kResizeLinearU8Op, &kResizeLinearF32Op,
};

}  // namespace

std::span<const Kernel> Kernels() { return kKernels; }

const Kernel* ChooseKernel(KernelKind kind, CpuFeatures have) {
  const Kernel* best = nullptr;
  for (const Kernel& kernel : kKernels) {
    if (kernel.kind == kind && (kernel.needs & ~have) == 0) best = &kernel;
  }
  return best;
}

std::span<const Op* const> Ops() { return kOps; }

const Op* FindOp(OpKind kind, DataType type) {
  for (const Op* op : kOps) {
    if (op->kind == kind && op->type == type) return op;
  }
  return nullptr;
}

}  // namespace cutis
