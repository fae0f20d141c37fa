// Builds the new node list of a pass that replaces nodes by others.
#ifndef CUTIS_CONVERTER_GRAPH_REWRITER_H_
#define CUTIS_CONVERTER_GRAPH_REWRITER_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "converter/graph/edit.h"
#include "converter/graph/graph.h"
#include "converter/graph/shapes.h"

namespace cutis::convert {

// Emits nodes in order; every new value gets its shape at once. After the first error nothing is emitted any more, and Finish
// gives that error.
class Rewriter {
 public:
  using Attributes = std::map<std::string, Attribute>;

  explicit Rewriter(Graph& graph) : graph_(graph) {}
  Graph& graph() { return graph_; }
  // The node being replaced: its name begins those of the new ones.
  void Begin(const Node& node) { node_ = &node; }

  const Dims& DimsOf(ValueId id) const { return graph_.values[static_cast<size_t>(id)].dims; }

  // A node with a new value as its output.
  ValueId Emit(const std::string& op, std::vector<ValueId> inputs, Attributes attributes = {}) {
    const ValueId output = AddValue(graph_, node_->name + "/" + op + "_" + std::to_string(graph_.values.size()));
    EmitTo(op, std::move(inputs), output, std::move(attributes));
    return output;
  }
  // The same with an existing value as its output.
  void EmitTo(const std::string& op, std::vector<ValueId> inputs, ValueId output, Attributes attributes = {}) {
    if (!status_.ok()) return;
    Node made{op, node_->name + "/" + op, std::move(inputs), {output}, std::move(attributes)};
    if (output == node_->outputs[0]) made.name = node_->name;
    status_ = InferNode(graph_, made);
    nodes_.push_back(std::move(made));
  }
  void Keep(Node node) { nodes_.push_back(std::move(node)); }

  ValueId Floats(Dims dims, const std::vector<float>& values) {
    return AddConstant(graph_, NewName(), MakeFloats(std::move(dims), values));
  }
  ValueId Ints(const std::vector<int64_t>& values) {
    return AddConstant(graph_, NewName(), MakeInts({static_cast<int64_t>(values.size())}, values));
  }
  ValueId Reshape(ValueId x, const Dims& dims) { return Emit("Reshape", {x}, {{"shape", Attribute(dims)}}); }
  // A vector as [1, C, 1, ...] of `rank` axes.
  ValueId PerChannel(ValueId x, size_t rank) {
    Dims dims(rank, 1);
    dims[1] = ElementCount(DimsOf(x));
    return Reshape(x, dims);
  }

  Status Finish() {
    graph_.nodes = std::move(nodes_);
    return std::move(status_);
  }
  const Status& status() const { return status_; }

 private:
  std::string NewName() { return node_->name + "/constant_" + std::to_string(graph_.values.size()); }

  Graph& graph_;
  const Node* node_ = nullptr;
  std::vector<Node> nodes_;
  Status status_;
};

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_GRAPH_REWRITER_H_
