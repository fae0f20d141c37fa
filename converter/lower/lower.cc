// From the graph's normal form to the runtime's network.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "converter/graph/edit.h"
#include "converter/graph/indices.h"
#include "converter/graph/passes.h"
#include "converter/lower/builder.h"
#include "converter/lower/net.h"
#include "converter/lower/window.h"

namespace cutis::convert {
namespace {

// [out][in][pixels] -> [out][pixels][in]
std::vector<float> MoveChannelsLast(const std::vector<float>& weights, size_t in, size_t pixels) {
  std::vector<float> moved(weights.size());
  const size_t row = in * pixels;
  for (size_t start = 0; start < weights.size(); start += row) {
    for (size_t c = 0; c < in; ++c) {
      for (size_t p = 0; p < pixels; ++p) moved[start + p * in + c] = weights[start + c * pixels + p];
    }
  }
  return moved;
}

void TakeClamp(const Node& node, NetNode* lowered) {
  const bool clip = node.op == "Clip";
  lowered->min = FloatOf(node, clip ? "min" : "clip_min", lowered->min);
  lowered->max = FloatOf(node, clip ? "max" : "clip_max", lowered->max);
}

const std::map<std::string, BinaryFunction>& Binaries() {
  static const std::map<std::string, BinaryFunction> table = {{"Add", BinaryFunction::kAdd}, {"Sub", BinaryFunction::kSub},
                                                              {"Mul", BinaryFunction::kMul}, {"Div", BinaryFunction::kDiv},
                                                              {"Max", BinaryFunction::kMax}, {"Min", BinaryFunction::kMin},
                                                              {"Pow", BinaryFunction::kPow}};
  return table;
}

struct UnaryLine {
  UnaryFunction function;
  float alpha, beta;  // where the node has no such attributes
};
const std::map<std::string, UnaryLine>& Unaries() {
  static const std::map<std::string, UnaryLine> table = {{"Neg", {UnaryFunction::kNeg, 0, 0}},
                                                         {"Abs", {UnaryFunction::kAbs, 0, 0}},
                                                         {"Sqrt", {UnaryFunction::kSqrt, 0, 0}},
                                                         {"Reciprocal", {UnaryFunction::kReciprocal, 0, 0}},
                                                         {"Exp", {UnaryFunction::kExp, 0, 0}},
                                                         {"Log", {UnaryFunction::kLog, 0, 0}},
                                                         {"Sigmoid", {UnaryFunction::kSigmoid, 0, 0}},
                                                         {"Tanh", {UnaryFunction::kTanh, 0, 0}},
                                                         {"Softplus", {UnaryFunction::kSoftplus, 0, 0}},
                                                         {"Swish", {UnaryFunction::kSwish, 1, 0}},
                                                         {"Mish", {UnaryFunction::kMish, 0, 0}},
                                                         {"HardSigmoid", {UnaryFunction::kHardSigmoid, 0.2f, 0.5f}},
                                                         {"HardSwish", {UnaryFunction::kHardSwish, 0, 0}},
                                                         {"Elu", {UnaryFunction::kElu, 1, 0}},
                                                         {"LeakyRelu", {UnaryFunction::kLeakyRelu, 0.01f, 0}}};
  return table;
}

const std::map<std::string, ReduceFunction>& Reductions() {
  static const std::map<std::string, ReduceFunction> table = {{"ReduceSum", ReduceFunction::kSum},
                                                              {"ReduceMean", ReduceFunction::kMean},
                                                              {"ReduceMax", ReduceFunction::kMax},
                                                              {"ReduceMin", ReduceFunction::kMin}};
  return table;
}

class Lowering {
 public:
  explicit Lowering(const Graph& graph) : graph_(graph), builder_(graph) {}

  Result<Net> Run() {
    builder_.net().name = graph_.name;
    for (const ValueId id : graph_.inputs) {
      builder_.net().inputs.push_back(builder_.Define(id, InputLayout(id)));
    }
    for (const Node& node : graph_.nodes) {
      if (const Status status = LowerNode(node); !status.ok()) {
        // What the builder says does not know the node.
        const std::string text = status.text();
        return text.rfind("node '", 0) == 0 ? status : NodeError(node, text, status.code());
      }
    }
    CUTIS_TRY(builder_.TakeOutputs());
    return std::move(builder_.net());
  }

