// How a convolution's outputs become quads: any window is a list of offsets from the first byte of a patch, over the image
// itself where no patch leaves it, else over rows copied with their padding.
#include "ops/conv/expand.h"

#include <algorithm>
#include <cstring>

#include "ops/conv/conv.h"
#include "ops/conv/geometry.h"
#include "ops/conv/layer.h"

namespace cutis {
namespace {

// Padded rows that are copied at a time, near the first-level cache, if one output row does not need more.
constexpr int64_t kPaddedBytes = 16 * 1024;
// So that a block needs no more scratch for its quads than the convolution would need by itself, but for huge patches.
static_assert(kExpandU8KernelBytes < ConvU8ScratchBytes(1));

struct Patches {
  const ConvU8Layer layer;
  const Window& window;
  bool padded;             // rows are copied
  int64_t stride;          // bytes of a pixel
  int64_t columns, reach;  // of the rows that outputs need; rows that one output needs
  int64_t row_bytes;       // of the rows that patches lie in
  size_t k_groups;

  explicit Patches(const Node& node) : layer(node), window(layer.options->window) {
    const Shape& out = layer.out->shape;
    padded = window.pad_top != 0 || window.pad_left != 0 || window.pad_bottom != 0 || window.pad_right != 0;
    stride = layer.in->channel_stride;
    columns = (int64_t{out.width} - 1) * window.stride_w + int64_t{window.dilation_w} * (window.kernel_w - 1) + 1;
    reach = int64_t{window.dilation_h} * (window.kernel_h - 1) + 1;
    row_bytes = (padded ? columns : int64_t{layer.in->shape.width}) * stride;
    k_groups = layer.row_bytes / 4;
  }

  int64_t RowsAtATime() const {
    const int64_t rows = kPaddedBytes / row_bytes;
    return rows > reach ? (rows - reach) / window.stride_h + 1 : 1;
  }
  size_t OffsetBytes() const { return RoundUp(k_groups * sizeof(uint32_t), kAlignment); }
  uint64_t PaddedBytes() const {
    if (!padded) return 0;
    const uint64_t rows = static_cast<uint64_t>((RowsAtATime() - 1) * window.stride_h + reach);
    return SaturatingMultiply(rows, static_cast<uint64_t>(row_bytes));
  }

  void WriteOffsets(uint32_t* to) const {
    for (int64_t ky = 0; ky < window.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < window.kernel_w; ++kx) {
        const int64_t tap = ky * window.dilation_h * row_bytes + kx * window.dilation_w * stride;
        for (size_t k = 0; k < layer.padded_in; k += 4) *to++ = static_cast<uint32_t>(tap) + static_cast<uint32_t>(k);
      }
    }
  }

  // `count` pixels of padding. The bytes behind the channels meet weights of zero.
  void FillPixels(uint8_t* to, int64_t count) const {
    const std::span<const uint8_t> padding = layer.options->padding;
    if (padding.empty()) {
      std::memset(to, layer.in->zero_point, static_cast<size_t>(count * stride));
      return;
    }
    for (int64_t i = 0; i < count; ++i, to += stride) {
      std::memcpy(to, padding.data(), padding.size());
      std::memset(to + padding.size(), 0, static_cast<size_t>(stride) - padding.size());
    }
  }

  // The rows that output rows [begin, end) need, with what lies around the image.
  void CopyRows(const uint8_t* image, int64_t begin, int64_t end, uint8_t* to) const {
    const int64_t in_h = layer.in->shape.height, in_w = layer.in->shape.width;
    const int64_t left = std::min<int64_t>(window.pad_left, columns), inside = std::min(in_w, columns - left);
    const int64_t first = begin * window.stride_h - window.pad_top, last = (end - 1) * window.stride_h - window.pad_top + reach;
    for (int64_t y = first; y < last; ++y, to += row_bytes) {
      if (y < 0 || y >= in_h) {
        FillPixels(to, columns);
        continue;
      }
      FillPixels(to, left);
      std::memcpy(to + left * stride, image + y * in_w * stride, static_cast<size_t>(inside * stride));
      FillPixels(to + (left + inside) * stride, columns - left - inside);
    }
  }
};

}  // namespace

uint64_t ExpandU8ScratchBytes(const Node& node) {
  const Patches patches(node);
  const uint64_t padded = patches.PaddedBytes();
  const uint64_t patch = SaturatingMultiply(static_cast<uint64_t>(patches.reach), static_cast<uint64_t>(patches.row_bytes));
  if (padded > UINT32_MAX || patch > UINT32_MAX) return UINT64_MAX;
  return patches.OffsetBytes() + RoundUp(static_cast<size_t>(padded), kAlignment) + kExpandU8KernelBytes;
}

void RunExpandU8Rows(const Node& node, KernelFn kernel, const uint8_t* image, int32_t row_begin, int32_t row_end,
                     int32_t first_panel, int32_t panels, const QuadTarget& to, std::byte* scratch) {
  const Patches patches(node);
  const ConvU8Options& options = *patches.layer.options;
  uint32_t* offsets = reinterpret_cast<uint32_t*>(scratch + kExpandU8KernelBytes);
  uint8_t* padded = reinterpret_cast<uint8_t*>(scratch + kExpandU8KernelBytes + patches.OffsetBytes());
  patches.WriteOffsets(offsets);
  ExpandU8Args args = {};
  args.x_stride = static_cast<size_t>(patches.window.stride_w * patches.stride);
  args.x_row_stride = static_cast<size_t>(patches.window.stride_h * patches.row_bytes);
  args.offsets = offsets;
  args.width = patches.layer.out->shape.width;
  args.k_groups = static_cast<int32_t>(patches.k_groups);
  const size_t panel = static_cast<size_t>(first_panel);
  if (options.panel_starts.empty()) {
    args.w = options.weights.data() + panel * patches.k_groups * 64;
  } else {
    args.w = options.weights.data();
    args.panel_starts = options.panel_starts.data() + panel;
    args.live = options.live.data();
  }
  args.bias = options.bias.data() + panel * 16;
  args.multiplier = options.multiplier.data() + panel * 16;
  args.padding = to.padding;
  args.y_row_stride = to.rows.RowBytes();
  args.y_panel_stride = to.panel_stride;
  args.border = to.rows.border;
  args.panels = panels;
  args.out = options.out;
  args.scratch = scratch;
  const int32_t step = patches.padded ? static_cast<int32_t>(std::min<int64_t>(patches.RowsAtATime(), row_end - row_begin))
                                      : row_end - row_begin;
  for (int32_t row = row_begin; row < row_end; row += args.rows) {
    args.rows = std::min(step, row_end - row);
    args.y = to.y + static_cast<size_t>(row - row_begin) * args.y_row_stride;
    args.x = patches.padded ? padded : image + int64_t{row} * patches.window.stride_h * patches.row_bytes;
    if (patches.padded) patches.CopyRows(image, row, row + args.rows, padded);
    reinterpret_cast<void (*)(const ExpandU8Args&)>(kernel)(args);
  }
}

}  // namespace cutis
