#include "converter/plan/blocks.h"

#include <algorithm>
#include <span>

#include "ops/block/block.h"

namespace cutis::convert {
namespace {

// Output pixels of a strip, at least: kernels prepare weights once for them. Twice as many gain nothing, half as many cost a
// twentieth.
constexpr int32_t kStripPixels = 200;

int32_t RowsOfStrip(const Shape& out) { return std::min(out.height, (kStripPixels + out.width - 1) / out.width); }

// How many nodes read each tensor, and the graph as a reader of its outputs.
std::vector<int> Readers(const FileModel& model) {
  std::vector<int> readers(model.tensors.size(), 0);
  for (const FileNode& node : model.nodes) {
    for (const int input : node.inputs) ++readers[static_cast<size_t>(input)];
  }
  for (const int output : model.outputs) ++readers[static_cast<size_t>(output)];
  return readers;
}

}  // namespace

std::vector<FileBlock> FindBlocks(const FileModel& model) {
  const std::vector<int> readers = Readers(model);
  std::vector<FileBlock> blocks;
  std::vector<const TensorInfo*> inputs[kMostBlockNodes];
  for (size_t first = 0; first < model.nodes.size();) {
    size_t found = 0;
    BlockNodes parts;
    cutis::Node nodes[kMostBlockNodes];
    const cutis::Node* pointers[kMostBlockNodes];
    int32_t rows = 0;
    for (size_t count = 1; count <= kMostBlockNodes && first + count <= model.nodes.size(); ++count) {
      nodes[count - 1] = NodeOf(model, model.nodes[first + count - 1], inputs[count - 1]);
      pointers[count - 1] = &nodes[count - 1];
      if (count >= 2 && readers[static_cast<size_t>(model.nodes[first + count - 2].output)] != 1) break;
      if (count < 2 || !SortBlock(std::span(pointers, count), &parts).ok()) continue;
      const int32_t strip = RowsOfStrip(parts.last().output->shape);
      if (BlockScratchBytes(parts, strip) == UINT64_MAX) break;
      found = count;
      rows = strip;
    }
    if (found != 0) blocks.push_back({first, found, rows});
    first += found != 0 ? found : 1;
  }
  return blocks;
}

}  // namespace cutis::convert
