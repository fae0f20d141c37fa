#include "tests/runtime/test_file.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "ops/conv/pack.h"
#include "runtime/content_hash.h"
#include "runtime/file.h"
#include "runtime/header.h"
#include "tests/runtime/write_recipe.h"

namespace cutis::test {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

// The segment under construction.
class SegmentWriter {
 public:
  format::Buffer Add(const RawBuffer& buffer) {
    const size_t offset = bytes_.size();
    bytes_.insert(bytes_.end(), buffer.bytes.begin(), buffer.bytes.end());
    bytes_.resize(RoundUp(bytes_.size(), kAlignment));
    return {offset + buffer.move, buffer.bytes.size() + buffer.grow};
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

  Offset<flatbuffers::Vector<const format::MovePiece*>> last_pieces = 0;

 private:
  std::vector<uint8_t> bytes_;
};

template <class T, uint16_t n>
flatbuffers::span<const T, n> ToSpan(const T (&values)[n]) {
  return flatbuffers::span<const T, n>(values);
}
format::View ToFormat(const View& view) { return {view.rank, ToSpan(view.dims)}; }
format::IndexMap ToFormat(const IndexMap& map) {
  uint8_t dims[kMaxAxes];
  for (int32_t a = 0; a < kMaxAxes; ++a) dims[a] = static_cast<uint8_t>(map.dim[a]);
  return {ToSpan(map.start), flatbuffers::span<const uint8_t, kMaxAxes>(dims), ToSpan(map.step)};
}

Offset<void> WriteMove(FlatBufferBuilder& builder, const RawOptions& o, SegmentWriter& segment) {
  const format::View view = ToFormat(o.view);
  if (!o.pieces_of_node_before) {
    std::vector<format::MovePiece> pieces;
    for (const MovePiece& p : o.pieces) {
      pieces.emplace_back(static_cast<uint32_t>(p.input), ToSpan(p.from), ToSpan(p.extent), ToFormat(p.map), p.table);
    }
    segment.last_pieces = builder.CreateVectorOfStructs(pieces);
  }
  const auto tables = builder.CreateVector(o.table);
  return format::CreateMove(builder, &view, segment.last_pieces, tables, o.filled, o.fill).Union();
}

Offset<void> WriteOptions(FlatBufferBuilder& builder, const RawOptions& o, SegmentWriter& segment) {
  using format::Options;
  if (o.write) return o.write(builder);
  switch (static_cast<Options>(o.type)) {
    case Options::ConvU8: {
      const format::Buffer weights = segment.Add(o.weights), bias = segment.Add(o.bias), multiplier = segment.Add(o.multiplier);
      const auto padding = o.padding.empty() ? 0 : builder.CreateVector(o.padding);
      const auto live = o.live.empty() && !o.write_live ? 0 : builder.CreateVector(o.live);
      return format::CreateConvU8(builder, &o.window, o.groups, &weights, &bias, &multiplier, padding, &o.clamp, live).Union();
    }
    case Options::ConvF32: {
      const format::Buffer weights = segment.Add(o.weights), bias = segment.Add(o.bias);
      return format::CreateConvF32(builder, &o.window, o.groups, &weights, &bias, &o.clamp_f32).Union();
    }
    case Options::AddU8:
      return format::CreateAddU8(builder, o.multiplier_a, o.multiplier_b, &o.clamp).Union();
    case Options::AddF32:
      return format::CreateAddF32(builder, &o.clamp_f32).Union();
    case Options::MaxPool:
      return format::CreateMaxPool(builder, &o.window).Union();
    case Options::AveragePoolU8: {
      const auto counts = builder.CreateVector(o.counts);
      const auto multipliers = builder.CreateVector(o.multipliers);
      return format::CreateAveragePoolU8(builder, &o.window, o.count_include_pad, counts, multipliers, &o.clamp).Union();
    }
    case Options::AveragePoolF32:
      return format::CreateAveragePoolF32(builder, &o.window, o.count_include_pad).Union();
    case Options::Lookup:
      return format::CreateLookup(builder, builder.CreateVector(o.table)).Union();
    case Options::ClampOnly:
      return format::CreateClampOnly(builder, &o.clamp_f32).Union();
    case Options::Softmax:
      return format::CreateSoftmax(builder).Union();
    case Options::Dequantize:
      return format::CreateDequantize(builder).Union();
    case Options::Move:
      return WriteMove(builder, o, segment);
    case Options::BinaryF32: {
      const format::View view = ToFormat(o.view);
      const format::IndexMap a = ToFormat(o.a), b = ToFormat(o.b);
      const auto function = static_cast<format::BinaryFunction>(o.function);
      return format::CreateBinaryF32(builder, function, &view, &a, &b, &o.clamp_f32).Union();
    }
    case Options::BinaryU8: {
      const format::View view = ToFormat(o.view);
      const format::IndexMap a = ToFormat(o.a), b = ToFormat(o.b);
      const auto function = static_cast<format::BinaryFunction>(o.function);
      return format::CreateBinaryU8(builder, function, &view, &a, &b, o.multiplier_a, o.multiplier_b, &o.clamp).Union();
    }
    case Options::Select: {
      const format::View view = ToFormat(o.view);
      const format::IndexMap condition = ToFormat(o.condition), a = ToFormat(o.a), b = ToFormat(o.b);
      return format::CreateSelect(builder, &view, &condition, &a, &b).Union();
    }
    case Options::Unary:
      return format::CreateUnary(builder, static_cast<format::UnaryFunction>(o.function), o.alpha, o.beta).Union();
    default:
      return format::CreateReshape(builder).Union();
  }
}

Offset<format::Graph> WriteGraph(FlatBufferBuilder& builder, const RawModel& model, SegmentWriter& segment) {
  std::vector<Offset<format::Tensor>> tensors;
  for (const RawTensor& t : model.tensors) {
    const auto name = builder.CreateString(t.name);
    const auto dims = builder.CreateVector(t.dims);
    const format::Buffer data = t.data.bytes.empty() ? format::Buffer() : segment.Add(t.data);
    tensors.push_back(format::CreateTensor(builder, name, static_cast<format::DataType>(t.type), dims, t.scale, t.zero_point,
                                           t.offset, t.images, t.data.bytes.empty() ? nullptr : &data));
  }
  std::vector<Offset<format::Node>> nodes;
  for (const RawNode& n : model.nodes) {
    const auto options = WriteOptions(builder, n.options, segment);
    const auto name = builder.CreateString(n.name);
    const auto inputs = builder.CreateVector(n.inputs);
    nodes.push_back(format::CreateNode(builder, name, static_cast<format::OpKind>(n.kind), inputs, n.output,
                                       static_cast<format::Options>(n.options.type), options));
  }
  const auto tensor_vector = builder.CreateVector(tensors);
  const auto node_vector = builder.CreateVector(nodes);
  const auto outputs = builder.CreateVector(model.outputs);
  const auto plan = format::CreatePlan(builder, model.activation_bytes, builder.CreateVector(model.scratch_bytes));
  std::vector<uint32_t> inputs = {model.input};
  inputs.insert(inputs.end(), model.more_inputs.begin(), model.more_inputs.end());
  std::vector<format::Block> blocks;
  for (const RawBlock& block : model.blocks) blocks.emplace_back(block.first, block.nodes, block.rows);
  const auto block_vector = blocks.empty() ? 0 : builder.CreateVectorOfStructs(blocks);
  flatbuffers::Offset<format::Explanation> explanation = 0;
  if (model.has_explanation)
    explanation = format::CreateExplanation(builder, builder.CreateVector(model.explanation_offsets), model.explanation_bytes);
  return format::CreateGraph(builder, tensor_vector, node_vector, builder.CreateVector(inputs), outputs, plan, block_vector,
                             explanation);
}

// -- networks
// -----------------------------------------------------------------------------------------------------------------------

uint32_t g_random = 1;
uint32_t Random() {
  g_random = g_random * 1664525u + 1013904223u;
  return g_random >> 8;
}

template <class T>
std::vector<uint8_t> AsBytes(const std::vector<T>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

uint32_t AddTensor(RawModel* model, const char* name, DataType type, std::vector<uint32_t> dims, uint8_t zero_point = 0) {
  RawTensor tensor;
  tensor.name = name;
  tensor.type = static_cast<uint8_t>(type);
  tensor.dims = std::move(dims);
  tensor.scale = type == DataType::kU8 ? 0.05f : 1.0f;
  tensor.zero_point = zero_point;
  model->tensors.push_back(tensor);
  return static_cast<uint32_t>(model->tensors.size() - 1);
}

RawNode& AddNode(RawModel* model, const char* name, OpKind kind, format::Options options, std::vector<uint32_t> inputs,
                 uint32_t output) {
  model->nodes.push_back(MakeRawNode(name, kind, options, std::move(inputs), output));
  return model->nodes.back();
}

// Random weights for a node whose window and groups are set. `in` channels in all.
void FillConv(RawNode* node, DataType type, int32_t in, int32_t out, bool depthwise) {
  const int32_t kh = node->options.window.kernel_h(), kw = node->options.window.kernel_w(), groups = node->options.groups;
  const int32_t per_group = depthwise ? 1 : in / groups;
  const size_t count = static_cast<size_t>(out) * static_cast<size_t>(kh * kw * per_group), channels = static_cast<size_t>(out);
  const size_t packed_channels = PackedChannelsSize(out, groups);
  if (type == DataType::kU8) {
    std::vector<int8_t> plain(count),
        packed(depthwise ? PackedDepthwiseU8Size(out, kh, kw) : PackedConvU8Size({out, kh, kw, per_group, groups}));
    std::vector<int32_t> bias(channels), packed_bias(packed_channels);
    std::vector<float> multiplier(channels), packed_multiplier(packed_channels);
    for (int8_t& w : plain) w = static_cast<int8_t>(static_cast<int>(Random() % 255) - 127);
    for (int32_t& b : bias) b = static_cast<int32_t>(Random() % 4001) - 2000;
    for (float& m : multiplier)
      m = static_cast<float>(Random() % 100 + 50) / (5000.0f * static_cast<float>(kh * kw * per_group));
    depthwise ? PackDepthwiseU8(out, kh, kw, plain.data(), packed.data())
              : PackConvU8({out, kh, kw, per_group, groups}, plain.data(), packed.data());
    PackChannels(out, groups, bias.data(), packed_bias.data());
    PackChannels(out, groups, multiplier.data(), packed_multiplier.data());
    node->options.weights.bytes = AsBytes(packed);
    node->options.bias.bytes = AsBytes(packed_bias);
    node->options.multiplier.bytes = AsBytes(packed_multiplier);
  } else {
    std::vector<float> plain(count),
        packed(depthwise ? PackedDepthwiseF32Size(out, kh, kw) : PackedConvF32Size({out, kh, kw, per_group, groups}));
    std::vector<float> bias(channels), packed_bias(packed_channels);
    for (float& w : plain)
      w = static_cast<float>(static_cast<int>(Random() % 2001) - 1000) / (1000.0f * static_cast<float>(kh * kw));
    for (float& b : bias) b = static_cast<float>(static_cast<int>(Random() % 201) - 100) / 100.0f;
    depthwise ? PackDepthwiseF32(out, kh, kw, plain.data(), packed.data())
              : PackConvF32({out, kh, kw, per_group, groups}, plain.data(), packed.data());
    PackChannels(out, groups, bias.data(), packed_bias.data());
    node->options.weights.bytes = AsBytes(packed);
    node->options.bias.bytes = AsBytes(packed_bias);
  }
}

void AddRecipeAndVerdict(RawModel* model) {
  model->steps = {{static_cast<uint8_t>(format::Step::CenterSquare), 0, 0, 0},
                  {static_cast<uint8_t>(format::Step::Resize), 14, 14, static_cast<uint8_t>(format::Filter::Bicubic)},
                  {static_cast<uint8_t>(format::Step::CenterCrop), 12, 12, 0}};
  model->mean = {123.7f, 116.3f, 103.5f};
  model->std = {58.4f, 57.1f, 57.4f};
  model->labels = {"bcc", "mel", "nv", "bkl", "akiec_scc", "df", "vasc"};
  model->points = {{"uncalibrated", 0.5f, 0, 0, "not fitted", false}, {"screening", 0.3f, 0.2f, 0.4f, "", true}};
}

// conv 3x3/2, depthwise 3x3, grouped conv 1x1, add, max pool 2x2: what both small networks begin with. Returns the last tensor.
uint32_t AddTrunk(RawModel* model, DataType type) {
  const bool u8 = type == DataType::kU8;
  const format::Options conv = u8 ? format::Options::ConvU8 : format::Options::ConvF32;
  const uint32_t input = AddTensor(model, "image", type, {12, 12, 3}, 7);
  const uint32_t stem = AddTensor(model, "stem", type, {6, 6, 20});
  const uint32_t depthwise = AddTensor(model, "depthwise", type, {6, 6, 20}, 3);
  const uint32_t grouped = AddTensor(model, "grouped", type, {6, 6, 20}, 120);
  const uint32_t sum = AddTensor(model, "sum", type, {6, 6, 20}, 100);
  const uint32_t pooled = AddTensor(model, "pooled", type, {3, 3, 20}, 100);
  model->input = input;

  RawNode* node = &AddNode(model, "stem", OpKind::kConv, conv, {input}, stem);
  node->options.window = {3, 3, 2, 2, 1, 1, 0, 0, 1, 1};
  FillConv(node, type, 3, 20, false);
  if (u8) node->options.padding = {120, 110, 100};
  node = &AddNode(model, "depthwise", OpKind::kDepthwise, conv, {stem}, depthwise);
  node->options.window = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
  FillConv(node, type, 20, 20, true);
  node = &AddNode(model, "grouped", OpKind::kConv, conv, {depthwise}, grouped);
  node->options.groups = 2;
  FillConv(node, type, 20, 20, false);
  AddNode(model, "sum", OpKind::kAdd, u8 ? format::Options::AddU8 : format::Options::AddF32, {stem, grouped}, sum);
  node = &AddNode(model, "max", OpKind::kMaxPool, format::Options::MaxPool, {sum}, pooled);
  node->options.window = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0};
  return pooled;
}

}  // namespace

Bytes MakeBytes(const void* data, size_t size) {
  Bytes bytes{AllocateAligned(std::max<size_t>(size, 1)), size};
  if (size > 0) std::memcpy(bytes.data.get(), data, size);
  return bytes;
}

uint64_t GraphBytes(const Bytes& file) {
  FileHeader header;
  std::memcpy(&header, file.data.get(), sizeof header);
  return header.graph_bytes;
}

void FixHash(Bytes* file) {
  FileHeader header;
  std::memcpy(&header, file->data.get(), sizeof header);
  const std::span<const uint8_t> content(file->data.get() + sizeof header, file->size - sizeof header);
  const size_t graph = std::min<size_t>(header.graph_bytes, content.size());
  if (!HashContent(DetectCpu(), 1, content.first(graph), content.subspan(graph), header.sha256).ok()) std::abort();
  std::memcpy(file->data.get(), &header, sizeof header);
}

Bytes Write(const RawModel& model) {
  FlatBufferBuilder builder;
  SegmentWriter segment;
  const auto graph = WriteGraph(builder, model, segment);
  const auto preprocess = model.has_preprocess ? WritePreprocess(builder, model) : 0;
  const auto verdict = model.has_verdict ? WriteVerdict(builder, model) : 0;
  const auto name = builder.CreateString(model.name);
  const auto card = builder.CreateString(model.card);
  format::ProvenanceBuilder provenance(builder);
  provenance.add_name(name);
  provenance.add_card(card);
  const auto provenance_table = provenance.Finish();
  format::FinishModelBuffer(builder, format::CreateModel(builder, graph, preprocess, verdict, provenance_table,
                                                         WriteSelfTest(builder, model), WriteDevice(builder, model)));

  FileHeader header = {};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kFormatVersion;
  header.graph_bytes = RoundUp(builder.GetSize(), kAlignment);
  header.segment_bytes = segment.bytes().size();
  std::vector<uint8_t> bytes(sizeof header + header.graph_bytes + header.segment_bytes);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, builder.GetBufferPointer(), builder.GetSize());
  if (!segment.bytes().empty()) {
    std::memcpy(bytes.data() + sizeof header + header.graph_bytes, segment.bytes().data(), segment.bytes().size());
  }
  Bytes file = MakeBytes(bytes.data(), bytes.size());
  FixHash(&file);
  return file;
}

