#include <utility>

#include "converter/graph/edit.h"
#include "converter/lower/net.h"

namespace cutis::convert {
namespace {

// Where an image has several channels and several pixels, NCHW and NHWC order its elements differently.
bool IsOrdered(const Shape& shape) { return shape.channels == 1 || shape.height * shape.width == 1; }

// [1, C, H, W], [1, C] or [C] as an image; false for anything else.
bool ToShape(const Dims& dims, Shape* shape) {
  const size_t rank = dims.size();
  if (rank != 1 && rank != 2 && rank != 4) return false;
  if (rank > 1 && dims[0] != 1) return false;
  shape->channels = static_cast<int32_t>(dims[rank == 1 ? 0 : 1]);
  shape->height = rank == 4 ? static_cast<int32_t>(dims[2]) : 1;
  shape->width = rank == 4 ? static_cast<int32_t>(dims[3]) : 1;
  return true;
}

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

class Lowering {
 public:
  explicit Lowering(const Graph& graph)
      : graph_(graph), tensors_(graph.values.size(), -1), sources_(graph.values.size(), kNoValue) {}

  Result<Net> Run() {
    net_.name = graph_.name;
    const Value& input = graph_.values[static_cast<size_t>(graph_.inputs[0])];
    Shape shape;
    if (!ToShape(input.dims, &shape)) return Status::Error(Code::kInternal, "the graph is not in its normal form");
    net_.inputs.push_back(AddTensor(graph_.inputs[0], shape));
    for (const Node& node : graph_.nodes) CUTIS_TRY(LowerNode(node));
    for (const ValueId id : graph_.outputs) {
      CUTIS_ASSIGN(const int tensor, Demand(id));
      for (const int other : net_.outputs) {
        if (other == tensor) {
          return Status::Error(Code::kUnsupported, "output '%.100s' is the same tensor as another output",
                               graph_.values[static_cast<size_t>(id)].name.c_str());
        }
      }
      net_.outputs.push_back(tensor);
    }
    return std::move(net_);
  }

 private:
  const std::string& NameOf(ValueId id) const { return graph_.values[static_cast<size_t>(id)].name; }

  int AddTensor(ValueId id, const Shape& shape) {
    NetTensor& tensor = net_.tensors.emplace_back();
    tensor.name = NameOf(id);
    tensor.shape = shape;
    tensor.quantization = graph_.values[static_cast<size_t>(id)].quantization;
    tensors_[static_cast<size_t>(id)] = static_cast<int>(net_.tensors.size()) - 1;
    return tensors_[static_cast<size_t>(id)];
  }

  // The tensor that holds a value. Reshapes are made here, when something needs their result as such.
  Result<int> Demand(ValueId id) {
    const size_t index = static_cast<size_t>(id);
    if (tensors_[index] >= 0) return int{tensors_[index]};
    const ValueId source = sources_[index];
    if (source == kNoValue)
      return Status::Error(Code::kInternal, "tensor '%.100s' is read before it is made", NameOf(id).c_str());
    CUTIS_ASSIGN(const int from, Demand(source));
    Shape shape;
    if (!ToShape(DimsOf(graph_, id), &shape)) {
      return Status::Error(Code::kUnsupported,
                           "tensor '%.100s' is %s; only [1, channels, height, width] and [1, channels] are supported",
                           NameOf(id).c_str(), ToText(DimsOf(graph_, id)).c_str());
    }
    const Shape& before = net_.tensors[static_cast<size_t>(from)].shape;
    if (before == shape) {
      tensors_[index] = from;
      return int{from};
    }
    if (before.channels != shape.channels && !(IsOrdered(before) && IsOrdered(shape))) {
      return Status::Error(
          Code::kUnsupported, "reshape '%.80s' of %s to %s mixes channels and pixels; it is supported before Gemm only",
          reshapes_[index].c_str(), ToText(DimsOf(graph_, source)).c_str(), ToText(DimsOf(graph_, id)).c_str());
    }
    NetNode node;
    node.kind = OpKind::kReshape;
    node.name = reshapes_[index];
    node.inputs = {from};
    node.output = AddTensor(id, shape);
    net_.nodes.push_back(std::move(node));
    return int{tensors_[index]};
  }

  Status Finish(const Node& node, NetNode lowered) {
    Shape shape;
    if (!ToShape(DimsOf(graph_, node.outputs[0]), &shape)) {
      return NodeError(node, "its output is " + ToText(DimsOf(graph_, node.outputs[0])) +
                                 "; only [1, channels, height, width] and [1, channels] are supported");
    }
    lowered.name = node.name;
    lowered.output = AddTensor(node.outputs[0], shape);
    net_.nodes.push_back(std::move(lowered));
    return Status();
  }

  void TakeWeights(const Node& node, size_t in, size_t pixels, NetNode* lowered) const {
    lowered->weights = MoveChannelsLast(ReadFloats(*ConstantInput(graph_, node, 1)), in, pixels);
    const size_t outputs = lowered->weights.size() / (in * pixels);
    const Constant* bias = ConstantInput(graph_, node, 2);
    lowered->bias = bias != nullptr ? ReadFloats(*bias) : std::vector<float>(outputs, 0.0f);
  }

