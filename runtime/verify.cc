#include "runtime/verify.h"

#include <cmath>
#include <cstring>

#include "format_generated.h"

namespace cutis {
namespace {

// The deepest file: Model, Graph, Node, Options.
constexpr flatbuffers::uoffset_t kMaxDepth = 8;
// A table for each tensor, two for each node, and the few others.
constexpr flatbuffers::uoffset_t kMaxTables = kMaxTensors + 2 * kMaxNodes + 256;

Status LoadTensor(const format::Tensor& from, size_t index, Segment& segment, Memory& memory, ModelTensor* tensor) {
  CUTIS_TRY(CopyText(from.name(), kMaxName, "a tensor's name", memory, &tensor->name));
  if (tensor->name[0] == '\0') return Status::Error(Code::kBadInput, "tensor %zu has no name", index);
  auto error = [&](const char* what) {
    return Status::Error(Code::kBadInput, "tensor %zu \"%s\": %s", index, tensor->name, what);
  };
  if (from.type() != format::DataType::U8 && from.type() != format::DataType::F32) return error("unknown data type");
  const flatbuffers::Vector<uint32_t>& dims = *from.dims();
  if (dims.size() != 3) return error("it must have 3 dimensions: height, width, channels");
  const uint32_t most_channels = dims.Get(0) == 1 && dims.Get(1) == 1 ? kMaxVector : kMaxDim;
  uint64_t elements = 1;
  for (uint32_t i = 0; i < 3; ++i) {
    if (dims.Get(i) < 1 || dims.Get(i) > (i == 2 ? most_channels : kMaxDim)) {
      return error("a dimension is not in 1 .. 16384 (of a vector: 2^24)");
    }
    elements *= i == 2 ? RoundUp(dims.Get(i), 4) : dims.Get(i);  // at most 2^42
  }
  if (from.images() < 1 || from.images() > kMaxImages) return error("its number of images is not in 1 .. 4096");
  TensorInfo& info = tensor->info;
  info.type = from.type() == format::DataType::U8 ? DataType::kU8 : DataType::kF32;
  if (elements > kMaxTensorBytes / SizeOf(info.type)) return error("it is larger than 256 MiB");
  info.shape = {static_cast<int32_t>(dims.Get(0)), static_cast<int32_t>(dims.Get(1)), static_cast<int32_t>(dims.Get(2))};
  info.channel_stride = ChannelStride(info.type, info.shape.channels);
  info.image_bytes = ImageBytes(info.type, info.shape);
  info.images = static_cast<int32_t>(from.images());
  if (info.image_bytes > kMaxTensorBytes / from.images()) return error("it is larger than 256 MiB");
  info.scale = from.scale();
  info.zero_point = from.zero_point();
  if (!std::isfinite(info.scale) || !(info.scale > 0)) return error("its scale is not a finite positive number");
  tensor->offset = from.offset();
  if (from.data() == nullptr) return {};
  info.constant = true;
  std::span<const uint8_t> bytes;
  CUTIS_TRY(LoadBuffer(*from.data(), "constants", segment, &bytes));
  if (bytes.size() != EntryBytes(info) || tensor->offset != 0) return error("its constant data have another size than it");
  tensor->constant = bytes.data();
  return {};
}

// Indices of a node, its op, its options, what the op says of it. `produced` tells which tensors exist so far.
Status LoadNode(const format::Node& from, int32_t index, Segment& segment, Memory& memory, std::span<bool> produced,
                ModelData* out) {
  ModelNode& node = out->nodes[static_cast<size_t>(index)];
  CUTIS_TRY(CopyText(from.name(), kMaxName, "a node's name", memory, &node.name));
  if (node.name[0] == '\0') return Status::Error(Code::kBadInput, "node %d has no name", index);
  auto error = [&](const char* what) { return Status::Error(Code::kBadInput, "node %d \"%s\": %s", index, node.name, what); };

  const flatbuffers::Vector<uint32_t>& inputs = *from.inputs();
  if (inputs.size() < 1 || inputs.size() > kMaxNodeInputs) return error("it has no inputs, or too many");
  std::span<int32_t> indices;
  std::span<const TensorInfo*> infos;
  CUTIS_TRY(memory.Array(inputs.size(), &indices));
  CUTIS_TRY(memory.Array(inputs.size(), &infos));
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    const uint32_t tensor = inputs.Get(i);
    if (tensor >= out->tensors.size()) return error("an input is no tensor of the file");
    if (!produced[tensor]) return error("an input is used before it is made");
    indices[i] = static_cast<int32_t>(tensor);
    infos[i] = &out->tensors[tensor].info;
    out->tensors[tensor].last_step = index;
  }
  const uint32_t output = from.output();
  if (output >= out->tensors.size()) return error("the output is no tensor of the file");
  if (produced[output]) return error("the output is the graph's input, or has been made by another node");
  produced[output] = true;
  out->tensors[output].first_step = out->tensors[output].last_step = index;
  node.inputs = indices;
  node.output = static_cast<int32_t>(output);
  node.node.inputs = infos;
  node.node.output = &out->tensors[output].info;