void MakePlan(RawModel* model) {
  const size_t count = model->tensors.size();
  std::vector<int> first(count, -1), last(count, -1);
  for (size_t i = 0; i < model->nodes.size(); ++i) {
    first[model->nodes[i].output] = last[model->nodes[i].output] = static_cast<int>(i);
    for (uint32_t input : model->nodes[i].inputs) last[input] = static_cast<int>(i);
  }
  for (uint32_t output : model->outputs) last[output] = static_cast<int>(model->nodes.size());
  std::vector<bool> inside(count);
  model->scratch_bytes.assign(model->nodes.size(), 128 << 10);
  for (const RawBlock& block : model->blocks) {
    const uint32_t end = block.first + block.nodes;
    for (uint32_t i = block.first; i < end; ++i) {
      for (uint32_t input : model->nodes[i].inputs) last[input] = std::max(last[input], static_cast<int>(end) - 1);
      if (i + 1 < end) inside[model->nodes[i].output] = true;
    }
    first[model->nodes[end - 1].output] = static_cast<int>(block.first);
    for (uint32_t i = block.first + 1; i < end; ++i) model->scratch_bytes[i] = 0;
  }
  std::vector<uint64_t> bytes(count);
  model->activation_bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    RawTensor& t = model->tensors[i];
    t.offset = 0;
    if (!t.data.bytes.empty() || inside[i]) continue;
    const Shape shape = {static_cast<int32_t>(t.dims[0]), static_cast<int32_t>(t.dims[1]), static_cast<int32_t>(t.dims[2])};
    bytes[i] = ImageBytes(static_cast<DataType>(t.type), shape) * t.images;
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t j = 0; j < i; ++j) {
        const RawTensor& u = model->tensors[j];
        if (inside[j]) continue;
        if (first[i] <= last[j] && first[j] <= last[i] && t.offset < u.offset + bytes[j] && u.offset < t.offset + bytes[i]) {
          t.offset = u.offset + bytes[j];
          moved = true;
        }
      }
    }
    model->activation_bytes = std::max(model->activation_bytes, t.offset + bytes[i]);
  }
}

