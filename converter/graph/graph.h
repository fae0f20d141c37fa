// The converter's graph: ONNX semantics (NCHW, any rank, ONNX operator names and attributes), whatever the source format.
//
// Importers build it, passes rewrite it to the normal form below, converter/lower turns that into the runtime's NHWC network.
#ifndef CUTIS_CONVERTER_GRAPH_GRAPH_H_
#define CUTIS_CONVERTER_GRAPH_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace cutis::convert {

enum class ElementType : uint8_t { kF32, kF64, kF16, kBF16, kI64, kI32, kI8, kU8, kBool };

// A constant tensor, row-major. Elements are stored in their own type, little-endian, unaligned access by memcpy.
struct Constant {
  ElementType type = ElementType::kF32;
  std::vector<int64_t> dims;
  std::vector<std::byte> data;
};

using Dims = std::vector<int64_t>;

// Scales that the source states (QDQ and QOperator models, int8 checkpoints, quant.json), in Cutis' own convention: activations
// are uint8 with one scale and zero point; weights int8 in [-127, 127] with zero point 0 and one scale per output channel or
// one for all. The quantiser keeps them bit for bit. The value itself is held in float32 all the same. A constant counts as
// int8, whatever reads it: its zero point is 0 where it can serve as weights.
struct Quantization {
  std::vector<float> scales;
  int32_t zero_point = 0;
  int64_t axis = 0;  // of a constant: the one that has several scales

  friend bool operator==(const Quantization&, const Quantization&) = default;
};

// An edge. dims is empty-optional until shape inference has run; the batch dimension is 1 from import on.
struct Value {
  std::string name;
  ElementType type = ElementType::kF32;
  bool has_dims = false;
  Dims dims;
  std::shared_ptr<const Constant> constant;          // set: an initializer or a folded value
  std::shared_ptr<const Quantization> quantization;  // null: the quantiser chooses
};

using ValueId = int32_t;
inline constexpr ValueId kNoValue = -1;  // an optional input or output left out

using Attribute =
    std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>, std::shared_ptr<const Constant>>;

struct Node {
  std::string op;    // "Conv", "Relu", ... as in ONNX
  std::string name;  // for messages: the source's name, or op plus number
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::map<std::string, Attribute> attributes;
};

// Normal form, promised by passes (RunPasses) to converter/lower. Every value has dims; batch 1; nodes in topological order;
// each node one output; no node without effect on an output. Only these nodes remain:
//   Conv     inputs x, W, [B] (constants, f32; W [out, in/group, kh, kw]); attributes kernel_shape, strides, dilations, group,
//            pads = {top, left, bottom, right} all present and explicit (auto_pad resolved); batch norm folded in
//   Gemm     inputs x [1, in], W [out, in] constant, [B] constant [out]: y = x * W^T + B (alpha, beta, transB, MatMul resolved)
//            (Conv has one or two spatial axes; any number of images)
//   Add, Sub, Mul, Div, Max, Min, Pow   two inputs that broadcast, constants among them
//   Abs, Elu, Exp, HardSigmoid, HardSwish, LeakyRelu, Log, Mish, Neg, Reciprocal, Sigmoid, Softplus, Sqrt, Tanh
//   Concat (axis), Transpose (perm), Where (constant condition in float32), MatMul (at least two axes each)
//   Slice, Pad, Gather (a list), Expand (same rank), Resize   what steers them is constant; see indices.h
//   ReduceSum, ReduceMean, ReduceMax, ReduceMin (axes sorted, keepdims)
//   _Unfold  patches under a window: [N, C, spatial...] -> [N, C, kernel..., output...], no padding
//   MaxPool, AveragePool   kernel_shape, strides, dilations, pads explicit, count_include_pad (ceil_mode resolved into pads, or
//            written as reductions where that changes a count); global pools become these with the whole image as kernel
//   Clip     attributes min, max (float; infinities allowed): also what is left of Relu
//   Softmax  (axis, not negative)
//   Reshape  one data input; the output's dims say the rest: also Flatten, Squeeze, Unsqueeze
//   QuantizeLinear, DequantizeLinear (scale and zero point constant)   only to an output of the graph that is uint8 or int8 and
//            from an input that is: such values are of those types, all others float32 (see TakeBytesAsReals)
//   and Conv, Gemm, Add may carry a fused clamp: float attributes clip_min, clip_max (both present or both absent).
struct Graph {
  std::string name;
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;  // exactly one: the image, [1, channels, height, width]
  std::vector<ValueId> outputs;
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_GRAPH_GRAPH_H_
