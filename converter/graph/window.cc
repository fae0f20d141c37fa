#include <algorithm>

#include "converter/graph/edit.h"
#include "converter/graph/shapes.h"

namespace cutis::convert {
namespace {

constexpr int64_t kMaxWindow = 1 << 16;  // of a kernel, stride, dilation or pad; keeps every product below within int64

// Reads `name` as `count` numbers within [least, kMaxWindow].
Status ReadNumbers(const Node& node, const char* name, size_t count, int64_t least, int64_t otherwise, int64_t* numbers) {
  const std::vector<int64_t> given = IntsOf(node, name, std::vector<int64_t>(count, otherwise));
  if (given.size() != count) {
    return NodeError(node, std::string(name) + " has " + std::to_string(given.size()) + " numbers, " + std::to_string(count) +
                               " are needed for images (two spatial axes)");
  }
  for (size_t i = 0; i < count; ++i) {
    if (given[i] < least || given[i] > kMaxWindow) {
      return NodeError(node, std::string(name) + " holds " + std::to_string(given[i]) + ", outside " + std::to_string(least) +
                                 " to " + std::to_string(kMaxWindow));
    }
    numbers[i] = given[i];
  }
  return Status();
}

Status ResolveAxis(const Node& node, const std::string& auto_pad, bool ceil_mode, int axis, int64_t input,
                   WindowAttributes* window) {
  const int64_t stride = window->stride[axis];
  const int64_t extent = window->dilation[axis] * (window->kernel[axis] - 1) + 1;
  int64_t& begin = window->begin[axis];
  int64_t& end = window->end[axis];
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    const int64_t output = (input + stride - 1) / stride;
    const int64_t total = std::max<int64_t>((output - 1) * stride + extent - input, 0);
    begin = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    end = total - begin;
  }
  if (begin > kMaxWindow || end > kMaxWindow)
    return NodeError(node, "its padding is larger than " + std::to_string(kMaxWindow));
  if (input + begin + end < extent) {
    return NodeError(node, "its window of " + std::to_string(extent) + " is larger than its padded input of " +
                               std::to_string(input + begin + end));
  }
  int64_t output = (input + begin + end - extent) / stride + 1;
  if (ceil_mode && (input + begin + end - extent) % stride != 0) {
    // One more window, unless it would begin beyond the input and the padding before it.
    if (output * stride < input + begin) {
      end = output * stride + extent - input - begin;
      ++output;
      window->extended = true;
    }
  }
  window->output[axis] = output;
  return Status();
}

}  // namespace

Status ResolveWindow(const Node& node, const Dims& input, const int64_t* kernel, WindowAttributes* window) {
  int64_t pads[4];
  CUTIS_TRY(ReadNumbers(node, "strides", 2, 1, 1, window->stride));
  CUTIS_TRY(ReadNumbers(node, "dilations", 2, 1, 1, window->dilation));
  CUTIS_TRY(ReadNumbers(node, "pads", 4, 0, 0, pads));
  if (kernel == nullptr) {
    if (!Has(node, "kernel_shape")) return NodeError(node, "kernel_shape is missing");
    CUTIS_TRY(ReadNumbers(node, "kernel_shape", 2, 1, 1, window->kernel));
  } else {
    const std::vector<int64_t> of_weights = {kernel[0], kernel[1]};
    if (IntsOf(node, "kernel_shape", of_weights) != of_weights) {
      return NodeError(node, "kernel_shape " + ToText(IntsOf(node, "kernel_shape", {})) + " does not fit its weights, " +
                                 ToText(of_weights));
    }
    for (int axis = 0; axis < 2; ++axis) {
      if (kernel[axis] < 1 || kernel[axis] > kMaxWindow) return NodeError(node, "kernel size out of range");
      window->kernel[axis] = kernel[axis];
    }
  }
  for (int axis = 0; axis < 2; ++axis) {
    window->begin[axis] = pads[axis];
    window->end[axis] = pads[axis + 2];
  }
  const std::string auto_pad = TextOf(node, "auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "SAME_UPPER" && auto_pad != "SAME_LOWER" && auto_pad != "VALID") {
    return NodeError(node, "auto_pad '" + auto_pad.substr(0, 40) + "' is unknown");
  }
  if (auto_pad != "NOTSET" && std::any_of(pads, pads + 4, [](int64_t pad) { return pad != 0; })) {
    return NodeError(node, "it has both pads and auto_pad; leave one out");
  }
  const bool ceil_mode = IntOf(node, "ceil_mode", 0) != 0;
  window->extended = false;
  for (int axis = 0; axis < 2; ++axis) {
    CUTIS_TRY(ResolveAxis(node, auto_pad, ceil_mode, axis, input[static_cast<size_t>(axis) + 2], window));
  }
  return Status();
}

}  // namespace cutis::convert
