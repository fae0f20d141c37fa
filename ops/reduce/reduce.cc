// The operator reduce: sums, means, maxima and minima along any axes.
//
// The outputs of an entry are rows along the innermost axis of the view, once axes that go on in each other are joined. A unit
// of work is a piece of one row, or several whole rows where they are short.
#include "ops/reduce/reduce.h"

#include <algorithm>

#include "ops/axes.h"
#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

// The options of either type.
struct Parts {
  ReduceFunction function;
  const View& view;
  const View& reduced;
  const IndexMap& map;
};
template <class Options>
Parts PartsOf(const Options& options) {
  return {options.function, options.view, options.reduced, options.map};
}
Parts PartsOf(const Node& node) {
  const auto* f32 = std::get_if<ReduceF32Options>(&node.options);
  return f32 != nullptr ? PartsOf(*f32) : PartsOf(*std::get_if<ReduceU8Options>(&node.options));
}

// The axes of the view followed by those that are reduced.
View Joined(const Parts& parts) {
  View joined = parts.view;
  for (int32_t a = 0; a < parts.reduced.rank; ++a) joined.dims[joined.rank++] = parts.reduced.dims[a];
  return joined;
}

struct Work {
  Axes<2> rows;  // input, output
  Axes<1> reduced;
  int64_t x_offset, y_offset;  // of the first output
  int64_t length;              // outputs of a row
  int64_t strides[2];          // from one to the next: input, output
  int64_t count;               // elements of a reduction
  int64_t piece;               // outputs of a unit within a row
  int64_t rows_of_unit;        // more than 1 only where a unit has whole rows
  int64_t pieces, blocks;      // of a row; of rows
};

Work WorkOf(const Node& node) {
  const Parts parts = PartsOf(node);
  IndexMap y_map;
  (void)MapView("reduce", parts.view, *node.output, &y_map);  // check() has seen it pass
  const Strides x = StridesOf(Joined(parts), parts.map, *node.inputs[0]);
  const Strides y = StridesOf(parts.view, y_map, *node.output);
  Work work{};
  work.x_offset = x.offset;
  work.y_offset = y.offset;
  for (int32_t a = 0; a < parts.view.rank; ++a) work.rows.Append(parts.view.dims[a], {x.stride[a], y.stride[a]});
  for (int32_t a = 0; a < parts.reduced.rank; ++a) work.reduced.Append(parts.reduced.dims[a], {x.stride[parts.view.rank + a]});
  work.length = work.rows.TakeLast(work.strides);
  work.count = work.reduced.Count();
  // A unit reads about kBlockElements elements; at least 128 outputs of a row, so that a kernel has whole vectors.
  const int64_t outputs = std::max<int64_t>(kBlockElements / work.count, 1);
  work.piece = std::min(work.length, std::max<int64_t>(outputs / 128 * 128, 128));
  work.rows_of_unit = work.piece < work.length ? 1 : std::max<int64_t>(outputs / work.length, 1);
  work.pieces = (work.length + work.piece - 1) / work.piece;
  work.blocks = (work.rows.Count() + work.rows_of_unit - 1) / work.rows_of_unit;
  return work;
}

size_t NoScratch(const Node&) { return 0; }

uint64_t Macs(const Node& node) {
  const Parts parts = PartsOf(node);
  return SaturatingMultiply(ToSize(ElementCount(parts.view)), ToSize(ElementCount(parts.reduced)));
}

int64_t Units(const Node& node, int32_t batch) {
  const Work work = WorkOf(node);
  return work.pieces * work.blocks * batch;
}

Status CheckParts(const Node& node, const Parts& parts) {
  if (static_cast<uint8_t>(parts.function) > static_cast<uint8_t>(ReduceFunction::kMin)) {
    return Status::Error(Code::kBadInput, "reduce: there is no function %d", static_cast<int>(parts.function));
  }
  IndexMap y_map;
  CUTIS_TRY(MapView("reduce", parts.view, *node.output, &y_map));
  CUTIS_TRY(CheckExtents("reduce", parts.reduced));
  if (parts.view.rank + parts.reduced.rank > kMaxAxes) {
    return Status::Error(Code::kBadInput, "reduce: %d axes kept and %d reduced are more than %d", parts.view.rank,
                         parts.reduced.rank, kMaxAxes);
  }
  return CheckMap("reduce", Joined(parts), parts.map, *node.inputs[0]);
}

