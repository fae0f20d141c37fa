#include "converter/write/encode.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <variant>

#include "format_generated.h"
#include "ops/cpu.h"
#include "ops/hash/sha256.h"
#include "runtime/content_hash.h"
#include "runtime/file.h"
#include "runtime/header.h"

namespace cutis::convert {
namespace {

static_assert(std::endian::native == std::endian::little, "buffers are written as they lie in memory");

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

format::Window ToFormat(const Window& w) {
  return {w.kernel_h,   w.kernel_w, w.stride_h, w.stride_w,   w.dilation_h,
          w.dilation_w, w.pad_top,  w.pad_left, w.pad_bottom, w.pad_right};
}

format::Clamp ToFormat(const OutputU8& out) { return {static_cast<uint8_t>(out.lo), static_cast<uint8_t>(out.hi)}; }

template <class T, size_t n>
flatbuffers::span<const T, n> ToSpan(const T (&values)[n]) {
  return flatbuffers::span<const T, n>(values);
}

format::View ToFormat(const View& view) { return {view.rank, ToSpan(view.dims)}; }

format::IndexMap ToFormat(const IndexMap& map) {
  uint8_t dims[kMaxAxes];
  for (int32_t a = 0; a < kMaxAxes; ++a) dims[a] = static_cast<uint8_t>(map.dim[a]);
  return {ToSpan(map.start), flatbuffers::span<const uint8_t, kMaxAxes>(dims), ToSpan(map.step)};
}

struct EncodedOptions {
  format::Options type;
  Offset<void> offset;
};

// A bit for each k-group of each panel; as many bytes a panel as the last live one needs.
std::vector<uint8_t> LiveBits(const ConvU8Options& o) {
  const size_t panels = o.panel_starts.size() - 1;
  size_t last = 0;
  for (const uint16_t group : o.live) last = std::max<size_t>(last, group);
  const size_t panel_bytes = last / 8 + 1;
  std::vector<uint8_t> bits(panels * panel_bytes);
  for (size_t panel = 0; panel < panels; ++panel) {
    for (uint32_t row = o.panel_starts[panel]; row < o.panel_starts[panel + 1]; ++row) {
      uint8_t& byte = bits[panel * panel_bytes + o.live[row] / 8];
      byte = static_cast<uint8_t>(byte | 1u << o.live[row] % 8);
    }
  }
  return bits;
}

// One overload for each alternative of OpOptions.
class OptionsEncoder {
 public:
  OptionsEncoder(FlatBufferBuilder& builder, std::vector<std::byte>& segment) : builder_(builder), segment_(segment) {}

  EncodedOptions operator()(const ConvU8Options& o) { return ConvU8(o, o.groups); }
  EncodedOptions operator()(const DepthwiseU8Options& o) { return ConvU8(o, 1); }
  EncodedOptions operator()(const ConvF32Options& o) { return ConvF32(o, o.groups); }
  EncodedOptions operator()(const DepthwiseF32Options& o) { return ConvF32(o, 1); }

