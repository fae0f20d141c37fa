// Fuzz target: bytes as an ONNX file, through import, passes and lowering. What comes out must hold together: the runtime's own
// checks come later, but the quantiser reads weights by these sizes.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "converter/graph/edit.h"
#include "converter/graph/passes.h"
#include "converter/lower/net.h"
#include "converter/onnx/onnx.h"

namespace {

using namespace cutis::convert;
using cutis::OpKind;
using cutis::Shape;

void Require(bool condition) {
  if (!condition) std::abort();
}

int64_t Extent(int32_t size, int32_t kernel, int32_t stride, int32_t dilation, int32_t pads) {
  return (int64_t{size} + pads - int64_t{dilation} * (kernel - 1) - 1) / stride + 1;
}

void CheckNode(const Net& net, const NetNode& node) {
  const Shape& in = net.tensors[static_cast<size_t>(node.inputs[0])].shape;
  const Shape& out = net.tensors[static_cast<size_t>(node.output)].shape;
  const cutis::Window& w = node.window;
  switch (node.kind) {
    case OpKind::kConv:
    case OpKind::kDepthwise:
    case OpKind::kDense:
      Require(node.bias.size() == static_cast<size_t>(out.channels));
      Require(node.groups > 0 && in.channels % node.groups == 0 && out.channels % node.groups == 0);
      Require(node.weights.size() ==
              static_cast<size_t>(int64_t{out.channels} * w.kernel_h * w.kernel_w * (in.channels / node.groups)));
      [[fallthrough]];
    case OpKind::kMaxPool:
    case OpKind::kAveragePool:
      Require(out.height == Extent(in.height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top + w.pad_bottom));
      Require(out.width == Extent(in.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left + w.pad_right));
      break;
    case OpKind::kAdd:
      Require(node.inputs.size() == 2 && in == out && net.tensors[static_cast<size_t>(node.inputs[1])].shape == out);
      break;
    case OpKind::kReshape:
      Require(int64_t{in.height} * in.width * in.channels == int64_t{out.height} * out.width * out.channels);
      break;
    default:
      Require(in == out);
  }
  Require(!(node.min > node.max));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto graph = ParseOnnx({reinterpret_cast<const std::byte*>(data), size}, "", "fuzz");
  if (!graph.ok()) return 0;
  // A large image costs time and memory, not correctness.
  for (const ValueId id : graph.value().inputs) {
    if (ElementCount(DimsOf(graph.value(), id)) > (1 << 12)) return 0;
  }
  if (!RunPasses(graph.value()).ok()) return 0;
  const auto net = Lower(graph.value());
  if (!net.ok()) return 0;
  for (const NetNode& node : net.value().nodes) CheckNode(net.value(), node);
  Require(!net.value().outputs.empty());
  return 0;
}