 private:
  const Dims& In(const Node& node, size_t index) const { return builder_.DimsOf(node.inputs[index]); }
  const Dims& Out(const Node& node) const { return builder_.DimsOf(node.outputs[0]); }

  // An image comes as rows of pixels. Where the network begins by turning such rows into planes (models from TensorFlow do),
  // the rows are its input as they stand.
  Layout InputLayout(ValueId id) const {
    const Dims& dims = builder_.DimsOf(id);
    bool turned = dims.size() == 4 && dims[1] <= 16384 && dims[2] <= 16384 && dims[3] <= 16384 && dims[0] <= 4096;
    bool read = false;
    for (const Node& node : graph_.nodes) {
      if (std::find(node.inputs.begin(), node.inputs.end(), id) == node.inputs.end()) continue;
      read = true;
      turned = turned && node.op == "Transpose" && IntsOf(node, "perm", {}) == std::vector<int64_t>{0, 3, 1, 2};
    }
    if (!turned || !read) return ImageLayout(dims);
    Layout layout = ImageLayout({dims[0], dims[3], dims[1], dims[2]});
    layout.axes = {layout.axes[0], layout.axes[2], layout.axes[3], layout.axes[1]};
    return layout;
  }

  // The node on one tensor in one layout, its result in the same or another one.
  Status Finish(const Node& node, NetNode lowered, const Layout& layout) {
    lowered.name = node.name;
    lowered.output = builder_.Define(node.outputs[0], layout);
    builder_.Add(std::move(lowered));
    return {};
  }

  Status LowerUnary(const Node& node, NetNode lowered) {
    CUTIS_ASSIGN(const Place place, builder_.Any(node.inputs[0]));
    lowered.inputs = {place.tensor};
    return Finish(node, std::move(lowered), place.layout);
  }

  // A layout for an elementwise result: that of an operand of the same dims that is computed, images first.
  Result<Layout> CommonLayout(const Node& node) {
    const Dims& dims = Out(node);
    Layout found;
    bool any = false;
    for (const ValueId id : node.inputs) {
      if (builder_.IsConstant(id) || builder_.DimsOf(id) != dims) continue;
      CUTIS_ASSIGN(const Place place, builder_.Any(id));
      if (!any || SamePlaces(place.layout, ImageLayout(dims), dims)) found = place.layout;
      any = true;
    }
    return any ? std::move(found) : ImageLayout(dims);
  }

  Status LowerBinary(const Node& node) {
    NetNode lowered;
    TakeClamp(node, &lowered);
    const Dims& dims = Out(node);
    CUTIS_ASSIGN(const Layout layout, CommonLayout(node));
    BinaryF32Options options;
    options.function = Binaries().at(node.op);
    std::vector<int> order;
    CUTIS_TRY(ViewOf(layout, dims, &options.view, &order));
    bool plain = node.op == "Add";
    for (size_t i = 0; i < 2; ++i) {
      const Dims& operand = In(node, i);
      // A residual add reads both of its operands in one layout.
      if (plain && operand == dims && !builder_.IsConstant(node.inputs[i])) {
        CUTIS_ASSIGN(const int tensor, builder_.Demand(node.inputs[i], layout));
        lowered.inputs.push_back(tensor);
        (i == 0 ? options.a : options.b) = MapOf(layout, operand, dims.size(), order);
        continue;
      }
      plain = false;
      CUTIS_ASSIGN(const Place place, builder_.Any(node.inputs[i]));
      lowered.inputs.push_back(place.tensor);
      (i == 0 ? options.a : options.b) = MapOf(place.layout, operand, dims.size(), order);
    }
    lowered.kind = plain ? OpKind::kAdd : OpKind::kBinary;
    if (!plain) lowered.options = options;
    return Finish(node, std::move(lowered), layout);
  }

  Status LowerSelect(const Node& node) {
    CUTIS_ASSIGN(const Layout layout, CommonLayout(node));
    NetNode lowered;
    lowered.kind = OpKind::kSelect;
    SelectOptions options;
    std::vector<int> order;
    CUTIS_TRY(ViewOf(layout, Out(node), &options.view, &order));
    IndexMap* const maps[] = {&options.condition, &options.a, &options.b};
    for (size_t i = 0; i < 3; ++i) {
      CUTIS_ASSIGN(const Place place, builder_.Any(node.inputs[i]));
      lowered.inputs.push_back(place.tensor);
      *maps[i] = MapOf(place.layout, In(node, i), Out(node).size(), order);
    }
    lowered.options = options;
    return Finish(node, std::move(lowered), layout);
  }

