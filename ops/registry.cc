// The tables of operators and kernels, made from ops/kernels.inc and the list below.
#include <iterator>

#include "ops/chosen.h"
#include "ops/op.h"
#include "ops/ops.h"

namespace cutis {

// Declarations first: the line of a kernel is its only mention beside its definition.
#define CUTIS_KERNEL(kind, isa, needs, function) void function(const kind##Args&);
#include "ops/kernels_expand.h"
#undef CUTIS_KERNEL

namespace {

#define CUTIS_KERNEL(kind, isa, needs, function)                                           \
  CUTIS_IF(CUTIS_KIND_##kind,                                                              \
           Kernel{KernelKind::k##kind, #function, Isa::isa, FeatureOf(Isa::isa) | (needs), \
                  reinterpret_cast<KernelFn>(&function)}, )
const Kernel kKernels[] = {
#include "ops/kernels_expand.h"
};
#undef CUTIS_KERNEL

#define CUTIS_OP(name) CUTIS_IF(CUTIS_OP_##name, &k##name##Op, )
const Op* const kOps[] = {CUTIS_EACH_OP(CUTIS_OP)};
#undef CUTIS_OP
#define CUTIS_OP(name) CUTIS_IF(CUTIS_OP_##name, #name, )
const char* const kOptionNames[] = {CUTIS_EACH_OP(CUTIS_OP)};
#undef CUTIS_OP
#define CUTIS_OP(name) CUTIS_IF(CUTIS_OP_##name, +1)
constexpr size_t kChosen = CUTIS_EACH_OP(CUTIS_OP);
#undef CUTIS_OP
#define CUTIS_OP(name) +1
constexpr size_t kAll = CUTIS_EACH_OP(CUTIS_OP);
#undef CUTIS_OP

}  // namespace

std::span<const Kernel> Kernels() { return kKernels; }

const Kernel* ChooseKernel(KernelKind kind, CpuFeatures have) {
  const Kernel* best = nullptr;
  for (const Kernel& kernel : kKernels) {
    if (kernel.kind == kind && (kernel.needs & ~have) == 0) best = &kernel;
  }
  return best;
}

KernelKind KernelKindOf(const Op& op, const Node& node) {
  const ConvU8Options* conv = std::get_if<ConvU8Options>(&node.options);
  return conv != nullptr && !conv->panel_starts.empty() ? KernelKind::kConvSparseU8 : op.kernel;
}

std::span<const Op* const> Ops() { return kOps; }
bool HasAllOps() { return kChosen == kAll; }

const char* OptionNameOf(const Op& op) {
  size_t i = 0;
  while (kOps[i] != &op) ++i;
  return kOptionNames[i];
}

bool MayTakePlace(const Op& op, const Node& node, const TensorInfo* input) {
  const TensorInfo& out = *node.output;
  if (op.in_place == nullptr || input->constant || input->type != out.type || input->images != out.images ||
      input->image_bytes != out.image_bytes) {
    return false;
  }
  bool found = false;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] != input) continue;
    if (!op.in_place(node, i)) return false;
    found = true;
  }
  return found;
}

bool AlwaysInPlace(const Node&, size_t) { return true; }

const Op* FindOp(OpKind kind, DataType type) {
  for (const Op* op : kOps) {
    if (op->kind == kind && op->type == type) return op;
  }
  return nullptr;
}

}  // namespace cutis
