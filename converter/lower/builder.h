// A network under construction: which tensors hold a value, and in which layout.
#ifndef CUTIS_CONVERTER_LOWER_BUILDER_H_
#define CUTIS_CONVERTER_LOWER_BUILDER_H_

#include <string>
#include <vector>

#include "converter/graph/graph.h"
#include "converter/graph/indices.h"
#include "converter/lower/layout.h"
#include "converter/lower/net.h"
#include "ops/status.h"

namespace cutis::convert {

// A tensor that holds a value.
struct Place {
  Layout layout;
  int tensor = -1;
};

class Builder {
 public:
  explicit Builder(const Graph& graph) : graph_(graph), places_(graph.values.size()), sources_(graph.values.size(), kNoValue) {}

  const Graph& graph() const { return graph_; }
  Net& net() { return net_; }
  const Dims& DimsOf(ValueId id) const { return graph_.values[static_cast<size_t>(id)].dims; }
  bool IsConstant(ValueId id) const { return graph_.values[static_cast<size_t>(id)].constant != nullptr; }

  // A new tensor for a value, which from now on can be had in that layout.
  int Define(ValueId id, const Layout& layout);
  // `id` is the same elements in the same order as `source`; nothing is copied unless something wants it so.
  void DefineReshape(ValueId id, ValueId source) { sources_[static_cast<size_t>(id)] = source; }
  ValueId ReshapeSource(ValueId id) const { return sources_[static_cast<size_t>(id)]; }
  // `id` is held where `place` says.
  void DefineAlias(ValueId id, Place place) { places_[static_cast<size_t>(id)].push_back(std::move(place)); }

  // Where a value lies already, in whatever layout; reshapes and constants are made on the first call.
  Result<Place> Any(ValueId id);
  // The tensor that holds a value in this layout; a move is added where there is none.
  Result<int> Demand(ValueId id, const Layout& layout);
  // The outputs of the network, as images or flat, each in a tensor of its own that a node has made.
  Status TakeOutputs();

  // Adds a node that makes `output` (by Define). Takes over its name.
  void Add(NetNode node) { net_.nodes.push_back(std::move(node)); }

  // The layout that the result of a move should have: images where the data is held as one and can be, else flat.
  static Layout Like(const Layout& source, const Dims& from, const Dims& to);

  // output = input by the index lists (converter/graph/indices.h); `extent` dims are the sizes of the lists.
  Status AddIndexMove(const std::string& name, ValueId input, const IndexLists& lists, ValueId output);

 private:
  int NewTensor(ValueId id, const Layout& layout);
  int MakeConstant(ValueId id);
  // Value `id` in a new tensor of `layout`, moved from `source`; `to` and the layout of the source are by the axes of `dims`.
  Result<int> AddMove(ValueId id, const Layout& layout, const Place& source, const Layout& to, const Dims& dims);

  const Graph& graph_;
  Net net_;
  std::vector<std::vector<Place>> places_;  // by value
  std::vector<ValueId> sources_;            // by value: what it is a reshape of
};

// The pieces of a move: boxes of a view in which every axis of the input is walked in even steps.
Status PiecesOf(const IndexLists& lists, const Layout& layout, const Dims& dims, const std::vector<int>& order, int32_t input,
                const std::vector<int32_t>& from, std::vector<MovePiece>* pieces);

}  // namespace cutis::convert

#endif  // CUTIS_CONVERTER_LOWER_BUILDER_H_
