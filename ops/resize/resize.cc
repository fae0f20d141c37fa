// The operator resize_linear: linear interpolation between rows and between columns. A unit of work is a few output rows of an
// image.
#include "ops/resize/resize.h"

#include <algorithm>

#include "ops/check.h"
#include "ops/ops.h"
#include "ops/rows.h"

namespace cutis {
namespace {

const Shape& ShapeOf(const Node& node) { return node.output->shape; }
size_t NoScratch(const Node&) { return 0; }

int64_t RowsOfUnit(const Node& node) {
  return std::max<int64_t>(kBlockElements / (int64_t{ShapeOf(node).width} * ShapeOf(node).channels), 1);
}
int64_t BlocksOfImage(const Node& node) { return (ShapeOf(node).height + RowsOfUnit(node) - 1) / RowsOfUnit(node); }
int64_t Units(const Node& node, int32_t batch) { return BlocksOfImage(node) * batch; }

// Three interpolations an element.
uint64_t Macs(const Node& node) { return SaturatingMultiply(ToSize(PixelsOf(ShapeOf(node)) * ShapeOf(node).channels), 3); }

Status CheckAxis(const char* axis, int32_t in, int32_t out, std::span<const int32_t> low, std::span<const int32_t> high,
                 std::span<const float> weight) {
  const size_t size = ToSize(out);
  if (low.size() != size || high.size() != size || weight.size() != size) {
    return Status::Error(Code::kBadInput, "resize_linear: %zu, %zu and %zu entries for a %s of %d", low.size(), high.size(),
                         weight.size(), axis, out);
  }
  for (size_t i = 0; i < size; ++i) {
    if (low[i] < 0 || low[i] >= in || high[i] < 0 || high[i] >= in) {
      return Status::Error(Code::kBadInput, "resize_linear: entry %zu of the %s lies between %d and %d of %d", i, axis, low[i],
                           high[i], in);
    }
    if (!(weight[i] >= 0 && weight[i] <= 1)) {  // refuses NaN too
      return Status::Error(Code::kBadInput, "resize_linear: entry %zu of the %s has the weight %g", i, axis,
                           static_cast<double>(weight[i]));
    }
  }
  return Status();
}

template <DataType kType>
Status Check(const Node& node) {
  CUTIS_TRY(CheckTensors("resize_linear", node, 1, kType, kType));
  const auto* options = std::get_if<ResizeLinearOptions>(&node.options);
  if (options == nullptr) return Status::Error(Code::kBadInput, "resize_linear: the options are of another operator");
  const Shape& in = node.inputs[0]->shape;
  const Shape& out = ShapeOf(node);
  if (in.channels != out.channels) {
    return Status::Error(Code::kBadInput, "resize_linear: %d channels in, %d out", in.channels, out.channels);
  }
  CUTIS_TRY(CheckSameScale("resize_linear", *node.inputs[0], *node.output));
  CUTIS_TRY(CheckAxis("height", in.height, out.height, options->low_y, options->high_y, options->weight_y));
  return CheckAxis("width", in.width, out.width, options->low_x, options->high_x, options->weight_x);
}

template <class T, class Args>
void Run(const Node& node, KernelFn kernel, const RunArgs& run, int64_t begin, int64_t end, std::byte*) {
  const auto& options = *std::get_if<ResizeLinearOptions>(&node.options);
  const TensorInfo& in = *node.inputs[0];
  const TensorInfo& out = *node.output;
  const int64_t rows = RowsOfUnit(node), blocks = BlocksOfImage(node);
  Args args{};
  args.x_stride = ToSize(in.channel_stride);
  args.low = options.low_x.data();
  args.high = options.high_x.data();
  args.weight = options.weight_x.data();
  args.y_stride = ToSize(out.channel_stride);
  args.pixels = ToSize(out.shape.width);
  args.channels = out.shape.channels;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t image = unit / blocks, first = unit % blocks * rows;
    for (int64_t row = first; row < std::min<int64_t>(first + rows, out.shape.height); ++row) {
      const size_t r = ToSize(row);
      args.top = PixelAt<T>(run.inputs[0], in, image, int64_t{options.low_y[r]} * in.shape.width);
      args.bottom = PixelAt<T>(run.inputs[0], in, image, int64_t{options.high_y[r]} * in.shape.width);
      args.weight_y = options.weight_y[r];
      args.y = PixelAt<T>(run.output, out, image, row * out.shape.width);
      reinterpret_cast<void (*)(const Args&)>(kernel)(args);
    }
  }
}

}  // namespace

const Op kResizeLinearU8Op = {OpKind::kResizeLinear,
                              DataType::kU8,
                              KernelKind::kResizeLinearU8,
                              "resize_linear",
                              Check<DataType::kU8>,
                              NoScratch,
                              Macs,
                              Units,
                              Run<uint8_t, ResizeLinearU8Args>};
const Op kResizeLinearF32Op = {OpKind::kResizeLinear,
                               DataType::kF32,
                               KernelKind::kResizeLinearF32,
                               "resize_linear",
                               Check<DataType::kF32>,
                               NoScratch,
                               Macs,
                               Units,
                               Run<float, ResizeLinearF32Args>};

}  // namespace cutis