  Status LowerConcat(const Node& node) {
    const Dims& dims = Out(node);
    const auto axis = static_cast<size_t>(IntOf(node, "axis", 0));
    std::vector<Place> places;
    bool image = false;
    for (const ValueId id : node.inputs) {
      CUTIS_ASSIGN(const Place place, builder_.Any(id));
      image = image || !SamePlaces(place.layout, FlatLayout(builder_.DimsOf(id)), builder_.DimsOf(id));
      places.push_back(place);
    }
    const Layout layout = image ? ImageLayout(dims) : FlatLayout(dims);
    NetNode lowered;
    lowered.kind = OpKind::kMove;
    NetMove move;
    std::vector<int> order;
    CUTIS_TRY(ViewOf(layout, dims, &move.view, &order));
    std::vector<int32_t> from(dims.size(), 0);
    for (size_t i = 0; i < places.size(); ++i) {
      IndexLists all;
      for (const int64_t dim : In(node, i)) {
        all.axes.emplace_back();
        for (int32_t p = 0; p < dim; ++p) all.axes.back().push_back(p);
      }
      CUTIS_TRY(PiecesOf(all, places[i].layout, In(node, i), order, static_cast<int32_t>(i), from, &move.pieces));
      from[axis] += static_cast<int32_t>(In(node, i)[axis]);
      lowered.inputs.push_back(places[i].tensor);
    }
    lowered.options = std::move(move);
    return Finish(node, std::move(lowered), layout);
  }

  Status LowerTranspose(const Node& node) {
    CUTIS_ASSIGN(Place place, builder_.Any(node.inputs[0]));
    const std::vector<AxisPlace> axes = place.layout.axes;
    const std::vector<int64_t> order = IntsOf(node, "perm", {});
    for (size_t i = 0; i < order.size(); ++i) place.layout.axes[i] = axes[static_cast<size_t>(order[i])];
    builder_.DefineAlias(node.outputs[0], std::move(place));
    return {};
  }

  Status LowerReduce(const Node& node) {
    const Dims& in = In(node, 0);
    CUTIS_ASSIGN(const Place place, builder_.Any(node.inputs[0]));
    const std::vector<int64_t> axes = IntsOf(node, "axes", {});
    const auto is_reduced = [&](size_t a) {
      return std::find(axes.begin(), axes.end(), static_cast<int64_t>(a)) != axes.end();
    };
    // The kept axes of the input, under the dims that the output has.
    Dims kept = in;
    for (const int64_t axis : axes) kept[static_cast<size_t>(axis)] = 1;
    const Layout layout = Builder::Like(place.layout, in, kept);
    ReduceF32Options options;
    options.function = Reductions().at(node.op);
    std::vector<int> order;
    CUTIS_TRY(ViewOf(layout, kept, &options.view, &order));
    for (size_t a = 0; a < in.size(); ++a) {
      if (!is_reduced(a) || in[a] == 1) continue;
      if (options.reduced.rank == kMaxAxes) return NodeError(node, "it reduces too many axes");
      options.reduced.dims[options.reduced.rank++] = static_cast<int32_t>(in[a]);
      order.push_back(static_cast<int>(a));
    }
    if (options.reduced.rank == 0) {
      options.reduced.rank = 1;
      options.reduced.dims[0] = 1;
      order.push_back(-1);
    }
    if (order.size() > static_cast<size_t>(kMaxAxes)) return NodeError(node, "its input has too many axes that are not 1");
    options.map = MapOf(place.layout, in, in.size(), order);
    NetNode lowered;
    lowered.kind = OpKind::kReduce;
    lowered.inputs = {place.tensor};
    lowered.options = options;
    // Without keepdims the output has the kept axes alone.
    Layout result = layout;
    if (Out(node).size() != in.size()) {
      result.axes.clear();
      for (size_t a = 0; a < in.size(); ++a) {
        if (!is_reduced(a)) result.axes.push_back(layout.axes[a]);
      }
    }
    return Finish(node, std::move(lowered), result);
  }