RawNode MakeRawNode(const char* name, OpKind kind, format::Options options, std::vector<uint32_t> inputs, uint32_t output) {
  RawNode node;
  node.name = name;
  node.kind = static_cast<uint8_t>(kind);
  node.inputs = std::move(inputs);
  node.output = output;
  node.options.type = static_cast<uint8_t>(options);
  return node;
}

RawModel Explained(RawModel model) {
  RawModel kept = model;
  for (const RawNode& node : model.nodes) {
    if (node.name == "mean") kept.outputs.push_back(node.inputs[0]);
  }
  MakePlan(&kept);
  model.has_explanation = true;
  for (const RawTensor& tensor : kept.tensors) model.explanation_offsets.push_back(static_cast<uint32_t>(tensor.offset));
  model.explanation_bytes = kept.activation_bytes;
  return model;
}

RawModel SmallU8Model() {
  g_random = 1;
  RawModel model;
  const uint32_t pooled = AddTrunk(&model, DataType::kU8);
  const uint32_t swish = AddTensor(&model, "table", DataType::kU8, {3, 3, 20}, 100);
  const uint32_t mean = AddTensor(&model, "mean", DataType::kU8, {1, 1, 20}, 100);
  const uint32_t dense = AddTensor(&model, "dense", DataType::kU8, {1, 1, 7}, 128);
  const uint32_t logits = AddTensor(&model, "logits", DataType::kF32, {1, 1, 7});
  RawNode* node = &AddNode(&model, "table", OpKind::kLookup, format::Options::Lookup, {pooled}, swish);
  for (int i = 0; i < 256; ++i) node->options.table.push_back(static_cast<uint8_t>(i * i % 256));
  node = &AddNode(&model, "mean", OpKind::kAveragePool, format::Options::AveragePoolU8, {swish}, mean);
  node->options.window = {3, 3, 1, 1, 1, 1, 0, 0, 0, 0};
  node->options.counts = {9};
  node->options.multipliers = {1.0f / 9};
  node = &AddNode(&model, "dense", OpKind::kDense, format::Options::ConvU8, {mean}, dense);
  FillConv(node, DataType::kU8, 20, 7, false);
  AddNode(&model, "logits", OpKind::kDequantize, format::Options::Dequantize, {dense}, logits);
  model.outputs = {logits};
  AddRecipeAndVerdict(&model);
  MakePlan(&model);
  return model;
}

