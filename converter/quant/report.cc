#include "converter/quant/report.h"

#include "converter/quant/given.h"
#include "converter/quant/range.h"
#include "converter/quant/search_ranges.h"

namespace cutis::convert {
namespace {

bool SetsRange(const Net& net, const NetNode& node, const FileModel& model) {
  const TensorInfo& in = model.tensors[static_cast<size_t>(node.inputs[0])].info;
  const TensorInfo& out = model.tensors[static_cast<size_t>(node.output)].info;
  if (out.type == DataType::kF32) return false;
  const bool moves = node.kind == OpKind::kMaxPool || node.kind == OpKind::kReshape || node.kind == OpKind::kMove;
  return !moves || in.scale != out.scale || in.zero_point != out.zero_point || GivenAffine(net.tensors[static_cast<size_t>(node.output)]);
}

}  // namespace

std::vector<LayerReport> ReportLayers(const Net& net, const Calibration& calibration, const FileModel& model,
                                      const ChosenRanges* ranges, const Refiner* refiner, bool adaptive) {
  std::vector<LayerReport> reports;
  for (size_t i = 0; i < net.nodes.size(); ++i) {
    const NetNode& node = net.nodes[i];
    const auto tensor = static_cast<size_t>(node.output);
    const TensorInfo& info = model.tensors[tensor].info;
    LayerReport report;
    report.name = node.name;
    report.tensor = net.tensors[tensor].name;
    report.scale = info.scale;
    report.zero_point = info.zero_point;
    if (refiner != nullptr && i < refiner->sqnr_db().size()) report.sqnr_db = refiner->sqnr_db()[i];
    if (GivenAffine(net.tensors[tensor])) {
      report.method = "given";
    } else if (!SetsRange(net, node, model)) {
      report.method = "kept";
    } else if (ranges != nullptr && !ranges->tried[tensor].empty()) {
      report.tried = ranges->tried[tensor];
    } else {
      for (const RangeCandidate& candidate : RangeCandidates(calibration.tensors[tensor], node.min, node.max)) {
        const Affine affine = AffineOf(candidate.range);
        report.tried.push_back({candidate.method, affine.scale, affine.zero_point, ExpectedError(calibration.tensors[tensor], affine), -1});
      }
      report.method = "mse";  // what ChooseRange takes
    }
    for (const RangeTried& tried : report.tried) {
      if (!report.method.empty()) break;
      if (tried.scale == info.scale && tried.zero_point == info.zero_point) report.method = tried.method;
    }
    if (!node.weight_scales.empty()) {
      report.rounding = "given";
    } else if (!node.weights.empty()) {
      report.rounding = refiner != nullptr && adaptive ? "adaptive" : "nearest";
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace cutis::convert
