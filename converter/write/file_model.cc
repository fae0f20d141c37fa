#include "converter/write/file_model.h"

#include <utility>

namespace cutis::convert {

cutis::Node NodeOf(const FileModel& model, const FileNode& from, std::vector<const TensorInfo*>& inputs) {
  inputs.clear();
  for (const int input : from.inputs) inputs.push_back(&model.tensors[static_cast<size_t>(input)].info);
  cutis::Node node;
  node.kind = from.kind;
  node.inputs = inputs;
  node.output = &model.tensors[static_cast<size_t>(from.output)].info;
  node.options = from.options;
  return node;
}

void RemoveUnusedTensors(FileModel& model) {
  std::vector<int> index(model.tensors.size(), -1);
  const auto use = [&](int tensor) { index[static_cast<size_t>(tensor)] = 0; };
  for (const FileNode& node : model.nodes) {
    for (const int input : node.inputs) use(input);
    use(node.output);
  }
  for (const int input : model.inputs) use(input);
  for (const int output : model.outputs) use(output);
  std::vector<FileTensor> kept;
  for (size_t i = 0; i < index.size(); ++i) {
    if (index[i] < 0) continue;
    index[i] = static_cast<int>(kept.size());
    kept.push_back(std::move(model.tensors[i]));
  }
  model.tensors = std::move(kept);
  const auto renumber = [&](int& tensor) { tensor = index[static_cast<size_t>(tensor)]; };
  for (FileNode& node : model.nodes) {
    for (int& input : node.inputs) renumber(input);
    renumber(node.output);
  }
  for (int& input : model.inputs) renumber(input);
  for (int& output : model.outputs) renumber(output);
}

}  // namespace cutis::convert