  EncodedOptions operator()(const AddU8Options& o) {
    const format::Clamp clamp = ToFormat(o.out);
    return {format::Options::AddU8, format::CreateAddU8(builder_, o.multiplier_a, o.multiplier_b, &clamp).Union()};
  }
  EncodedOptions operator()(const AddF32Options& o) {
    const format::ClampF32 clamp(o.min, o.max);
    return {format::Options::AddF32, format::CreateAddF32(builder_, &clamp).Union()};
  }
  EncodedOptions operator()(const MaxPoolOptions& o) {
    const format::Window window = ToFormat(o.window);
    return {format::Options::MaxPool, format::CreateMaxPool(builder_, &window).Union()};
  }
  EncodedOptions operator()(const AveragePoolU8Options& o) {
    const format::Window window = ToFormat(o.window);
    const format::Clamp clamp = ToFormat(o.out);
    const auto counts = builder_.CreateVector(o.counts.data(), o.counts.size());
    const auto multipliers = builder_.CreateVector(o.multipliers.data(), o.multipliers.size());
    return {format::Options::AveragePoolU8,
            format::CreateAveragePoolU8(builder_, &window, o.count_include_pad, counts, multipliers, &clamp).Union()};
  }
  EncodedOptions operator()(const AveragePoolF32Options& o) {
    const format::Window window = ToFormat(o.window);
    return {format::Options::AveragePoolF32, format::CreateAveragePoolF32(builder_, &window, o.count_include_pad).Union()};
  }
  EncodedOptions operator()(const LookupOptions& o) {
    const auto table = builder_.CreateVector(o.table.data(), o.table.size());
    return {format::Options::Lookup, format::CreateLookup(builder_, table).Union()};
  }
  EncodedOptions operator()(const ClampF32Options& o) {
    const format::ClampF32 clamp(o.min, o.max);
    return {format::Options::ClampOnly, format::CreateClampOnly(builder_, &clamp).Union()};
  }
  EncodedOptions operator()(const SoftmaxOptions&) {
    return {format::Options::Softmax, format::CreateSoftmax(builder_).Union()};
  }
  EncodedOptions operator()(const DequantizeOptions&) {
    return {format::Options::Dequantize, format::CreateDequantize(builder_).Union()};
  }
  EncodedOptions operator()(const ReshapeOptions&) {
    return {format::Options::Reshape, format::CreateReshape(builder_).Union()};
  }
  EncodedOptions operator()(const MoveOptions& o) {
    const format::View view = ToFormat(o.view);
    std::vector<format::MovePiece> pieces;
    for (const MovePiece& piece : o.pieces) {
      pieces.emplace_back(static_cast<uint32_t>(piece.input), ToSpan(piece.from), ToSpan(piece.extent), ToFormat(piece.map),
                          piece.table);
    }
    const auto piece_vector = builder_.CreateVectorOfStructs(pieces);
    const auto tables = builder_.CreateVector(o.tables.data(), o.tables.size());
    return {format::Options::Move, format::CreateMove(builder_, &view, piece_vector, tables, o.filled, o.fill).Union()};
  }
  EncodedOptions operator()(const BinaryF32Options& o) {
    const format::View view = ToFormat(o.view);
    const format::IndexMap a = ToFormat(o.a), b = ToFormat(o.b);
    const format::ClampF32 clamp(o.min, o.max);
    const auto function = static_cast<format::BinaryFunction>(o.function);
    return {format::Options::BinaryF32, format::CreateBinaryF32(builder_, function, &view, &a, &b, &clamp).Union()};
  }
  EncodedOptions operator()(const BinaryU8Options& o) {
    const format::View view = ToFormat(o.view);
    const format::IndexMap a = ToFormat(o.a), b = ToFormat(o.b);
    const format::Clamp clamp = ToFormat(o.out);
    return {format::Options::BinaryU8, format::CreateBinaryU8(builder_, static_cast<format::BinaryFunction>(o.function), &view,
                                                              &a, &b, o.multiplier_a, o.multiplier_b, &clamp)
                                           .Union()};
  }
  EncodedOptions operator()(const SelectOptions& o) {
    const format::View view = ToFormat(o.view);
    const format::IndexMap condition = ToFormat(o.condition), a = ToFormat(o.a), b = ToFormat(o.b);
    return {format::Options::Select, format::CreateSelect(builder_, &view, &condition, &a, &b).Union()};
  }
  EncodedOptions operator()(const UnaryOptions& o) {
    const auto function = static_cast<format::UnaryFunction>(o.function);
    return {format::Options::Unary, format::CreateUnary(builder_, function, o.alpha, o.beta).Union()};
  }
  EncodedOptions operator()(const ReduceF32Options& o) {
    const format::View view = ToFormat(o.view), reduced = ToFormat(o.reduced);
    const format::IndexMap map = ToFormat(o.map);
    const auto function = static_cast<format::ReduceFunction>(o.function);
    return {format::Options::ReduceF32, format::CreateReduceF32(builder_, function, &view, &reduced, &map).Union()};
  }
  EncodedOptions operator()(const ReduceU8Options& o) {
    const format::View view = ToFormat(o.view), reduced = ToFormat(o.reduced);
    const format::IndexMap map = ToFormat(o.map);
    const format::Clamp clamp = ToFormat(o.out);
    const auto function = static_cast<format::ReduceFunction>(o.function);
    return {format::Options::ReduceU8,
            format::CreateReduceU8(builder_, function, &view, &reduced, &map, o.multiplier, &clamp).Union()};
  }
  EncodedOptions operator()(const MatMulF32Options& o) {
    const format::View view = ToFormat(o.view);
    const format::IndexMap a = ToFormat(o.a), b = ToFormat(o.b);
    const format::ClampF32 clamp(o.min, o.max);
    return {format::Options::MatMulF32, format::CreateMatMulF32(builder_, &view, o.k, &a, &b, &clamp).Union()};
  }
  EncodedOptions operator()(const MatMulU8Options& o) {
    const format::View view = ToFormat(o.view);
    const format::IndexMap a = ToFormat(o.a), b = ToFormat(o.b);
    const format::Clamp clamp = ToFormat(o.out);
    return {format::Options::MatMulU8, format::CreateMatMulU8(builder_, &view, o.k, &a, &b, o.multiplier, &clamp).Union()};
  }
  EncodedOptions operator()(const ResizeLinearOptions& o) {
    const auto low_y = builder_.CreateVector(o.low_y.data(), o.low_y.size());
    const auto high_y = builder_.CreateVector(o.high_y.data(), o.high_y.size());
    const auto weight_y = builder_.CreateVector(o.weight_y.data(), o.weight_y.size());
    const auto low_x = builder_.CreateVector(o.low_x.data(), o.low_x.size());
    const auto high_x = builder_.CreateVector(o.high_x.data(), o.high_x.size());
    const auto weight_x = builder_.CreateVector(o.weight_x.data(), o.weight_x.size());
    return {format::Options::ResizeLinear,
            format::CreateResizeLinear(builder_, low_y, high_y, weight_y, low_x, high_x, weight_x).Union()};
  }
  EncodedOptions operator()(const QuantizeOptions&) {
    return {format::Options::Quantize, format::CreateQuantize(builder_).Union()};
  }

