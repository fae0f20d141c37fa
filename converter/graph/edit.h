// Small tools for importers and passes: constants, attributes, edges.
#ifndef CUTIS_CONVERTER_GRAPH_EDIT_H_
#define CUTIS_CONVERTER_GRAPH_EDIT_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "ops/status.h"

namespace cutis::convert {

// The most elements of one tensor, constant or not (1 GiB of float32); the largest extent of one dimension.
inline constexpr int64_t kMaxElements = int64_t{1} << 28;
inline constexpr int64_t kMaxDim = int64_t{1} << 24;
inline constexpr size_t kMaxRank = 8;
// The most rows or columns of an image in a file (runtime/verify.h).
inline constexpr int64_t kMostImageExtent = 16384;

size_t ElementBytes(ElementType type);
const char* NameOf(ElementType type);
bool IsFloat(ElementType type);

// The product of `dims`; -1 when a dimension is negative or over kMaxDim, the rank over kMaxRank or the product over
// kMaxElements.
int64_t ElementCount(const Dims& dims);
std::string ToText(const Dims& dims);  // "[1, 3, 160, 160]"

// -- constants ------------------------------------------------------------------------------------
Constant MakeFloats(Dims dims, const std::vector<float>& values);
Constant MakeInts(Dims dims, const std::vector<int64_t>& values);
std::vector<double> ReadDoubles(const Constant& constant);  // any type
std::vector<float> ReadFloats(const Constant& constant);    // any type, rounded to float32
std::vector<int64_t> ReadInts(const Constant& constant);    // integer types and bool; floats are truncated

ValueId AddValue(Graph& graph, std::string name, ElementType type = ElementType::kF32);
ValueId AddConstant(Graph& graph, std::string name, Constant constant);
// Null when the id is kNoValue or the value is not constant.
const Constant* ConstantOf(const Graph& graph, ValueId id);
bool HasInput(const Node& node, size_t index);
ValueId InputOf(const Node& node, size_t index);  // kNoValue when left out
const Constant* ConstantInput(const Graph& graph, const Node& node, size_t index);
const Dims& DimsOf(const Graph& graph, ValueId id);

// -- attributes; the types were checked by CheckOperators, so a wrong one cannot occur after it ---
bool Has(const Node& node, const char* name);
int64_t IntOf(const Node& node, const char* name, int64_t otherwise);
float FloatOf(const Node& node, const char* name, float otherwise);
std::string TextOf(const Node& node, const char* name, const char* otherwise);
std::vector<int64_t> IntsOf(const Node& node, const char* name, std::vector<int64_t> otherwise);

// -- edges ----------------------------------------------------------------------------------------
// Who makes and who reads each value, by index of node. A graph output counts as one reader without a node.
struct Edges {
  explicit Edges(const Graph& graph);
  std::vector<int> producer;              // -1: input, constant
  std::vector<std::vector<int>> readers;  // one entry per use
  std::vector<int> uses;                  // readers plus graph outputs
};

// Lets everything that reads `from`, the outputs of the graph included, read `to`. When `from` is an output of the graph and
// `to` neither constant nor the input, `to` takes its name, so that outputs keep theirs. A scale that only `from` states is
// that of `to` from then on.
void ReplaceValue(Graph& graph, ValueId from, ValueId to);
// Removes the marked nodes, keeping the order.
void RemoveNodes(Graph& graph, const std::vector<bool>& dead);

// "node 'stem' (Conv): " + text, as an error.
Status NodeError(const Node& node, const std::string& text, Code code = Code::kUnsupported);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_GRAPH_EDIT_H_
