#include "ops/block/block.h"

#include <algorithm>
#include <cstring>

#include "ops/add/pixels.h"
#include "ops/conv/expand.h"
#include "ops/conv/geometry.h"
#include "ops/conv/rows.h"
#include "ops/depthwise/depthwise.h"
#include "ops/depthwise/quads.h"
#include "ops/tensor.h"

namespace cutis {
namespace {

constexpr uint64_t kMostScratch = uint64_t{1} << 28;

bool IsU8(const Node& node) { return node.inputs[0]->type == DataType::kU8 && node.output->type == DataType::kU8; }

const DepthwiseU8Options& DepthwiseOf(const BlockNodes& block) {
  return *std::get_if<DepthwiseU8Options>(&block.depthwise->options);
}

// Sizes that follow from the nodes and the rows of a strip. Sums stay small: every factor of a checked node does.
struct Geometry {
  int32_t in_h, in_w, out_h, out_w, channels;  // of the depthwise convolution
  int64_t reach;                               // input rows that one output row spans
  int64_t ring_rows;                           // 0: the depthwise convolution reads the block's input
  bool whole;                                  // a strip is the whole image: one ring serves all groups
  bool quads;                                  // an instruction set may keep the ring as quads
  QuadRows quad_rows;
  uint64_t ring_bytes, strip_bytes, node_bytes, padding_bytes;

  Geometry(const BlockNodes& block, int32_t rows) {
    const TensorInfo &in = *block.depthwise->inputs[0], &out = *block.depthwise->output;
    const Window& window = DepthwiseOf(block).window;
    in_h = in.shape.height;
    in_w = in.shape.width;
    out_h = out.shape.height;
    out_w = out.shape.width;
    channels = in.shape.channels;
    reach = int64_t{window.dilation_h} * (window.kernel_h - 1) + 1;
    ring_rows = block.expand == nullptr ? 0 : std::min<int64_t>(in_h, (int64_t{rows} - 1) * window.stride_h + reach);
    whole = rows >= out_h;
    const uint64_t pixel = RoundUp(static_cast<uint64_t>(channels), 16);
    const uint64_t ring_pixel = whole ? RoundUp(static_cast<uint64_t>(ChannelsOf(0)), 16) : pixel;
    ring_bytes = RoundUp(static_cast<uint64_t>(ring_rows * in_w) * ring_pixel, kAlignment);
    quads = block.expand != nullptr && TakesQuads(window);
    quad_rows = PlanQuadRows(window, in_w, out_w);
    const uint64_t quad_bytes = ring_pixel / 16 * QuadPanelBytes() + kQuadOverhang * kQuadBytes;
    if (quads) ring_bytes = std::max(ring_bytes, quad_bytes);
    strip_bytes = block.project == nullptr ? 0 : RoundUp(static_cast<uint64_t>(int64_t{rows} * out_w) * pixel, kAlignment);
    padding_bytes = RoundUp(static_cast<uint64_t>(channels), kAlignment);  // whole panels
    node_bytes = 0;
    for (const Node* node : {block.expand, block.depthwise, block.project, block.add}) {
      if (node != nullptr) node_bytes = std::max<uint64_t>(node_bytes, FindOp(node->kind, DataType::kU8)->scratch_bytes(*node));
    }
    if (!quads) return;
    node_bytes = std::max(node_bytes, ExpandU8ScratchBytes(*block.expand));
    node_bytes = std::max<uint64_t>(node_bytes, RoundUp(DepthwiseQuadsU8ScratchBytes(window, in_w, out_w), kAlignment));
  }