 private:
  template <class T>
  format::Buffer Append(std::span<const T> values) {
    const size_t offset = segment_.size(), bytes = values.size_bytes();
    segment_.resize(RoundUp(offset + bytes, kAlignment));
    if (bytes != 0) std::memcpy(segment_.data() + offset, values.data(), bytes);
    return format::Buffer(offset, bytes);
  }

  template <class Options>
  EncodedOptions ConvU8(const Options& o, int32_t groups) {
    const format::Window window = ToFormat(o.window);
    const format::Clamp clamp = ToFormat(o.out);
    const format::Buffer weights = Append(o.weights), bias = Append(o.bias), multiplier = Append(o.multiplier);
    Offset<flatbuffers::Vector<uint8_t>> padding = 0;
    if (!o.padding.empty()) padding = builder_.CreateVector(o.padding.data(), o.padding.size());
    Offset<flatbuffers::Vector<uint8_t>> live = 0;
    if constexpr (requires { o.live; }) {
      if (!o.panel_starts.empty()) live = builder_.CreateVector(LiveBits(o));
    }
    return {format::Options::ConvU8,
            format::CreateConvU8(builder_, &window, groups, &weights, &bias, &multiplier, padding, &clamp, live).Union()};
  }

  template <class Options>
  EncodedOptions ConvF32(const Options& o, int32_t groups) {
    const format::Window window = ToFormat(o.window);
    const format::ClampF32 clamp(o.min, o.max);
    const format::Buffer weights = Append(o.weights), bias = Append(o.bias);
    return {format::Options::ConvF32, format::CreateConvF32(builder_, &window, groups, &weights, &bias, &clamp).Union()};
  }