namespace {

// Drops every third row of the packed weights, and all of the last panel where there are several.
void Prune(RawNode* node, size_t panels) {
  RawOptions& o = node->options;
  const size_t k_groups = o.weights.bytes.size() / 64 / panels, panel_bytes = (k_groups + 7) / 8;
  std::vector<uint8_t> kept;
  o.live.assign(panels * panel_bytes, 0);
  for (size_t row = 0; row < panels * k_groups; ++row) {
    const size_t panel = row / k_groups, group = row % k_groups;
    if (row % 3 == 1 || (panels > 1 && panel == panels - 1)) continue;
    o.live[panel * panel_bytes + group / 8] |= static_cast<uint8_t>(1u << group % 8);
    const auto from = o.weights.bytes.begin() + static_cast<ptrdiff_t>(row * 64);
    kept.insert(kept.end(), from, from + 64);
  }
  o.weights.bytes = kept;
}

}  // namespace

RawModel SmallCalibratedModel() {
  RawModel model = SmallU8Model();
  model.has_calibration = true;
  model.slope = 0.75f;
  model.intercept = -0.5f;
  model.bcc_share = 0.25f;
  model.calibration_images = 1200;
  model.calibration_note = "fitted by a test";
  model.points[1].sensitivity = {0.9375f, 0.875f, 0.96875f};
  model.points[1].specificity = {0.5f, 0.5f, 0.75f};
  for (int i = 0; i < 32; ++i) model.output_hash.push_back(static_cast<uint8_t>(8 * i));
  return model;
}