  int32_t Groups() const { return (channels + kBlockGroup - 1) / kBlockGroup; }
  int32_t ChannelsOf(int32_t group) const { return std::min(kBlockGroup, channels - group * kBlockGroup); }
  size_t RingStride(int32_t group) const { return RoundUp(static_cast<size_t>(ChannelsOf(group)), 16); }
  size_t StripStride() const { return RoundUp(static_cast<size_t>(channels), 16); }
  size_t QuadPanelBytes() const { return quad_rows.PanelBytes(static_cast<size_t>(ring_rows)); }
  uint64_t ScratchBytes() const {
    const uint64_t others = padding_bytes + ring_bytes + strip_bytes;
    return node_bytes > UINT64_MAX - others ? UINT64_MAX : node_bytes + others;
  }
};

// One thread's work on one image.
class ImageRun {
 public:
  // `strip`: in `scratch` for a thread by itself.
  ImageRun(const BlockNodes& block, const BlockArgs& args, int64_t image, std::byte* scratch, uint8_t* strip)
      : block_(block), args_(args), sizes_(block, args.rows), depthwise_(DepthwiseOf(block)), strip_(strip) {
    padding_ = reinterpret_cast<uint8_t*>(scratch);
    node_scratch_ = scratch + sizes_.padding_bytes;
    ring_ = reinterpret_cast<uint8_t*>(node_scratch_ + sizes_.node_bytes);
    const size_t channels = static_cast<size_t>(sizes_.channels);
    std::memset(padding_, block.depthwise->inputs[0]->zero_point, static_cast<size_t>(sizes_.padding_bytes));
    if (!depthwise_.padding.empty()) std::memcpy(padding_, depthwise_.padding.data(), channels);
    const Node& first = block.expand != nullptr ? *block.expand : *block.depthwise;
    input_ = reinterpret_cast<const uint8_t*>(args.input) + static_cast<size_t>(image) * first.inputs[0]->image_bytes;
    output_ = reinterpret_cast<uint8_t*>(args.output) + static_cast<size_t>(image) * block.last().output->image_bytes;
    if (block.add == nullptr) return;
    const TensorInfo& other = *block.add->inputs[static_cast<size_t>(block.residual)];
    residual_ = reinterpret_cast<const uint8_t*>(args.residual) + static_cast<size_t>(image) * other.image_bytes;
  }

  static uint8_t* StripOf(const BlockNodes& block, int32_t rows, std::byte* scratch) {
    const Geometry sizes(block, rows);
    return reinterpret_cast<uint8_t*>(scratch + sizes.padding_bytes + sizes.node_bytes + sizes.ring_bytes);
  }

  // Output rows [begin, end).
  void RunRows(int32_t begin, int32_t end) {
    int64_t ready = 0;  // rows of the ring that have been made
    for (int32_t row = begin; row < end; row += args_.rows) {
      const int32_t stop = static_cast<int32_t>(std::min<int64_t>(end, int64_t{row} + args_.rows));
      for (int32_t group = 0; group < sizes_.Groups(); ++group) RunGroup(group, row, stop, ready);
      ready = std::max(ready, Bottom(stop));
      RunPanels(row, stop, 0, block_.last().output->shape.channels);
    }
  }

  // The depthwise outputs of a group, rows [row, stop), of whose input rows `ready` are in the ring already.
  void RunGroup(int32_t group, int32_t row, int32_t stop, int64_t ready) {
    const int32_t first = group * kBlockGroup;
    const bool project = block_.project != nullptr;
    uint8_t* y = (project ? strip_ : output_ + RowBytes() * static_cast<size_t>(row)) + first;
    const size_t y_stride = project ? sizes_.StripStride() : static_cast<size_t>(block_.depthwise->output->channel_stride);
    const int64_t top = std::max<int64_t>(0, int64_t{row} * depthwise_.window.stride_h - depthwise_.window.pad_top);
    const int64_t from = std::max(top, ready), end = Bottom(stop);
    if (args_.kernels.quads) {
      uint8_t* ring = ring_ + (sizes_.whole ? 0 : static_cast<size_t>(first / 16) * sizes_.QuadPanelBytes());
      ExpandQuads(group, from, end, ring + sizes_.quad_rows.Begin());
      RunDepthwiseQuads(group, row, stop, ring + sizes_.quad_rows.Begin(), y, y_stride);
      return;
    }
    DepthwiseU8Args args = DepthwiseArgs(group);
    args.x = input_ + first;
    if (block_.expand != nullptr) {
      uint8_t* ring = ring_;
      if (!sizes_.whole) ring += static_cast<size_t>(sizes_.ring_rows * sizes_.in_w) * static_cast<size_t>(first);
      Expand(group, from, end, ring);
      args.x = ring;
    }
    args.y = y;
    args.y_stride = y_stride;
    args.row_begin = row;
    args.row_end = stop;
    reinterpret_cast<void (*)(const DepthwiseU8Args&)>(args_.kernels.depthwise->fn)(args);
  }