  Status LowerMatMul(const Node& node) {
    NetNode lowered;
    TakeClamp(node, &lowered);
    lowered.kind = OpKind::kMatMul;
    const Dims &a = In(node, 0), &b = In(node, 1), &y = Out(node);
    const size_t rank = y.size();
    MatMulF32Options options;
    options.k = static_cast<int32_t>(a.back());
    // The view must end with m and n, also where they are 1.
    for (size_t i = 0; i < rank; ++i) {
      if (i + 2 < rank && y[i] == 1) continue;
      if (options.view.rank + 1 >= kMaxAxes) return NodeError(node, "its inputs have too many axes");
      options.view.dims[options.view.rank++] = static_cast<int32_t>(y[i]);
    }
    const auto map = [&](const Place& place, const Dims& dims, bool first) {
      IndexMap result;
      int32_t at = 0;
      const auto put = [&](int64_t axis) {
        if (axis >= 0 && dims[static_cast<size_t>(axis)] != 1) {
          result.dim[at] = place.layout.axes[static_cast<size_t>(axis)].dim;
          result.step[at] = place.layout.axes[static_cast<size_t>(axis)].step;
        } else {
          result.dim[at] = Dim::kChannel;
        }
        ++at;
      };
      const auto offset = static_cast<int64_t>(dims.size()) - static_cast<int64_t>(rank);
      const auto last = static_cast<int64_t>(dims.size()) - 1;
      for (size_t i = 0; i + 2 < rank; ++i) {
        if (y[i] != 1) put(static_cast<int64_t>(i) + offset);
      }
      put(first ? last - 1 : -1);
      put(first ? -1 : last);
      put(first ? last : last - 1);
      return result;
    };
    CUTIS_ASSIGN(const Place place_a, builder_.Any(node.inputs[0]));
    CUTIS_ASSIGN(const Place place_b, builder_.Any(node.inputs[1]));
    options.a = map(place_a, a, true);
    options.b = map(place_b, b, false);
    lowered.inputs = {place_a.tensor, place_b.tensor};
    lowered.options = options;
    return Finish(node, std::move(lowered), FlatLayout(y));
  }

  // The patches under a window: a move that reads elements several times.
  Status LowerUnfold(const Node& node) {
    const Dims& y = Out(node);
    CUTIS_ASSIGN(const Place place, builder_.Any(node.inputs[0]));
    const std::vector<int64_t> strides = IntsOf(node, "strides", {}), dilations = IntsOf(node, "dilations", {});
    const size_t spatial = strides.size();
    const Layout layout = FlatLayout(y);
    NetMove move;
    MovePiece piece;
    std::vector<int> order;
    CUTIS_TRY(ViewOf(layout, y, &move.view, &order));
    std::copy_n(move.view.dims, kMaxAxes, piece.extent);
    for (size_t i = 0; i < order.size(); ++i) {
      piece.map.dim[i] = Dim::kChannel;
      if (order[i] < 0) continue;
      const auto axis = static_cast<size_t>(order[i]);
      const bool tap = axis >= 2 && axis < 2 + spatial, pixel = axis >= 2 + spatial;
      const AxisPlace& from = place.layout.axes[pixel ? axis - spatial : axis];
      piece.map.dim[i] = from.dim;
      piece.map.step[i] = from.step * static_cast<int32_t>(tap ? dilations[axis - 2] : pixel ? strides[axis - 2 - spatial] : 1);
    }
    move.pieces = {piece};
    NetNode lowered;
    lowered.kind = OpKind::kMove;
    lowered.inputs = {place.tensor};
    lowered.options = std::move(move);
    return Finish(node, std::move(lowered), layout);
  }

  Status LowerSoftmax(const Node& node) {
    const Dims& dims = In(node, 0);
    const auto axis = static_cast<size_t>(IntOf(node, "axis", 1));
    const Layout image = ImageLayout(dims);
    const bool channels = image.axes[axis].dim == Dim::kChannel && image.shape.channels == dims[axis];
    const Layout layout = channels ? image : RowsLayout(dims, axis);
    CUTIS_ASSIGN(const int tensor, builder_.Demand(node.inputs[0], layout));
    NetNode lowered;
    lowered.kind = OpKind::kSoftmax;
    lowered.inputs = {tensor};
    return Finish(node, std::move(lowered), layout);
  }

