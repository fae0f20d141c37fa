#include "converter/lower/builder.h"

#include <algorithm>
#include <utility>

#include "converter/graph/edit.h"

namespace cutis::convert {
namespace {

constexpr size_t kMostPieces = 65536;  // of a move in a file

Dims WithoutOnes(const Dims& dims) {
  Dims kept;
  for (const int64_t dim : dims) {
    if (dim != 1) kept.push_back(dim);
  }
  return kept;
}

// The axes of `from` given to those of `to`, in order; both have the same extents but for ones.
Layout Relabel(const Layout& layout, const Dims& from, const Dims& to) {
  Layout relabelled = layout;
  relabelled.axes.assign(to.size(), {});
  size_t next = 0;
  for (size_t a = 0; a < to.size(); ++a) {
    if (to[a] == 1) continue;
    while (from[next] == 1) ++next;
    relabelled.axes[a] = layout.axes[next++];
  }
  return relabelled;
}

// Extents, row-major, of which those of both `a` and `b` are products; false when there are none (2 x 3 and 3 x 2).
bool CommonRefinement(const Dims& a, const Dims& b, Dims* refined) {
  std::vector<int64_t> cuts = {1};
  for (const Dims* dims : {&a, &b}) {
    int64_t product = 1;
    for (size_t i = dims->size(); i-- > 0;) cuts.push_back(product *= (*dims)[i]);
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  refined->clear();
  for (size_t i = 1; i < cuts.size(); ++i) {
    if (cuts[i] % cuts[i - 1] != 0) return false;
    refined->insert(refined->begin(), cuts[i] / cuts[i - 1]);
  }
  return true;
}

// The same places for a finer set of axes.
Layout Refine(const Layout& layout, const Dims& dims, const Dims& refined) {
  Layout fine = layout;
  fine.axes.assign(refined.size(), {});
  size_t next = refined.size();
  for (size_t a = dims.size(); a-- > 0;) {
    int64_t step = 1;
    while (step < dims[a]) {
      --next;
      fine.axes[next] = {layout.axes[a].dim, static_cast<int32_t>(layout.axes[a].step * step)};
      step *= refined[next];
    }
  }
  return fine;
}

// A stretch of an axis over which the input is walked in even steps.
struct Run {
  int32_t begin = 0, length = 0, first = 0, step = 0;
};

std::vector<Run> RunsOf(const std::vector<int32_t>& list) {
  std::vector<Run> runs;
  const auto size = static_cast<int32_t>(list.size());
  const auto at = [&](int32_t i) { return list[static_cast<size_t>(i)]; };
  for (int32_t i = 0; i < size;) {
    if (at(i) == kFill) {
      ++i;
      continue;
    }
    Run run = {i, 1, at(i), 0};
    if (i + 1 < size && at(i + 1) != kFill) {
      run.step = at(i + 1) - at(i);
      while (i + run.length < size && at(i + run.length) != kFill && at(i + run.length) - at(i + run.length - 1) == run.step) {
        ++run.length;
      }
    }
    i += run.length;
    runs.push_back(run);
  }
  return runs;
}

}  // namespace

int Builder::NewTensor(ValueId id, const Layout& layout) {
  const Value& value = graph_.values[static_cast<size_t>(id)];
  NetTensor& tensor = net_.tensors.emplace_back();
  const size_t copies = places_[static_cast<size_t>(id)].size();
  tensor.name = copies == 0 ? value.name : value.name + "/" + std::to_string(copies);
  tensor.shape = layout.shape;
  tensor.images = layout.images;
  tensor.quantization = value.quantization;
  if (value.constant != nullptr && value.quantization != nullptr) {
    // In the graph a constant is int8.
    auto bytes = std::make_shared<Quantization>(*value.quantization);
    bytes->zero_point += 128;
    tensor.quantization = std::move(bytes);
  } else if (value.constant == nullptr && (value.type == ElementType::kU8 || value.type == ElementType::kI8)) {
    tensor.type = DataType::kU8;
  }
  return static_cast<int>(net_.tensors.size()) - 1;
}

int Builder::Define(ValueId id, const Layout& layout) {
  const int tensor = NewTensor(id, layout);
  DefineAlias(id, {layout, tensor});
  return tensor;
}

int Builder::MakeConstant(ValueId id) {
  const int index = Define(id, FlatLayout(DimsOf(id)));
  NetTensor& tensor = net_.tensors[static_cast<size_t>(index)];
  tensor.is_constant = true;
  const Value& value = graph_.values[static_cast<size_t>(id)];
  tensor.constant = ReadFloats(*value.constant);
  if (value.quantization != nullptr && value.quantization->scales.size() > 1) {
    net_.scale_notes.push_back("constant '" + value.name.substr(0, 100) +
                               "': has several scales, and one as an operand: quantised anew");
  }
  return index;
}

Result<Place> Builder::Any(ValueId id) {
  std::vector<Place>& places = places_[static_cast<size_t>(id)];
  if (!places.empty()) return Place(places[0]);
  if (IsConstant(id)) {
    MakeConstant(id);
    return Place(places[0]);
  }
  const ValueId source = sources_[static_cast<size_t>(id)];
  if (source == kNoValue) {
    return Status::Error(Code::kInternal, "tensor '%.100s' is read before it is made",
                         graph_.values[static_cast<size_t>(id)].name.c_str());
  }
  const Dims &from = DimsOf(source), &to = DimsOf(id);
  if (WithoutOnes(from) == WithoutOnes(to)) {
    CUTIS_ASSIGN(const Place place, Any(source));
    DefineAlias(id, {Relabel(place.layout, from, to), place.tensor});
  } else {
    CUTIS_ASSIGN(const int tensor, Demand(source, FlatLayout(from)));
    DefineAlias(id, {FlatLayout(to), tensor});
  }
  return Place(places[0]);
}

Result<int> Builder::AddMove(ValueId id, const Layout& layout, const Place& source, const Layout& to, const Dims& dims) {
  NetMove move;
  std::vector<int> order;
  CUTIS_TRY(ViewOf(to, dims, &move.view, &order));
  MovePiece piece;
  std::copy_n(move.view.dims, kMaxAxes, piece.extent);
  piece.map = MapOf(source.layout, dims, dims.size(), order);
  move.pieces = {piece};
  NetNode node;
  node.kind = OpKind::kMove;
  node.inputs = {source.tensor};
  node.output = Define(id, layout);
  node.name = net_.tensors[static_cast<size_t>(node.output)].name + "/move";
  node.options = std::move(move);
  const int output = node.output;
  Add(std::move(node));
  return int{output};
}

Result<int> Builder::Demand(ValueId id, const Layout& layout) {
  const Dims& dims = DimsOf(id);
  const ValueId reshaped = sources_[static_cast<size_t>(id)];
  if (places_[static_cast<size_t>(id)].empty() && reshaped != kNoValue && !SamePlaces(layout, FlatLayout(dims), dims) &&
      WithoutOnes(dims) != WithoutOnes(DimsOf(reshaped))) {
    // A reshape between two layouts in one step, where axes finer than those of both allow it.
    Dims refined;
    if (CommonRefinement(dims, DimsOf(reshaped), &refined) && refined.size() <= static_cast<size_t>(kMaxAxes)) {
      CUTIS_ASSIGN(Place source, Any(reshaped));
      source.layout = Refine(source.layout, DimsOf(reshaped), refined);
      return AddMove(id, layout, source, Refine(layout, dims, refined), refined);
    }
  }
  CUTIS_ASSIGN(const Place source, Any(id));
  for (const Place& place : places_[static_cast<size_t>(id)]) {
    if (SamePlaces(place.layout, layout, dims)) return int{place.tensor};
  }
  return AddMove(id, layout, source, layout, dims);
}

Layout Builder::Like(const Layout& source, const Dims& from, const Dims& to) {
  return SamePlaces(source, FlatLayout(from), from) && from.size() != 2 ? FlatLayout(to) : ImageLayout(to);
}

Status PiecesOf(const IndexLists& lists, const Layout& layout, const Dims& dims, const std::vector<int>& order, int32_t input,
                const std::vector<int32_t>& from, std::vector<MovePiece>* pieces) {
  // Axes that the view leaves out (their output has one element) still choose a position of the input.
  MovePiece base;
  base.input = input;
  std::vector<bool> in_view(dims.size(), false);
  for (const int axis : order) {
    if (axis >= 0) in_view[static_cast<size_t>(axis)] = true;
  }
  for (size_t a = 0; a < dims.size(); ++a) {
    if (in_view[a]) continue;
    if (lists.axes[a][0] == kFill) return {};
    base.map.start[static_cast<size_t>(layout.axes[a].dim)] += lists.axes[a][0] * layout.axes[a].step;
  }
  std::vector<MovePiece> parts = {base};
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] < 0) {
      for (MovePiece& part : parts) part.extent[i] = 1, part.map.dim[i] = Dim::kChannel;
      continue;
    }
    const auto axis = static_cast<size_t>(order[i]);
    const AxisPlace& place = layout.axes[axis];
    const std::vector<Run> runs = RunsOf(lists.axes[axis]);
    if (parts.size() * runs.size() + pieces->size() > kMostPieces) {
      return Status::Error(Code::kUnsupported, "it moves its data in more than %zu pieces", kMostPieces);
    }
    std::vector<MovePiece> split;
    for (const MovePiece& part : parts) {
      for (const Run& run : runs) {
        MovePiece piece = part;
        piece.from[i] = from[axis] + run.begin;
        piece.extent[i] = run.length;
        piece.map.dim[i] = place.dim;
        piece.map.step[i] = run.step * place.step;
        piece.map.start[static_cast<size_t>(place.dim)] += run.first * place.step;
        split.push_back(piece);
      }
    }
    parts = std::move(split);
  }
  pieces->insert(pieces->end(), parts.begin(), parts.end());
  return {};
}