void AddViews(RawModel* model) {
  model->has_views = true;
  model->views_slope = 2;
  model->view_points = model->points;
  model->view_points[1].threshold = 0.375f;
  model->view_stops = {{2.0f, 1.0f}, {0.5f, 0.25f}};
  model->mean_views = 2.5f;
  model->views_note = "made by a test";
}

void AddLimits(RawModel* model) {
  constexpr size_t kFeatures = 12 + 7;
  RawLimit feature, linear, distance;
  feature.reason = 2;
  feature.feature = 4;
  feature.least = 30;
  feature.most = 220;
  linear.reason = 3;
  linear.type = 2;
  linear.most = 1e6f;
  linear.weights.assign(kFeatures, 0.5f);
  distance.reason = 3;
  distance.type = 3;
  distance.most = 1e6f;
  distance.center.assign(kFeatures, 1);
  distance.weights.assign(kFeatures * (kFeatures + 1) / 2, 0.25f);
  model->limits = {feature, linear, distance};
  model->embedding = 0;
  model->refused = {0.03125f, 0.015625f, 0.0625f};
  model->limit_images = 800;
  model->limits_note = "made by a test";
}

RawModel SmallSparseModel() {
  RawModel model = SmallU8Model();
  for (RawNode& node : model.nodes) {
    if (node.name == "stem" || node.name == "grouped") Prune(&node, 2);
    if (node.name == "dense") Prune(&node, 1);
  }
  return model;
}

