// The contract between an operator and whoever runs it, and the tables of operators and kernels.
//
// An operator (Op) knows shapes, checks, scratch and how to cut its work into independent units; a kernel does the arithmetic.
// Operators are chosen by (kind, type of the first input); kernels by what the CPU has. Both tables are constant data.
#ifndef CUTIS_OPS_OP_H_
#define CUTIS_OPS_OP_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/cpu.h"
#include "ops/options.h"
#include "ops/status.h"
#include "ops/tensor.h"

namespace cutis {

enum class OpKind : uint8_t {
  kConv,
  kDepthwise,
  kDense,
  kAdd,
  kMaxPool,
  kAveragePool,
  kLookup,
  kClamp,
  kSoftmax,
  kDequantize,
  kReshape,
  kMove,
  kBinary,
  kSelect,
  kUnary,
  kReduce,
  kMatMul,
  kResizeLinear,
  kQuantize,
};

// One step of a graph.
struct Node {
  OpKind kind = OpKind::kReshape;
  std::span<const TensorInfo* const> inputs;
  const TensorInfo* output = nullptr;
  OpOptions options;
};

// The kinds of kernel; each has an argument struct `<Kind>Args` and is a function `void(const <Kind>Args&)`. The structs are
// in the header of the op's folder, the list of functions in kernels.inc.
enum class KernelKind : uint8_t {
  kConvU8,
  kConvSparseU8,
  kConvF32,
  kExpandU8,
  kExpandSparseU8,
  kDepthwiseU8,
  kDepthwiseQuadsU8,
  kDepthwiseF32,
  kAddU8,
  kAddF32,
  kMaxPoolU8,
  kMaxPoolF32,
  kAveragePoolU8,
  kAveragePoolF32,
  kLookupU8,
  kClampF32,
  kSoftmaxU8,
  kSoftmaxF32,
  kDequantizeU8,
  kCopy,
  kMoveU8,
  kMoveF32,
  kBinaryU8,
  kBinaryF32,
  kSelectF32,
  kUnaryF32,
  kReduceU8,
  kReduceF32,
  kMatMulU8,
  kMatMulF32,
  kResizeLinearU8,
  kResizeLinearF32,
  kQuantizeF32,
  kResampleRowsU8,
  kResampleColumnsU8,
  kPeakU8,
  kPeakF32,
  kSha256,
  kSha256Pair,
};

using KernelFn = void (*)();  // cast back to its own type by the op that asked for that kind

struct Kernel {
  KernelKind kind;
  const char* name;  // ConvU8_6x16k4_avx2: op, type, tile (pixels x channels, k-group), ISA
  Isa isa;
  CpuFeatures needs;  // all of these bits
  KernelFn fn;
};

// All kernels of this build, each kind's from the plainest to the best.
std::span<const Kernel> Kernels();

// The last kernel of that kind whose needs are within `have`; null only for a kind of operators that this build leaves out,
// since every kind has a reference kernel.
const Kernel* ChooseKernel(KernelKind kind, CpuFeatures have);

struct Op;
// The kind of kernel that a checked node wants: its operator's, or kConvSparseU8 where the weights are B16x4.
KernelKind KernelKindOf(const Op& op, const Node& node);

// Where the data of one run lies: image 0 of each tensor. Neither owned nor kept.
struct RunArgs {
  const std::byte* const* inputs;  // as many as the node has
  std::byte* output;
  int32_t batch;  // images, those of all entries together; where the op works by entry: entries
};

struct Op {
  OpKind kind;
  DataType type;  // of the first input
  KernelKind kernel;
  const char* name;  // for reports and errors: "conv", "depthwise", ...

  // Meaning: shapes recomputed, types, sizes of every span, scales and multipliers finite and within range, weights within
  // [-127, 127], sums within int32. After it has returned ok, run() reads and writes within its buffers.
  Status (*check)(const Node& node);
  // Scratch bytes of one thread: the most that any kernel of this op wants, on any ISA. A multiple of kAlignment.
  size_t (*scratch_bytes)(const Node& node);
  // Multiply-adds of one image; where the op works by entry: of one entry.
  uint64_t (*macs)(const Node& node);
  // How many independent units of work the node has for a batch; a thread gets a contiguous range of them.
  int64_t (*units)(const Node& node, int32_t batch);
  // Computes units [begin, end). `scratch` has scratch_bytes() bytes, aligned to kAlignment. No allocation, no lock, no
  // failure.
  void (*run)(const Node& node, KernelFn kernel, const RunArgs& args, int64_t begin, int64_t end, std::byte* scratch);
  // Works on whole entries, whose number of images its tensors need not share, and takes constants as inputs. The others treat
  // every image by itself.
  bool by_entry = false;
  // May the output take the very place of input number `index`, for all images of a batch? So it may where every element of the
  // output depends on that input's element of the same address only, or on nothing but elements that stay as they are. Null: on
  // no input. Of checked nodes only; MayTakePlace() asks the rest.
  bool (*in_place)(const Node& node, size_t index) = nullptr;
};

// The output of the checked node may lie exactly where `input`, one of its inputs, lies: the types and sizes agree, the
// operator allows it, and it does so for every input that is this tensor (x * transposed(x) must not).
bool MayTakePlace(const Op& op, const Node& node, const TensorInfo* input);
// For Op::in_place, of operators that treat every element alike: their check has seen that the shapes agree.
bool AlwaysInPlace(const Node& node, size_t index);

// What units() and run() count as the batch for so many entries, and the multiply-adds of one entry.
inline int32_t BatchOf(const Op& op, const Node& node, int32_t entries) {
  return op.by_entry ? entries : entries * node.output->images;
}
inline uint64_t MacsOf(const Op& op, const Node& node) {
  return op.macs(node) * static_cast<uint64_t>(op.by_entry ? 1 : node.output->images);
}

// Null when there is no such operator, or this build leaves it out.
const Op* FindOp(OpKind kind, DataType type);
std::span<const Op* const> Ops();
// False where the Meson option ops leaves some out.
bool HasAllOps();
// What that option calls an operator of this build: "ConvU8".
const char* OptionNameOf(const Op& op);

}  // namespace cutis

#endif  // CUTIS_OPS_OP_H_