  static void TakeClamp(const Node& node, const char* min, const char* max, NetNode* lowered) {
    lowered->min = FloatOf(node, min, lowered->min);
    lowered->max = FloatOf(node, max, lowered->max);
  }

  static Window ToWindow(const Node& node) {
    const std::vector<int64_t> kernel = IntsOf(node, "kernel_shape", {}), strides = IntsOf(node, "strides", {});
    const std::vector<int64_t> dilations = IntsOf(node, "dilations", {}), pads = IntsOf(node, "pads", {});
    Window window;
    window.kernel_h = static_cast<int32_t>(kernel[0]);
    window.kernel_w = static_cast<int32_t>(kernel[1]);
    window.stride_h = static_cast<int32_t>(strides[0]);
    window.stride_w = static_cast<int32_t>(strides[1]);
    window.dilation_h = static_cast<int32_t>(dilations[0]);
    window.dilation_w = static_cast<int32_t>(dilations[1]);
    window.pad_top = static_cast<int32_t>(pads[0]);
    window.pad_left = static_cast<int32_t>(pads[1]);
    window.pad_bottom = static_cast<int32_t>(pads[2]);
    window.pad_right = static_cast<int32_t>(pads[3]);
    return window;
  }

  Status LowerConv(const Node& node, NetNode lowered) {
    const Dims& weights = DimsOf(graph_, node.inputs[1]);
    const Dims& input = DimsOf(graph_, node.inputs[0]);
    const int64_t group = IntOf(node, "group", 1);
    lowered.kind = group > 1 && group == input[1] && group == weights[0] ? OpKind::kDepthwise : OpKind::kConv;
    lowered.groups = static_cast<int32_t>(group);
    lowered.window = ToWindow(node);
    TakeWeights(node, static_cast<size_t>(weights[1]), static_cast<size_t>(weights[2] * weights[3]), &lowered);
    return Finish(node, std::move(lowered));
  }

  // Fully connected. Over a flattened image it is a convolution whose window is the whole image.
  Status LowerGemm(const Node& node, NetNode lowered) {
    const ValueId reshaped = sources_[static_cast<size_t>(node.inputs[0])];
    Shape shape;
    const ValueId data = reshaped != kNoValue && ToShape(DimsOf(graph_, reshaped), &shape) ? reshaped : node.inputs[0];
    CUTIS_ASSIGN(const int tensor, Demand(data));
    shape = net_.tensors[static_cast<size_t>(tensor)].shape;
    const Dims& input = DimsOf(graph_, node.inputs[0]);
    if (input[0] != 1) return NodeError(node, "its input is " + ToText(input) + ", only one row is supported");
    lowered.inputs = {tensor};
    lowered.kind = shape.height * shape.width > 1 ? OpKind::kConv : OpKind::kDense;
    lowered.window.kernel_h = shape.height;
    lowered.window.kernel_w = shape.width;
    TakeWeights(node, static_cast<size_t>(shape.channels), static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width),
                &lowered);
    return Finish(node, std::move(lowered));
  }

  Status LowerNode(const Node& node) {
    if (node.op == "Reshape") {
      sources_[static_cast<size_t>(node.outputs[0])] = node.inputs[0];
      reshapes_[static_cast<size_t>(node.outputs[0])] = node.name;
      return Status();
    }
    NetNode lowered;
    if (node.op == "Gemm") {
      TakeClamp(node, "clip_min", "clip_max", &lowered);
      return LowerGemm(node, std::move(lowered));
    }
    const size_t data_inputs = node.op == "Add" ? 2 : 1;
    for (size_t i = 0; i < data_inputs; ++i) {
      CUTIS_ASSIGN(const int tensor, Demand(node.inputs[i]));
      lowered.inputs.push_back(tensor);
    }
    if (node.op == "Conv") {
      TakeClamp(node, "clip_min", "clip_max", &lowered);
      return LowerConv(node, std::move(lowered));
    }
    if (node.op == "Add") {
      lowered.kind = OpKind::kAdd;
      TakeClamp(node, "clip_min", "clip_max", &lowered);
    } else if (node.op == "MaxPool" || node.op == "AveragePool") {
      lowered.kind = node.op == "MaxPool" ? OpKind::kMaxPool : OpKind::kAveragePool;
      lowered.window = ToWindow(node);
      lowered.count_include_pad = IntOf(node, "count_include_pad", 0) != 0;
    } else if (node.op == "Clip") {
      lowered.kind = OpKind::kClamp;
      TakeClamp(node, "min", "max", &lowered);
    } else if (node.op == "Softmax") {
      lowered.kind = OpKind::kSoftmax;
    } else {
      return NodeError(node, "the graph is not in its normal form", Code::kInternal);
    }
    return Finish(node, std::move(lowered));
  }

  const Graph& graph_;
  Net net_;
  std::vector<int> tensors_;                // by value: the tensor, -1 while there is none
  std::vector<ValueId> sources_;            // by value: what it is a reshape of
  std::map<size_t, std::string> reshapes_;  // by value: the name of its Reshape
};

}  // namespace

Result<Net> Lower(const Graph& graph) {
  if (graph.inputs.size() != 1) return Status::Error(Code::kInternal, "the graph is not in its normal form");
  return Lowering(graph).Run();
}

}  // namespace cutis::convert
