// Graphs for the tests of passes that change channels, built node by node, and their evaluation in double from the definitions
// of ONNX. Nothing of the converter's lowering is used, so operators that it lacks work too.
#ifndef CUTIS_TESTS_CONVERTER_GRAPH_EVAL_H_
#define CUTIS_TESTS_CONVERTER_GRAPH_EVAL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "converter/graph/edit.h"
#include "converter/graph/graph.h"
#include "tests/converter/small_net.h"

namespace cutis::convert {

class GraphBuilder {
 public:
  GraphBuilder(uint64_t seed, Dims input);

  // Random weights; `group` as in ONNX. A square kernel of that size, padded to keep the size of the image where it is odd.
  ValueId Conv(ValueId x, int64_t out, int64_t kernel, int64_t group = 1, int64_t pad = -1);
  ValueId Gemm(ValueId x, int64_t out);
  ValueId Op(const char* op, std::vector<ValueId> inputs, std::map<std::string, Attribute> attributes = {});
  ValueId Clip(ValueId x) { return Op("Clip", {x}, {{"min", 0.0f}, {"max", 6.0f}}); }
  ValueId GlobalPool(ValueId x);
  ValueId Reshape(ValueId x, Dims dims);
  Graph Build(ValueId output) {
    graph_.outputs = {output};
    return graph_;
  }
  Graph& graph() { return graph_; }

 private:
  ValueId Finish(Node node, Dims dims);
  Graph graph_;
  Random random_;
};

// Values of all tensors for one input, NCHW.
Values Evaluate(const Graph& graph, const std::vector<double>& input);

// Of the only node that makes `value`.
Node& Producer(Graph& graph, ValueId value);
// Multiplies weights (input 1) or biases (input 2, column 0) of a node by factor(row, column).
void ScaleWeights(Graph& graph, Node& node, size_t input, const std::function<float(size_t row, size_t column)>& factor);

}  // namespace cutis::convert

#endif  // CUTIS_TESTS_CONVERTER_GRAPH_EVAL_H_
