// The operator move: the elements of the output come from boxes of the inputs, or are a fill value.
//
// A unit of work is a slab of the output's view. It belongs to one thread, which fills it, if there is anything to fill, and
// then copies what each piece has of it.
#include "ops/move/move.h"

#include <algorithm>

#include "ops/axes.h"
#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

size_t NoScratch(const Node&) { return 0; }
uint64_t NoMacs(const Node&) { return 0; }

const MoveOptions& OptionsOf(const Node& node) { return *std::get_if<MoveOptions>(&node.options); }

// Every unit looks at every piece, so units are larger where there are many pieces.
Slabs SlabsOf(const MoveOptions& options) {
  const int64_t pieces = static_cast<int64_t>(options.pieces.size());
  return CutView(options.view, std::max(kBlockElements, 16 * pieces));
}
int64_t Units(const Node& node, int32_t batch) { return SlabsOf(OptionsOf(node)).count * batch; }

// -- checks ---------------------------------------------------------------------------------------

Status CheckTable(const MovePiece& piece, const MoveOptions& options, const TensorInfo& in, const TensorInfo& out) {
  if (piece.table == -1) return CheckSameScale("move", in, out);
  if (piece.table < 0 || static_cast<size_t>(piece.table) >= options.tables.size() / 256) {
    return Status::Error(Code::kBadInput, "move: there is no table %d", piece.table);
  }
  return {};
}

Status CheckPiece(const Node& node, const MoveOptions& options, size_t index) {
  const MovePiece& piece = options.pieces[index];
  const View& view = options.view;
  if (piece.input < 0 || static_cast<size_t>(piece.input) >= node.inputs.size()) {
    return Status::Error(Code::kBadInput, "move: piece %zu is of an input that it lacks", index);
  }
  View extent;
  extent.rank = view.rank;
  for (int32_t a = 0; a < view.rank; ++a) {
    if (piece.from[a] < 0 || piece.extent[a] < 1 || piece.extent[a] > view.dims[a] ||
        piece.from[a] > view.dims[a] - piece.extent[a]) {
      return Status::Error(Code::kBadInput, "move: piece %zu lies outside the output or is empty", index);
    }
    extent.dims[a] = piece.extent[a];
  }
  const TensorInfo& in = *node.inputs[static_cast<size_t>(piece.input)];
  CUTIS_TRY(CheckMap("move", extent, piece.map, in));
  return CheckTable(piece, options, in, *node.output);
}

Status CheckFill(const MoveOptions& options, DataType type) {
  const bool possible = type == DataType::kF32 ? options.fill == options.fill
                                               : options.fill >= 0 && options.fill <= 255 &&
                                                     options.fill == static_cast<float>(static_cast<int32_t>(options.fill));
  if (possible) return {};
  return Status::Error(Code::kBadInput, "move: %g cannot fill a %s tensor", static_cast<double>(options.fill), NameOf(type));
}

Status Check(const Node& node, DataType type) {
  if (node.inputs.empty()) return Status::Error(Code::kBadInput, "move: it has no inputs");
  CUTIS_TRY(CheckTensors("move", node, node.inputs.size(), type, type));
  CUTIS_TRY(CheckEntries("move", node));
  const auto* options = std::get_if<MoveOptions>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "move: the options are of another operator");
  IndexMap map;
  CUTIS_TRY(MapView("move", options->view, *node.output, &map));
  if (options->tables.size() % 256 != 0 || (type != DataType::kU8 && !options->tables.empty())) {
    return Status::Error(Code::kBadInput, "move: %zu bytes of tables for a %s tensor", options->tables.size(), NameOf(type));
  }
  int64_t elements = 0;  // at most 2^31 times the number of pieces
  for (size_t i = 0; i < options->pieces.size(); ++i) {
    CUTIS_TRY(CheckPiece(node, *options, i));
    int64_t of_piece = 1;
    for (int32_t a = 0; a < options->view.rank; ++a) of_piece *= options->pieces[i].extent[a];
    elements += of_piece;
  }
  CUTIS_TRY(CheckDisjoint(options->pieces, options->view.rank));
  if (options->filled) return CheckFill(*options, type);
  // Disjoint pieces with as many elements as the output has leave none over.
  if (elements == ElementCount(options->view)) return {};
  return Status::Error(Code::kBadInput, "move: the pieces give %lld of %lld elements", static_cast<long long>(elements),
                       static_cast<long long>(ElementCount(options->view)));
}
Status CheckU8(const Node& node) { return Check(node, DataType::kU8); }
Status CheckF32(const Node& node) { return Check(node, DataType::kF32); }

// -- work -----------------------------------------------------------------------------------------

void SetTable(MoveU8Args& args, const uint8_t* table) { args.table = table; }
void SetTable(MoveF32Args&, const uint8_t*) {}