  if (from.kind() > format::OpKind::MAX) return error("unknown kind of operator");
  static_assert(static_cast<int>(format::OpKind::MAX) == static_cast<int>(OpKind::kQuantize), "the two lists of kinds agree");
  node.node.kind = static_cast<OpKind>(from.kind());
  node.op = FindOp(node.node.kind, infos[0]->type);
  if (node.op == nullptr && !HasAllOps()) {
    return Status::Error(
        Code::kUnsupported,
        "node %d \"%s\": this build leaves out the operator %s%s, or knows none: build Cutis with it in the Meson "
        "option ops, or without that option",
        index, node.name, format::EnumNameOpKind(from.kind()), infos[0]->type == DataType::kU8 ? "U8" : "F32");
  }
  if (node.op == nullptr) {
    return Status::Error(Code::kUnsupported, "node %d \"%s\": there is no operator %s for %s inputs", index, node.name,
                         format::EnumNameOpKind(from.kind()), NameOf(infos[0]->type));
  }
  for (const TensorInfo* info : infos) {
    if (node.op->by_entry) break;
    if (info->constant) return error("its operator takes no constant as an input");
    if (info->images != node.node.output->images) return error("its operator cannot change the number of images");
  }
  Status status = LoadOptions(from, segment, memory, &node.node);
  if (status.ok()) status = node.op->check(node.node);
  if (!status.ok()) return Status::Error(status.code(), "node %d \"%s\": %s", index, node.name, status.text());
  return {};
}

Status LoadInputs(const format::Graph& graph, std::span<bool> produced, Memory& memory, ModelData* out) {
  const flatbuffers::Vector<uint32_t>& inputs = *graph.inputs();
  if (inputs.size() < 1 || inputs.size() > kMaxInputs) {
    return Status::Error(Code::kBadInput, "the graph has no inputs, or more than %u", kMaxInputs);
  }
  CUTIS_TRY(memory.Array(inputs.size(), &out->inputs));
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    const uint32_t tensor = inputs.Get(i);
    if (tensor >= out->tensors.size())
      return Status::Error(Code::kBadInput, "input %u of the graph is no tensor of the file", i);
    if (produced[tensor]) return Status::Error(Code::kBadInput, "input %u of the graph is a constant, or listed twice", i);
    produced[tensor] = true;
    out->inputs[i] = static_cast<int32_t>(tensor);
  }
  return {};
}

Status LoadOutputs(const format::Graph& graph, std::span<const bool> produced, Memory& memory, ModelData* out) {
  const flatbuffers::Vector<uint32_t>& outputs = *graph.outputs();
  if (outputs.size() < 1 || outputs.size() > kMaxOutputs) {
    return Status::Error(Code::kBadInput, "the graph has no outputs, or more than %u", kMaxOutputs);
  }
  CUTIS_TRY(memory.Array(outputs.size(), &out->outputs));
  const int32_t end = static_cast<int32_t>(out->nodes.size());
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    const uint32_t tensor = outputs.Get(i);
    if (tensor >= out->tensors.size() || !produced[tensor] || out->tensors[tensor].first_step < 0) {
      return Status::Error(Code::kBadInput, "output %u of the graph is made by no node", i);
    }
    if (out->tensors[tensor].last_step == end)
      return Status::Error(Code::kBadInput, "output %u of the graph is listed twice", i);
    out->tensors[tensor].last_step = end;
    out->outputs[i] = static_cast<int32_t>(tensor);
  }
  return {};
}