  // Channels [first, end) of the output rows [row, stop), from the depthwise outputs of those rows; `first` is a multiple
  // of 16.
  void RunPanels(int32_t row, int32_t stop, int32_t first, int32_t end) {
    const size_t pixels = static_cast<size_t>(stop - row) * static_cast<size_t>(sizes_.out_w);
    uint8_t* to = output_ + RowBytes() * static_cast<size_t>(row);
    if (block_.project != nullptr) {
      RunConvU8Pixels(*block_.project, args_.kernels.project->fn, strip_, sizes_.StripStride(), pixels, first, end - first,
                      to + first, static_cast<size_t>(block_.project->output->channel_stride), node_scratch_);
    }
    if (block_.add == nullptr) return;
    const TensorInfo& other = *block_.add->inputs[static_cast<size_t>(block_.residual)];
    const uint8_t* residual =
        residual_ + static_cast<size_t>(row) * static_cast<size_t>(sizes_.out_w) * static_cast<size_t>(other.channel_stride);
    const bool left = block_.residual == 0;
    RunAddU8Pixels(*block_.add, args_.kernels.add->fn, left ? residual : to, left ? to : residual, to, pixels, first,
                   end - first);
  }

 private:
  // Of the block's output.
  size_t RowBytes() const {
    return static_cast<size_t>(sizes_.out_w) * static_cast<size_t>(block_.last().output->channel_stride);
  }

  // The end of the input rows that output rows before `stop` read.
  int64_t Bottom(int32_t stop) const {
    const Window& window = depthwise_.window;
    return std::min<int64_t>(sizes_.in_h, (int64_t{stop} - 1) * window.stride_h - window.pad_top + sizes_.reach);
  }

  // Rows [from, end) of a group's expanded channels to their places in the ring.
  void Expand(int32_t group, int64_t from, int64_t end, uint8_t* ring) {
    const size_t stride = sizes_.RingStride(group), row_bytes = static_cast<size_t>(sizes_.in_w) * stride;
    while (from < end) {
      const int64_t place = from % sizes_.ring_rows, stop = std::min(end, from + sizes_.ring_rows - place);
      RunConvU8Rows(*block_.expand, args_.kernels.expand->fn, input_, static_cast<int32_t>(from), static_cast<int32_t>(stop),
                    group * kBlockGroup, sizes_.ChannelsOf(group), ring + static_cast<size_t>(place) * row_bytes, stride,
                    node_scratch_);
      from = stop;
    }
  }

  // The same with a ring of quads, of which `ring` is the first of row 0.
  void ExpandQuads(int32_t group, int64_t from, int64_t end, uint8_t* ring) {
    const int32_t first = group * kBlockGroup;
    QuadTarget to = {ring, sizes_.QuadPanelBytes(), sizes_.quad_rows, padding_ + first};
    while (from < end) {
      const int64_t place = from % sizes_.ring_rows, stop = std::min(end, from + sizes_.ring_rows - place);
      to.y = ring + static_cast<size_t>(place) * sizes_.quad_rows.RowBytes();
      RunExpandU8Rows(*block_.expand, args_.kernels.expand->fn, input_, static_cast<int32_t>(from), static_cast<int32_t>(stop),
                      first / 16, (sizes_.ChannelsOf(group) + 15) / 16, to, node_scratch_);
      from = stop;
    }
  }