Status Builder::AddIndexMove(const std::string& name, ValueId input, const IndexLists& lists, ValueId output) {
  const Dims &from = DimsOf(input), &to = DimsOf(output);
  CUTIS_ASSIGN(const Place source, Any(input));
  const Layout layout = Like(source.layout, from, to);
  NetMove move;
  std::vector<int> order;
  CUTIS_TRY(ViewOf(layout, to, &move.view, &order));
  CUTIS_TRY(PiecesOf(lists, source.layout, from, order, 0, std::vector<int32_t>(to.size(), 0), &move.pieces));
  for (const std::vector<int32_t>& axis : lists.axes) {
    move.filled = move.filled || std::find(axis.begin(), axis.end(), kFill) != axis.end();
  }
  move.fill = move.filled ? lists.fill : 0;
  NetNode node;
  node.kind = OpKind::kMove;
  node.name = name;
  node.inputs = {source.tensor};
  node.output = Define(output, layout);
  node.options = std::move(move);
  Add(std::move(node));
  return {};
}

Status Builder::TakeOutputs() {
  for (const ValueId id : graph_.outputs) {
    if (ElementCount(DimsOf(id)) < 1) {
      return Status::Error(Code::kUnsupported, "output '%.100s' has no elements",
                           graph_.values[static_cast<size_t>(id)].name.c_str());
    }
    CUTIS_ASSIGN(int tensor, Demand(id, ImageLayout(DimsOf(id))));
    const bool of_node =
        std::any_of(net_.nodes.begin(), net_.nodes.end(), [&](const NetNode& n) { return n.output == tensor; });
    if (!of_node || std::find(net_.outputs.begin(), net_.outputs.end(), tensor) != net_.outputs.end()) {
      // The input, a constant, or another output: a copy.
      NetMove move;
      std::vector<int> order;
      const Layout layout = ImageLayout(DimsOf(id));
      CUTIS_TRY(ViewOf(layout, DimsOf(id), &move.view, &order));
      MovePiece piece;
      std::copy_n(move.view.dims, kMaxAxes, piece.extent);
      piece.map = MapOf(layout, DimsOf(id), DimsOf(id).size(), order);
      move.pieces = {piece};
      NetNode node;
      node.kind = OpKind::kMove;
      node.inputs = {tensor};
      node.output = tensor = NewTensor(id, layout);
      node.name = net_.tensors[static_cast<size_t>(tensor)].name + "/copy";
      node.options = std::move(move);
      Add(std::move(node));
    }
    net_.outputs.push_back(tensor);
    // Outputs keep their names, unless another tensor (the input, say) has it.
    const std::string& name = graph_.values[static_cast<size_t>(id)].name;
    const bool taken =
        std::any_of(net_.tensors.begin(), net_.tensors.end(), [&](const NetTensor& other) { return other.name == name; });
    if (!taken) net_.tensors[static_cast<size_t>(tensor)].name = name;
  }
  return {};
}

}  // namespace cutis::convert
