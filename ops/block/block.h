// Blocks: an inverted residual (expand, depthwise, project, add) or a part of one, computed some output rows at a time, so that
// what lies between its layers never exists whole. Its nodes stay nodes: each is checked by its own operator, runs its own
// kernel on rows, and the bits are those that the nodes give one by one.
//
//   [conv] depthwise [1x1 conv] [add]      at least two of them
//
// For a strip of output rows the first convolution makes the rows that the depthwise one still lacks, in a ring; the depthwise
// one makes its rows of them, the second convolution the block's output, to which the other operand is added in place. All of
// that lies in the thread's scratch. Channels go through the first two steps in groups of kBlockGroup, each with a ring [row of
// the ring][column][channel], or of quads (ops/quads.h) where the instruction set multiplies those; where a strip is the whole
// image, one after the other in the same ring.
#ifndef CUTIS_OPS_BLOCK_BLOCK_H_
#define CUTIS_OPS_BLOCK_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/op.h"
#include "ops/status.h"

namespace cutis {

inline constexpr int32_t kBlockGroup = 64;  // channels: a cache line
inline constexpr size_t kMostBlockNodes = 4;

// The nodes of a block by their part; null where it has none. Pointers into the caller's nodes.
struct BlockNodes {
  const Node* expand = nullptr;
  const Node* depthwise = nullptr;
  const Node* project = nullptr;
  const Node* add = nullptr;
  int residual = 0;  // which input of `add` is the other operand

  const Node& last() const { return add != nullptr ? *add : project != nullptr ? *project : *depthwise; }
};

// Sorts 2 to 4 consecutive checked nodes into their parts. An error says what keeps them from being a block. That nothing else
// reads the tensors between them is for the caller to know.
Status SortBlock(std::span<const Node* const> nodes, BlockNodes* block);

// The kernels of a block; null where it has no such part.
struct BlockKernels {
  const Kernel* expand = nullptr;
  const Kernel* depthwise = nullptr;
  const Kernel* project = nullptr;
  const Kernel* add = nullptr;
  bool quads = false;  // the first two are kernels of quads
};

// The best ones within `have`. Those of quads are taken where they are of no lesser instruction set than the others.
BlockKernels ChooseBlockKernels(const BlockNodes& block, CpuFeatures have);

// Scratch bytes of one thread for strips of `rows` output rows, rows in [1, output height], on any instruction set;
// UINT64_MAX when beyond any sense.
uint64_t BlockScratchBytes(const BlockNodes& block, int32_t rows);

// Independent units of work: output rows of all images.
int64_t BlockUnits(const BlockNodes& block, int32_t batch);

// What a run needs beside the nodes: their kernels and where the data lie.
struct BlockArgs {
  BlockKernels kernels;
  const std::byte* input;     // image 0 of the first node's input
  const std::byte* residual;  // image 0 of the other operand, or null
  std::byte* output;          // image 0; overlaps neither
  int32_t rows;               // of a strip
};

// Computes units [begin, end). `scratch` has BlockScratchBytes bytes, aligned to kAlignment. No allocation, no failure.
void RunBlock(const BlockNodes& block, const BlockArgs& args, int64_t begin, int64_t end, std::byte* scratch);

// Threads that share an image by rows compute some rows of the ring twice, which costs much where there are few. A block with a
// projection whose strip is the whole image can be shared by channels instead, in two parts, between which all threads meet:
// first the groups of the expanded channels, into one strip for all, then the panels of 16 output channels. The bits are the
// same.
bool CanShareChannels(const BlockNodes& block, int32_t rows);
int64_t BlockGroups(const BlockNodes& block);
int64_t BlockPanels(const BlockNodes& block);
// Groups, then panels [begin, end) of image `image`. `scratch` is the thread's own, `shared` the same one for all: that of any
// of them.
void RunBlockGroups(const BlockNodes& block, const BlockArgs& args, int64_t image, int64_t begin, int64_t end,
                    std::byte* scratch, std::byte* shared);
void RunBlockPanels(const BlockNodes& block, const BlockArgs& args, int64_t image, int64_t begin, int64_t end,
                    std::byte* scratch, std::byte* shared);

}  // namespace cutis

#endif  // CUTIS_OPS_BLOCK_BLOCK_H_