// A block is one step: what it reads lives to its end, what it makes from its beginning, and what lies inside takes no arena.
Status LoadBlock(const format::Block& from, int32_t index, ModelData* out) {
  const auto error = [&](const char* what) { return Status::Error(Code::kBadInput, "block %d: %s", index, what); };
  if (from.nodes() < 2 || from.nodes() > kMostBlockNodes || from.first() >= out->nodes.size() ||
      from.nodes() > out->nodes.size() - from.first()) {
    return error("it has not 2 to 4 nodes of the graph");
  }
  ModelBlock& block = out->blocks[static_cast<size_t>(index)];
  block.first = static_cast<int32_t>(from.first());
  block.last = static_cast<int32_t>(from.first() + from.nodes() - 1);
  if (index > 0 && block.first <= out->blocks[static_cast<size_t>(index) - 1].last) {
    return error("it does not begin after the one before it ends");
  }
  const Node* nodes[kMostBlockNodes] = {};
  for (int32_t i = block.first; i <= block.last; ++i) {
    ModelNode& node = out->nodes[static_cast<size_t>(i)];
    node.block = index;
    nodes[i - block.first] = &node.node;
    if (i == block.last) break;
    ModelTensor& inside = out->tensors[static_cast<size_t>(node.output)];
    // Made here and read for the last time by the next node, which makes that its only reader.
    if (inside.last_step != i + 1) return error("a tensor inside it is needed elsewhere, or by nothing");
    if (inside.offset != 0) return error("a tensor inside it has a place in the arena");
    inside.inside = true;
  }
  const Status sorted = SortBlock(std::span(nodes, from.nodes()), &block.parts);
  if (!sorted.ok()) return error(sorted.text());
  const Shape& shape = block.parts.last().output->shape;
  if (from.rows() < 1 || from.rows() > static_cast<uint32_t>(shape.height))
    return error("its strips have no rows, or too many");
  block.rows = static_cast<int32_t>(from.rows());
  for (int32_t i = block.first; i <= block.last; ++i) {
    for (const int32_t input : out->nodes[static_cast<size_t>(i)].inputs) {
      ModelTensor& tensor = out->tensors[static_cast<size_t>(input)];
      if (!tensor.inside && tensor.last_step < block.last) tensor.last_step = block.last;
    }
  }
  out->tensors[static_cast<size_t>(out->nodes[static_cast<size_t>(block.last)].output)].first_step = block.first;
  return {};
}

Status LoadBlocks(const format::Graph& graph, Memory& memory, ModelData* out) {
  const auto* blocks = graph.blocks();
  if (blocks == nullptr) return {};
  if (blocks->size() > kMaxNodes) return Status::Error(Code::kBadInput, "the graph has more blocks than nodes");
  CUTIS_TRY(memory.Array(blocks->size(), &out->blocks));
  for (uint32_t i = 0; i < blocks->size(); ++i) CUTIS_TRY(LoadBlock(*blocks->Get(i), static_cast<int32_t>(i), out));
  return {};
}

// Which outputs may lie on which inputs, by what the operators allow and by the last reader of each: `buffer_of` of a tensor.
Status FindInPlace(std::span<const ModelTensor> tensors, std::span<const ModelNode> nodes, std::span<const size_t> buffer_of,
                   Memory& memory, std::span<InPlace>* found) {
  size_t most = 0, count = 0;
  for (const ModelNode& node : nodes) most += node.op->in_place != nullptr ? node.inputs.size() : 0;
  CUTIS_TRY(memory.Array(most, found));
  for (const ModelNode& node : nodes) {
    if (node.block >= 0) continue;
    const ModelTensor& output = tensors[static_cast<size_t>(node.output)];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const auto input = static_cast<size_t>(node.inputs[i]);
      if (tensors[input].last_step != output.first_step || !MayTakePlace(*node.op, node.node, node.node.inputs[i])) continue;
      (*found)[count++] = {buffer_of[input], buffer_of[static_cast<size_t>(node.output)]};
    }
  }
  *found = found->first(count);
  SortInPlace(*found);
  return {};
}

void NoteInPlace(ModelData* out) {
  for (ModelNode& node : out->nodes) {
    if (node.block >= 0) continue;
    const ModelTensor& output = out->tensors[static_cast<size_t>(node.output)];
    for (const int32_t index : node.inputs) {
      const ModelTensor& input = out->tensors[static_cast<size_t>(index)];
      if (input.constant == nullptr && input.offset == output.offset) node.in_place = index;
    }
  }
}

