#include "converter/plan/in_place.h"

#include <algorithm>

namespace cutis::convert {

std::vector<InPlace> MarkInPlace(const FileModel& model, std::span<const int> kept) {
  std::vector<size_t> last_reader(model.tensors.size(), 0);
  for (size_t step = 0; step < model.nodes.size(); ++step) {
    for (const int input : model.nodes[step].inputs) last_reader[static_cast<size_t>(input)] = step;
  }
  for (const int tensor : kept) last_reader[static_cast<size_t>(tensor)] = model.nodes.size();

  std::vector<bool> in_block(model.nodes.size(), false);
  for (const FileBlock& block : model.blocks)
    std::fill_n(in_block.begin() + static_cast<ptrdiff_t>(block.first), block.count, true);

  std::vector<InPlace> marked;
  for (size_t step = 0; step < model.nodes.size(); ++step) {
    if (in_block[step]) continue;
    const FileNode& from = model.nodes[step];
    std::vector<const TensorInfo*> inputs;
    const cutis::Node node = NodeOf(model, from, inputs);
    const Op* op = inputs.empty() ? nullptr : FindOp(node.kind, inputs[0]->type);
    if (op == nullptr || op->in_place == nullptr) continue;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto input = static_cast<size_t>(from.inputs[i]);
      const bool again = std::find(inputs.begin(), inputs.begin() + static_cast<ptrdiff_t>(i), inputs[i]) !=
                         inputs.begin() + static_cast<ptrdiff_t>(i);
      if (again || last_reader[input] != step || !MayTakePlace(*op, node, inputs[i])) continue;
      marked.push_back({input, static_cast<size_t>(from.output)});
    }
  }
  SortInPlace(marked);
  return marked;
}

}  // namespace cutis::convert