  Status LowerResize(const Node& node) {
    const Dims& dims = In(node, 0);
    std::vector<ResizeAxis> axes;
    CUTIS_TRY(ReadResize(graph_, node, &axes));
    const Layout in = ImageLayout(dims), out = ImageLayout(Out(node));
    if (dims.size() != 4 || Out(node)[0] != dims[0] || Out(node)[1] != dims[1] || in.shape.height != dims[2]) {
      return NodeError(node, "linear interpolation is supported along height and width only");
    }
    NetResize resize;
    const auto take = [](const ResizeAxis& axis, int64_t size, std::vector<int32_t>* low, std::vector<int32_t>* high,
                         std::vector<float>* weight) {
      for (const double given : axis.positions) {
        const double p = std::clamp(given, 0.0, static_cast<double>(size - 1));
        const auto below = static_cast<int64_t>(p);
        low->push_back(static_cast<int32_t>(below));
        high->push_back(static_cast<int32_t>(std::min(below + 1, size - 1)));
        weight->push_back(static_cast<float>(p - static_cast<double>(below)));
      }
    };
    take(axes[2], dims[2], &resize.low_y, &resize.high_y, &resize.weight_y);
    take(axes[3], dims[3], &resize.low_x, &resize.high_x, &resize.weight_x);
    CUTIS_ASSIGN(const int tensor, builder_.Demand(node.inputs[0], in));
    NetNode lowered;
    lowered.kind = OpKind::kResizeLinear;
    lowered.inputs = {tensor};
    lowered.options = std::move(resize);
    return Finish(node, std::move(lowered), out);
  }

  // The scales of weights that the source states. Cutis' weights are int8 from -127 to 127 without a zero point.
  void TakeGivenScales(const Value& weights, size_t outputs, NetNode* lowered) {
    if (weights.quantization == nullptr) return;
    const Quantization& given = *weights.quantization;
    const std::string where = "weights '" + weights.name.substr(0, 100) + "': ";
    const bool one = given.scales.size() == 1;
    if (given.zero_point != 0 || (!one && (given.axis != 0 || given.scales.size() != outputs))) {
      builder_.net().scale_notes.push_back(where + (given.zero_point != 0
                                                        ? "their zero point is not the middle of the range: quantised anew"
                                                        : "their scales are not those of its outputs: quantised anew"));
      return;
    }
    lowered->weight_scales = given.scales;
    size_t cut = 0;
    bool beyond = false;  // of what int8 holds at all: no integers of the source
    const size_t terms = lowered->weights.size() / outputs;
    for (size_t i = 0; i < lowered->weights.size(); ++i) {
      const float scale = given.scales[one ? 0 : i / terms];
      cut += std::fabs(lowered->weights[i]) > 127.5f * scale ? 1 : 0;
      beyond = beyond || std::fabs(lowered->weights[i]) > 128.5f * scale;
    }
    if (cut > 0) {
      builder_.net().scale_notes.push_back(where + std::to_string(cut) +
                                           (beyond     ? " beyond 127 times their scale are cut"
                                            : cut == 1 ? " of -128 becomes -127"
                                                       : " of -128 become -127"));
    }
  }

  void TakeWeights(const Node& node, size_t in, size_t pixels, NetNode* lowered) {
    lowered->weights = MoveChannelsLast(ReadFloats(*ConstantInput(graph_, node, 1)), in, pixels);
    const size_t outputs = lowered->weights.size() / (in * pixels);
    const Constant* bias = ConstantInput(graph_, node, 2);
    lowered->bias = bias != nullptr ? ReadFloats(*bias) : std::vector<float>(outputs, 0.0f);
    TakeGivenScales(graph_.values[static_cast<size_t>(node.inputs[1])], outputs, lowered);
  }

  Status LowerConv(const Node& node) {
    NetNode lowered;
    TakeClamp(node, &lowered);
    const Dims &weights = In(node, 1), &input = In(node, 0);
    const int64_t group = IntOf(node, "group", 1);
    lowered.kind = group > 1 && group == input[1] && group == weights[0] ? OpKind::kDepthwise : OpKind::kConv;
    lowered.groups = static_cast<int32_t>(group);
    lowered.window = ToWindow(node);
    const auto pixels = static_cast<size_t>(ElementCount(weights) / (weights[0] * weights[1]));
    TakeWeights(node, static_cast<size_t>(weights[1]), pixels, &lowered);
    CUTIS_ASSIGN(const int tensor, builder_.Demand(node.inputs[0], ImageLayout(input)));
    lowered.inputs = {tensor};
    return Finish(node, std::move(lowered), ImageLayout(Out(node)));
  }