  void RunDepthwiseQuads(int32_t group, int32_t row, int32_t stop, const uint8_t* ring, uint8_t* y, size_t y_stride) {
    const size_t first = static_cast<size_t>(group) * kBlockGroup;
    DepthwiseQuadsU8Args args = {};
    args.x = ring;
    args.x_row_stride = sizes_.quad_rows.RowBytes();
    args.x_panel_stride = sizes_.QuadPanelBytes();
    args.in_h = sizes_.in_h;
    args.in_w = sizes_.in_w;
    args.x_rows = static_cast<int32_t>(sizes_.ring_rows);
    args.padding = padding_ + first;
    args.w = depthwise_.weights.data() + first / 16 * DepthwiseU8PanelBytes(depthwise_.window);
    args.bias = depthwise_.bias.data() + first;
    args.multiplier = depthwise_.multiplier.data() + first;
    args.y = y;
    args.y_stride = y_stride;
    args.out_w = sizes_.out_w;
    args.row_begin = row;
    args.row_end = stop;
    args.channels = sizes_.ChannelsOf(group);
    args.window = depthwise_.window;
    args.out = depthwise_.out;
    args.scratch = node_scratch_;
    reinterpret_cast<void (*)(const DepthwiseQuadsU8Args&)>(args_.kernels.depthwise->fn)(args);
  }

  DepthwiseU8Args DepthwiseArgs(int32_t group) const {
    const size_t first = static_cast<size_t>(group) * kBlockGroup;
    DepthwiseU8Args args = {};
    args.x_stride =
        block_.expand != nullptr ? sizes_.RingStride(group) : static_cast<size_t>(block_.depthwise->inputs[0]->channel_stride);
    args.in_h = sizes_.in_h;
    args.in_w = sizes_.in_w;
    args.x_rows = block_.expand != nullptr ? static_cast<int32_t>(sizes_.ring_rows) : sizes_.in_h;
    args.padding = padding_ + first;
    args.w = depthwise_.weights.data() + first / 16 * DepthwiseU8PanelBytes(depthwise_.window);
    args.bias = depthwise_.bias.data() + first;
    args.multiplier = depthwise_.multiplier.data() + first;
    args.out_h = sizes_.out_h;
    args.out_w = sizes_.out_w;
    args.channels = sizes_.ChannelsOf(group);
    args.window = depthwise_.window;
    args.out = depthwise_.out;
    args.scratch = node_scratch_;
    return args;
  }

  const BlockNodes& block_;
  const BlockArgs& args_;
  const Geometry sizes_;
  const DepthwiseU8Options& depthwise_;
  uint8_t* padding_;
  std::byte* node_scratch_;
  uint8_t *ring_, *strip_, *output_;
  const uint8_t *input_, *residual_ = nullptr;
};

}  // namespace

Status SortBlock(std::span<const Node* const> nodes, BlockNodes* block) {
  *block = BlockNodes();
  const auto refuse = [](const char* why) { return Status::Error(Code::kBadInput, "block: %s", why); };
  if (nodes.size() < 2 || nodes.size() > kMostBlockNodes) return refuse("it has not 2 to 4 nodes");
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = *nodes[i];
    if (!IsU8(node)) return refuse("a node is not one of uint8 tensors");
    const TensorInfo* before = i == 0 ? nullptr : nodes[i - 1]->output;
    if (node.kind == OpKind::kConv && i == 0) {
      if (std::get_if<ConvU8Options>(&node.options)->groups != 1) return refuse("its first convolution has groups");
      block->expand = &node;
      continue;
    }
    if (node.kind == OpKind::kDepthwise && block->depthwise == nullptr && i <= 1) {
      if (before != nullptr && node.inputs[0] != before) return refuse("a node does not read the one before it");
      block->depthwise = &node;
      continue;
    }
    if (block->depthwise == nullptr) return refuse("it has no depthwise convolution where one belongs");
    if (node.kind == OpKind::kConv && block->project == nullptr && block->add == nullptr) {
      if (node.inputs[0] != before) return refuse("a node does not read the one before it");
      if (!IsPixelwise(node)) return refuse("its last convolution is not 1x1");
      block->project = &node;
      continue;
    }
    if (node.kind == OpKind::kAdd && block->add == nullptr) {
      if ((node.inputs[0] == before) == (node.inputs[1] == before)) return refuse("its sum is not one with the node before it");
      block->residual = node.inputs[0] == before ? 1 : 0;
      block->add = &node;
      continue;
    }
    return refuse("its nodes are not a convolution, a depthwise one, a 1x1 one and a sum");
  }
  return block->depthwise != nullptr ? Status() : refuse("it has no depthwise convolution");
}