Status CheckF32(const Node& node) {
  CUTIS_TRY(CheckTensors("reduce", node, 1, DataType::kF32, DataType::kF32));
  CUTIS_TRY(CheckEntries("reduce", node));
  const auto* options = std::get_if<ReduceF32Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "reduce: the options are of another operator");
  return CheckParts(node, PartsOf(*options));
}

Status CheckU8(const Node& node) {
  CUTIS_TRY(CheckTensors("reduce", node, 1, DataType::kU8, DataType::kU8));
  CUTIS_TRY(CheckEntries("reduce", node));
  const auto* options = std::get_if<ReduceU8Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "reduce: the options are of another operator");
  CUTIS_TRY(CheckParts(node, PartsOf(*options)));
  CUTIS_TRY(CheckOutputU8("reduce", options->out, *node.output));
  if (options->function == ReduceFunction::kMax || options->function == ReduceFunction::kMin) {
    return CheckSameScale("reduce", *node.inputs[0], *node.output);
  }
  // Neither the sum of the bytes nor the count times the zero point leaves int32.
  const int64_t count = ElementCount(options->reduced);
  if (255 * count >= int64_t{1} << 31) {
    return Status::Error(Code::kBadInput, "reduce: the sum of %lld bytes can leave 32 bits", static_cast<long long>(count));
  }
  return CheckMultiplier("reduce", options->multiplier);
}

// Calls each(args) for every row, or piece of one, of units [begin, end).
template <class T, class Args, class Each>
void ForEachRow(const Node& node, const RunArgs& run, int64_t begin, int64_t end, const Each& each) {
  const Work work = WorkOf(node);
  Args args{};
  args.function = PartsOf(node).function;
  args.x_stride = static_cast<ptrdiff_t>(work.strides[0]);
  args.y_stride = static_cast<ptrdiff_t>(work.strides[1]);
  args.axes = std::max(work.reduced.rank, int32_t{1});
  args.extent[0] = 1;  // where nothing is reduced but axes of one element
  for (int32_t a = 0; a < work.reduced.rank; ++a) {
    args.extent[a] = ToSize(work.reduced.extent[a]);
    args.stride[a] = static_cast<ptrdiff_t>(work.reduced.stride[0][a]);
  }
  const int64_t units = work.pieces * work.blocks, rows = work.rows.Count();
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t entry = unit / units, first = unit % work.pieces * work.piece;
    const int64_t first_row = unit % units / work.pieces * work.rows_of_unit;
    const T* x = EntryAt<T>(run.inputs[0], *node.inputs[0], entry) + work.x_offset;
    T* y = EntryAt<T>(run.output, *node.output, entry) + work.y_offset;
    args.outputs = ToSize(std::min(work.piece, work.length - first));
    for (int64_t row = first_row; row < std::min(first_row + work.rows_of_unit, rows); ++row) {
      int64_t offsets[2];
      work.rows.OffsetsAt(row, offsets);
      args.x = x + offsets[0] + first * work.strides[0];
      args.y = y + offsets[1] + first * work.strides[1];
      each(args);
    }
  }
}

void RunF32(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<ReduceF32Options>(&node.options);
  const float divisor = static_cast<float>(ElementCount(options.reduced));
  ForEachRow<float, ReduceF32Args>(node, run, begin, end, [&](ReduceF32Args& args) {
    args.divisor = divisor;
    reinterpret_cast<void (*)(const ReduceF32Args&)>(kernel)(args);
  });
}

void RunU8(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<ReduceU8Options>(&node.options);
  const bool sums = options.function == ReduceFunction::kSum || options.function == ReduceFunction::kMean;
  const int64_t start = sums ? -ElementCount(options.reduced) * node.inputs[0]->zero_point : 0;
  ForEachRow<uint8_t, ReduceU8Args>(node, run, begin, end, [&](ReduceU8Args& args) {
    args.start = static_cast<int32_t>(start);
    args.multiplier = options.multiplier;
    args.out = options.out;
    reinterpret_cast<void (*)(const ReduceU8Args&)>(kernel)(args);
  });
}

}  // namespace

const Op kReduceU8Op = {OpKind::kReduce, DataType::kU8, KernelKind::kReduceU8, "reduce", CheckU8, NoScratch, Macs,
                        Units,           RunU8,         /*by_entry=*/true};
const Op kReduceF32Op = {OpKind::kReduce, DataType::kF32, KernelKind::kReduceF32, "reduce", CheckF32, NoScratch, Macs,
                         Units,           RunF32,         /*by_entry=*/true};

}  // namespace cutis
