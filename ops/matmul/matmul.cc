// The operator matmul: products of matrices, one for each index of the leading axes of the view.
//
// Leading axes along which b stays the same become further rows of one product. Kernels put lanes along the columns: where the
// elements of b are apart along the columns and those of a are not along the rows, or where the columns are fewer than a vector
// and the rows are not, the transposed product is computed instead, which has the same sums. A unit of work is a block of rows
// and columns of one product.
#include "ops/matmul/matmul.h"

#include <algorithm>
#include <utility>

#include "ops/axes.h"
#include "ops/check.h"
#include "ops/ops.h"

namespace cutis {
namespace {

// The options of either type.
struct Parts {
  const View& view;
  int32_t k;
  const IndexMap& a;
  const IndexMap& b;
};
template <class Options>
Parts PartsOf(const Options& options) {
  return {options.view, options.k, options.a, options.b};
}
Parts PartsOf(const Node& node) {
  const auto* f32 = std::get_if<MatMulF32Options>(&node.options);
  return f32 != nullptr ? PartsOf(*f32) : PartsOf(*std::get_if<MatMulU8Options>(&node.options));
}

View WithK(const Parts& parts) {
  View joined = parts.view;
  joined.dims[joined.rank++] = parts.k;
  return joined;
}

struct Work {
  bool swapped;           // rows and columns, a and b have changed places
  Axes<3> products;       // a, b, output
  int64_t offset[3];      // of the first product: a, b, output
  int64_t rows, columns;  // of a product
  int64_t a_row, a_k, b_k, b_column, y_row, y_column;
  int64_t row_block, column_block;  // of a unit
  int64_t row_blocks, column_blocks;
};

void Swap(Work* work) {
  std::swap(work->rows, work->columns);
  std::swap(work->a_row, work->b_column);
  std::swap(work->a_k, work->b_k);
  std::swap(work->y_row, work->y_column);
  work->swapped = true;
}

Work WorkOf(const Node& node) {
  const Parts parts = PartsOf(node);
  const int32_t m = parts.view.rank - 2, n = m + 1, k = m + 2;
  IndexMap y_map;
  (void)MapView("matmul", parts.view, *node.output, &y_map);  // check() has seen it pass
  const View joined = WithK(parts);
  const Strides a = StridesOf(joined, parts.a, *node.inputs[0]), b = StridesOf(joined, parts.b, *node.inputs[1]);
  const Strides y = StridesOf(parts.view, y_map, *node.output);
  Work work{};
  work.offset[0] = a.offset;
  work.offset[1] = b.offset;
  work.offset[2] = y.offset;
  for (int32_t axis = 0; axis < m; ++axis) {
    work.products.Append(parts.view.dims[axis], {a.stride[axis], b.stride[axis], y.stride[axis]});
  }
  work.products.Append(parts.view.dims[m], {a.stride[m], 0, y.stride[m]});
  work.rows = 1;
  if (work.products.rank > 0 && work.products.stride[1][work.products.rank - 1] == 0) {
    int64_t strides[3];
    work.rows = work.products.TakeLast(strides);
    work.a_row = strides[0];
    work.y_row = strides[2];
  }
  work.columns = parts.view.dims[n];
  work.b_column = work.columns > 1 ? b.stride[n] : 1;
  work.y_column = work.columns > 1 ? y.stride[n] : 1;
  work.a_k = parts.k > 1 ? a.stride[k] : 1;
  work.b_k = parts.k > 1 ? b.stride[k] : 1;

  constexpr int64_t kVector = 8;  // columns that are worth a vector kernel
  if (work.columns < kVector ? work.rows > work.columns : work.b_column != 1 && work.a_row == 1 && work.rows >= kVector) {
    Swap(&work);
  }
  // Blocks of about 2^18 multiply-adds, with whole tiles of rows; the columns few enough for b to stay in the caches.
  work.column_block = std::min<int64_t>(work.columns, 256);
  const int64_t rows = (int64_t{1} << 18) / (work.column_block * parts.k) / 12 * 12;
  work.row_block = std::min(work.rows, std::clamp<int64_t>(rows, 12, 1 << 16));
  work.row_blocks = (work.rows + work.row_block - 1) / work.row_block;
  work.column_blocks = (work.columns + work.column_block - 1) / work.column_block;
  return work;
}

size_t NoScratch(const Node&) { return 0; }

uint64_t Macs(const Node& node) {
  const Parts parts = PartsOf(node);
  return SaturatingMultiply(ToSize(ElementCount(parts.view)), ToSize(parts.k));
}

int64_t Units(const Node& node, int32_t batch) {
  const Work work = WorkOf(node);
  return work.products.Count() * work.row_blocks * work.column_blocks * batch;
}

Status CheckParts(const Node& node, const Parts& parts) {
  IndexMap y_map;
  CUTIS_TRY(MapView("matmul", parts.view, *node.output, &y_map));
  if (parts.view.rank < 2 || parts.view.rank >= kMaxAxes) {
    return Status::Error(Code::kBadInput, "matmul: an index space of %d axes, 2 .. %d are possible", parts.view.rank,
                         kMaxAxes - 1);
  }
  if (parts.k < 1 || parts.k > 1 << 24) {
    return Status::Error(Code::kBadInput, "matmul: sums of %d terms, 1 .. 2^24 are possible", parts.k);
  }
  const int32_t m = parts.view.rank - 2, n = m + 1;
  if ((parts.view.dims[n] > 1 && parts.a.step[n] != 0) || (parts.view.dims[m] > 1 && parts.b.step[m] != 0)) {
    return Status::Error(Code::kBadInput, "matmul: the first matrix steps along columns or the second along rows");
  }
  CUTIS_TRY(CheckMap("matmul", WithK(parts), parts.a, *node.inputs[0]));
  return CheckMap("matmul", WithK(parts), parts.b, *node.inputs[1]);
}

Status CheckF32(const Node& node) {
  CUTIS_TRY(CheckTensors("matmul", node, 2, DataType::kF32, DataType::kF32));
  CUTIS_TRY(CheckEntries("matmul", node));
  const auto* options = std::get_if<MatMulF32Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "matmul: the options are of another operator");
  CUTIS_TRY(CheckParts(node, PartsOf(*options)));
  return CheckClampF32("matmul", options->min, options->max);
}

Status CheckU8(const Node& node) {
  CUTIS_TRY(CheckTensors("matmul", node, 2, DataType::kU8, DataType::kU8));
  CUTIS_TRY(CheckEntries("matmul", node));
  const auto* options = std::get_if<MatMulU8Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "matmul: the options are of another operator");
  CUTIS_TRY(CheckParts(node, PartsOf(*options)));
  CUTIS_TRY(CheckOutputU8("matmul", options->out, *node.output));
  if (int64_t{255 * 255} * options->k >= int64_t{1} << 31) {
    return Status::Error(Code::kBadInput, "matmul: a sum of %d products can leave 32 bits", options->k);
  }
  return CheckMultiplier("matmul", options->multiplier);
}

