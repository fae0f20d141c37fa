// Quantised ONNX models: what their QuantizeLinear and DequantizeLinear nodes state.
#ifndef CUTIS_CONVERTER_GRAPH_PASSES_QUANTIZED_H_
#define CUTIS_CONVERTER_GRAPH_PASSES_QUANTIZED_H_

#include <memory>
#include <vector>

#include "converter/graph/graph.h"
#include "ops/status.h"

namespace cutis::convert {

// The parameters of a QuantizeLinear or DequantizeLinear node: real = scale * (integer - zero point).
struct Linear {
  ElementType type = ElementType::kU8;  // of the integers: kU8 or kI8; of constants also kI32
  std::vector<float> scales;            // one, one for each index of `axis`, or one for each element; finite and positive
  std::vector<int32_t> zero_points;     // as many; of the integers' own type
  int64_t axis = 0;                     // kEveryElement: scales of blocks, repeated for each element of the tensor

  static constexpr int64_t kEveryElement = -1;
  bool per_tensor() const { return scales.size() == 1; }
  friend bool operator==(const Linear&, const Linear&) = default;
};

// `type` is that of the integers that a DequantizeLinear reads; a QuantizeLinear says it by itself. Scale and zero point must
// be constants by now and the dims of the data known.
Status ReadLinear(const Graph& graph, const Node& node, ElementType type, Linear* linear);

// What a value of such parameters carries: bytes, so that int8 is held with 128 added. Null when there are several scales.
std::shared_ptr<const Quantization> BytesOf(const Linear& linear);

// For FoldConstants: nodes of constants. The values of a DequantizeLinear carry their scales from then on.
Status FoldQuantize(Graph& graph, const Node& node, std::shared_ptr<const Constant>* result);
Status FoldDequantize(Graph& graph, const Node& node, std::shared_ptr<const Constant>* result);
// The scales of a constant that a folded node has moved or reshaped, where its axis can be followed.
void CarryScales(Graph& graph, const Node& node);
// Those of a matrix [out, in] or, `transposed`, [in, out] that becomes [out, in] times `factor`. May be null.
std::shared_ptr<const Quantization> ScalesOfRows(const Value& matrix, bool transposed, double factor);

// Whether the computed value `inner` may be replaced by `outer`, which holds what becomes of it, without losing a change of
// scale between the two. Then `outer` carries the scale that either of them has.
bool JoinScales(Graph& graph, ValueId inner, ValueId outer);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_GRAPH_PASSES_QUANTIZED_H_
