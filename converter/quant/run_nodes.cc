#include "converter/quant/run_nodes.h"

#include <algorithm>

#include "converter/quant/parallel.h"
#include "ops/op.h"

namespace cutis::convert {

Status NodeRunner::Run(const FileModel& model, size_t index, std::vector<ImageValues>& values) const {
  const FileNode& file_node = model.nodes[index];
  std::vector<const TensorInfo*> infos;
  for (const int input : file_node.inputs) infos.push_back(&model.tensors[static_cast<size_t>(input)].info);
  Node node;
  node.kind = file_node.kind;
  node.inputs = infos;
  node.output = &model.tensors[static_cast<size_t>(file_node.output)].info;
  node.options = file_node.options;
  const Op* op = FindOp(node.kind, infos[0]->type);
  if (op == nullptr) return Status::Error(Code::kInternal, "node \"%s\": no operator computes it", file_node.name.c_str());
  const Status checked = op->check(node);
  if (!checked.ok())
    return Status::Error(Code::kInternal, "node \"%s\": %s", file_node.name.c_str(), checked.text());
  CUTIS_ASSIGN(const CpuFeatures cpu, CpuFromEnvironment());
  const KernelFn kernel = ChooseKernel(KernelKindOf(*op, node), cpu)->fn;

  const size_t images = values[static_cast<size_t>(file_node.inputs[0])].size(), scratch_bytes = op->scratch_bytes(node);
  ImageValues& output = values[static_cast<size_t>(file_node.output)];
  output.resize(images);
  ParallelFor(images, threads_, [&](size_t image) {
    AlignedBytes scratch(scratch_bytes);
    output[image].resize(node.output->image_bytes);
    std::vector<const std::byte*> inputs;
    for (const int input : file_node.inputs) inputs.push_back(values[static_cast<size_t>(input)][image].data());
    op->run(node, kernel, {inputs.data(), output[image].data(), 1}, 0, op->units(node, 1), scratch.data());
  });
  return {};
}

void DropUnused(const FileModel& model, size_t index, std::vector<ImageValues>& values) {
  std::vector<bool> wanted(values.size());
  for (const int output : model.outputs) wanted[static_cast<size_t>(output)] = true;
  // The tensors of nodes that have not run yet are empty anyway.
  for (size_t i = index + 1; i < model.nodes.size(); ++i) {
    for (const int input : model.nodes[i].inputs) wanted[static_cast<size_t>(input)] = true;
  }
  for (size_t tensor = 0; tensor < values.size(); ++tensor) {
    if (!wanted[tensor]) values[tensor] = {};
  }
}

}  // namespace cutis::convert
