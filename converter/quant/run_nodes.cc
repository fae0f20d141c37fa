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
  if (!checked.ok()) return Status::Error(Code::kInternal, "node \"%s\": %s", file_node.name.c_str(), checked.text());
  CUTIS_ASSIGN(const CpuFeatures cpu, CpuFromEnvironment());
  const KernelFn kernel = ChooseKernel(KernelKindOf(*op, node), cpu)->fn;

  const auto values_of = [&](int tensor) -> const ImageValues& { return values[static_cast<size_t>(tensor)]; };
  const auto constant_of = [&](int tensor) { return model.tensors[static_cast<size_t>(tensor)].constant.data(); };
  size_t images = 0;
  for (const int input : file_node.inputs) images = std::max(images, values_of(input).size());
  const size_t scratch_bytes = op->scratch_bytes(node);
  const int32_t batch = BatchOf(*op, node, 1);
  ImageValues output(images);
  ParallelFor(images, threads_, [&](size_t image) {
    AlignedBytes scratch(scratch_bytes);
    output[image].resize(EntryBytes(*node.output));
    std::vector<const std::byte*> inputs;
    for (const int input : file_node.inputs) {
      inputs.push_back(constant_of(input) != nullptr ? constant_of(input) : values_of(input)[image].data());
    }
    op->run(node, kernel, {inputs.data(), output[image].data(), batch}, 0, op->units(node, batch), scratch.data());
  });
  values[static_cast<size_t>(file_node.output)] = std::move(output);
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