  FlatBufferBuilder& builder_;
  std::vector<std::byte>& segment_;
};

std::vector<uint32_t> ToUnsigned(const std::vector<int>& indices) { return {indices.begin(), indices.end()}; }

Offset<format::Graph> EncodeGraph(FlatBufferBuilder& builder, const FileModel& model, std::vector<std::byte>& segment) {
  std::vector<Offset<format::Tensor>> tensors;
  for (const FileTensor& tensor : model.tensors) {
    const Shape& shape = tensor.info.shape;
    const std::array<uint32_t, 3> dims = {static_cast<uint32_t>(shape.height), static_cast<uint32_t>(shape.width),
                                          static_cast<uint32_t>(shape.channels)};
    const auto name = builder.CreateString(tensor.name);
    const auto dims_vector = builder.CreateVector(dims.data(), dims.size());
    const format::Buffer data(segment.size(), tensor.constant.size());
    segment.insert(segment.end(), tensor.constant.begin(), tensor.constant.end());  // whole multiples of the alignment
    tensors.push_back(format::CreateTensor(builder, name, static_cast<format::DataType>(tensor.info.type), dims_vector,
                                           tensor.info.scale, static_cast<uint8_t>(tensor.info.zero_point), tensor.offset,
                                           static_cast<uint32_t>(tensor.info.images), tensor.info.constant ? &data : nullptr));
  }
  std::vector<Offset<format::Node>> nodes;
  OptionsEncoder encoder(builder, segment);
  for (const FileNode& node : model.nodes) {
    const EncodedOptions options = std::visit(encoder, node.options);
    const auto name = builder.CreateString(node.name);
    const auto inputs = builder.CreateVector(ToUnsigned(node.inputs));
    nodes.push_back(format::CreateNode(builder, name, static_cast<format::OpKind>(node.kind), inputs,
                                       static_cast<uint32_t>(node.output), options.type, options.offset));
  }
  const auto tensor_vector = builder.CreateVector(tensors);
  const auto node_vector = builder.CreateVector(nodes);
  const auto outputs = builder.CreateVector(ToUnsigned(model.outputs));
  const std::vector<uint32_t> scratch(model.scratch_bytes.begin(), model.scratch_bytes.end());
  const auto plan = format::CreatePlan(builder, model.activation_bytes, builder.CreateVector(scratch));
  const auto inputs = builder.CreateVector(ToUnsigned(model.inputs));
  std::vector<format::Block> blocks;
  for (const FileBlock& block : model.blocks) {
    blocks.emplace_back(static_cast<uint32_t>(block.first), static_cast<uint32_t>(block.count),
                        static_cast<uint32_t>(block.rows));
  }
  const Offset<flatbuffers::Vector<const format::Block*>> block_vector =
      blocks.empty() ? Offset<flatbuffers::Vector<const format::Block*>>() : builder.CreateVectorOfStructs(blocks);
  Offset<format::Explanation> explanation = 0;
  if (model.explanation) {
    // A plan of 2^30 bytes or more is refused when the file is opened (kMaxActivationBytes).
    const std::vector<uint64_t>& wide = model.explanation->offsets;
    const auto offsets = builder.CreateVector(std::vector<uint32_t>(wide.begin(), wide.end()));
    explanation = format::CreateExplanation(builder, offsets, model.explanation->activation_bytes);
  }
  return format::CreateGraph(builder, tensor_vector, node_vector, inputs, outputs, plan, block_vector, explanation);
}

static_assert(static_cast<int>(format::OpKind::Quantize) == static_cast<int>(OpKind::kQuantize), "the two lists agree");
static_assert(static_cast<int>(format::DataType::F32) == static_cast<int>(DataType::kF32), "the two lists agree");
static_assert(static_cast<int>(format::Scores::Sigmoid) == static_cast<int>(Scores::kSigmoid), "the two lists agree");
static_assert(static_cast<int>(format::Filter::Bicubic) == static_cast<int>(Filter::kBicubic), "the two lists agree");

Offset<format::Preprocess> EncodePreprocess(FlatBufferBuilder& builder, const PreprocessRecipe& recipe) {
  std::vector<format::Step> types;
  std::vector<Offset<void>> steps;
  for (const PreprocessStep& step : recipe.steps) {
    const auto width = static_cast<uint32_t>(step.width), height = static_cast<uint32_t>(step.height);
    switch (step.kind) {
      case PreprocessStep::Kind::kCenterSquare:
        types.push_back(format::Step::CenterSquare);
        steps.push_back(format::CreateCenterSquare(builder).Union());
        break;
      case PreprocessStep::Kind::kResize:
        types.push_back(format::Step::Resize);
        steps.push_back(format::CreateResize(builder, width, height, static_cast<format::Filter>(step.filter)).Union());
        break;
      case PreprocessStep::Kind::kCenterCrop:
        types.push_back(format::Step::CenterCrop);
        steps.push_back(format::CreateCenterCrop(builder, width, height).Union());
        break;
    }
  }
  const auto decoder = builder.CreateString(recipe.decoder);
  const auto type_vector = builder.CreateVector(types);
  const auto step_vector = builder.CreateVector(steps);
  const auto mean = builder.CreateVector(recipe.mean);
  const auto std = builder.CreateVector(recipe.std);
  return format::CreatePreprocess(builder, decoder, type_vector, step_vector, mean, std);
}

std::optional<format::Estimate> ToFormat(const std::optional<Estimate>& estimate) {
  if (!estimate) return std::nullopt;
  return format::Estimate(estimate->value, estimate->low, estimate->high);
}

Offset<format::Limits> EncodeLimits(FlatBufferBuilder& builder, const LimitsRecipe& limits) {
  std::vector<Offset<format::Limit>> rules;
  for (const LimitRecipe& from : limits.rules) {
    const auto reason = static_cast<format::LimitReason>(from.reason);
    switch (from.kind) {
      case Limit::Kind::kFeature: {
        const auto rule = format::CreateFeatureLimit(builder, static_cast<uint32_t>(from.feature), from.least, from.most);
        rules.push_back(format::CreateLimit(builder, reason, format::Rule::FeatureLimit, rule.Union()));
        break;
      }
      case Limit::Kind::kLinear: {
        const auto rule = format::CreateLinearLimit(builder, builder.CreateVector(from.weights), from.most);
        rules.push_back(format::CreateLimit(builder, reason, format::Rule::LinearLimit, rule.Union()));
        break;
      }
      case Limit::Kind::kDistance: {
        const auto center = builder.CreateVector(from.center), weights = builder.CreateVector(from.weights);
        const auto rule = format::CreateDistanceLimit(builder, center, weights, from.most);
        rules.push_back(format::CreateLimit(builder, reason, format::Rule::DistanceLimit, rule.Union()));
        break;
      }
    }
  }
  const auto rule_vector = builder.CreateVector(rules);
  const auto note = builder.CreateString(limits.note);
  const auto refused = ToFormat(limits.refused);
  return format::CreateLimits(builder, limits.output, rule_vector, refused ? &*refused : nullptr, limits.images, note);
}

static_assert(static_cast<int>(format::LimitReason::UnlikeTraining) == static_cast<int>(LimitReason::kUnlikeTraining),
              "the two lists agree");

using PointVector = flatbuffers::Vector<Offset<format::OperatingPoint>>;

Offset<PointVector> EncodePoints(FlatBufferBuilder& builder, const std::vector<OperatingPointRecipe>& from) {
  std::vector<Offset<format::OperatingPoint>> points;
  for (const OperatingPointRecipe& point : from) {
    const auto name = builder.CreateString(point.name);
    const auto note = builder.CreateString(point.note);
    const auto sensitivity = ToFormat(point.sensitivity), specificity = ToFormat(point.specificity);
    points.push_back(format::CreateOperatingPoint(builder, name, point.threshold, point.refer_low, point.refer_high, note,
                                                  point.calibrated, sensitivity ? &*sensitivity : nullptr,
                                                  specificity ? &*specificity : nullptr));
  }
  return builder.CreateVector(points);
}

Offset<format::PlattScaling> EncodeCalibration(FlatBufferBuilder& builder, const CalibrationRecipe& from) {
  const auto note = builder.CreateString(from.note);
  return format::CreatePlattScaling(builder, from.slope, from.intercept, from.bcc_share, from.images, note);
}

Offset<format::Views> EncodeViews(FlatBufferBuilder& builder, const ViewsSettings& views) {
  const auto calibration = EncodeCalibration(builder, views.calibration);
  const auto points = EncodePoints(builder, views.operating_points);
  std::vector<format::ViewStop> stops;
  for (const ViewStop& stop : views.stops) stops.emplace_back(stop.rise, stop.fall);
  const auto stop_vector = builder.CreateVectorOfStructs(stops);
  const auto note = builder.CreateString(views.note);
  return format::CreateViews(builder, calibration, points, stop_vector, views.images, views.mean_views, note);
}

Offset<format::Verdict> EncodeVerdict(FlatBufferBuilder& builder, const VerdictSettings& verdict) {
  const auto point_vector = EncodePoints(builder, verdict.operating_points);
  const auto labels = builder.CreateVectorOfStrings(verdict.labels);
  const Offset<format::PlattScaling> calibration = verdict.calibration ? EncodeCalibration(builder, *verdict.calibration) : 0;
  const Offset<format::Views> views = verdict.views ? EncodeViews(builder, *verdict.views) : 0;
  const Offset<format::Limits> limits = verdict.limits ? EncodeLimits(builder, *verdict.limits) : 0;
  Offset<flatbuffers::Vector<uint8_t>> hash = 0;
  if (!verdict.output_hash.empty()) hash = builder.CreateVector(FromHex(verdict.output_hash));
  return format::CreateVerdict(builder, labels, static_cast<uint32_t>(verdict.positive),
                               static_cast<format::Scores>(verdict.scores), verdict.temperature, point_vector,
                               static_cast<uint32_t>(verdict.default_operating_point), calibration, hash, limits, views);
}

Offset<format::SelfTest> EncodeSelfTest(FlatBufferBuilder& builder, const SelfTestHashes& test) {
  const auto hash = [&](const uint8_t(&digest)[32]) { return builder.CreateVector(digest, sizeof digest); };
  std::vector<Offset<format::PictureTest>> pictures;
  for (const PictureHashes& picture : test.pictures) {
    if (!test.has_pictures) break;
    const auto pixels = hash(picture.pixels), input = hash(picture.input), verdict = hash(picture.verdict);
    pictures.push_back(format::CreatePictureTest(builder, pixels, input, verdict));
  }
  const auto outputs = hash(test.outputs), first_outputs = hash(test.first_outputs);
  Offset<flatbuffers::Vector<Offset<format::PictureTest>>> vector = 0;
  if (test.has_pictures) vector = builder.CreateVector(pictures);
  return format::CreateSelfTest(builder, outputs, first_outputs, vector);
}

Offset<format::Provenance> EncodeProvenance(FlatBufferBuilder& builder, const Recipe& recipe, const Source& source) {
  const auto name = builder.CreateString(recipe.name);
  const auto converter = builder.CreateString("cutis-convert " CUTIS_VERSION);
  const auto file = builder.CreateString(source.file);
  const auto sha256 = builder.CreateString(source.sha256);
  const auto licence = builder.CreateString(recipe.licence);
  const auto card = builder.CreateString(recipe.card);
  return format::CreateProvenance(builder, name, converter, file, sha256, licence, card);
}

}  // namespace

std::vector<uint8_t> FromHex(const std::string& text) {
  const auto digit = [](char c) { return static_cast<uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::vector<uint8_t> bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
  return bytes;
}

std::string HexSha256(std::span<const std::byte> bytes) {
  uint8_t digest[Sha256::kDigestBytes];
  Sha256::Hash(DetectCpu(), bytes.data(), bytes.size(), digest);
  std::string text;
  for (const uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

Result<std::vector<std::byte>> EncodeModel(const FileModel& model, const Recipe& recipe, const Source& source,
                                           const SelfTestHashes* self_test, const DeviceSettings* device) {
  FlatBufferBuilder builder(64 * 1024);
  std::vector<std::byte> segment;
  const auto graph = EncodeGraph(builder, model, segment);
  Offset<format::Preprocess> preprocess = 0;
  if (recipe.preprocess) preprocess = EncodePreprocess(builder, *recipe.preprocess);
  Offset<format::Verdict> verdict = 0;
  if (recipe.verdict) verdict = EncodeVerdict(builder, *recipe.verdict);
  const auto provenance = EncodeProvenance(builder, recipe, source);
  const Offset<format::SelfTest> test = self_test != nullptr ? EncodeSelfTest(builder, *self_test) : 0;
  Offset<format::Device> made_for = 0;
  if (device != nullptr) {
    const auto name = builder.CreateString(device->name), isa = builder.CreateString(device->isa);
    made_for = format::CreateDevice(builder, name, isa, static_cast<uint32_t>(device->threads), device->image_bytes,
                                    device->image_file_bytes);
  }
  format::FinishModelBuffer(builder, format::CreateModel(builder, graph, preprocess, verdict, provenance, test, made_for));
  if (segment.size() > kMaxSegmentBytes) {
    return Status::Error(Code::kUnsupported, "the weights take %zu bytes; a .cutis file holds at most %llu", segment.size(),
                         static_cast<unsigned long long>(kMaxSegmentBytes));
  }

  FileHeader header = {};
  std::memcpy(header.magic, kMagic, sizeof header.magic);
  header.version = kFormatVersion;
  header.graph_bytes = RoundUp(builder.GetSize(), kAlignment);
  header.segment_bytes = segment.size();
  std::vector<std::byte> bytes(sizeof header + header.graph_bytes + segment.size());
  std::memcpy(bytes.data() + sizeof header, builder.GetBufferPointer(), builder.GetSize());
  if (!segment.empty()) std::memcpy(bytes.data() + sizeof header + header.graph_bytes, segment.data(), segment.size());
  const uint8_t* const graph_begin = reinterpret_cast<const uint8_t*>(bytes.data()) + sizeof header;
  CUTIS_TRY(HashContent(DetectCpu(), 1, {graph_begin, header.graph_bytes}, {graph_begin + header.graph_bytes, segment.size()},
                        header.sha256));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

}  // namespace cutis::convert
