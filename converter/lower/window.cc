#include "converter/lower/window.h"

#include "converter/graph/edit.h"

namespace cutis::convert {

Window ToWindow(const Node& node) {
  const std::vector<int64_t> kernel = IntsOf(node, "kernel_shape", {}), strides = IntsOf(node, "strides", {});
  const std::vector<int64_t> dilations = IntsOf(node, "dilations", {}), pads = IntsOf(node, "pads", {});
  const size_t axes = kernel.size();
  Window window;
  window.kernel_w = static_cast<int32_t>(kernel[axes - 1]);
  window.stride_w = static_cast<int32_t>(strides[axes - 1]);
  window.dilation_w = static_cast<int32_t>(dilations[axes - 1]);
  window.pad_left = static_cast<int32_t>(pads[axes - 1]);
  window.pad_right = static_cast<int32_t>(pads[2 * axes - 1]);
  if (axes == 1) return window;
  window.kernel_h = static_cast<int32_t>(kernel[0]);
  window.stride_h = static_cast<int32_t>(strides[0]);
  window.dilation_h = static_cast<int32_t>(dilations[0]);
  window.pad_top = static_cast<int32_t>(pads[0]);
  window.pad_bottom = static_cast<int32_t>(pads[2]);
  return window;
}

}  // namespace cutis::convert