// What the kernels need of scratch in each step; the file states it, so that it stays the same whatever the version.
Status LoadScratch(const format::Plan& from, Memory& memory, ModelData* out) {
  const flatbuffers::Vector<uint32_t>& stated = *from.scratch_bytes();
  if (stated.size() != out->nodes.size())
    return Status::Error(Code::kBadInput, "memory plan: it states the scratch of %u nodes of %zu", stated.size(),
                         out->nodes.size());
  CUTIS_TRY(memory.Array(out->nodes.size() + 2, &out->steps));
  for (uint32_t i = 0; i < stated.size(); ++i) {
    const ModelNode& node = out->nodes[i];
    const ModelBlock* block = node.block >= 0 ? &out->blocks[static_cast<size_t>(node.block)] : nullptr;
    const bool first = block == nullptr || block->first == static_cast<int32_t>(i);
    const uint64_t scratch = stated.Get(i);
    if (scratch > kMaxScratchBytes || scratch % kAlignment != 0 || (!first && scratch != 0)) {
      return Status::Error(
          Code::kBadInput,
          "memory plan: the scratch of node \"%.60s\" is too large, not aligned to %zu bytes, or within a block", node.name,
          kAlignment);
    }
    if (!first) continue;
    const uint64_t needed = block == nullptr ? node.op->scratch_bytes(node.node) : BlockScratchBytes(block->parts, block->rows);
    if (needed > scratch) {
      return Status::Error(Code::kUnsupported,
                           "memory plan: node \"%.60s\" needs %llu bytes of scratch, the file plans %llu: convert the model "
                           "again with this version",
                           node.name, static_cast<unsigned long long>(needed), static_cast<unsigned long long>(scratch));
    }
    out->steps[i + 1].scratch = scratch;
    if (scratch > out->plan.scratch_bytes) out->plan.scratch_bytes = scratch;
  }
  return {};
}

Status LoadPlan(const format::Graph& graph, Memory& memory, ModelData* out) {
  const format::Plan& from = *graph.plan();
  out->plan.activation_bytes = from.activation_bytes();
  if (out->plan.activation_bytes > kMaxActivationBytes)
    return Status::Error(Code::kBadInput, "memory plan: the activations are too large");
  uint64_t macs = 0;
  for (const ModelNode& node : out->nodes) {
    const uint64_t more = MacsOf(*node.op, node.node);
    if (more > kMaxMacs || macs > kMaxMacs - more) {
      return Status::Error(Code::kUnsupported, "the network wants more than %llu multiply-adds for an image",
                           static_cast<unsigned long long>(kMaxMacs));
    }
    macs += more;
  }
  CUTIS_TRY(LoadBlocks(graph, memory, out));
  CUTIS_TRY(LoadScratch(from, memory, out));
  CUTIS_TRY(CheckPlaces(out->tensors, out->nodes, out->plan.activation_bytes, memory, out->steps));
  NoteInPlace(out);
  return {};
}

Status LoadGraph(const format::Graph& graph, std::span<const uint8_t> bytes, CpuFeatures cpu, Memory& memory, ModelData* out) {
  const auto& tensors = *graph.tensors();
  const auto& nodes = *graph.nodes();
  if (tensors.size() < 2 || tensors.size() > kMaxTensors || nodes.size() < 1 || nodes.size() > kMaxNodes) {
    return Status::Error(Code::kBadInput, "the graph is empty or too large: %u tensors, %u nodes (at most %u of each)",
                         tensors.size(), nodes.size(), kMaxNodes);
  }
  CUTIS_TRY(memory.Array(tensors.size(), &out->tensors));
  CUTIS_TRY(memory.Array(nodes.size(), &out->nodes));
  Segment segment{bytes, bytes.size() + kMaxRepeatedBytes};
  Memory temporary(&memory);
  std::span<bool> produced;
  CUTIS_TRY(temporary.Array(tensors.size(), &produced));
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    ModelTensor& tensor = out->tensors[i];
    CUTIS_TRY(LoadTensor(*tensors.Get(i), i, segment, memory, &tensor));
    produced[i] = tensor.info.constant;
    tensor.first_step = tensor.last_step = -1;
  }
  CUTIS_TRY(LoadInputs(graph, produced, memory, out));
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    CUTIS_TRY(LoadNode(*nodes.Get(i), static_cast<int32_t>(i), segment, memory, produced, out));
  }
  for (size_t i = 0; i < produced.size(); ++i) {
    if (!produced[i]) return Status::Error(Code::kBadInput, "tensor %zu \"%s\" is made by no node", i, out->tensors[i].name);
  }
  CUTIS_TRY(LoadOutputs(graph, produced, memory, out));
  CUTIS_TRY(LoadPlan(graph, memory, out));
  for (size_t i = 0; i < out->nodes.size(); ++i) ChooseStepKernels(cpu, static_cast<int32_t>(i), out);
  return {};
}