// What the piece has of a slab; false if nothing.
bool Intersect(const MovePiece& piece, const Box& slab, int32_t rank, Box* common) {
  for (int32_t a = 0; a < rank; ++a) {
    const int32_t from = std::max(piece.from[a], slab.from[a]);
    const int32_t end = std::min(piece.from[a] + piece.extent[a], slab.from[a] + slab.extent[a]);
    if (from >= end) return false;
    common->from[a] = from;
    common->extent[a] = end - from;
  }
  return true;
}

bool Contains(const MovePiece& piece, const Box& slab, int32_t rank) {
  Box common;
  return Intersect(piece, slab, rank, &common) && std::equal(common.extent, common.extent + rank, slab.extent);
}

template <class T, class Args>
class Mover {
 public:
  Mover(const Node& node, KernelFn kernel, const RunArgs& run)
      : node_(node), options_(OptionsOf(node)), rank_(options_.view.rank), kernel_(kernel), run_(run) {
    IndexMap map;
    if (!MapView("move", options_.view, *node.output, &map).ok()) __builtin_trap();  // check() has passed
    output_ = StridesOf(options_.view, map, *node.output);
    slabs_ = SlabsOf(options_);
  }

  void RunUnit(int64_t unit) const {
    const Box slab = SlabAt(options_.view, slabs_, unit % slabs_.count);
    const int64_t entry = unit / slabs_.count;
    T* y = EntryAt<T>(run_.output, *node_.output, entry);
    const auto covers = [&](const MovePiece& piece) { return Contains(piece, slab, rank_); };
    if (options_.filled && std::none_of(options_.pieces.begin(), options_.pieces.end(), covers)) Fill(slab, y);
    Box box;
    for (const MovePiece& piece : options_.pieces) {
      if (Intersect(piece, slab, rank_, &box)) Copy(piece, box, entry, y);
    }
  }

 private:
  void Call(const Box& box, const T* x, const Strides& x_strides, T* y, const uint8_t* table) const {
    const Strides strides[] = {output_, x_strides};
    Args args{};
    args.x = x;
    args.y = y + OffsetOf(output_, rank_, box.from);
    args.nest = MakeNest(rank_, box.extent, strides);
    SetTable(args, table);
    reinterpret_cast<void (*)(const Args&)>(kernel_)(args);
  }

  void Fill(const Box& slab, T* y) const {
    const T value = static_cast<T>(options_.fill);
    Call(slab, &value, Strides(), y, nullptr);
  }

  void Copy(const MovePiece& piece, const Box& box, int64_t entry, T* y) const {
    const size_t input = ToSize(piece.input);
    const TensorInfo& in = *node_.inputs[input];
    const Strides strides = StridesOf(options_.view, piece.map, in);
    int32_t within[kMaxAxes] = {};
    for (int32_t a = 0; a < rank_; ++a) within[a] = box.from[a] - piece.from[a];
    const T* x = EntryAt<T>(run_.inputs[input], in, entry) + OffsetOf(strides, rank_, within);
    Call(box, x, strides, y, piece.table < 0 ? nullptr : options_.tables.data() + 256 * ToSize(piece.table));
  }

  const Node& node_;
  const MoveOptions& options_;
  int32_t rank_;
  KernelFn kernel_;
  const RunArgs& run_;
  Strides output_;
  Slabs slabs_;
};

// Where the whole output is one piece whose elements lie in the input as they lie in the output, the two can be one tensor, and
// then there is nothing to do.
bool InPlace(const Node& node, size_t) {
  const MoveOptions& options = OptionsOf(node);
  if (node.inputs.size() != 1 || options.pieces.size() != 1 || options.pieces[0].table != -1) return false;
  const MovePiece& piece = options.pieces[0];
  return std::equal(piece.extent, piece.extent + options.view.rank, options.view.dims) &&
         SamePlaces(options.view, *node.output, piece.map, *node.inputs[0]);
}

template <class T, class Args>
void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  if (run.inputs[0] == run.output) return;  // InPlace
  const Mover<T, Args> mover(node, kernel, run);
  for (int64_t unit = begin; unit < end; ++unit) mover.RunUnit(unit);
}

}  // namespace

const Op kMoveU8Op = {OpKind::kMove, DataType::kU8, KernelKind::kMoveU8,      "move", CheckU8, NoScratch,
                      NoMacs,        Units,         Run<uint8_t, MoveU8Args>, true,   InPlace};
const Op kMoveF32Op = {OpKind::kMove, DataType::kF32, KernelKind::kMoveF32,    "move", CheckF32, NoScratch,
                       NoMacs,        Units,          Run<float, MoveF32Args>, true,   InPlace};

}  // namespace cutis