// Calls each(args) for every unit of [begin, end).
template <class T, class Args, class Each>
void ForEachBlock(const Node& node, const RunArgs& run, int64_t begin, int64_t end, const Each& each) {
  const Work work = WorkOf(node);
  const int64_t blocks = work.row_blocks * work.column_blocks, products = work.products.Count();
  Args args{};
  args.a_row = static_cast<ptrdiff_t>(work.a_row);
  args.a_k = static_cast<ptrdiff_t>(work.a_k);
  args.b_k = static_cast<ptrdiff_t>(work.b_k);
  args.b_column = static_cast<ptrdiff_t>(work.b_column);
  args.y_row = static_cast<ptrdiff_t>(work.y_row);
  args.y_column = static_cast<ptrdiff_t>(work.y_column);
  args.k = PartsOf(node).k;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t block = unit % blocks, product = unit / blocks % products, entry = unit / blocks / products;
    const int64_t row = block / work.column_blocks * work.row_block, column = block % work.column_blocks * work.column_block;
    int64_t offsets[3];
    work.products.OffsetsAt(product, offsets);
    const T* a = EntryAt<T>(run.inputs[0], *node.inputs[0], entry) + work.offset[0] + offsets[0];
    const T* b = EntryAt<T>(run.inputs[1], *node.inputs[1], entry) + work.offset[1] + offsets[1];
    if (work.swapped) std::swap(a, b);
    args.a = a + row * work.a_row;
    args.b = b + column * work.b_column;
    args.y =
        EntryAt<T>(run.output, *node.output, entry) + work.offset[2] + offsets[2] + row * work.y_row + column * work.y_column;
    args.rows = ToSize(std::min(work.row_block, work.rows - row));
    args.columns = ToSize(std::min(work.column_block, work.columns - column));
    each(args, work.swapped);
  }
}

void RunF32(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<MatMulF32Options>(&node.options);
  ForEachBlock<float, MatMulF32Args>(node, run, begin, end, [&](MatMulF32Args& args, bool) {
    args.min = options.min;
    args.max = options.max;
    reinterpret_cast<void (*)(const MatMulF32Args&)>(kernel)(args);
  });
}

void RunU8(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<MatMulU8Options>(&node.options);
  ForEachBlock<uint8_t, MatMulU8Args>(node, run, begin, end, [&](MatMulU8Args& args, bool swapped) {
    args.zero_a = node.inputs[swapped ? 1 : 0]->zero_point;
    args.zero_b = node.inputs[swapped ? 0 : 1]->zero_point;
    args.multiplier = options.multiplier;
    args.out = options.out;
    reinterpret_cast<void (*)(const MatMulU8Args&)>(kernel)(args);
  });
}

}  // namespace

const Op kMatMulU8Op = {OpKind::kMatMul, DataType::kU8, KernelKind::kMatMulU8, "matmul", CheckU8, NoScratch, Macs,
                        Units,           RunU8,         /*by_entry=*/true};
const Op kMatMulF32Op = {OpKind::kMatMul, DataType::kF32, KernelKind::kMatMulF32, "matmul", CheckF32, NoScratch, Macs,
                         Units,           RunF32,         /*by_entry=*/true};

}  // namespace cutis