// Bytes of the well-formed UTF-8 sequence at `text` (of `left` bytes), or 0. Overlong forms, surrogates and numbers beyond
// U+10FFFF are refused, and so are control characters, whose place is not in names that people read on a terminal.
size_t SequenceLength(const uint8_t* text, size_t left) {
  const uint8_t first = text[0];
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || length > left) return 0;
  uint32_t value = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((text[i] & 0xc0) != 0x80) return 0;
    value = value << 6 | (text[i] & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool control = value < 0xa0 || value == 0x2028 || value == 0x2029 || (value >= 0x202a && value <= 0x202e) ||
                       (value >= 0x2066 && value <= 0x2069);  // C1, line breaks, changes of direction
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  return value < kSmallest[length] || value > 0x10ffff || surrogate || control ? 0 : length;
}

}  // namespace

Status CheckPlaces(std::span<const ModelTensor> tensors, std::span<const ModelNode> nodes, uint64_t activation_bytes,
                   Memory& memory, std::span<StepMemory> steps) {
  Memory temporary(&memory);
  std::span<PlannedBuffer> buffers;
  std::span<size_t> buffer_of;
  CUTIS_TRY(temporary.Array(tensors.size(), &buffers));
  CUTIS_TRY(temporary.Array(tensors.size(), &buffer_of));
  size_t count = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const ModelTensor& tensor = tensors[i];
    if (tensor.constant != nullptr || tensor.inside) continue;
    buffer_of[i] = count;
    buffers[count++] = {tensor.offset, EntryBytes(tensor.info), tensor.first_step, tensor.last_step};
  }
  buffers = buffers.first(count);
  std::span<InPlace> in_place;
  CUTIS_TRY(FindInPlace(tensors, nodes, buffer_of, temporary, &in_place));
  CUTIS_TRY(CheckPlan(buffers, activation_bytes, in_place, &temporary));
  MeasureSteps(buffers, in_place, steps);
  return {};
}

Status CopyText(const flatbuffers::String* from, size_t limit, const char* what, Memory& memory, const char** out) {
  *out = "";
  if (from == nullptr) return {};
  const size_t size = from->size();
  if (size > limit) return Status::Error(Code::kBadInput, "%s is longer than %zu bytes", what, limit);
  const uint8_t* bytes = from->Data();
  for (size_t i = 0; i < size;) {
    const size_t length = SequenceLength(bytes + i, size - i);
    if (length == 0) return Status::Error(Code::kBadInput, "%s is not printable UTF-8", what);
    i += length;
  }
  std::span<char> copy;
  CUTIS_TRY(memory.Array(size + 1, &copy));
  std::memcpy(copy.data(), bytes, size);
  *out = copy.data();
  return {};
}

void ChooseStepKernels(CpuFeatures cpu, int32_t node, ModelData* out) {
  ModelNode& last = out->nodes[static_cast<size_t>(node)];
  if (last.block < 0) {
    last.kernel = ChooseKernel(KernelKindOf(*last.op, last.node), cpu);
    return;
  }
  ModelBlock& block = out->blocks[static_cast<size_t>(last.block)];
  block.kernels = ChooseBlockKernels(block.parts, cpu);
  for (int32_t i = block.first; i <= block.last; ++i) {
    ModelNode& now = out->nodes[static_cast<size_t>(i)];
    if (&now.node == block.parts.expand) now.kernel = block.kernels.expand;
    if (&now.node == block.parts.depthwise) now.kernel = block.kernels.depthwise;
    if (&now.node == block.parts.project) now.kernel = block.kernels.project;
    if (&now.node == block.parts.add) now.kernel = block.kernels.add;
  }
}

Status LoadModel(std::span<const uint8_t> graph, std::span<const uint8_t> segment, CpuFeatures cpu, Memory& memory,
                 ModelData* out) {
  flatbuffers::Verifier::Options limits;
  limits.max_depth = kMaxDepth;
  limits.max_tables = kMaxTables;
  flatbuffers::Verifier verifier(graph.data(), graph.size(), limits);
  if (!format::VerifyModelBuffer(verifier)) {
    return Status::Error(Code::kBadInput, "damaged: the graph is not a well-formed FlatBuffer of this format");
  }
  const format::Model& model = *format::GetModel(graph.data());
  CUTIS_TRY(LoadGraph(*model.graph(), segment, cpu, memory, out));
  if (model.preprocess() != nullptr) CUTIS_TRY(LoadPreprocess(*model.preprocess(), memory, out));
  if (model.verdict() != nullptr) CUTIS_TRY(LoadVerdict(*model.verdict(), memory, out));
  if (model.self_test() != nullptr) CUTIS_TRY(LoadSelfTest(*model.self_test(), out));
  if (model.device() != nullptr) CUTIS_TRY(LoadDevice(*model.device(), memory, out));
  if (model.provenance() != nullptr) CUTIS_TRY(LoadProvenance(*model.provenance(), memory, out));
  return {};
}

}  // namespace cutis
