// The options of an operator, from its table in the file. Here: that the table is the right one for the operator, that its
// window is within sane limits, that its buffers lie in the segment. What the numbers mean is checked by the operator.
#include <cmath>
#include <cstring>

#include "format_generated.h"
#include "runtime/verify.h"

namespace cutis {
namespace {

static_assert(static_cast<int>(format::BinaryFunction::Pow) == static_cast<int>(BinaryFunction::kPow));
static_assert(static_cast<int>(format::UnaryFunction::LeakyRelu) == static_cast<int>(UnaryFunction::kLeakyRelu));
static_assert(static_cast<int>(format::ReduceFunction::Min) == static_cast<int>(ReduceFunction::kMin));

Status LoadWindow(const format::Window& from, Window* out) {
  *out = {from.kernel_h(),   from.kernel_w(), from.stride_h(), from.stride_w(),   from.dilation_h(),
          from.dilation_w(), from.pad_top(),  from.pad_left(), from.pad_bottom(), from.pad_right()};
  const int32_t max = static_cast<int32_t>(kMaxDim);
  for (int32_t value : {out->kernel_h, out->kernel_w, out->stride_h, out->stride_w, out->dilation_h, out->dilation_w}) {
    if (value < 1 || value > max)
      return Status::Error(Code::kBadInput, "a size, stride or dilation of the window is not in 1 .. %d", max);
  }
  for (int32_t value : {out->pad_top, out->pad_left, out->pad_bottom, out->pad_right}) {
    if (value < 0 || value > max) return Status::Error(Code::kBadInput, "a padding is not in 0 .. %d", max);
  }
  return {};
}

Status LoadClamp(const format::Clamp& from, const Node& node, OutputU8* out) {
  if (node.output->type != DataType::kU8) return Status::Error(Code::kBadInput, "its output is not u8");
  *out = {node.output->zero_point, from.lo(), from.hi()};
  if (out->lo > out->hi) return Status::Error(Code::kBadInput, "its clamp has a lower end above the upper one");
  return {};
}

Status LoadClamp(const format::ClampF32& from, float* min, float* max) {
  *min = from.min();
  *max = from.max();
  if (!(*min <= *max))
    return Status::Error(Code::kBadInput, "its clamp has a lower end above the upper one, or is not a number");
  return {};
}

template <class T>
Status LoadBuffer(const format::Buffer& from, const char* what, Segment& segment, std::span<const T>* out) {
  if (from.size() % sizeof(T) != 0) return Status::Error(Code::kBadInput, "its %s end within an element", what);
  std::span<const uint8_t> bytes;
  CUTIS_TRY(cutis::LoadBuffer(from, what, segment, &bytes));
  *out = {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  return {};
}

template <class T>
Status CopyVector(const flatbuffers::Vector<T>* from, size_t limit, const char* what, Memory& memory, std::span<const T>* out) {
  *out = {};
  if (from == nullptr) return {};
  if (from->size() > limit) return Status::Error(Code::kBadInput, "its %s are more than %zu", what, limit);
  std::span<T> copy;
  CUTIS_TRY(memory.Array(from->size(), &copy));
  for (uint32_t i = 0; i < from->size(); ++i) copy[i] = from->Get(i);
  *out = copy;
  return {};
}

// From a bit for each k-group of each panel to the lists of the kernels. Weights and biases are loaded already; whether all of
// it fits the layer is checked by the operator.
Status LoadLiveRows(const flatbuffers::Vector<uint8_t>& bits, Segment& segment, Memory& memory, ConvU8Options* options) {
  constexpr size_t kMostPanelBytes = (size_t{1} << 16) / 8;  // what an entry of the list can name
  const size_t panels = options->bias.size() / 16, panel_bytes = panels == 0 ? 0 : bits.size() / panels;
  if (panel_bytes == 0 || panel_bytes > kMostPanelBytes || bits.size() % panels != 0) {
    return Status::Error(Code::kBadInput, "its live rows are %u bytes for %zu panels", bits.size(), panels);
  }
  if (bits.size() > segment.budget) {
    return Status::Error(Code::kBadInput, "the nodes refer to far more weights than the file holds");
  }
  segment.budget -= bits.size();
  const size_t rows = options->weights.size() / 64;  // these are within the budget, and so are the lists
  std::span<uint32_t> starts;
  std::span<uint16_t> live;
  CUTIS_TRY(memory.Array(panels + 1, &starts));
  CUTIS_TRY(memory.Array(rows, &live));
  size_t count = 0;
  for (uint32_t i = 0; i < bits.size(); ++i) {
    if (i % panel_bytes == 0) starts[i / panel_bytes] = static_cast<uint32_t>(count);
    for (uint32_t byte = bits.Get(i); byte != 0; byte &= byte - 1) {
      if (count == rows) return Status::Error(Code::kBadInput, "it has more than the %zu live rows of its weights", rows);
      live[count++] = static_cast<uint16_t>(i % panel_bytes * 8 + static_cast<size_t>(__builtin_ctz(byte)));
    }
  }
  starts[panels] = static_cast<uint32_t>(count);
  options->panel_starts = starts;
  options->live = live.first(count);
  return {};
}

// ConvU8Options and DepthwiseU8Options have the same fields but for the groups.
template <class Options>
Status LoadConvU8(const format::ConvU8& from, Segment& segment, Memory& memory, Node* node) {
  Options options;
  CUTIS_TRY(LoadWindow(*from.window(), &options.window));
  if constexpr (requires { options.groups; }) {
    options.groups = from.groups();
    if (options.groups < 1 || options.groups > node->inputs[0]->shape.channels) {
      return Status::Error(Code::kBadInput, "its groups are not in 1 .. channels of the input");
    }
  } else if (from.groups() != 1) {
    return Status::Error(Code::kBadInput, "a depthwise convolution states no groups");
  }
  CUTIS_TRY(LoadBuffer(*from.weights(), "weights", segment, &options.weights));
  CUTIS_TRY(LoadBuffer(*from.bias(), "biases", segment, &options.bias));
  CUTIS_TRY(LoadBuffer(*from.multiplier(), "multipliers", segment, &options.multiplier));
  CUTIS_TRY(CopyVector(from.padding(), kMaxDim, "padding bytes", memory, &options.padding));
  CUTIS_TRY(LoadClamp(*from.clamp(), *node, &options.out));
  if constexpr (requires { options.live; }) {
    if (from.live() != nullptr) CUTIS_TRY(LoadLiveRows(*from.live(), segment, memory, &options));
  } else if (from.live() != nullptr) {
    return Status::Error(Code::kBadInput, "a depthwise convolution has no pruned weights");
  }
  node->options = options;
  return {};
}

template <class Options>
Status LoadConvF32(const format::ConvF32& from, Segment& segment, Node* node) {
  Options options;
  CUTIS_TRY(LoadWindow(*from.window(), &options.window));
  if constexpr (requires { options.groups; }) {
    options.groups = from.groups();
    if (options.groups < 1 || options.groups > node->inputs[0]->shape.channels) {
      return Status::Error(Code::kBadInput, "its groups are not in 1 .. channels of the input");
    }
  } else if (from.groups() != 1) {
    return Status::Error(Code::kBadInput, "a depthwise convolution states no groups");
  }
  CUTIS_TRY(LoadBuffer(*from.weights(), "weights", segment, &options.weights));
  CUTIS_TRY(LoadBuffer(*from.bias(), "biases", segment, &options.bias));
  CUTIS_TRY(LoadClamp(*from.clamp(), &options.min, &options.max));
  node->options = options;
  return {};
}

Status LoadAdd(const format::AddU8& from, Node* node) {
  AddU8Options options;
  options.multiplier_a = from.multiplier_a();
  options.multiplier_b = from.multiplier_b();
  CUTIS_TRY(LoadClamp(*from.clamp(), *node, &options.out));
  node->options = options;
  return {};
}

Status LoadAdd(const format::AddF32& from, Node* node) {
  AddF32Options options;
  CUTIS_TRY(LoadClamp(*from.clamp(), &options.min, &options.max));
  node->options = options;
  return {};
}

Status LoadMaxPool(const format::MaxPool& from, Node* node) {
  MaxPoolOptions options;
  CUTIS_TRY(LoadWindow(*from.window(), &options.window));
  node->options = options;
  return {};
}

Status LoadAveragePool(const format::AveragePoolU8& from, Memory& memory, Node* node) {
  AveragePoolU8Options options;
  CUTIS_TRY(LoadWindow(*from.window(), &options.window));
  options.count_include_pad = from.count_include_pad();
  CUTIS_TRY(CopyVector(from.counts(), kMaxDim, "counts", memory, &options.counts));
  CUTIS_TRY(CopyVector(from.multipliers(), kMaxDim, "multipliers", memory, &options.multipliers));
  CUTIS_TRY(LoadClamp(*from.clamp(), *node, &options.out));
  node->options = options;
  return {};
}

Status LoadAveragePool(const format::AveragePoolF32& from, Node* node) {
  AveragePoolF32Options options;
  CUTIS_TRY(LoadWindow(*from.window(), &options.window));
  options.count_include_pad = from.count_include_pad();
  node->options = options;
  return {};
}

Status LoadLookup(const format::Lookup& from, Memory& memory, Node* node) {
  LookupOptions options;
  CUTIS_TRY(CopyVector(from.table_(), 256, "table entries", memory, &options.table));
  node->options = options;
  return {};
}

Status LoadView(const format::View& from, View* out) {
  if (from.rank() < 1 || from.rank() > kMaxAxes) {
    return Status::Error(Code::kBadInput, "an index space has %d axes, 1 .. %d are possible", from.rank(), kMaxAxes);
  }
  out->rank = from.rank();
  for (int32_t a = 0; a < kMaxAxes; ++a) out->dims[a] = from.dims()->Get(static_cast<uint16_t>(a));
  return {};
}

IndexMap LoadMap(const format::IndexMap& from) {
  IndexMap map;
  for (int32_t d = 0; d < kDims; ++d) map.start[d] = from.start()->Get(static_cast<uint16_t>(d));
  for (int32_t a = 0; a < kMaxAxes; ++a) {
    map.dim[a] = static_cast<Dim>(from.dim()->Get(static_cast<uint16_t>(a)));
    map.step[a] = from.step()->Get(static_cast<uint16_t>(a));
  }
  return map;
}

Status LoadMove(const format::Move& from, Memory& memory, Node* node) {
  MoveOptions options;
  CUTIS_TRY(LoadView(*from.view(), &options.view));
  if (from.pieces()->size() > kMaxPieces) return Status::Error(Code::kBadInput, "its pieces are more than %u", kMaxPieces);
  std::span<MovePiece> pieces;
  CUTIS_TRY(memory.Array(from.pieces()->size(), &pieces));
  for (uint32_t i = 0; i < from.pieces()->size(); ++i) {
    const format::MovePiece& piece = *from.pieces()->Get(i);
    if (piece.input() >= node->inputs.size()) return Status::Error(Code::kBadInput, "piece %u is of an input that it lacks", i);
    pieces[i].input = static_cast<int32_t>(piece.input());
    for (int32_t a = 0; a < kMaxAxes; ++a) {
      pieces[i].from[a] = piece.from()->Get(static_cast<uint16_t>(a));
      pieces[i].extent[a] = piece.extent()->Get(static_cast<uint16_t>(a));
    }
    pieces[i].map = LoadMap(piece.map());
    pieces[i].table = piece.table_();
  }
  options.pieces = pieces;
  CUTIS_TRY(CopyVector(from.tables(), 256 * kMaxNodeInputs, "bytes of tables", memory, &options.tables));
  options.filled = from.filled();
  options.fill = from.fill();
  node->options = options;
  return {};
}

Status LoadBinary(const format::BinaryF32& from, Node* node) {
  BinaryF32Options options;
  options.function = static_cast<BinaryFunction>(from.function());
  CUTIS_TRY(LoadView(*from.view(), &options.view));
  options.a = LoadMap(*from.a());
  options.b = LoadMap(*from.b());
  CUTIS_TRY(LoadClamp(*from.clamp(), &options.min, &options.max));
  node->options = options;
  return {};
}

Status LoadBinary(const format::BinaryU8& from, Node* node) {
  BinaryU8Options options;
  options.function = static_cast<BinaryFunction>(from.function());
  CUTIS_TRY(LoadView(*from.view(), &options.view));
  options.a = LoadMap(*from.a());
  options.b = LoadMap(*from.b());
  options.multiplier_a = from.multiplier_a();
  options.multiplier_b = from.multiplier_b();
  CUTIS_TRY(LoadClamp(*from.clamp(), *node, &options.out));
  node->options = options;
  return {};
}

Status LoadSelect(const format::Select& from, Node* node) {
  SelectOptions options;
  CUTIS_TRY(LoadView(*from.view(), &options.view));
  options.condition = LoadMap(*from.condition());
  options.a = LoadMap(*from.a());
  options.b = LoadMap(*from.b());
  node->options = options;
  return {};
}

Status LoadReduce(const format::ReduceF32& from, Node* node) {
  ReduceF32Options options;
  options.function = static_cast<ReduceFunction>(from.function());
  CUTIS_TRY(LoadView(*from.view(), &options.view));
  CUTIS_TRY(LoadView(*from.reduced(), &options.reduced));
  options.map = LoadMap(*from.map());
  node->options = options;
  return {};
}

Status LoadReduce(const format::ReduceU8& from, Node* node) {
  ReduceU8Options options;
  options.function = static_cast<ReduceFunction>(from.function());
  CUTIS_TRY(LoadView(*from.view(), &options.view));
  CUTIS_TRY(LoadView(*from.reduced(), &options.reduced));
  options.map = LoadMap(*from.map());
  options.multiplier = from.multiplier();
  CUTIS_TRY(LoadClamp(*from.clamp(), *node, &options.out));
  node->options = options;
  return {};
}

Status LoadMatMul(const format::MatMulF32& from, Node* node) {
  MatMulF32Options options;
  CUTIS_TRY(LoadView(*from.view(), &options.view));
  options.k = from.k();
  options.a = LoadMap(*from.a());
  options.b = LoadMap(*from.b());
  CUTIS_TRY(LoadClamp(*from.clamp(), &options.min, &options.max));
  node->options = options;
  return {};
}

Status LoadMatMul(const format::MatMulU8& from, Node* node) {
  MatMulU8Options options;
  CUTIS_TRY(LoadView(*from.view(), &options.view));
  options.k = from.k();
  options.a = LoadMap(*from.a());
  options.b = LoadMap(*from.b());
  options.multiplier = from.multiplier();
  CUTIS_TRY(LoadClamp(*from.clamp(), *node, &options.out));
  node->options = options;
  return {};
}

Status LoadResizeLinear(const format::ResizeLinear& from, Memory& memory, Node* node) {
  ResizeLinearOptions options;
  CUTIS_TRY(CopyVector(from.low_y(), kMaxDim, "rows", memory, &options.low_y));
  CUTIS_TRY(CopyVector(from.high_y(), kMaxDim, "rows", memory, &options.high_y));
  CUTIS_TRY(CopyVector(from.weight_y(), kMaxDim, "row weights", memory, &options.weight_y));
  CUTIS_TRY(CopyVector(from.low_x(), kMaxDim, "columns", memory, &options.low_x));
  CUTIS_TRY(CopyVector(from.high_x(), kMaxDim, "columns", memory, &options.high_x));
  CUTIS_TRY(CopyVector(from.weight_x(), kMaxDim, "column weights", memory, &options.weight_x));
  node->options = options;
  return {};
}

Status LoadClampOnly(const format::ClampOnly& from, Node* node) {
  ClampF32Options options;
  CUTIS_TRY(LoadClamp(*from.clamp(), &options.min, &options.max));
  node->options = options;
  return {};
}

// Which table belongs to an operator.
format::Options ExpectedOptions(OpKind kind, DataType type) {
  const bool u8 = type == DataType::kU8;
  switch (kind) {
    case OpKind::kConv:
    case OpKind::kDepthwise:
    case OpKind::kDense:
      return u8 ? format::Options::ConvU8 : format::Options::ConvF32;
    case OpKind::kAdd:
      return u8 ? format::Options::AddU8 : format::Options::AddF32;
    case OpKind::kMaxPool:
      return format::Options::MaxPool;
    case OpKind::kAveragePool:
      return u8 ? format::Options::AveragePoolU8 : format::Options::AveragePoolF32;
    case OpKind::kLookup:
      return format::Options::Lookup;
    case OpKind::kClamp:
      return format::Options::ClampOnly;
    case OpKind::kSoftmax:
      return format::Options::Softmax;
    case OpKind::kDequantize:
      return format::Options::Dequantize;
    case OpKind::kReshape:
      return format::Options::Reshape;
    case OpKind::kMove:
      return format::Options::Move;
    case OpKind::kBinary:
      return u8 ? format::Options::BinaryU8 : format::Options::BinaryF32;
    case OpKind::kSelect:
      return format::Options::Select;
    case OpKind::kUnary:
      return format::Options::Unary;
    case OpKind::kReduce:
      return u8 ? format::Options::ReduceU8 : format::Options::ReduceF32;
    case OpKind::kMatMul:
      return u8 ? format::Options::MatMulU8 : format::Options::MatMulF32;
    case OpKind::kResizeLinear:
      return format::Options::ResizeLinear;
    case OpKind::kQuantize:
      return format::Options::Quantize;
  }
  return format::Options::NONE;
}

}  // namespace

Status LoadBuffer(const format::Buffer& from, const char* what, Segment& segment, std::span<const uint8_t>* out) {
  const uint64_t size = segment.bytes.size();
  if (from.offset() % kAlignment != 0 || from.offset() > size || from.size() > size - from.offset()) {
    return Status::Error(Code::kBadInput, "its %s lie outside the file or are not aligned", what);
  }
  if (from.size() > segment.budget) {
    return Status::Error(Code::kBadInput, "the graph refers to far more weights than the file holds");
  }
  segment.budget -= from.size();
  *out = segment.bytes.subspan(static_cast<size_t>(from.offset()), static_cast<size_t>(from.size()));
  return {};
}

Status LoadOptions(const format::Node& from, Segment& segment, Memory& memory, Node* node) {
  const DataType type = node->inputs[0]->type;
  const bool u8 = type == DataType::kU8;
  if (from.options_type() != ExpectedOptions(node->kind, type)) {
    return Status::Error(Code::kBadInput, "its options are those of another operator");
  }
  switch (node->kind) {
    case OpKind::kConv:
    case OpKind::kDense:
      return u8 ? LoadConvU8<ConvU8Options>(*from.options_as_ConvU8(), segment, memory, node)
                : LoadConvF32<ConvF32Options>(*from.options_as_ConvF32(), segment, node);
    case OpKind::kDepthwise:
      return u8 ? LoadConvU8<DepthwiseU8Options>(*from.options_as_ConvU8(), segment, memory, node)
                : LoadConvF32<DepthwiseF32Options>(*from.options_as_ConvF32(), segment, node);
    case OpKind::kAdd:
      return u8 ? LoadAdd(*from.options_as_AddU8(), node) : LoadAdd(*from.options_as_AddF32(), node);
    case OpKind::kMaxPool:
      return LoadMaxPool(*from.options_as_MaxPool(), node);
    case OpKind::kAveragePool:
      return u8 ? LoadAveragePool(*from.options_as_AveragePoolU8(), memory, node)
                : LoadAveragePool(*from.options_as_AveragePoolF32(), node);
    case OpKind::kLookup:
      return LoadLookup(*from.options_as_Lookup(), memory, node);
    case OpKind::kClamp:
      return LoadClampOnly(*from.options_as_ClampOnly(), node);
    case OpKind::kSoftmax:
      node->options = SoftmaxOptions{};
      return {};
    case OpKind::kDequantize:
      node->options = DequantizeOptions{};
      return {};
    case OpKind::kReshape:
      node->options = ReshapeOptions{};
      return {};
    case OpKind::kMove:
      return LoadMove(*from.options_as_Move(), memory, node);
    case OpKind::kBinary:
      return u8 ? LoadBinary(*from.options_as_BinaryU8(), node) : LoadBinary(*from.options_as_BinaryF32(), node);
    case OpKind::kSelect:
      return LoadSelect(*from.options_as_Select(), node);
    case OpKind::kUnary: {
      const format::Unary& unary = *from.options_as_Unary();
      node->options = UnaryOptions{static_cast<UnaryFunction>(unary.function()), unary.alpha(), unary.beta()};
      return {};
    }
    case OpKind::kReduce:
      return u8 ? LoadReduce(*from.options_as_ReduceU8(), node) : LoadReduce(*from.options_as_ReduceF32(), node);
    case OpKind::kMatMul:
      return u8 ? LoadMatMul(*from.options_as_MatMulU8(), node) : LoadMatMul(*from.options_as_MatMulF32(), node);
    case OpKind::kResizeLinear:
      return LoadResizeLinear(*from.options_as_ResizeLinear(), memory, node);
    case OpKind::kQuantize:
      node->options = QuantizeOptions{};
      return {};
  }
  return Status::Error(Code::kInternal, "an operator without options was let through");
}

}  // namespace cutis