  Status LowerPool(const Node& node) {
    NetNode lowered;
    lowered.kind = node.op == "MaxPool" ? OpKind::kMaxPool : OpKind::kAveragePool;
    lowered.window = ToWindow(node);
    lowered.count_include_pad = IntOf(node, "count_include_pad", 0) != 0;
    CUTIS_ASSIGN(const int tensor, builder_.Demand(node.inputs[0], ImageLayout(In(node, 0))));
    lowered.inputs = {tensor};
    return Finish(node, std::move(lowered), ImageLayout(Out(node)));
  }

  // Fully connected. Over a flattened image it is a convolution whose window is the whole image.
  Status LowerGemm(const Node& node) {
    NetNode lowered;
    TakeClamp(node, &lowered);
    const ValueId source = builder_.ReshapeSource(node.inputs[0]);
    ValueId data = node.inputs[0];
    if (source != kNoValue && builder_.DimsOf(source).size() == 4 && builder_.DimsOf(source)[0] == In(node, 0)[0] &&
        !SamePlaces(ImageLayout(builder_.DimsOf(source)), FlatLayout(builder_.DimsOf(source)), builder_.DimsOf(source))) {
      data = source;
    }
    const Layout layout = ImageLayout(builder_.DimsOf(data));
    CUTIS_ASSIGN(const int tensor, builder_.Demand(data, layout));
    const Shape& shape = layout.shape;
    lowered.inputs = {tensor};
    lowered.kind = shape.height * shape.width > 1 ? OpKind::kConv : OpKind::kDense;
    lowered.window.kernel_h = shape.height;
    lowered.window.kernel_w = shape.width;
    TakeWeights(node, static_cast<size_t>(shape.channels), static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width),
                &lowered);
    return Finish(node, std::move(lowered), ImageLayout(Out(node)));
  }

  Status LowerNode(const Node& node) {
    if (node.op == "Reshape") {
      builder_.DefineReshape(node.outputs[0], node.inputs[0]);
      return {};
    }
    if (node.op == "Transpose") return LowerTranspose(node);
    if (node.op == "Conv") return LowerConv(node);
    if (node.op == "Gemm") return LowerGemm(node);
    if (node.op == "MaxPool" || node.op == "AveragePool") return LowerPool(node);
    if (node.op == "Softmax") return LowerSoftmax(node);
    if (node.op == "Concat") return LowerConcat(node);
    if (node.op == "Where") return LowerSelect(node);
    if (node.op == "MatMul") return LowerMatMul(node);
    if (node.op == "_Unfold") return LowerUnfold(node);
    if (Binaries().count(node.op) != 0) return LowerBinary(node);
    if (Reductions().count(node.op) != 0) return LowerReduce(node);
    if (IsQuantizedOperator(node.op)) {
      NetNode lowered;
      lowered.kind = node.op == "QuantizeLinear" ? OpKind::kQuantize : OpKind::kDequantize;
      return LowerUnary(node, std::move(lowered));
    }
    if (node.op == "Clip") {
      NetNode lowered;
      lowered.kind = OpKind::kClamp;
      TakeClamp(node, &lowered);
      return LowerUnary(node, std::move(lowered));
    }
    if (const auto unary = Unaries().find(node.op); unary != Unaries().end()) {
      const UnaryLine& line = unary->second;
      NetNode lowered;
      lowered.kind = OpKind::kUnary;
      lowered.options = UnaryOptions{line.function, FloatOf(node, "alpha", line.alpha), FloatOf(node, "beta", line.beta)};
      return LowerUnary(node, std::move(lowered));
    }
    if (ChoosesElements(graph_, node)) {
      IndexLists lists;
      CUTIS_TRY(ReadIndexLists(graph_, node, &lists));
      return builder_.AddIndexMove(node.name, node.inputs[0], lists, node.outputs[0]);
    }
    if (node.op == "Resize") return LowerResize(node);
    return NodeError(node, "the graph is not in its normal form", Code::kInternal);
  }

  const Graph& graph_;
  Builder builder_;
};

}  // namespace

Result<Net> Lower(const Graph& graph) {
  if (graph.inputs.empty()) return Status::Error(Code::kInternal, "the graph is not in its normal form");
  return Lowering(graph).Run();
}

}  // namespace cutis::convert
