#include "converter/graph/indices.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "converter/graph/edit.h"

namespace cutis::convert {
namespace {

// Numbers from an attribute (older opsets) or a constant input; *given tells whether there are any.
Status ReadNumbers(const Graph& graph, const Node& node, const char* attribute, size_t input, bool* given,
                   std::vector<int64_t>* numbers) {
  *given = true;
  if (attribute != nullptr && Has(node, attribute)) {
    *numbers = IntsOf(node, attribute, {});
  } else if (HasInput(node, input)) {
    const Constant* constant = ConstantInput(graph, node, input);
    if (constant == nullptr) {
      return NodeError(node,
                       "its input " + std::to_string(input) + " is computed at run time, only a constant one is supported");
    }
    *numbers = ReadInts(*constant);
  } else {
    *given = false;
    numbers->clear();
  }
  return Status();
}

Status ToAxis(const Node& node, int64_t given, size_t rank, size_t* axis) {
  if (given < 0) given += static_cast<int64_t>(rank);
  if (given < 0 || given >= static_cast<int64_t>(rank)) {
    return NodeError(node, "an axis lies outside its tensor", Code::kBadInput);
  }
  *axis = static_cast<size_t>(given);
  return Status();
}

// Every position of every axis, in order.
IndexLists Identity(const Dims& dims) {
  IndexLists lists;
  for (const int64_t dim : dims) {
    lists.axes.emplace_back(static_cast<size_t>(dim));
    std::iota(lists.axes.back().begin(), lists.axes.back().end(), 0);
  }
  return lists;
}

Status SliceAxis(const Node& node, int64_t dim, int64_t start, int64_t end, int64_t step, std::vector<int32_t>* list) {
  if (step == 0) return NodeError(node, "a step of 0", Code::kBadInput);
  // As in ONNX: negative bounds count from the end, then they are clamped to where a walk in that direction can begin and end.
  if (start < 0) start = std::max<int64_t>(start, INT64_MIN / 2) + dim;
  if (end < 0) end = std::max<int64_t>(end, INT64_MIN / 2) + dim;
  start = step > 0 ? std::clamp<int64_t>(start, 0, dim) : std::clamp<int64_t>(start, 0, dim - 1);
  end = step > 0 ? std::clamp<int64_t>(end, 0, dim) : std::clamp<int64_t>(end, -1, dim - 1);
  step = std::clamp<int64_t>(step, -dim - 1, dim + 1);
  list->clear();
  for (int64_t i = start; step > 0 ? i < end : i > end; i += step) list->push_back(static_cast<int32_t>(i));
  return Status();
}

Status ReadSlice(const Graph& graph, const Node& node, IndexLists* lists) {
  const Dims& dims = DimsOf(graph, node.inputs[0]);
  std::vector<int64_t> starts, ends, axes, steps;
  bool given = false, has_axes = false, has_steps = false;
  CUTIS_TRY(ReadNumbers(graph, node, "starts", 1, &given, &starts));
  CUTIS_TRY(ReadNumbers(graph, node, "ends", 2, &given, &ends));
  CUTIS_TRY(ReadNumbers(graph, node, "axes", 3, &has_axes, &axes));
  CUTIS_TRY(ReadNumbers(graph, node, nullptr, 4, &has_steps, &steps));
  if (!has_axes) {
    axes.resize(starts.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (!has_steps) steps.assign(starts.size(), 1);
  if (starts.empty() || ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
    return NodeError(node, "its starts, ends, axes and steps do not fit each other", Code::kBadInput);
  }
  *lists = Identity(dims);
  for (size_t i = 0; i < starts.size(); ++i) {
    size_t axis = 0;
    CUTIS_TRY(ToAxis(node, axes[i], dims.size(), &axis));
    CUTIS_TRY(SliceAxis(node, dims[axis], starts[i], ends[i], steps[i], &lists->axes[axis]));
  }
  return Status();
}

// Where position p, perhaps outside 0 .. dim - 1, takes its element from.
int32_t PadSource(const std::string& mode, int64_t p, int64_t dim) {
  if (p >= 0 && p < dim) return static_cast<int32_t>(p);
  if (mode == "edge") return p < 0 ? 0 : static_cast<int32_t>(dim - 1);
  if (mode == "wrap") return static_cast<int32_t>((p % dim + dim) % dim);
  if (mode == "reflect") {
    if (dim == 1) return 0;
    const int64_t period = 2 * (dim - 1), q = (p % period + period) % period;
    return static_cast<int32_t>(q < dim ? q : period - q);
  }
  return kFill;
}

Status ReadPad(const Graph& graph, const Node& node, IndexLists* lists) {
  constexpr int64_t kMostPad = 1 << 16;
  const Dims& dims = DimsOf(graph, node.inputs[0]);
  const std::string mode = TextOf(node, "mode", "constant");
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap") {
    return NodeError(node, "mode '" + mode.substr(0, 40) + "' is not supported");
  }
  std::vector<int64_t> pads, axes;
  bool given = false, has_axes = false;
  CUTIS_TRY(ReadNumbers(graph, node, "pads", 1, &given, &pads));
  CUTIS_TRY(ReadNumbers(graph, node, nullptr, 3, &has_axes, &axes));
  if (!has_axes) {
    axes.resize(dims.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (!given || pads.size() != 2 * axes.size()) return NodeError(node, "its pads do not fit its input", Code::kBadInput);
  lists->fill = FloatOf(node, "value", 0);
  if (HasInput(node, 2)) {
    const Constant* value = ConstantInput(graph, node, 2);
    if (value != nullptr && ElementCount(value->dims) != 1) {
      return NodeError(node, "the value that it pads with is not one number", Code::kBadInput);
    }
    // One that is computed at run time takes the place of zeros (Canonicalize).
    if (value != nullptr) lists->fill = ReadFloats(*value)[0];
  }
  const float fill = lists->fill;
  *lists = Identity(dims);
  lists->fill = fill;
  for (size_t i = 0; i < axes.size(); ++i) {
    size_t axis = 0;
    CUTIS_TRY(ToAxis(node, axes[i], dims.size(), &axis));
    const int64_t begin = pads[i], end = pads[i + axes.size()], dim = dims[axis];
    if (std::max(std::abs(begin), std::abs(end)) > kMostPad) {
      return NodeError(node, "a pad is larger than " + std::to_string(kMostPad));
    }
    std::vector<int32_t>& list = lists->axes[axis];
    list.clear();
    for (int64_t p = -begin; p < dim + end; ++p) list.push_back(PadSource(mode, p, dim));
  }
  return Status();
}

Status ReadGather(const Graph& graph, const Node& node, IndexLists* lists) {
  const Dims& dims = DimsOf(graph, node.inputs[0]);
  const Constant* indices = ConstantInput(graph, node, 1);
  if (indices == nullptr) return NodeError(node, "its indices are computed at run time, only constant ones are supported");
  size_t axis = 0;
  CUTIS_TRY(ToAxis(node, IntOf(node, "axis", 0), dims.size(), &axis));
  *lists = Identity(dims);
  lists->axes[axis].clear();
  for (int64_t index : ReadInts(*indices)) {
    if (index < 0) index += dims[axis];
    if (index < 0 || index >= dims[axis]) return NodeError(node, "an index lies outside its data", Code::kBadInput);
    lists->axes[axis].push_back(static_cast<int32_t>(index));
  }
  return Status();
}

Status ReadExpand(const Graph& graph, const Node& node, IndexLists* lists) {
  const Dims& dims = DimsOf(graph, node.inputs[0]);
  const Constant* shape = ConstantInput(graph, node, 1);
  if (shape == nullptr) return NodeError(node, "its shape is computed at run time, only a constant one is supported");
  const std::vector<int64_t> target = ReadInts(*shape);
  if (target.size() > dims.size()) return NodeError(node, "a pass left it without its rank", Code::kInternal);
  *lists = Identity(dims);
  for (size_t i = 0; i < target.size(); ++i) {
    const size_t axis = dims.size() - target.size() + i;
    if (target[i] == dims[axis] || target[i] == 1) continue;
    if (dims[axis] != 1 || target[i] < 1 || target[i] > kMaxDim) {
      return NodeError(node, ToText(dims) + " does not expand to " + ToText(target), Code::kBadInput);
    }
    lists->axes[axis].assign(static_cast<size_t>(target[i]), 0);
  }
  return Status();
}

Status ReadNearest(const Graph& graph, const Node& node, IndexLists* lists) {
  const Dims& dims = DimsOf(graph, node.inputs[0]);
  std::vector<ResizeAxis> axes;
  CUTIS_TRY(ReadResize(graph, node, &axes));
  const std::string mode = TextOf(node, "nearest_mode", "round_prefer_floor");
  lists->fill = FloatOf(node, "extrapolation_value", 0);
  lists->axes.assign(dims.size(), {});
  for (size_t a = 0; a < dims.size(); ++a) {
    for (size_t i = 0; i < axes[a].positions.size(); ++i) {
      const double p = axes[a].positions[i];
      const auto floor = static_cast<int64_t>(p) - (p < static_cast<double>(static_cast<int64_t>(p)) ? 1 : 0);
      const double rest = p - static_cast<double>(floor);
      int64_t index = floor;
      if (mode == "round_prefer_floor") index += rest > 0.5 ? 1 : 0;
      if (mode == "round_prefer_ceil") index += rest >= 0.5 ? 1 : 0;
      if (mode == "ceil") index += rest > 0 ? 1 : 0;
      index = std::clamp<int64_t>(index, 0, dims[a] - 1);
      lists->axes[a].push_back(axes[a].outside[i] ? kFill : static_cast<int32_t>(index));
    }
  }
  return Status();
}

struct ResizeTarget {
  double scale = 1, length = 0;  // length: of the output, as a real number where the scale is what is given
  int64_t size = 0;
};

// The scale and size of each axis.
Status ReadTargets(const Graph& graph, const Node& node, std::vector<ResizeTarget>* targets) {
  const Dims& dims = DimsOf(graph, node.inputs[0]);
  // Opset 10 had the scales as input 1; since 11 they are input 2 and sizes input 3.
  const size_t scale_input = node.inputs.size() == 2 ? 1 : 2;
  std::vector<size_t> axes(dims.size());
  std::iota(axes.begin(), axes.end(), size_t{0});
  if (Has(node, "axes")) {
    axes.clear();
    for (const int64_t given : IntsOf(node, "axes", {})) {
      size_t axis = 0;
      CUTIS_TRY(ToAxis(node, given, dims.size(), &axis));
      axes.push_back(axis);
    }
  }
  targets->assign(dims.size(), {});
  for (size_t a = 0; a < dims.size(); ++a) (*targets)[a] = {1, static_cast<double>(dims[a]), dims[a]};
  const Constant* scales = ConstantInput(graph, node, scale_input);
  const Constant* sizes = ConstantInput(graph, node, 3);
  if (sizes != nullptr && ElementCount(sizes->dims) > 0) {
    const std::vector<int64_t> given = ReadInts(*sizes);
    if (given.size() != axes.size()) return NodeError(node, "its sizes do not fit its input", Code::kBadInput);
    const std::string policy = TextOf(node, "keep_aspect_ratio_policy", "stretch");
    double common = 0;
    for (size_t i = 0; i < axes.size(); ++i) {
      if (given[i] < 1 || given[i] > kMaxDim) return NodeError(node, "a size of " + std::to_string(given[i]), Code::kBadInput);
      const double scale = static_cast<double>(given[i]) / static_cast<double>(dims[axes[i]]);
      common = i == 0 ? scale : policy == "not_larger" ? std::min(common, scale) : std::max(common, scale);
    }
    for (size_t i = 0; i < axes.size(); ++i) {
      ResizeTarget& target = (*targets)[axes[i]];
      target.size = given[i];
      if (policy != "stretch") target.size = static_cast<int64_t>(common * static_cast<double>(dims[axes[i]]) + 0.5);
      target.length = static_cast<double>(target.size);
      target.scale = policy == "stretch" ? target.length / static_cast<double>(dims[axes[i]]) : common;
    }
    return Status();
  }
  if (scales == nullptr || ElementCount(scales->dims) != static_cast<int64_t>(axes.size())) {
    return NodeError(node, "its scales or sizes are missing or computed at run time, only constant ones are supported");
  }
  const std::vector<float> given = ReadFloats(*scales);
  for (size_t i = 0; i < axes.size(); ++i) {
    ResizeTarget& target = (*targets)[axes[i]];
    target.scale = static_cast<double>(given[i]);
    if (!(target.scale > 0 && target.scale < 65536)) return NodeError(node, "a scale is not usable", Code::kBadInput);
    target.length = static_cast<double>(dims[axes[i]]) * target.scale;
    target.size = static_cast<int64_t>(target.length);
  }
  return Status();
}

}  // namespace

Status ReadResize(const Graph& graph, const Node& node, std::vector<ResizeAxis>* axes) {
  const Dims& dims = DimsOf(graph, node.inputs[0]);
  const std::string mode =
      TextOf(node, "coordinate_transformation_mode", node.inputs.size() == 2 ? "asymmetric" : "half_pixel");
  std::vector<ResizeTarget> targets;
  CUTIS_TRY(ReadTargets(graph, node, &targets));
  std::vector<float> roi;
  if (mode == "tf_crop_and_resize") {
    const Constant* given = ConstantInput(graph, node, 1);
    std::vector<int64_t> chosen(dims.size());
    std::iota(chosen.begin(), chosen.end(), 0);
    chosen = IntsOf(node, "axes", chosen);
    if (given == nullptr || ElementCount(given->dims) != 2 * static_cast<int64_t>(chosen.size())) {
      return NodeError(node, "its roi is computed at run time or does not fit its input");
    }
    const std::vector<float> numbers = ReadFloats(*given);
    roi.assign(dims.size(), 0);
    roi.resize(2 * dims.size(), 1);
    for (size_t i = 0; i < chosen.size(); ++i) {
      const auto a = static_cast<size_t>(chosen[i] < 0 ? chosen[i] + static_cast<int64_t>(dims.size()) : chosen[i]);
      if (a >= dims.size()) return NodeError(node, "an axis lies outside its input", Code::kBadInput);
      roi[a] = numbers[i];
      roi[a + dims.size()] = numbers[i + chosen.size()];
    }
  }
  axes->assign(dims.size(), {});
  for (size_t a = 0; a < dims.size(); ++a) {
    const ResizeTarget& target = targets[a];
    if (target.size < 1 || target.size > kMaxDim) return NodeError(node, "its output would be empty or too large");
    const double in = static_cast<double>(dims[a]), out = target.length;
    for (int64_t i = 0; i < target.size; ++i) {
      const double x = static_cast<double>(i);
      double p = 0;
      bool outside = false;
      if (mode == "half_pixel") {
        p = (x + 0.5) / target.scale - 0.5;
      } else if (mode == "half_pixel_symmetric") {
        const double adjustment = static_cast<double>(target.size) / out;
        p = in / 2 * (1 - adjustment) + (x + 0.5) / target.scale - 0.5;
      } else if (mode == "pytorch_half_pixel") {
        p = target.size > 1 ? (x + 0.5) / target.scale - 0.5 : 0;
      } else if (mode == "align_corners") {
        p = target.size > 1 ? x * (in - 1) / (out - 1) : 0;
      } else if (mode == "asymmetric") {
        p = x / target.scale;
      } else if (mode == "tf_crop_and_resize") {
        const double start = static_cast<double>(roi[a]), end = static_cast<double>(roi[a + dims.size()]);
        p = target.size > 1 ? start * (in - 1) + x * (end - start) * (in - 1) / (out - 1) : 0.5 * (start + end) * (in - 1);
        outside = p < 0 || p > in - 1;
      } else {
        return NodeError(node, "coordinate_transformation_mode '" + mode.substr(0, 40) + "' is not supported");
      }
      (*axes)[a].positions.push_back(std::clamp(p, -1e9, 1e9));
      (*axes)[a].outside.push_back(outside);
    }
  }
  return Status();
}

bool ChoosesElements(const Graph&, const Node& node) {
  return node.op == "Slice" || node.op == "Pad" || node.op == "Gather" || node.op == "Expand" ||
         (node.op == "Resize" && TextOf(node, "mode", "nearest") == "nearest");
}

Status ReadIndexLists(const Graph& graph, const Node& node, IndexLists* lists) {
  if (node.op == "Slice") return ReadSlice(graph, node, lists);
  if (node.op == "Pad") return ReadPad(graph, node, lists);
  if (node.op == "Gather") return ReadGather(graph, node, lists);
  if (node.op == "Expand") return ReadExpand(graph, node, lists);
  return ReadNearest(graph, node, lists);
}

}  // namespace cutis::convert
