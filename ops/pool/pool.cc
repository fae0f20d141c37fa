// The operators max pool and average pool.
//
// A unit of work is one output row of one image and up to kUnitChannels channels of it (so that a global pool, whose output is
// a single pixel, still divides among threads). Within a row, neighbouring outputs whose windows keep the same columns after
// padding is cut off go to the kernel as one run.
#include "ops/pool/pool.h"

#include <algorithm>

#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"
#include "ops/taps.h"

namespace cutis {
namespace {

constexpr int32_t kUnitChannels = 256;
// A node's table of counts and multipliers is searched for every run of pixels: it has as many entries as there are different
// window sizes at the borders, few.
constexpr size_t kMaxCounts = 64;
// 255 * count <= 2^23, so that the sums of a window are exact as floats.
constexpr int64_t kMaxCount = (1 << 23) / 255;

const Shape& ShapeOf(const Node& node) { return node.output->shape; }
size_t NoScratch(const Node&) { return 0; }

int64_t ChannelBlocks(const Node& node) { return (int64_t{ShapeOf(node).channels} + kUnitChannels - 1) / kUnitChannels; }
int64_t Units(const Node& node, int32_t batch) { return ChannelBlocks(node) * ShapeOf(node).height * batch; }

uint64_t MacsOf(const Node& node, const Window& window) {
  return SaturatingMultiply(ToSize(PixelsOf(ShapeOf(node)) * ShapeOf(node).channels),
                            ToSize(int64_t{window.kernel_h} * window.kernel_w));
}

Taps RowTaps(const Window& w, const Shape& in, int32_t y) {
  return TapsInside(y, w.stride_h, w.pad_top, w.dilation_h, w.kernel_h, in.height);
}
Taps ColumnTaps(const Window& w, const Shape& in, int32_t x) {
  return TapsInside(x, w.stride_w, w.pad_left, w.dilation_w, w.kernel_w, in.width);
}

Status CheckPool(const char* op, const Node& node, const Window& window) {
  const TensorInfo& in = *node.inputs[0];
  CUTIS_TRY(CheckWindow(op, window, in.shape, ShapeOf(node)));
  CUTIS_TRY(CheckWindowLimits(op, window));
  if (in.shape.channels != ShapeOf(node).channels) {
    return Status::Error(Code::kBadInput, "%s: %d channels in, %d out", op, in.shape.channels, ShapeOf(node).channels);
  }
  for (int32_t y = 0; y < ShapeOf(node).height; ++y) {
    const Taps taps = RowTaps(window, in.shape, y);
    if (taps.first >= taps.end) return Status::Error(Code::kBadInput, "%s: the window of row %d lies wholly in padding", op, y);
  }
  for (int32_t x = 0; x < ShapeOf(node).width; ++x) {
    const Taps taps = ColumnTaps(window, in.shape, x);
    if (taps.first >= taps.end)
      return Status::Error(Code::kBadInput, "%s: the window of column %d lies wholly in padding", op, x);
  }
  return Status();
}

// Calls `each` with the windows of every run of pixels of units [begin, end).
template <class T, class Args, class Each>
void ForEachRun(const Node& node, const Window& w, const RunArgs& run, int64_t begin, int64_t end, Each each) {
  const TensorInfo& in = *node.inputs[0];
  const TensorInfo& out = *node.output;
  const int64_t blocks = ChannelBlocks(node);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int32_t first_channel = static_cast<int32_t>(unit % blocks) * kUnitChannels;
    const int64_t row = unit / blocks;
    const int64_t image = row / out.shape.height;
    const int32_t y = static_cast<int32_t>(row % out.shape.height);
    const Taps rows = RowTaps(w, in.shape, y);
    const int64_t first_row = int64_t{y} * w.stride_h - w.pad_top + int64_t{rows.first} * w.dilation_h;
    for (int32_t x = 0; x < out.shape.width;) {
      const Taps columns = ColumnTaps(w, in.shape, x);
      int32_t x_end = x + 1;
      while (x_end < out.shape.width && SameTaps(ColumnTaps(w, in.shape, x_end), columns)) ++x_end;
      const int64_t first_column = int64_t{x} * w.stride_w - w.pad_left + int64_t{columns.first} * w.dilation_w;
      Args args{};
      args.x = PixelAt<T>(run.inputs[0], in, image, first_row * in.shape.width + first_column) + first_channel;
      args.pixel_stride = ToSize(int64_t{w.stride_w} * in.channel_stride);
      args.row_stride = ToSize(int64_t{w.dilation_h} * in.shape.width * in.channel_stride);
      args.column_stride = ToSize(int64_t{w.dilation_w} * in.channel_stride);
      args.rows = rows.end - rows.first;
      args.columns = columns.end - columns.first;
      args.y = PixelAt<T>(run.output, out, image, int64_t{y} * out.shape.width + x) + first_channel;
      args.y_stride = ToSize(out.channel_stride);
      args.pixels = ToSize(x_end - x);
      args.channels = std::min(out.shape.channels - first_channel, kUnitChannels);
      each(args);
      x = x_end;
    }
  }
}

// -- maximum --------------------------------------------------------------------------------------

Status CheckMax(const Node& node, DataType type) {
  CUTIS_TRY(CheckTensors("max_pool", node, 1, type, type));
  const auto* options = std::get_if<MaxPoolOptions>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "max_pool: the options are of another operator");
  CUTIS_TRY(CheckSameScale("max_pool", *node.inputs[0], *node.output));
  return CheckPool("max_pool", node, options->window);
}
Status CheckMaxU8(const Node& node) { return CheckMax(node, DataType::kU8); }
Status CheckMaxF32(const Node& node) { return CheckMax(node, DataType::kF32); }
uint64_t NoMacs(const Node&) { return 0; }