BlockKernels ChooseBlockKernels(const BlockNodes& block, CpuFeatures have) {
  const auto choose = [&](const Node* node) {
    if (node == nullptr) return static_cast<const Kernel*>(nullptr);
    return ChooseKernel(KernelKindOf(*FindOp(node->kind, DataType::kU8), *node), have);
  };
  BlockKernels kernels = {choose(block.expand), choose(block.depthwise), choose(block.project), choose(block.add)};
  if (block.expand == nullptr || !TakesQuads(DepthwiseOf(block).window)) return kernels;
  const bool sparse = kernels.expand->kind == KernelKind::kConvSparseU8;
  const Kernel* expand = ChooseKernel(sparse ? KernelKind::kExpandSparseU8 : KernelKind::kExpandU8, have);
  const Kernel* depthwise = ChooseKernel(KernelKind::kDepthwiseQuadsU8, have);
  if (depthwise->isa < kernels.depthwise->isa || expand->isa < kernels.depthwise->isa) return kernels;
  kernels.expand = expand;
  kernels.depthwise = depthwise;
  kernels.quads = true;
  return kernels;
}

uint64_t BlockScratchBytes(const BlockNodes& block, int32_t rows) {
  const uint64_t bytes = Geometry(block, rows).ScratchBytes();
  return bytes > kMostScratch ? UINT64_MAX : bytes;
}

int64_t BlockUnits(const BlockNodes& block, int32_t batch) { return int64_t{block.last().output->shape.height} * batch; }

void RunBlock(const BlockNodes& block, const BlockArgs& args, int64_t begin, int64_t end, std::byte* scratch) {
  const int64_t height = block.last().output->shape.height;
  while (begin < end) {
    const int64_t image = begin / height, stop = std::min(end, (image + 1) * height);
    ImageRun(block, args, image, scratch, ImageRun::StripOf(block, args.rows, scratch))
        .RunRows(static_cast<int32_t>(begin - image * height), static_cast<int32_t>(stop - image * height));
    begin = stop;
  }
}

bool CanShareChannels(const BlockNodes& block, int32_t rows) {
  return block.project != nullptr && rows >= block.last().output->shape.height;
}

int64_t BlockGroups(const BlockNodes& block) {
  return (block.depthwise->output->shape.channels + kBlockGroup - 1) / kBlockGroup;
}

int64_t BlockPanels(const BlockNodes& block) { return (block.last().output->shape.channels + 15) / 16; }

void RunBlockGroups(const BlockNodes& block, const BlockArgs& args, int64_t image, int64_t begin, int64_t end,
                    std::byte* scratch, std::byte* shared) {
  ImageRun run(block, args, image, scratch, ImageRun::StripOf(block, args.rows, shared));
  for (int64_t group = begin; group < end; ++group)
    run.RunGroup(static_cast<int32_t>(group), 0, block.last().output->shape.height, 0);
}

void RunBlockPanels(const BlockNodes& block, const BlockArgs& args, int64_t image, int64_t begin, int64_t end,
                    std::byte* scratch, std::byte* shared) {
  ImageRun run(block, args, image, scratch, ImageRun::StripOf(block, args.rows, shared));
  const Shape& shape = block.last().output->shape;
  run.RunPanels(0, shape.height, static_cast<int32_t>(begin * 16),
                static_cast<int32_t>(std::min<int64_t>(end * 16, shape.channels)));
}

}  // namespace cutis
