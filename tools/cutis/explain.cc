#include "tools/cutis/explain.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <vector>

#include "runtime/c_abi.h"
#include "runtime/image.h"
#include "runtime/session.h"
#include "tools/cutis/common.h"
#include "tools/cutis/heat_map.h"
#include "tools/cutis/png.h"
#include "tools/cutis/system.h"
#include "tools/cutis/verdict_text.h"
#include "tools/pipeline/read_file.h"

namespace cutis::cli {
namespace {

constexpr int32_t kLeastSide = 512;  // of the picture's longer side

// The part of an image that the network sees, in more pixels: the recipe with each size after a resize multiplied.
Status EnlargedInput(const Model& model, const Image& picture, std::vector<uint8_t>* rgb, int32_t* width, int32_t* height) {
  const Preprocess& recipe = *model.preprocess();
  const Shape& shape = model.tensors()[static_cast<size_t>(model.input())].info.shape;
  const int32_t longer = std::max(shape.width, shape.height), times = (kLeastSide + longer - 1) / longer;
  std::vector<PreprocessStep> steps(recipe.steps.begin(), recipe.steps.end());
  bool resized = false;
  for (PreprocessStep& step : steps) {
    resized = resized || step.kind == PreprocessStep::Kind::kResize;
    if (!resized) continue;
    step.width *= times;
    step.height *= times;
  }
  *width = shape.width * times;
  *height = shape.height * times;
  if (!resized) steps.push_back({PreprocessStep::Kind::kResize, *width, *height, Filter::kBicubic});
  Preprocess enlarged = recipe;
  enlarged.steps = steps;
  rgb->resize(static_cast<size_t>(*width) * static_cast<size_t>(*height) * 3);
  return PreprocessImage(enlarged, picture, model.cpu(), *width, *height, 3, rgb->data());
}

// What the command line says, in lines that fit under the picture.
std::vector<std::string> Caption(const Model& model, const cutis_result& result) {
  const VerdictRecipe& recipe = *model.verdict();
  const char* const verdict = cutis_verdict_name(result.verdict);
  const char* const label = recipe.labels[static_cast<size_t>(recipe.positive)];
  char number[48];
  std::snprintf(number, sizeof number, ") = %.1f %%", 100.0 * static_cast<double>(result.p_bcc));
  std::vector<std::string> caption = {std::string(verdict != nullptr ? verdict : "no operating point")};
  caption[0].append(": p(").append(label).append(number);
  if (const OperatingPoint* const point = PointOf(recipe, result)) {
    std::snprintf(number, sizeof number, ": bcc from %.1f %%", 100.0 * static_cast<double>(point->threshold));
    caption.push_back(std::string(point->name) + number);
  }
  for (uint32_t bit = 1; bit != 0; bit <<= 1) {
    if (result.reasons & bit) caption.push_back(cutis_reason_name(bit));
  }
  caption.push_back(std::string(model.provenance().name) + " " + Hex(model.sha256().first(8)));
  caption.push_back("Not a medical device.");
  return caption;
}

}  // namespace

Status CheckExplain(const Model& model, const std::string& model_path, size_t images, const std::string& out) {
  if (images != 1) return Status::Error(Code::kUsage, "--explain: one picture of one image: name one image file");
  if (Exists(out)) return Status::Error(Code::kUsage, "--explain %s: is there already", out.c_str());
  if (model.explanation() != nullptr) return {};
  return Status::Error(Code::kUnsupported,
                       "%s: no plan for --explain in it: its labels are not read from the mean of a feature map, or it was "
                       "converted by an earlier version",
                       model_path.c_str());
}

Status Explain(const Model& model, const std::string& image, const cutis_result& result, int32_t threads,
               const std::string& out) {
  std::vector<uint8_t> encoded;
  std::string error;
  if (const cutis_status status = pipeline::ReadFile(image.c_str(), kMaxEncodedBytes, &encoded, &error); status != CUTIS_OK)
    return Status::Error(static_cast<Code>(status), "%s: %s", image.c_str(), error.c_str());
  CUTIS_ASSIGN(const Image picture, DecodeImage(encoded, *model.preprocess(), threads));
  SessionOptions options;
  options.threads = threads;
  options.explain = true;
  CUTIS_ASSIGN(const std::unique_ptr<Session> session, Session::Create(model, options));
  CUTIS_TRY(session->SetInputImage(0, picture));
  CUTIS_TRY(session->Run(1));

  HeatMap map;
  const Shape& shape = model.tensors()[static_cast<size_t>(model.explanation()->map)].info.shape;
  map.rows = shape.height;
  map.columns = shape.width;
  std::vector<float> cells(static_cast<size_t>(map.rows) * static_cast<size_t>(map.columns));
  CUTIS_TRY(session->GetExplanation(0, -1, cells));
  if (!std::all_of(cells.begin(), cells.end(), [](float cell) { return std::isfinite(cell); }))
    return Status::Error(Code::kBadInput, "%s: its map holds infinite numbers: the model is not sound", image.c_str());
  map.cells = cells;
  std::vector<uint8_t> rgb;
  CUTIS_TRY(EnlargedInput(model, picture, &rgb, &map.width, &map.height));
  map.rgb = rgb.data();
  map.label = model.verdict()->labels[static_cast<size_t>(model.verdict()->positive)];
  map.caption = Caption(model, result);
  const Canvas canvas = DrawHeatMap(map);
  return WriteWhole(out, EncodePng(canvas.rgb(), canvas.width(), canvas.height()));
}

}  // namespace cutis::cli