template <class T, class Args>
void RunMax(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  ForEachRun<T, Args>(node, std::get_if<MaxPoolOptions>(&node.options)->window, run, begin, end,
                      [kernel](const Args& args) { reinterpret_cast<void (*)(const Args&)>(kernel)(args); });
}

// -- average --------------------------------------------------------------------------------------

// How many elements the average of a window of rows x columns inside taps is taken over.
int32_t CountOf(const Window& w, bool count_include_pad, int32_t rows, int32_t columns) {
  return count_include_pad ? w.kernel_h * w.kernel_w : rows * columns;
}

size_t IndexOfCount(std::span<const int32_t> counts, int32_t count) {
  size_t i = 0;
  while (i < counts.size() && counts[i] != count) ++i;
  return i;
}

Status CheckCounts(const Node& node, const AveragePoolU8Options& options) {
  const Window& w = options.window;
  const Shape& in = node.inputs[0]->shape;
  if (int64_t{w.kernel_h} * w.kernel_w > kMaxCount) {
    return Status::Error(Code::kBadInput, "average_pool: a window of %d x %d has more than %lld elements", w.kernel_h,
                         w.kernel_w, static_cast<long long>(kMaxCount));
  }
  if (options.counts.size() != options.multipliers.size() || options.counts.size() > kMaxCounts) {
    return Status::Error(Code::kBadInput, "average_pool: %zu counts with %zu multipliers (at most %zu)", options.counts.size(),
                         options.multipliers.size(), kMaxCounts);
  }
  for (float multiplier : options.multipliers) CUTIS_TRY(CheckMultiplier("average_pool", multiplier));
  // Rows with the same number of taps follow each other except at the borders, so that the inner loop runs a few times only.
  int32_t last_rows = 0;
  for (int32_t y = 0; y < ShapeOf(node).height; ++y) {
    const Taps row_taps = RowTaps(w, in, y);
    const int32_t rows = row_taps.end - row_taps.first;
    if (rows == last_rows) continue;
    last_rows = rows;
    for (int32_t x = 0; x < ShapeOf(node).width; ++x) {
      const Taps column_taps = ColumnTaps(w, in, x);
      const int32_t count = CountOf(w, options.count_include_pad, rows, column_taps.end - column_taps.first);
      if (IndexOfCount(options.counts, count) == options.counts.size()) {
        return Status::Error(Code::kBadInput, "average_pool: no multiplier for windows of %d elements", count);
      }
    }
  }
  return Status();
}

Status CheckAverageU8(const Node& node) {
  CUTIS_TRY(CheckTensors("average_pool", node, 1, DataType::kU8, DataType::kU8));
  const auto* options = std::get_if<AveragePoolU8Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "average_pool: the options are of another operator");
  CUTIS_TRY(CheckPool("average_pool", node, options->window));
  CUTIS_TRY(CheckOutputU8("average_pool", options->out, *node.output));
  return CheckCounts(node, *options);
}

Status CheckAverageF32(const Node& node) {
  CUTIS_TRY(CheckTensors("average_pool", node, 1, DataType::kF32, DataType::kF32));
  const auto* options = std::get_if<AveragePoolF32Options>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "average_pool: the options are of another operator");
  return CheckPool("average_pool", node, options->window);
}

uint64_t MacsAverageU8(const Node& node) { return MacsOf(node, std::get_if<AveragePoolU8Options>(&node.options)->window); }
uint64_t MacsAverageF32(const Node& node) { return MacsOf(node, std::get_if<AveragePoolF32Options>(&node.options)->window); }

void RunAverageU8(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<AveragePoolU8Options>(&node.options);
  ForEachRun<uint8_t, AveragePoolU8Args>(node, options.window, run, begin, end, [&](AveragePoolU8Args& args) {
    args.zero_point = node.inputs[0]->zero_point;
    const int32_t count = CountOf(options.window, options.count_include_pad, args.rows, args.columns);
    args.multiplier = options.multipliers[IndexOfCount(options.counts, count)];
    args.out = options.out;
    reinterpret_cast<void (*)(const AveragePoolU8Args&)>(kernel)(args);
  });
}

void RunAverageF32(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<AveragePoolF32Options>(&node.options);
  ForEachRun<float, AveragePoolF32Args>(node, options.window, run, begin, end, [&](AveragePoolF32Args& args) {
    args.divisor = static_cast<float>(CountOf(options.window, options.count_include_pad, args.rows, args.columns));
    reinterpret_cast<void (*)(const AveragePoolF32Args&)>(kernel)(args);
  });
}

}  // namespace

const Op kMaxPoolU8Op = {OpKind::kMaxPool, DataType::kU8, KernelKind::kMaxPoolU8,        "max_pool", CheckMaxU8, NoScratch,
                         NoMacs,           Units,         RunMax<uint8_t, MaxPoolU8Args>};
const Op kMaxPoolF32Op = {OpKind::kMaxPool, DataType::kF32, KernelKind::kMaxPoolF32,      "max_pool", CheckMaxF32, NoScratch,
                          NoMacs,           Units,          RunMax<float, MaxPoolF32Args>};
const Op kAveragePoolU8Op = {OpKind::kAveragePool, DataType::kU8,  KernelKind::kAveragePoolU8,
                             "average_pool",       CheckAverageU8, NoScratch,
                             MacsAverageU8,        Units,          RunAverageU8};
const Op kAveragePoolF32Op = {OpKind::kAveragePool, DataType::kF32,  KernelKind::kAveragePoolF32,
                              "average_pool",       CheckAverageF32, NoScratch,
                              MacsAverageF32,       Units,           RunAverageF32};

}  // namespace cutis