RawModel SmallBlocksModel() {
  g_random = 3;
  RawModel model;
  const DataType u8 = DataType::kU8;
  const uint32_t image = AddTensor(&model, "image", u8, {12, 12, 3}, 7), stem = AddTensor(&model, "stem", u8, {6, 6, 20}, 3);
  uint32_t last = stem;
  RawNode* node = nullptr;
  const auto layer = [&](const char* name, OpKind kind, format::Window window, uint32_t in, uint32_t out) {
    node = &AddNode(&model, name, kind, format::Options::ConvU8, {in}, out);
    node->options.window = window;
    FillConv(node, u8, static_cast<int32_t>(model.tensors[in].dims[2]), static_cast<int32_t>(model.tensors[out].dims[2]),
             kind == OpKind::kDepthwise);
    last = out;
  };
  const format::Window one = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
  layer("stem", OpKind::kConv, {3, 3, 2, 2, 1, 1, 0, 0, 1, 1}, image, stem);
  node->options.padding = {120, 110, 100};
  layer("three", OpKind::kDepthwise, {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, last, AddTensor(&model, "three", u8, {6, 6, 20}, 3));
  const uint32_t narrow = AddTensor(&model, "narrow", u8, {6, 6, 10}, 120);
  layer("narrow", OpKind::kConv, one, last, narrow);
  layer("wide", OpKind::kConv, one, last, AddTensor(&model, "wide", u8, {6, 6, 70}, 5));
  layer("five", OpKind::kDepthwise, {5, 5, 1, 1, 1, 1, 2, 2, 2, 2}, last, AddTensor(&model, "five", u8, {6, 6, 70}, 9));
  layer("project", OpKind::kConv, one, last, AddTensor(&model, "project", u8, {6, 6, 10}, 130));
  const uint32_t sum = AddTensor(&model, "sum", u8, {6, 6, 10}, 100);
  AddNode(&model, "sum", OpKind::kAdd, format::Options::AddU8, {narrow, last}, sum);
  const uint32_t mean = AddTensor(&model, "mean", u8, {1, 1, 10}, 100);
  node = &AddNode(&model, "mean", OpKind::kAveragePool, format::Options::AveragePoolU8, {sum}, mean);
  node->options.window = {6, 6, 1, 1, 1, 1, 0, 0, 0, 0};
  node->options.counts = {36};
  node->options.multipliers = {1.0f / 4};  // more than the mean: it differs little between images
  layer("dense", OpKind::kDense, one, mean, AddTensor(&model, "dense", u8, {1, 1, 7}, 128));
  const uint32_t logits = AddTensor(&model, "logits", DataType::kF32, {1, 1, 7});
  AddNode(&model, "logits", OpKind::kDequantize, format::Options::Dequantize, {last}, logits);
  model.input = image;
  model.outputs = {logits};
  model.blocks = {{0, 3, 2}, {3, 4, 4}};
  AddRecipeAndVerdict(&model);
  MakePlan(&model);
  return model;
}

RawModel SmallF32Model() {
  g_random = 2;
  RawModel model;
  const uint32_t pooled = AddTrunk(&model, DataType::kF32);
  const uint32_t clamped = AddTensor(&model, "clamped", DataType::kF32, {3, 3, 20});
  const uint32_t mean = AddTensor(&model, "mean", DataType::kF32, {1, 1, 20});
  const uint32_t dense = AddTensor(&model, "dense", DataType::kF32, {1, 1, 7});
  const uint32_t probabilities = AddTensor(&model, "probabilities", DataType::kF32, {1, 1, 7});
  RawNode* node = &AddNode(&model, "clamped", OpKind::kClamp, format::Options::ClampOnly, {pooled}, clamped);
  node->options.clamp_f32 = {0, 6};
  node = &AddNode(&model, "mean", OpKind::kAveragePool, format::Options::AveragePoolF32, {clamped}, mean);
  node->options.window = {3, 3, 1, 1, 1, 1, 0, 0, 0, 0};
  node = &AddNode(&model, "dense", OpKind::kDense, format::Options::ConvF32, {mean}, dense);
  FillConv(node, DataType::kF32, 20, 7, false);
  AddNode(&model, "probabilities", OpKind::kSoftmax, format::Options::Softmax, {dense}, probabilities);
  model.outputs = {probabilities};
  AddRecipeAndVerdict(&model);
  model.scores = 0;
  MakePlan(&model);
  return model;
}

RawModel SmallMapModel() {
  RawModel model;
  model.has_preprocess = model.has_verdict = false;
  const DataType f32 = DataType::kF32;
  const uint32_t x = AddTensor(&model, "x", f32, {3, 4, 2}), v = AddTensor(&model, "v", f32, {1, 1, 4});
  const uint32_t k = AddTensor(&model, "k", f32, {1, 1, 5});
  model.tensors[k].data.bytes = AsBytes(std::vector<float>{10, 11, 12, 13, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  const uint32_t moved = AddTensor(&model, "moved", f32, {2, 3, 5}), sum = AddTensor(&model, "sum", f32, {2, 3, 5});
  const uint32_t negated = AddTensor(&model, "negated", f32, {2, 3, 5});
  const uint32_t selected = AddTensor(&model, "selected", f32, {2, 3, 5});
  for (const uint32_t tensor : {x, moved, sum, negated, selected}) model.tensors[tensor].images = 2;

  const View view = {4, {2, 2, 3, 5}};
  const IndexMap whole = {{}, {Dim::kImage, Dim::kHeight, Dim::kWidth, Dim::kChannel}, {1, 1, 1, 1}};
  // Images, channels, rows and columns of x; a column more of the fill value.
  RawOptions* o = &AddNode(&model, "moved", OpKind::kMove, format::Options::Move, {x}, moved).options;
  o->view = view;
  o->pieces = {MovePiece{0, {}, {2, 2, 3, 4}, {{}, {Dim::kImage, Dim::kChannel, Dim::kHeight, Dim::kWidth}, {1, 1, 1, 1}}, -1}};
  o->filled = true;
  o->fill = 0.5f;
  o = &AddNode(&model, "sum", OpKind::kBinary, format::Options::BinaryF32, {moved, k}, sum).options;
  o->view = view;
  o->a = whole;
  o->b = {{}, {Dim::kImage, Dim::kHeight, Dim::kWidth, Dim::kChannel}, {0, 0, 0, 1}};
  AddNode(&model, "negated", OpKind::kUnary, format::Options::Unary, {sum}, negated);
  o = &AddNode(&model, "selected", OpKind::kSelect, format::Options::Select, {v, sum, negated}, selected).options;
  o->view = view;
  o->condition = {{}, {Dim::kImage, Dim::kHeight, Dim::kChannel, Dim::kWidth}, {0, 0, 1, 0}};
  o->a = o->b = whole;
  model.input = x;
  model.more_inputs = {v};
  model.outputs = {selected};
  MakePlan(&model);
  return model;
}

RawModel TinyModel() {
  RawModel model;
  model.has_preprocess = model.has_verdict = false;
  const uint32_t in = AddTensor(&model, "in", DataType::kU8, {4, 4, 3});
  const uint32_t out = AddTensor(&model, "out", DataType::kU8, {4, 4, 3});
  RawNode& node = AddNode(&model, "invert", OpKind::kLookup, format::Options::Lookup, {in}, out);
  for (int i = 0; i < 256; ++i) node.options.table.push_back(static_cast<uint8_t>(255 - i));
  model.input = in;
  model.outputs = {out};
  MakePlan(&model);
  return model;
}

}  // namespace cutis::test
