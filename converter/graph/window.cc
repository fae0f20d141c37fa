#include <algorithm>

#include "converter/graph/edit.h"
#include "converter/graph/shapes.h"

namespace cutis::convert {
namespace {

constexpr int64_t kMaxWindow = 1 << 16;  // of a kernel, stride, dilation or pad; keeps every product below within int64

// Reads `name` as `count` numbers within [least, kMaxWindow].
Status ReadNumbers(const Node& node, const char* name, size_t count, int64_t least, int64_t otherwise,
                   std::vector<int64_t>* numbers) {
  const std::vector<int64_t> given = IntsOf(node, name, std::vector<int64_t>(count, otherwise));
  if (given.size() != count) {
    return NodeError(node, std::string(name) + " has " + std::to_string(given.size()) + " numbers, " + std::to_string(count) +
                               " are needed for its input");
  }
  for (size_t i = 0; i < count; ++i) {
    if (given[i] < least || given[i] > kMaxWindow) {
      return NodeError(node, std::string(name) + " holds " + std::to_string(given[i]) + ", outside " + std::to_string(least) +
                                 " to " + std::to_string(kMaxWindow));
    }
  }
  *numbers = given;
  return Status();
}

Status ResolveAxis(const Node& node, const std::string& auto_pad, bool ceil_mode, size_t axis, int64_t input,
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
    window->given_end[axis] = end;
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
  if (input.size() < 3 || input.size() > 5) {
    return NodeError(node, "its input is " + ToText(input) + ", one to three spatial axes are supported");
  }
  const size_t axes = input.size() - 2;
  std::vector<int64_t> pads;
  CUTIS_TRY(ReadNumbers(node, "strides", axes, 1, 1, &window->stride));
  CUTIS_TRY(ReadNumbers(node, "dilations", axes, 1, 1, &window->dilation));
  CUTIS_TRY(ReadNumbers(node, "pads", 2 * axes, 0, 0, &pads));
  if (kernel == nullptr) {
    if (!Has(node, "kernel_shape")) return NodeError(node, "kernel_shape is missing");
    CUTIS_TRY(ReadNumbers(node, "kernel_shape", axes, 1, 1, &window->kernel));
  } else {
    window->kernel.assign(kernel, kernel + axes);
    if (IntsOf(node, "kernel_shape", window->kernel) != window->kernel) {
      return NodeError(node, "kernel_shape " + ToText(IntsOf(node, "kernel_shape", {})) + " does not fit its weights, " +
                                 ToText(window->kernel));
    }
    for (const int64_t size : window->kernel) {
      if (size < 1 || size > kMaxWindow) return NodeError(node, "kernel size out of range");
    }
  }
  window->begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(axes));
  window->end.assign(pads.begin() + static_cast<std::ptrdiff_t>(axes), pads.end());
  const std::string auto_pad = TextOf(node, "auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "SAME_UPPER" && auto_pad != "SAME_LOWER" && auto_pad != "VALID") {
    return NodeError(node, "auto_pad '" + auto_pad.substr(0, 40) + "' is unknown");
  }
  if (auto_pad != "NOTSET" && std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad != 0; })) {
    return NodeError(node, "it has both pads and auto_pad; leave one out");
  }
  const bool ceil_mode = IntOf(node, "ceil_mode", 0) != 0;
  window->extended = false;
  window->output.assign(axes, 0);
  window->given_end = window->end;
  for (size_t axis = 0; axis < axes; ++axis) {
    CUTIS_TRY(ResolveAxis(node, auto_pad, ceil_mode, axis, input[axis + 2], window));
  }
  return Status();
}

Status ResolveTransposed(const Node& node, const Dims& input, const Dims& weights, TransposedWindow* window) {
  const size_t axes = input.size() - 2;
  std::vector<int64_t> pads, added, sizes;
  CUTIS_TRY(ReadNumbers(node, "strides", axes, 1, 1, &window->stride));
  CUTIS_TRY(ReadNumbers(node, "dilations", axes, 1, 1, &window->dilation));
  CUTIS_TRY(ReadNumbers(node, "pads", 2 * axes, 0, 0, &pads));
  CUTIS_TRY(ReadNumbers(node, "output_padding", axes, 0, 0, &added));
  const bool has_sizes = Has(node, "output_shape");
  if (has_sizes) CUTIS_TRY(ReadNumbers(node, "output_shape", axes, 1, 1, &sizes));
  const std::string auto_pad = TextOf(node, "auto_pad", "NOTSET");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (!same && auto_pad != "NOTSET" && auto_pad != "VALID") {
    return NodeError(node, "auto_pad '" + auto_pad.substr(0, 40) + "' is unknown");
  }
  window->begin.clear();
  window->end.clear();
  window->output.clear();
  for (size_t a = 0; a < axes; ++a) {
    const int64_t in = input[a + 2], kernel = weights[a + 2];
    if (kernel < 1 || kernel > kMaxWindow) return NodeError(node, "kernel size out of range");
    const int64_t reach = window->dilation[a] * (kernel - 1);
    const int64_t full = window->stride[a] * (in - 1) + added[a] + reach + 1;
    int64_t begin = pads[a], end = pads[a + axes];
    if (same || has_sizes) {
      // The total padding follows from the size of the output; negative: the output is longer than the sums reach.
      const int64_t total = full - (has_sizes ? sizes[a] : in * window->stride[a]);
      const int64_t half = (total - (total < 0 ? 1 : 0)) / 2;  // rounded down, as the operator's reference has it
      begin = auto_pad == "SAME_UPPER" ? half : total - half;
      end = total - begin;
    }
    window->output.push_back(full - begin - end);
    if (window->output.back() < 1) return NodeError(node, "its output would be empty");
    window->begin.push_back(reach - begin);
    window->end.push_back(reach - end + added[a]);
  }
  return Status();
}

}  // namespace cutis::convert
